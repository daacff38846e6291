"""Formats of tracepoints: their number and the place of each field, as the running kernel describes them.

They stand in tracefs. It is mounted in a mount namespace of a short-lived child, so the mount is seen by nobody else
and ends with that child; the machine's own tracefs, if it has one, is neither used nor changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tunbp.errors import LabError
from tunbp.lab import process

PLACE = "/sys/kernel/tracing"
"""Where the kernel offers a place to mount tracefs."""
SCRIPT = f"""
mount -t tracefs tracefs {PLACE} || exit 77
cd {PLACE}/events
for event in "$@"; do test -r $event/format && cat $event/format; done
true
"""
UNSHARE = ("unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh")

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


def tracepoints(events: Sequence[str]) -> dict[str, Tracepoint]:
    """Those of `events` ("net/net_dev_queue") that the running kernel has, by their name without the system.

    Raises
    ------
    LabError
        If this user may not look: what is missing and how to get it.
    """
    try:
        text = process.run([*UNSHARE, *events])
    except LabError as error:
        raise LabError(
            f"cannot read the kernel's tracepoints: {error}\nWhat to do: run as root of the machine (CAP_SYS_ADMIN, to "
            f"mount tracefs privately); the kernel needs CONFIG_TRACING, which makes {PLACE}. Without these rights "
            "`tunbp lab probe DEV --coarse` gives what /proc shows"
        ) from error
    parts = re.split(r"^(?=name: \w+$)", text, flags=re.MULTILINE)
    found = [parse_format(part) for part in parts if part.startswith("name: ")]
    return {tracepoint.name: tracepoint for tracepoint in found}
