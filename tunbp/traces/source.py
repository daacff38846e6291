"""Bounded reading of one file: its bytes, its hash, its lines, and errors that name a position in it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tunbp import opened
from tunbp.errors import TraceError

MEBI = 1 << 20
FILE_LIMIT = 1024 * MEBI
"""Largest file that is read at all [byte]."""
UNPACK_LIMIT = 32 * MEBI
"""Largest size a gzip file may unpack to unless the caller allows more [byte]."""
LINE_LIMIT = 1 << 14
"""Longest line that text formats look at [byte]; the rest of a longer line is skipped."""
ROWS_FREE = 10_000
"""Rows of a table that any file may have."""
HEAD = 1 << 16
"""How much of a file is looked at to recognize its format [byte]."""

_LINE = re.compile(rb"[^\r\n]+")


@dataclass
class Source:
    """The content of one file, with the warnings met on the way.

    Attributes
    ----------
    path : Path
        Where the bytes came from; named in every error.
    data : bytes
        Content as UTF-8 (or any 8-bit) text: unpacked, without byte order mark.
    sha256 : str
        Hash of the file as stored (before unpacking), hexadecimal.
    warnings : list of str
        What was wrong with the file and could be worked around.
    rows : int
        Rows counted by `spend`.
    of_file : list of str
        Warnings of a file with several runs that belong to none of them.
    """

    path: Path
    data: bytes
    sha256: str
    warnings: list[str] = field(default_factory=list)
    rows: int = 0
    of_file: list[str] = field(default_factory=list)

    @property
    def head(self) -> bytes:
        """The first `HEAD` bytes, enough to recognize a format."""
        return self.data[:HEAD]

    def warn(self, message: str) -> None:
        """Note something that was worked around; said once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def warn_of_file(self, message: str) -> None:
        """Note something that concerns the file and none of its runs; said once."""
        if message not in self.of_file:
            self.of_file.append(message)

    def next_run(self) -> None:
        """Forget the warnings of the run that was just built: the next one has its own."""
        self.warnings = []

    def error(self, reason: str, byte: int | None = None) -> TraceError:
        """A `TraceError` that names this file, the position (when known) and the reason."""
        if byte is None:
            return TraceError(f"{self.path}: {reason}")
        byte = min(max(byte, 0), len(self.data))
        line = self.data.count(b"\n", 0, byte) + 1
        return TraceError(f"{self.path}: byte {byte} (line {line}): {reason}")

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line that is not empty with its byte offset, cut at `LINE_LIMIT`; never all at once."""
        for match in _LINE.finditer(self.data):
            start, end = match.span()
            yield start, self.data[start : min(end, start + LINE_LIMIT)]

    def spend(self, what: str, length: int) -> None:
        """Count one more row of a table that takes at least `length` bytes to print.

        Raises
        ------
        TraceError
            If there are more rows than a file of this size can hold: they are made up to fill the memory.
        """
        self.rows += 1
        if self.rows > ROWS_FREE + len(self.data) // length:
            raise self.error(f"more than {self.rows - 1} {what} in {len(self.data)} bytes: no tool's output")


def read_source(path: str | os.PathLike[str], unpack_limit: int = UNPACK_LIMIT) -> Source:
    """Read one regular file, gzip or not, within fixed bounds.

    Parameters
    ----------
    path : str or path-like
        The file.
    unpack_limit : int
        Largest size a gzip file may unpack to [byte].

    Raises
    ------
    TraceError
        If the file does not exist, is not a regular readable file, is empty, or is larger than the limits.
    """
    file = Path(path)
    return source_of(file, _read_file(file), unpack_limit)


def source_of(file: Path, stored: bytes, unpack_limit: int = UNPACK_LIMIT) -> Source:
    """The content of a file whose bytes are in memory already; raises `TraceError` like `read_source`."""
    source = Source(file, stored, hashlib.sha256(stored).hexdigest())
    if stored.startswith(b"\x1f\x8b"):
        source.data = _unpack(source, stored, unpack_limit)
    source.data = _to_utf8(source)
    if not source.data or source.data.isspace():
        raise source.error("the file is empty", 0)
    return source


def _read_file(file: Path) -> bytes:
    """All bytes of a regular file of at most `FILE_LIMIT` bytes."""
    try:
        information = file.stat()
        if not stat.S_ISREG(information.st_mode):
            raise TraceError(f"{file}: not a regular file; give the file that the tool wrote")
        if information.st_size > FILE_LIMIT:
            raise TraceError(f"{file}: {information.st_size} bytes are more than the limit of {FILE_LIMIT}")
        with opened.note(file).open("rb") as handle:
            # a size alone would allocate it; some file systems report 0 for a file that has content
            data = handle.read(information.st_size + 1) if information.st_size else handle.read(MEBI)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TraceError(f"{file}: cannot be read: {reason}") from error
    return data


def _unpack(source: Source, stored: bytes, limit: int) -> bytes:
    """Unpack all members of a gzip file; a damaged tail gives what precedes it, and a warning."""
    parts: list[bytes] = []
    size = 0
    rest: bytes | memoryview = stored
    while rest[:2] == b"\x1f\x8b":
        member = zlib.decompressobj(wbits=31)
        pending: bytes | memoryview = rest
        try:
            while pending and not member.eof:
                part = member.decompress(pending, min(MEBI, limit + 1 - size))
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise source.error(
                        f"unpacks to more than {limit} bytes; unpack it with gunzip first if that is meant"
                    )
                pending = member.unconsumed_tail
        except zlib.error as error:
            source.warn(f"the gzip data are damaged ({error}); only what precedes the damage is used")
            break
        if not member.eof:
            source.warn("the gzip data end early; only what precedes the end is used")
            break
        rest = member.unused_data
    return b"".join(parts)


def _to_utf8(source: Source) -> bytes:
    """Content without byte order mark; UTF-16 (redirected by PowerShell) becomes UTF-8."""
    data = source.data
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
    return data
