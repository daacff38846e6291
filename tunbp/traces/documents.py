"""JSON documents in files that may hold several, lie between log lines, or end early."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from tunbp.traces.source import Source

DEPTH_LIMIT = 64
"""Deepest nesting that is followed in a damaged document."""
DENSITY_LIMIT = 30
"""Fewest bytes per object or list on average: tools write 45 or more, less is meant to fill the memory."""
DENSITY_FREE = 10_000
"""Objects and lists that need no such average."""

MOST_CUT = 100
"""Documents of one file that may end early and be followed by another one."""

CUT_OFF = "it is cut off"
LINE = 1 << 10
"""How far back the beginning of a line is looked for [byte]."""

T = TypeVar("T")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)
_NOT_A_NUMBER = re.compile(rb"(:\s{0,8})-?(?:nan|NaN|inf|Infinity)\b")
_ERROR_BYTE = re.compile(r" \(byte (\d+)\)")
_AT_THE_BYTE = ("expected", "object keys", "invalid character")
"""Errors of msgspec that count the bytes before the offending one; others count it, or one or two after it."""
_WELL_FORMED = msgspec.json.Decoder(msgspec.Raw)
_ASCII = bytes(range(128)) + b"?" * 128


class Decoder(Generic[T]):
    """A typed JSON decoder whose every failure is a `TraceError` or a `Damaged` document.

    Parameters
    ----------
    kind : type
        msgspec type of one document.
    """

    def __init__(self, kind: type[T]) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)

    def decode(self, source: Source, content: bytes | memoryview | msgspec.Raw, offset: int = 0) -> T:
        """One document that is the whole of `content`, which begins at byte `offset` of the file.

        Parameters
        ----------
        source
            The file, for messages.
        content
            The document.
        offset
            Place of the document in the file, bytes.

        Returns
        -------
        T
            The document, typed.

        Raises
        ------
        Trailing
            If more text follows the document.
        Damaged
            If the document is cut off or malformed.
        TraceError
            If it is JSON, but a field has a type that the tool never writes.
        """
        try:
            return self._decoder.decode(content)
        except msgspec.ValidationError as error:
            _check_well_formed(content)  # what follows a document that is cut off is of no type of its own
            raise source.error(str(error), offset) from None
        except msgspec.DecodeError as error:
            raise _damage(content, error) from None
        except RecursionError:
            raise source.error("nested too deeply", offset) from None
        except UnicodeDecodeError as error:
            raise Damaged(0, f"text is not UTF-8: {error.reason}") from None


def _check_well_formed(content: bytes | memoryview | msgspec.Raw) -> None:
    """Raise `Damaged` or `Trailing` where this is not one whole document."""
    try:
        _WELL_FORMED.decode(content)
    except msgspec.DecodeError as error:
        raise _damage(content, error) from None


def _damage(content: bytes | memoryview | msgspec.Raw, error: msgspec.DecodeError) -> Damaged | Trailing:
    """Where and why a document ends, in words of its own."""
    text, size = str(error), len(memoryview(content))
    if (found := _ERROR_BYTE.search(text)) is None:
        return Damaged(size, CUT_OFF)
    reason = text[: found.start()].removeprefix("JSON is malformed: ")
    counted = int(found[1])
    if reason == "trailing characters":
        return Trailing(counted - 1)
    length = min(counted if reason.startswith(_AT_THE_BYTE) else counted - 1, size)
    before = bytes(memoryview(content)[max(length - LINE, 0) : length])
    line = before.rpartition(b"\n")
    at_its_beginning = bool(line[1]) and not line[2].strip()
    if at_its_beginning or bytes(memoryview(content)[length : length + 1]) in (b"\n", b"\r"):
        return Damaged(length, f"{CUT_OFF}: other text follows ({reason})")
    return Damaged(length, reason)


class Trailing(Exception):  # noqa: N818 - not an error of the file, it says where a document ends
    """More text follows a complete document of `length` bytes."""

    def __init__(self, length: int) -> None:
        super().__init__("other text follows")
        self.length = length


class Damaged(Exception):  # noqa: N818 - turned into a warning or a TraceError by the caller
    """A document is cut off or malformed after `length` bytes."""

    def __init__(self, length: int, reason: str) -> None:
        super().__init__(reason)
        self.length = length
        self.reason = reason


def documents(
    source: Source, decoder: Decoder[T], opening: re.Pattern[bytes], array: bytes | None = None
) -> Iterator[T]:
    """Every JSON document of a file, whatever lies between them.

    Parameters
    ----------
    source : Source
        The file; gets a warning for each document that had to be mended.
    decoder : Decoder
        Typed decoder of one document.
    opening : pattern
        What a document begins with.
    array : bytes, optional
        Key of the top-level list whose complete elements are kept if a document ends early.

    Yields
    ------
    T
        Each document, typed, in the order of the file.

    Raises
    ------
    TraceError
        If there is no complete document and nothing of one can be kept: the position of the damage.
    """
    check_density(source)
    data = source.data
    at_a_line = re.compile(rb"^(?:" + opening.pattern + rb")", opening.flags | re.MULTILINE)
    position, found, cut, damage = 0, 0, 0, None
    while match := opening.search(data, position):
        start = match.start()
        try:
            document, length = _one(source, decoder, data, start)
        except Damaged as damaged:
            following = at_a_line.search(data, match.end(), start + damaged.length)
            if following is not None and cut < MOST_CUT:  # what was taken for a part of it is the next document
                cut, damaged = cut + 1, Damaged(following.start() - start, f"{CUT_OFF}: another one follows")
            if (cleaned := _without_nan(source, data, start)) != data:
                data, position = cleaned, start
                continue
            damage = damage or source.error(f"damaged JSON: {damaged.reason}", start + damaged.length)
            whole = last_complete(data, start, start + damaged.length, array) if array else None
            if whole is not None:
                mended, length = whole
                document = _mended(source, decoder, mended, start)
                source.warn(
                    f"damaged JSON: {damaged.reason}, file byte {source.position(start + damaged.length)}; "
                    f"only the complete intervals before it are used"
                )
                damage = None
            else:
                position = max(start + damaged.length, match.end())
                continue
        found += 1
        yield document
        position = start + max(length, 1)
    if damage is not None and not found:
        raise damage
    if damage is not None:
        source.warn_of_file(f"left out: {str(damage).removeprefix(f'{source.path}: ')}")


def _without_nan(source: Source, data: bytes, start: int) -> bytes:
    """The data with every nan or inf from `start` on as null; some versions print them for empty ones."""
    if not _NOT_A_NUMBER.search(data, start):
        return data
    source.warn("values that are not a number (nan, inf) are taken as missing")
    return data[:start] + _NOT_A_NUMBER.sub(rb"\1null", data[start:])


def check_density(source: Source) -> None:
    """Refuse JSON made of (almost) empty objects and lists, which decode to many times their size.

    Parameters
    ----------
    source
        The file.
    """
    containers = source.data.count(b"{") + source.data.count(b"[")
    if containers > DENSITY_FREE + len(source.data) // DENSITY_LIMIT:
        raise source.error(f"{containers} JSON objects in {len(source.data)} bytes: this is no tool's output")


def _one(source: Source, decoder: Decoder[T], data: bytes, start: int) -> tuple[T, int]:
    """The document that begins at `start`, and its length."""
    view = memoryview(data)[start:]
    try:
        return decoder.decode(source, view, start), len(view)
    except Trailing as trailing:
        length = trailing.length
        return decoder.decode(source, view[:length], start), length
    except Damaged as damaged:
        if "UTF-8" not in damaged.reason and "utf-8" not in damaged.reason:
            raise
    source.warn("bytes that are not UTF-8 are taken as '?'")
    return _one(source, decoder, data.translate(_ASCII), start)


def _mended(source: Source, decoder: Decoder[T], content: bytes, start: int) -> T:
    """A document closed after its last complete element."""
    try:
        return decoder.decode(source, content, start)
    except (Damaged, Trailing):
        raise source.error("damaged JSON", start) from None


def last_complete(data: bytes, start: int, end: int, array: bytes) -> tuple[bytes, int] | None:
    """The document from `start`, cut after the last complete element of its list `array`, and closed.

    Parameters
    ----------
    data
        Content of the file.
    start, end
        Where the document begins, and where it is damaged, bytes.
    array
        Key of the list.

    Returns
    -------
    tuple of bytes and int, or None
        The closed document and how many bytes of the original it uses; None if no element is complete.
    """
    stack = bytearray()
    key, cut = b"", -1
    for token in _TOKEN.finditer(data, start, end):
        kind = data[token.start()]
        if kind == 0x22:
            if len(stack) == 1:
                key = token[0][1:-1]
        elif kind in b"{[":
            stack.append(kind)
            if len(stack) > DEPTH_LIMIT:
                break
        else:
            if not stack:
                break
            stack.pop()
            if len(stack) == 2 and key == array:
                cut = token.end()
            if not stack:
                break
    return None if cut < 0 else (data[start:cut] + b"]}", cut - start)
