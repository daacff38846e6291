"""`ethtool -S`: the counters that a network driver keeps, by its own names or by those of the standards."""

from __future__ import annotations

import re

import xarray as xr

from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

TOOL = "ethtool"
SHORTEST = 60
"""Fewest bytes per counter of a long log; shorter ones are made up to fill the memory."""
COUNTER = rb"((?:\[\d{1,4}\]:\s{1,9})?(?!\s)[^:\n]{1,96}):\s{0,16}(\d{1,20})\s{0,9}$"
"""Name and value; some drivers write the number of the queue before (bnxt: `[0]: rx_ucast_packets: 1`)."""
ROW = re.compile(rb"^\s{1,16}" + COUNTER)
TITLE = re.compile(
    rb"^(?:NIC statistics:\s{0,9}$|.{0,80}\bethtool (?:-S|--statistics) .{1,120}$(?=\n {1,16}[^\s:]{1,64}: \d))",
    re.MULTILINE,
)
"""What stands above the counters; of `ethtool -S DEV | grep drop` nothing but the command does."""
STANDARD = re.compile(rb"^Standard stats for \S{1,64}:\s{0,9}$", re.MULTILINE)
STANDARD_ROW = re.compile(rb"^\s{0,16}((?:rx-|tx-)?(?:eth-(?:mac|phy|ctrl)|rmon)-[\w-]{1,64}): (\d{1,20})\s{0,9}$")
"""Counters of IEEE 802.3 and RFC 2819 (`--groups`), which are not indented."""


def recognize(source: Source) -> bool:
    """Whether the file holds `ethtool -S` output."""
    return bool(TITLE.search(source.head) or STANDARD.search(source.head))


def read(source: Source) -> list[xr.Dataset]:
    """Counters by name along `queue`, or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If there is no counter.
    """
    shots: list[Snapshot] = []
    titles = {match.start(): match[0] for form in (TITLE, STANDARD) for match in form.finditer(source.data)}
    row = ROW
    for offset, line, when in stamped_lines(source):
        if title := titles.get(offset):
            row = STANDARD_ROW if title.startswith(b"Standard") else ROW
            next_snapshot(shots, when)
        elif shots and (match := row.match(line)):
            shots[-1].row(source, SHORTEST, match[1].decode("utf-8", "replace"))["counter"] = float(match[2])
    return [dataset(source, shots, TOOL)]


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="ethtool -S (--groups), also what grep left of it below the command",
    versions="any",
    gives="counters of a network driver by name",
)
