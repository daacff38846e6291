"""`netstat -i` of macOS and the BSDs: packets, errors and drops of interfaces, by the titles of the columns."""

from __future__ import annotations

import re

import xarray as xr

from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

TOOL = "netstat -i (BSD)"
SHORTEST = 40
"""Bytes of the shortest interface with its counters."""
TITLE = re.compile(
    rb"^Name\s{1,32}Mtu\s{1,32}Net\S{1,12}\s{1,32}Address\s{1,64}(Ipkts(?:\s{1,32}[A-Z][a-z]{2,7}){2,9})$"
)
FIELDS = {
    b"Ipkts": "rx_packets", b"Ierrs": "rx_errors", b"Ifail": "rx_errors", b"Idrop": "rx_dropped",
    b"Ibytes": "rx_bytes", b"Opkts": "tx_packets", b"Oerrs": "tx_errors", b"Ofail": "tx_errors",
    b"Obytes": "tx_bytes", b"Coll": "tx_collisions", b"Colls": "tx_collisions", b"Collis": "tx_collisions",
    b"Drop": "tx_dropped",
}  # fmt: skip
"""Columns behind the address; `Drop` is what `-d` adds, of the queue of packets to send."""
TUNNEL = re.compile(r"^(?:utun|tun|tap)\d")


def recognize(source: Source) -> bool:
    """Whether the file holds the table."""
    return any(TITLE.match(line.rstrip()) for line in source.head.splitlines())


def read(source: Source) -> list[xr.Dataset]:
    """Counters of every interface over (queue), or (time, queue) for several snapshots.

    An interface has a line for its link and one for each address, which repeat its counters: the first one counts.

    Raises
    ------
    TraceError
        If no row of the table is complete.
    """
    shots: list[Snapshot] = []
    titles: list[bytes] = []
    held: list[bytes] = []
    for _, line, when in stamped_lines(source):
        if title := TITLE.match(line):
            next_snapshot(shots, when)
            titles, held = title[1].split(), []
        elif titles and (words := line.split()):
            if _add(source, shots[-1], titles, words) or _add(source, shots[-1], titles, held + words):
                held = []
                continue
            # the beginning of a row that was wrapped; or a further address, which has no counters
            held = words if words[0][:1].isalpha() else []
            if not any(mark in words[-1] for mark in (b".", b":")):
                source.warn("a line of the table is wrapped or cut off; numbers may be missing")
    return [dataset(source, shots, TOOL)]


def _add(source: Source, shot: Snapshot, titles: list[bytes], words: list[bytes]) -> bool:
    """Add a row if the words have a value in every column, from the right, as an address may be missing."""
    values = words[-len(titles) :]
    if len(words) < len(titles) + 3 or not all(word.isdigit() or word == b"-" for word in values):
        return False
    name = words[0].rstrip(b"*").decode("utf-8", "replace")
    if name in shot.numbers:
        return True
    row = shot.row(source, SHORTEST, name, device=name, kind="tun" if TUNNEL.match(name) else "")
    if words[1].isdigit():
        row["mtu"] = float(words[1][:9])
    for title, word in zip(titles, values, strict=True):
        if word.isdigit() and (field := FIELDS.get(title)):
            row[field] = float(word[:20])
    return True


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="netstat -i, netstat -ibd",
    versions="macOS, FreeBSD, OpenBSD, NetBSD",
    gives="packets, errors and bytes (-b) of interfaces; drops where the table has them (-d)",
)
