"""`/proc/net/dev` and `netstat -i`: packets, errors and drops of interfaces in one table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import xarray as xr

from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

SHORTEST = 40
"""Bytes of the shortest interface with its counters."""
TITLE = re.compile(rb"^Inter-\|\s{1,16}Receive")
COUNTS = rb"([^\s:]{1,40}(?::\d{1,4})?):\s{0,32}(\d{1,20}(?:\s{1,32}\d{1,20}){15})\s{0,9}$"
ROW = re.compile(rb"^\s{0,16}" + COUNTS)
BARE = re.compile(rb"^\s{0,16}(?!(?:Icmp|Ip|MPTcp|Tcp|Udp)[A-Za-z0-9]{0,16}:)(?=[^\s:]{0,40}[a-z])" + COUNTS)
"""What `grep eth0 /proc/net/dev` leaves: sixteen numbers that are neither SNMP's nor those of sixteen processors."""
FIELDS = (
    "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "rx_overrun", "", "", "rx_multicast",
    "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "", "tx_collisions", "tx_carrier_errors", "",
)  # fmt: skip
"""Columns of /proc/net/dev in its order; those without a name of the schema are left out."""

NETSTAT_TITLE = re.compile(rb"^Iface\s{1,32}MTU\s")
NETSTAT_FIELDS = {
    b"MTU": "mtu", b"RX-OK": "rx_packets", b"RX-ERR": "rx_errors", b"RX-DRP": "rx_dropped", b"RX-OVR": "rx_overrun",
    b"TX-OK": "tx_packets", b"TX-ERR": "tx_errors", b"TX-DRP": "tx_dropped",
}  # fmt: skip


def recognize(source: Source) -> bool:
    """Whether the file holds /proc/net/dev."""
    return any(re.search(form.pattern, source.head, re.MULTILINE) for form in (TITLE, BARE))


def recognize_netstat(source: Source) -> bool:
    """Whether the file holds `netstat -i`."""
    return re.search(NETSTAT_TITLE.pattern, source.head, re.MULTILINE) is not None


def read(source: Source) -> list[xr.Dataset]:
    """Counters of every interface over (queue), or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If no row of the table is complete.
    """
    shots: list[Snapshot] = []
    form = BARE
    for _, line, when in stamped_lines(source):
        if TITLE.match(line):
            form = ROW
            next_snapshot(shots, when)
        elif match := form.match(line):
            name = match[1].decode("utf-8", "replace")
            if not shots or name in shots[-1].numbers:
                next_snapshot(shots, when)  # of `grep eth0 /proc/net/dev` there are no titles
            _add(source, shots[-1], match[1], zip(FIELDS, map(float, match[2].split()), strict=True))
    return [dataset(source, shots, READER.name)]


def read_netstat(source: Source) -> list[xr.Dataset]:
    """As `read`, by the titles of the columns; the flags at the end of a row are left out.

    Raises
    ------
    TraceError
        If no row of the table is complete.
    """
    shots: list[Snapshot] = []
    titles: Sequence[bytes] = ()
    for _, line, when in stamped_lines(source):
        words = line.split()
        if NETSTAT_TITLE.match(line):
            next_snapshot(shots, when)
            titles = [word for word in words[1:] if word != b"Flg"]
        elif shots and len(words) in (len(titles) + 1, len(titles) + 2) and all(w.isdigit() for w in words[1:-1]):
            values = [float(word[:20]) for word in words[1 : len(titles) + 1] if word.isdigit()]
            pairs = zip([NETSTAT_FIELDS.get(title, "") for title in titles], values, strict=False)
            _add(source, shots[-1], words[0], pairs)
    return [dataset(source, shots, NETSTAT.name)]


def _add(source: Source, shot: Snapshot, name: bytes, values: Iterable[tuple[str, float]]) -> None:
    """One interface as a row."""
    label = name.decode("utf-8", "replace")
    row = shot.row(source, SHORTEST, label, device=label, kind="")
    row.update({field: value for field, value in values if field})


READER = Reader(
    name="/proc/net/dev",
    role="counters",
    recognize=recognize,
    read=read,
    commands="cat /proc/net/dev",
    versions="Linux 2.2 on",
    gives="packets, errors and drops of interfaces",
)
NETSTAT = Reader(
    name="netstat -i",
    role="counters",
    recognize=recognize_netstat,
    read=read_netstat,
    commands="netstat -i",
    versions="net-tools 1.60 and 2.x (Linux)",
    gives="packets, errors and drops of interfaces, MTU",
)
