"""`ip -s link` as JSON and as text: packets, errors and drops of interfaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import xarray as xr

from tunbp.traces.documents import Decoder, documents
from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamp_before, stamped_lines, stamps
from tunbp.traces.source import Source

TOOL = "ip"
SHORTEST = 160
"""Bytes of the shortest interface with its counters; `lo` takes 330."""
OPENING = re.compile(rb'\[\s*(?:\{\}\s*,\s*){0,64}+\{\s*"(?:ifindex|link_index|ifname)"\s*:')
INTERFACE = re.compile(
    rb"^\d{1,9}: ([^\s:@]{1,64})(?:@\S{1,64})?: (?:<[^>]{0,400}> mtu (\d{1,9})(.*)|group link[ \t]{0,9})$"
)
"""The line of an interface: of `ip link`, or of `ip stats`."""
TITLE = re.compile(rb"^\s{1,16}(RX|TX)(?: errors)?:\s{1,9}([a-z][a-z_\s]{1,200})$")
KIND = re.compile(
    rb"^\s{2,16}(tun|veth|bridge|wireguard|vlan|vxlan|ipvlan|macvlan|macvtap|bond|dummy|ifb|gre|ipip|sit)\b"
)
"""First word of the line of details that `ip -d` prints."""
QUEUE = re.compile(rb"\bqlen (\d{1,9})\b")
NUMBERS = re.compile(rb"^\s{0,24}\d[\d.]{0,19}(?:[kKMGTPE]i?)?(?:\s{1,24}\d[\d.]{0,19}(?:[kKMGTPE]i?)?){0,15}\s{0,24}$")
ROUNDED = re.compile(rb"([\d.]{1,20})([kKMGTPE])(i?)$")
"""A number as `ip -h` prints it: thousands, with `-iec` 1024."""
POWERS = b"kMGTPE"


class Receive(msgspec.Struct, gc=False):
    """Receive counters of one interface, in iproute2's names."""

    bytes: float | None = None
    packets: float | None = None
    errors: float | None = None
    dropped: float | None = None
    missed_errors: float | None = None
    over_errors: float | None = None
    multicast: float | None = None


class Transmit(msgspec.Struct, gc=False):
    """Transmit counters of one interface, in iproute2's names."""

    bytes: float | None = None
    packets: float | None = None
    errors: float | None = None
    dropped: float | None = None
    carrier_errors: float | None = None
    collisions: float | None = None


class Statistics(msgspec.Struct, gc=False):
    """Both directions."""

    rx: Receive | None = None
    tx: Transmit | None = None


class LinkInfo(msgspec.Struct, gc=False):
    """Details (`-d`): the driver's kind of device, e.g. tun."""

    info_kind: str | None = None


class Link(msgspec.Struct, gc=False):
    """One interface."""

    ifname: str | None = None
    mtu: float | None = None
    txqlen: float | None = None
    qdisc: str | None = None
    stats64: Statistics | None = None
    stats: Statistics | None = None
    linkinfo: LinkInfo | None = None


RENAMED = {
    "missed_errors": "missed", "missed": "missed", "over_errors": "overrun", "overrun": "overrun",
    "mcast": "multicast", "carrier": "carrier_errors", "collsns": "collisions",
}  # fmt: skip
COLUMNS = {
    "rx": {"bytes", "packets", "errors", "dropped", "missed", "overrun", "multicast"},
    "tx": {"bytes", "packets", "errors", "dropped", "carrier_errors", "collisions"},
}
_DECODER = Decoder(list[Link])


def recognize(source: Source) -> bool:
    """Whether the file holds `ip link` output."""
    head = source.head
    return bool(OPENING.search(head)) or bool(
        re.search(rb"^\d{1,9}: [^\s:]{1,64}: (?:<[^>\n]{0,400}> mtu \d|group link\s)", head, re.MULTILINE)
    )


def read(source: Source) -> list[xr.Dataset]:
    """Counters of every interface over (queue), or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If there are no counters: `ip` was run without `-s`.
    """
    shots = list(_from_json(source)) if OPENING.search(source.head) else _from_text(source)
    if not any(row.keys() - {"mtu", "txqueuelen"} for shot in shots for row in shot.numbers.values()):
        raise source.error("interfaces without statistics; run ip with -s (ip -s -j link)", 0)
    return [dataset(source, shots, TOOL)]


def _from_json(source: Source) -> Iterator[Snapshot]:
    """One snapshot per JSON list."""
    times = stamps(source)
    position = 0
    for links in documents(source, _DECODER, OPENING):
        match = OPENING.search(source.data, position)
        offset = match.start() if match else position
        position = match.end() if match else position
        shot = Snapshot(stamp_before(times, offset))
        for link in links:
            if link.ifname is not None:
                _add(source, shot, link)
        yield shot


def _add(source: Source, shot: Snapshot, link: Link) -> None:
    """One interface as a row."""
    kind = (link.linkinfo.info_kind if link.linkinfo else None) or ""
    row = shot.row(source, SHORTEST, link.ifname or "", device=link.ifname or "", kind=kind)
    row["mtu"], row["txqueuelen"] = link.mtu, link.txqlen
    statistics = link.stats64 or link.stats or Statistics()
    for side, counters in (("rx", statistics.rx), ("tx", statistics.tx)):
        if counters is None:
            continue
        for name in counters.__struct_fields__:
            value = getattr(counters, name)
            if value is not None:
                row[f"{side}_{RENAMED.get(name, name)}"] = value


def _from_text(source: Source) -> list[Snapshot]:
    """One snapshot per run of interfaces in which none repeats and no new time begins."""
    shots = [Snapshot()]
    row: dict[str, float | None] | None = None
    title: tuple[str, list[str]] | None = None
    label, pointed, header = "", False, b""
    for line, when in _lines(source):
        if line[:1] in b" \t":
            header = b""
        if match := INTERFACE.match(line):
            name = match[1].decode("utf-8", "replace")
            if name in shots[-1].numbers or (shots[-1].numbers and shots[-1].when != when):
                next_snapshot(shots, when)
            shots[-1].when = when
            row = shots[-1].row(source, SHORTEST, name, device=name, kind="")
            header = match[3] or b""
            if match[2]:
                row["mtu"] = float(match[2])
            if length := QUEUE.search(header):
                row["txqueuelen"] = float(length[1])
            label, pointed = name, b"POINTOPOINT" in line
        elif row is not None and header and line[:1] not in b" \t":
            # the rest of an interface's line that was wrapped
            header += b" " + line
            if length := QUEUE.search(header):
                row["txqueuelen"] = float(length[1])
        elif row is not None and (details := KIND.match(line)):
            shots[-1].texts[label]["kind"] = details[1].decode()
        elif row is not None and pointed and line.strip().startswith(b"link/none") and not label.startswith("wg"):
            # a device of IP packets without addresses below: tun, whatever its name
            shots[-1].texts[label]["kind"] = "tun"
        elif match := TITLE.match(line):
            title = (match[1].decode().lower(), match[2].decode().split())
        elif title is not None:
            if row is not None and NUMBERS.match(line):
                _add_numbers(source, row, title, line)
            title = None
    return shots


def _lines(source: Source) -> Iterator[tuple[bytes, float | None]]:
    """Lines with their time; `ip -o` prints a backslash where a line of an interface ends."""
    for _, line, when in stamped_lines(source):
        for part in line.split(b"\\") if INTERFACE.match(line) else [line]:
            yield part.rstrip(b" "), when


def _add_numbers(source: Source, row: dict[str, float | None], title: tuple[str, list[str]], line: bytes) -> None:
    """One line of counters under its title."""
    side, names = title
    words = line.split()
    if len(words) < len(names):
        source.warn(f"a line of {side.upper()} counters is cut off; its last number is left out")
        words = words[:-1]
    for name, word in zip(names, words, strict=False):
        known = RENAMED.get(name, name)
        if known in COLUMNS[side] and (value := _number(source, word)) is not None:
            row.setdefault(f"{side}_{known}", value)


def _number(source: Source, word: bytes) -> float | None:
    """A counter, exact or as `-h` rounds it; None if it is none."""
    if word.isdigit():
        return float(word)
    try:
        if (match := ROUNDED.match(word)) is None:
            return None
        value = float(match[1]) * (1024.0 if match[3] else 1000.0) ** (POWERS.index(match[2].replace(b"K", b"k")) + 1)
    except ValueError:
        return None
    source.warn("counters are rounded (ip -h); run ip without -h for exact ones")
    return value


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="ip -s link (-d, -o, -h), ip -s address, ip stats, and their JSON (-j)",
    versions="iproute2 3 to 6",
    gives="packets, errors and drops of interfaces, txqueuelen, MTU",
)
