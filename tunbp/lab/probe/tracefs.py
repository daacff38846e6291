"""Formats of tracepoints: their number and the place of each field, as the running kernel describes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tunbp.errors import LabError

_FIELD = re.compile(r"\tfield:(?P<type>[^;]*?)(?P<name>\w+)(?:\[\w*\])?;\toffset:(?P<offset>\d+);\tsize:(?P<size>\d+);"
                    r"\tsigned:(?P<signed>[01]);")  # fmt: skip
_SYMBOL = re.compile(r'\{ (0x[0-9a-f]+|\d+), "(\w+)" \}')


@dataclass(frozen=True)
class Field:
    """Place of one field in a tracepoint's record: offset and size [byte], and whether it is signed."""

    offset: int
    size: int
    signed: bool


@dataclass(frozen=True)
class Tracepoint:
    """One tracepoint of the running kernel: number, fields by name, and the names of symbolic values."""

    name: str
    id: int
    fields: dict[str, Field]
    symbols: dict[int, str] = field(default_factory=dict)


def parse_format(text: str) -> Tracepoint:
    """A tracepoint from the text of its `format` file.

    Raises
    ------
    LabError
        If the text has no name or number.
    """
    name, number = re.search(r"^name: (\w+)$", text, re.MULTILINE), re.search(r"^ID: (\d+)$", text, re.MULTILINE)
    if name is None or number is None:
        raise LabError(f"not the format of a tracepoint: {text[:60]!r}")
    fields = {
        found["name"]: Field(int(found["offset"]), int(found["size"]), found["signed"] == "1")
        for found in _FIELD.finditer(text)
    }
    symbols = {int(value, 0): word for value, word in _SYMBOL.findall(text)}
    return Tracepoint(name[1], int(number[1]), fields, symbols)
