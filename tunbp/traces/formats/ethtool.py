"""`ethtool -S`: the counters a network driver keeps."""

from __future__ import annotations

import re

import xarray as xr

from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

TOOL = "ethtool"
SHORTEST = 60
"""Fewest bytes per counter of a long log; shorter ones are made up to fill the memory."""
TITLE = re.compile(rb"^NIC statistics:\s{0,9}$", re.MULTILINE)
ROW = re.compile(rb"^\s{1,16}(?!\s)([^:\n]{1,96}):\s{0,16}(\d{1,20})\s{0,9}$")


def recognize(source: Source) -> bool:
    """Whether the file holds `ethtool -S` output."""
    return bool(TITLE.search(source.head))


def read(source: Source) -> list[xr.Dataset]:
    """Counters by name along `queue`, or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If there is no counter.
    """
    shots: list[Snapshot] = []
    for _, line, when in stamped_lines(source):
        if TITLE.match(line):
            next_snapshot(shots, when)
        elif shots and (match := ROW.match(line)):
            shots[-1].row(source, SHORTEST, match[1].decode("utf-8", "replace"))["counter"] = float(match[2])
    return [dataset(source, shots, TOOL)]


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="ethtool -S",
    versions="any",
    gives="counters of a network driver by name",
)
