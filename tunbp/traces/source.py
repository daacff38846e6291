"""Bounded reading of one file: its bytes, its hash, its lines, and errors that name a position in it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import quopri
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
MEMBER = 1 << 10
"""Input that a gzip member is given at first [byte]; then twice as much each time."""
MEMBER_FREE, MEMBER_LEAST = 1000, 200
"""Members that any gzip file may have, and bytes of the file for each further one (an empty one takes 20)."""
KERNEL_TABLES = re.compile(r"/proc/(?:\d+/)?(?:net/[\w./@-]+|softirqs)$")
"""Files of size 0 that have content: the kernel's tables. Others of /proc wait for ever, or are nobody's traces."""
HEAD = 1 << 16
"""How much of a file is looked at to recognize its format [byte]."""

ENCODED = re.compile(rb"^Content-Transfer-Encoding: quoted-printable\s", re.MULTILINE | re.IGNORECASE)
LOGGED = re.compile(
    rb"^(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?"
    rb"|\[?\d\d:\d\d:\d\d(?:\.\d{1,9})?\]?"
    rb"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: [\w.-]{1,64} [\w./@-]{1,64}(?:\[\d{1,9}\])?:)?)(?: |$)",
    re.MULTILINE,
)
"""What `ts`, containers and the journal put before a line."""
STAMPED = 0.9
"""Part of the lines that begin so, from which it is a logger's doing."""
MAILED = 3
"""Equals signs written as `=3D` from which a text is one of a raw mail: no tool prints them so."""

_LINE = re.compile(rb"[^\r\n]+")
_INDENT = re.compile(rb"^([ \t]{0,64})\S", re.MULTILINE)
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]{0,32}[A-Za-z]")


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
    quoted : bytes
        Content with the quoting, indentation, colours and line ends that `data` lacks; empty where it lacks none.
    local_times : bool
        Whether times in it are of a zone that it does not tell: only their differences count.
    """

    path: Path
    data: bytes
    sha256: str
    warnings: list[str] = field(default_factory=list)
    rows: int = 0
    of_file: list[str] = field(default_factory=list)
    quoted: bytes = b""
    local_times: bool = False

    @property
    def head(self) -> bytes:
        """The first `HEAD` bytes, enough to recognize a format."""
        return self.data[:HEAD]

    def warn(self, message: str) -> None:
        """Note something that was worked around; said once.

        Parameters
        ----------
        message
            What was done instead.
        """
        if message not in self.warnings:
            self.warnings.append(message)

    def warn_of_file(self, message: str) -> None:
        """Note something that concerns the file and none of its runs; said once.

        Parameters
        ----------
        message
            What was done instead.
        """
        if message not in self.of_file:
            self.of_file.append(message)

    def next_run(self) -> None:
        """Forget the warnings of the run that was just built: the next one has its own."""
        self.warnings = []

    def position(self, byte: int) -> int:
        """Where in the content with its quoting and line ends a byte of `data` stands: it has the same lines.

        Parameters
        ----------
        byte
            Place in `data`.

        Returns
        -------
        int
            Place in the file as people have it, bytes.
        """
        if not self.quoted:
            return byte
        begin = self.data.rfind(b"\n", 0, byte) + 1
        end = self.data.find(b"\n", begin)
        length = (end if end >= 0 else len(self.data)) - begin
        there = 0
        for _ in range(self.data.count(b"\n", 0, byte)):
            there = self.quoted.find(b"\n", there) + 1
        until = self.quoted.find(b"\n", there)
        line = self.quoted[there : until if until >= 0 else len(self.quoted)].rstrip(b"\r")
        return there + max(len(line) - length, 0) + byte - begin

    def error(self, reason: str, byte: int | None = None) -> TraceError:
        """A `TraceError` that names this file, the position (when known) and the reason.

        Parameters
        ----------
        reason
            What is wrong, and what would be right.
        byte
            Place in `data`; None: unknown.

        Returns
        -------
        TraceError
            The error, to be raised.
        """
        if byte is None:
            return TraceError(f"{self.path}: {reason}")
        byte = min(max(byte, 0), len(self.data))
        line = self.data.count(b"\n", 0, byte) + 1
        return TraceError(f"{self.path}: byte {self.position(byte)} (line {line}): {reason}")

    def lines(self, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Each line that is not empty with its byte offset, cut at `LINE_LIMIT`, without trailing spaces.

        Parameters
        ----------
        begin
            First byte.
        end
            Byte after the last; None: the end of the file.

        Yields
        ------
        tuple[int, bytes]
            Byte offset and line.
        """
        for match in _LINE.finditer(self.data, begin, len(self.data) if end is None else end):
            start, end = match.span()
            yield start, self.data[start : min(end, start + LINE_LIMIT)].rstrip(b" \t")

    def spend(self, what: str, length: int) -> None:
        """Count one more row of a table that takes at least `length` bytes to print.

        Parameters
        ----------
        what
            Plural name of the rows, for the message.
        length
            Bytes that one row takes at least.

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

    Returns
    -------
    Source
        Content as text, with what was worked around.

    Raises
    ------
    TraceError
        If the file does not exist, is not a regular readable file, is empty, or is larger than the limits.
    """
    file = Path(path)
    return source_of(file, _read_file(file), unpack_limit)


def source_of(file: Path, stored: bytes, unpack_limit: int = UNPACK_LIMIT) -> Source:
    """The content of a file whose bytes are in memory already; raises `TraceError` like `read_source`.

    Parameters
    ----------
    file
        Where the bytes came from, for messages.
    stored
        The bytes.
    unpack_limit
        Largest size that a gzip file may unpack to, bytes.

    Returns
    -------
    Source
        Content as text, with what was worked around.
    """
    source = Source(file, stored, hashlib.sha256(stored).hexdigest())
    if stored.startswith(b"\x1f\x8b"):
        source.data = _unpack(source, stored, unpack_limit)
    source.data = _of_mail(source, _to_utf8(source))
    plain = unquoted(source.data)
    source.quoted, source.data = (source.data if plain is not source.data else b""), plain
    if not source.data or source.data.isspace():
        raise source.error("the file is empty", 0)
    return source


def _read_file(file: Path) -> bytes:
    """All bytes of a regular file of at most `FILE_LIMIT` bytes."""
    try:
        information = file.stat()
        if not stat.S_ISREG(information.st_mode):
            raise TraceError(f"{file}: not a regular file; give the file that the tool wrote")
        if not information.st_size and not KERNEL_TABLES.match(str(file.resolve())):
            raise TraceError(f"{file}: the file is empty")
        if information.st_size > FILE_LIMIT:
            raise TraceError(f"{file}: {information.st_size} bytes are more than the limit of {FILE_LIMIT}")
        # a pipe that takes the file's place after stat must not block the open, nor /proc/kmsg the read
        with os.fdopen(os.open(opened.note(file), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise TraceError(f"{file}: not a regular file; give the file that the tool wrote")
            # a size alone would allocate it; some file systems report 0 for a file that has content
            data = handle.read(information.st_size + 1) if information.st_size else handle.read(MEBI)
    except TraceError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TraceError(f"{file}: cannot be read: {reason}") from error
    return data or b""


def _unpack(source: Source, stored: bytes, limit: int) -> bytes:
    """Unpack all members of a gzip file; a damaged tail gives what precedes it, and a warning.

    A member gets little input at first, so that the work is linear in the file's size however many members it has.
    """
    parts: list[bytes] = []
    size, members = 0, 0
    view, position = memoryview(stored), 0
    while stored.startswith(b"\x1f\x8b", position):
        members += 1
        if members > MEMBER_FREE + len(stored) // MEMBER_LEAST:
            raise source.error(f"more than {members - 1} gzip members in {len(stored)} bytes: this is no tool's output")
        member, amount = zlib.decompressobj(wbits=31), MEMBER
        try:
            while not member.eof and (position < len(stored) or member.unconsumed_tail):
                pending = member.unconsumed_tail or view[position : position + amount]
                position += 0 if member.unconsumed_tail else len(pending)
                amount = min(2 * amount, MEBI)
                part = member.decompress(pending, min(MEBI, limit + 1 - size))
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise source.error(
                        f"unpacks to more than {limit} bytes; unpack it with gunzip first if that is meant"
                    )
        except zlib.error as error:
            source.warn(f"the gzip data are damaged ({error}); only what precedes the damage is used")
            break
        if not member.eof:
            source.warn("the gzip data end early; only what precedes the end is used")
            break
        position -= len(member.unused_data)
    return b"".join(parts)


def _to_utf8(source: Source) -> bytes:
    """Content without byte order mark; UTF-16 (redirected by PowerShell) becomes UTF-8."""
    data = source.data
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
    return data


def _of_mail(source: Source, data: bytes) -> bytes:
    """The text of a mail as it was written: a raw one writes `=` as `=3D` and ends long lines with `=`."""
    if data.find(b"\0", 0, HEAD) >= 0 or not (ENCODED.search(data, 0, HEAD) or data.count(b"=3D", 0, HEAD) >= MAILED):
        return data
    source.warn_of_file("a mail as it is sent (quoted-printable): bytes and lines are those of its text")
    return quopri.decodestring(data)


def unquoted(data: bytes) -> bytes:
    """Text as the tool wrote it: without a mail's quoting (`>`), a paste's indentation, colours and CRLF.

    Binary content and text without any of these stay as they are.

    Parameters
    ----------
    data
        Content of a file.

    Returns
    -------
    bytes
        The same object where there is nothing to take off.
    """
    if data.find(b"\0", 0, HEAD) >= 0:
        return data
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    if b"\x1b[" in data:
        data = _ESCAPE.sub(b"", data)
    data = _dedented(data)
    if data.startswith(b">") or b"\n>" in data:
        data = _dedented(re.sub(rb"^(?:>[ \t]?)+", b"", data, flags=re.MULTILINE))
    return data


def unstamped(source: Source) -> Source | None:
    """The text without the time that a logger put before each of its lines; None if it put none.

    Parameters
    ----------
    source
        A file that no reader recognizes.

    Returns
    -------
    Source or None
        With the same places of bytes and lines.
    """
    lines = [line for _, line in source.lines(0, HEAD)]
    if sum(LOGGED.match(line) is not None for line in lines) < max(STAMPED * len(lines), 2):
        return None
    plain = dataclasses.replace(source, data=LOGGED.sub(b"", source.data), quoted=source.quoted or source.data)
    plain.warn_of_file("the times that a logger put before each line are taken off")
    return plain


def _dedented(data: bytes) -> bytes:
    """Text without the indentation that all its lines share."""
    if data[:1] not in (b" ", b"\t"):
        return data
    shared = min((len(match[1]) for match in _INDENT.finditer(data)), default=0)
    return re.sub(rb"^[ \t]{%d}" % shared, b"", data, flags=re.MULTILINE) if shared else data
