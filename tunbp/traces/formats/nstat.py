"""`nstat` as JSON and as text: the kernel's SNMP counters."""

from __future__ import annotations

import re

import msgspec
import xarray as xr

from tunbp.traces.documents import Decoder, documents
from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import LABEL_LIMIT, Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

TOOL = "nstat"
SHORTEST = 60
"""Fewest bytes per counter of a long log; shorter ones are made up to fill the memory."""
OPENING = re.compile(rb'\{\s*"kernel"\s*:\s*\{')
ROW = re.compile(rb"^([A-Za-z][A-Za-z0-9_]{2,63})\s{1,64}(-?\d{1,20})(?:\s{1,32}-?[\d.]{1,24})?\s{0,9}$")


class Kernel(msgspec.Struct):
    """All counters by name."""

    kernel: dict[str, float]


_DECODER = Decoder(Kernel)


def recognize(source: Source) -> bool:
    """Whether the file holds nstat output."""
    head = source.head
    return bool(OPENING.match(head.lstrip())) or bool(re.search(rb"^#kernel\b", head, re.MULTILINE))


def read(source: Source) -> list[xr.Dataset]:
    """Counters by name along `queue`, or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If there is no counter, or more of them than a kernel has.
    """
    shots: list[Snapshot] = []
    if OPENING.match(source.head.lstrip()):
        if source.data.count(b":") > LABEL_LIMIT + len(source.data) // 25:
            raise source.error("more counters than nstat prints in so many bytes")
        for document in documents(source, _DECODER, OPENING):
            next_snapshot(shots, None)
            for name, value in document.kernel.items():
                shots[-1].row(source, SHORTEST, name)["counter"] = value
        return [dataset(source, shots, TOOL)]
    for _, line, when in stamped_lines(source):
        if line.startswith(b"#"):
            next_snapshot(shots, when)
        elif shots and (match := ROW.match(line)):
            shots[-1].row(source, SHORTEST, match[1].decode())["counter"] = float(match[2])
    return [dataset(source, shots, TOOL)]


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="nstat -az, nstat -j",
    versions="iproute2 4 to 6",
    gives="SNMP counters by name",
)
