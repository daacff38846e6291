"""The kernel's protocol counters: `/proc/net/snmp`, `/proc/net/netstat` and `netstat -s`, named as nstat names them."""

from __future__ import annotations

import re

import xarray as xr

from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamped_lines
from tunbp.traces.source import Source

SHORTEST = 4
"""Fewest bytes per counter: a short name and a digit."""
TITLES = re.compile(
    rb"^(Ip|Icmp|IcmpMsg|Tcp|Udp|UdpLite|TcpExt|IpExt|MPTcpExt|Ip6|Sctp): "
    rb"([A-Z]\w{1,48}(?: \w{1,48}){0,400})[ \t]{0,9}$"
)
VALUES = re.compile(rb"^(\w{2,16}): (-?\d{1,20}(?: -?\d{1,20}){0,400})$")

SECTION = re.compile(rb"^(Ip|Icmp|IcmpMsg|Tcp|Udp|UdpLite|TcpExt|IpExt|MPTcpExt|Ip6|Sctp):\s{0,9}$")
NAMED = re.compile(rb"^\s{4,9}([A-Z]\w{2,48}): (-?\d{1,20})\s{0,9}$")
COUNTED = re.compile(rb"^\s{4,9}(-?\d{1,20}) ([A-Za-z][\w '(),./-]{2,80}?)\s{0,9}$")
SAID = re.compile(rb"^\s{4,9}([A-Z][\w '-]{6,60}?) (\d{1,20}) times\s{0,9}$")
WORDS = {
    ("Tcp", "segments retransmitted"): "TcpRetransSegs", ("Tcp", "segments retransmited"): "TcpRetransSegs",
    ("Tcp", "segments sent out"): "TcpOutSegs", ("Tcp", "segments send out"): "TcpOutSegs",
    ("Tcp", "segments received"): "TcpInSegs", ("Tcp", "bad segments received"): "TcpInErrs",
    ("Tcp", "resets sent"): "TcpOutRsts", ("Tcp", "active connection openings"): "TcpActiveOpens",
    ("Tcp", "passive connection openings"): "TcpPassiveOpens", ("Tcp", "connections established"): "TcpCurrEstab",
    ("Ip", "total packets received"): "IpInReceives", ("Ip", "forwarded"): "IpForwDatagrams",
    ("Ip", "incoming packets discarded"): "IpInDiscards", ("Ip", "outgoing packets dropped"): "IpOutDiscards",
    ("Ip", "incoming packets delivered"): "IpInDelivers", ("Ip", "requests sent out"): "IpOutRequests",
    ("Udp", "packets received"): "UdpInDatagrams", ("Udp", "packets sent"): "UdpOutDatagrams",
    ("Udp", "packet receive errors"): "UdpInErrors", ("Udp", "receive buffer errors"): "UdpRcvbufErrors",
    ("Udp", "send buffer errors"): "UdpSndbufErrors", ("Udp", "packets to unknown port received"): "UdpNoPorts",
}  # fmt: skip
"""Sentences of `netstat -s` -> the kernel's names of the counters; others keep their sentence."""


def recognize(source: Source) -> bool:
    """Whether the file holds /proc/net/snmp or /proc/net/netstat."""
    return re.search(TITLES.pattern, source.head, re.MULTILINE) is not None


def recognize_netstat(source: Source) -> bool:
    """Whether the file holds `netstat -s`."""
    head = source.head
    return bool(re.search(rb"^(?:Ip|Icmp|IcmpMsg|Tcp|Udp|TcpExt|IpExt):\s{0,9}\n\s{4,9}\S", head, re.MULTILINE))


def read(source: Source) -> list[xr.Dataset]:
    """Counters by the kernel's names along `queue`, or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If no line of values is complete.
    """
    shots = [Snapshot()]
    titles: dict[bytes, list[bytes]] = {}
    for _, line, when in stamped_lines(source):
        if match := TITLES.match(line):
            titles[match[1]] = match[2].split()
        elif (match := VALUES.match(line)) and match[1] in titles:
            names, values = titles.pop(match[1]), match[2].split()
            if len(names) != len(values):
                source.warn(f"{len(names)} names, {len(values)} values of {match[1].decode()}: cut off, left out")
                continue
            prefix = match[1].decode()
            if f"{prefix}{names[0].decode()}" in shots[-1].numbers or (shots[-1].numbers and shots[-1].when != when):
                next_snapshot(shots, when)
            shots[-1].when = when
            for name, value in zip(names, values, strict=True):
                shots[-1].row(source, SHORTEST, f"{prefix}{name.decode()}")["counter"] = float(value)
    if titles:
        source.warn(f"names without values of {b', '.join(titles).decode()}: cut off or wrapped, left out")
    return [dataset(source, shots, READER.name)]


def read_netstat(source: Source) -> list[xr.Dataset]:
    """As `read`, of `netstat -s`.

    Raises
    ------
    TraceError
        If there is no counter.
    """
    shots = [Snapshot()]
    section, seen = "", set[str]()
    for _, line, when in stamped_lines(source):
        if match := SECTION.match(line):
            section = match[1].decode()
            if section in seen and shots[-1].numbers:
                next_snapshot(shots, when)
                seen.clear()
            seen.add(section)
            shots[-1].when = when
            continue
        if not section:
            continue
        if match := NAMED.match(line):
            label, value = f"{section}{match[1].decode()}", match[2]
        elif match := COUNTED.match(line):
            words = match[2].decode().strip()
            label, value = WORDS.get((section, words), f"{section}: {words}"), match[1]
        elif match := SAID.match(line):
            label, value = f"{section}: {match[1].decode()}", match[2]
        else:
            continue
        shots[-1].row(source, SHORTEST, label)["counter"] = float(value)
    return [dataset(source, shots, NETSTAT.name)]


READER = Reader(
    name="/proc/net/snmp",
    role="counters",
    recognize=recognize,
    read=read,
    commands="cat /proc/net/snmp /proc/net/netstat",
    versions="Linux 2.4 on",
    gives="counters of IP, TCP and UDP by nstat's names",
)
NETSTAT = Reader(
    name="netstat -s",
    role="counters",
    recognize=recognize_netstat,
    read=read_netstat,
    commands="netstat -s, -su, -st",
    versions="net-tools 1.60 and 2.x, English",
    gives="counters of IP, TCP and UDP; the common ones by nstat's names",
)
