"""`/proc/softirqs`: how often each processor ran each soft interrupt; NET_TX is what a wake of a queue costs."""

from __future__ import annotations

import re

import xarray as xr

from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

TOOL = "/proc/softirqs"
TITLE = re.compile(rb"^\s{8,32}CPU\d{1,4}(?:\s{1,16}CPU\d{1,4}){0,1023}\s{0,16}$")
ROW = re.compile(
    rb"^\s{0,16}(HI|TIMER|NET_TX|NET_RX|BLOCK|IRQ_POLL|BLOCK_IOPOLL|TASKLET|SCHED|HRTIMER|RCU):((?:\s{1,16}\d{1,12}){1,1024})\s{0,16}$"
)


def recognize(source: Source) -> bool:
    """Whether the file holds /proc/softirqs."""
    return re.search(rb"^\s{0,16}NET_[RT]X:\s{1,16}\d", source.head, re.MULTILINE) is not None


def read(source: Source) -> list[xr.Dataset]:
    """Counts of each soft interrupt on each processor along `queue`, or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If no row is complete.
    """
    shots = [Snapshot()]
    processors: list[str] = []
    for offset, line, when in stamped_lines(source):
        if TITLE.match(line):
            processors = [word.decode() for word in line.split()]
            next_snapshot(shots, when)
        elif match := ROW.match(line):
            values = match[2].split()
            if processors and len(values) != len(processors):
                raise source.error(f"{len(values)} values of {len(processors)} processors: cut off", offset)
            name = match[1].decode()
            for index, value in enumerate(values):
                label = f"{name} {processors[index] if processors else f'CPU{index}'}"
                shots[-1].row(source, 8, label, kind=name)["counter"] = float(value)
    return [dataset(source, shots, TOOL)]


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="cat /proc/softirqs",
    versions="Linux 2.6.31 on",
    gives="runs of each soft interrupt on each processor",
)
