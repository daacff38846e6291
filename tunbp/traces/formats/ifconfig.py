"""`ifconfig` of net-tools and busybox: packets, errors and drops of interfaces, txqueuelen, MTU."""

from __future__ import annotations

import re

import xarray as xr

from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

TOOL = "ifconfig"
SHORTEST = 160
"""Bytes of the shortest interface with its counters."""
INTERFACE = re.compile(rb"^([A-Za-z][\w.@-]{0,40}(?::\d{1,4})?)(?:: flags=\d{1,9}<([^>]{0,200})>|\s{2,16}Link encap:)")
MTU = re.compile(rb"\b(?:mtu |MTU:)(\d{1,9})\b")
QUEUE = re.compile(rb"\btxqueuelen[ :](\d{1,9})\b")
COUNTED = re.compile(rb"\b([RT]X) (packets|errors)[ :](\d{1,20})\b")
PAIR = re.compile(rb"\b(bytes|errors|dropped|overruns|frame|carrier|collisions)[ :](\d{1,20})\b")
BYTES = re.compile(rb"\b([RT]X) bytes:(\d{1,20})\b")
NAMES = {
    "packets": "packets", "errors": "errors", "bytes": "bytes", "dropped": "dropped", "overruns": "overrun",
    "carrier": "carrier_errors", "collisions": "collisions",
}  # fmt: skip
COLUMNS = {
    "rx": {"bytes", "packets", "errors", "dropped", "overrun"},
    "tx": {"bytes", "packets", "errors", "dropped", "carrier_errors", "collisions"},
}


def recognize(source: Source) -> bool:
    """Whether the file holds ifconfig output."""
    return re.search(INTERFACE.pattern, source.head, re.MULTILINE) is not None and b"RX packets" in source.data


def read(source: Source) -> list[xr.Dataset]:
    """Counters of every interface over (queue), or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If no interface has counters.
    """
    shots = [Snapshot()]
    row: dict[str, float | None] | None = None
    side = ""
    for _, line, when in stamped_lines(source):
        if match := INTERFACE.match(line):
            name = match[1].decode()
            if name in shots[-1].numbers or (shots[-1].numbers and shots[-1].when != when):
                next_snapshot(shots, when)
            shots[-1].when = when
            kind = "tun" if b"POINTOPOINT" in (match[2] or b"") and not name.startswith(("wg", "ppp")) else ""
            row = shots[-1].row(source, SHORTEST, name, device=name, kind=kind)
            side = ""
        if row is None:
            continue
        if length := MTU.search(line):
            row["mtu"] = float(length[1])
        if length := QUEUE.search(line):
            row["txqueuelen"] = float(length[1])
        for amount in BYTES.finditer(line):
            row[f"{amount[1].decode().lower()}_bytes"] = float(amount[2])
        if counted := COUNTED.search(line):
            side = counted[1].decode().lower()
            row[f"{side}_{counted[2].decode()}"] = float(counted[3])
        if side and not BYTES.search(line):
            for pair in PAIR.finditer(line):
                known = NAMES.get(pair[1].decode(), "")
                # old versions print the collisions on the line of txqueuelen
                place = "tx" if known == "collisions" else side
                if known in COLUMNS[place]:
                    row[f"{place}_{known}"] = float(pair[2])
    if not any(row.keys() - {"mtu", "txqueuelen"} for shot in shots for row in shot.numbers.values()):
        raise source.error("no interface with counters: ifconfig was cut off", len(source.data))
    return [dataset(source, shots, TOOL)]


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="ifconfig, ifconfig -a",
    versions="net-tools 1.60 and 2.x, busybox",
    gives="packets, errors and drops of interfaces, txqueuelen, MTU",
)
