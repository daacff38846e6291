"""Packet captures (pcap, pcapng): rates, round-trip times, retransmissions, ACKs and bursts of the largest flows.

Only headers are looked at. dpkt reads the file formats and the protocols; this module counts.
"""

from __future__ import annotations

import io
import ipaddress
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dpkt
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.traces.build import Column, as_counts, build, floats, text, utc
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "pcap"
MAGICS = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a")
"""First bytes of pcap (both byte orders, microseconds and nanoseconds) and of pcapng."""
PACKET_LIMIT = 500_000
"""Packets that are looked at; of a longer capture the first ones."""
FLOW_LIMIT = 4096
"""Flows that are told apart; packets of further ones are left out."""
SHOWN = 16
"""Flows that become streams: those with the most payload."""
BINS = 100
"""Most intervals of the series."""
SHORTEST_BIN = 0.01
"""Shortest interval of the series [s]."""
SAMPLES = 10
"""Fewest round trips by sequence numbers, and part of those by timestamps, from which the former are taken."""
BURST_GAP = 100e-6
"""Largest time between two packets of one burst [s]: TCP paces or is clocked by ACKs beyond it."""
TIMESTAMPS = 12
"""Bytes that the timestamps option takes of the segment size announced in the SYN."""
LONGEST_CAPTURE = 30 * 86_400.0
"""Longest time that a capture may span [s]; a record further off is damaged."""

PARSERS = {
    dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
    dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
    dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
    dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback,
}
RAW = (dpkt.pcap.DLT_RAW, 12, 14, 228, 229)
"""Link types without a header below IP: what tun devices give."""

PORTS, STAMPS = struct.Struct(">HHIIBB"), struct.Struct(">II")
ALONE = b"\x01\x01\x08\x0a"
"""Two paddings and the timestamps option: the options of most packets (RFC 7323, appendix A)."""

Endpoints = tuple[bytes, int, bytes, int, int]
"""Source address and port, destination address and port, protocol."""


@dataclass
class Flow:
    """What one direction of a connection sent: its packets with payload, and its pure ACKs."""

    times: array[float] = field(default_factory=lambda: array("d"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    sequence: array[int] = field(default_factory=lambda: array("q"))
    stamps: array[int] = field(default_factory=lambda: array("q"))
    ack_times: array[float] = field(default_factory=lambda: array("d"))
    acks: array[int] = field(default_factory=lambda: array("q"))
    echoes: array[int] = field(default_factory=lambda: array("q"))
    pure_acks: int = 0
    mss: int = 0


def recognize(source: Source) -> bool:
    """Whether the file is a capture."""
    return source.data.startswith(MAGICS)


def read(source: Source) -> list[xr.Dataset]:
    """Rate, round-trip time and retransmissions of the largest flows over (time, stream), and totals of the largest.

    The round-trip time is that from the place of the capture to the far end and back: from a packet that was sent
    once to the ACK of exactly its end; where hardly any match, as with segmentation offload, from the first packet
    with a TCP timestamp to the first ACK that echoes it.

    Raises
    ------
    TraceError
        If the file is damaged before its first packet, or holds no packet of TCP or UDP.
    """
    flows: dict[Endpoints, Flow] = {}
    seen, foreign, crowded, begin = 0, 0, 0, None
    for when, link, packet in _records(source):
        seen += 1
        begin = when if begin is None else begin
        if abs(when - begin) > LONGEST_CAPTURE:
            source.warn("a record's time is far from the others': damaged; only what precedes it is used")
            break
        if (found := _quick(link, packet) or _transport(link, packet)) is None:
            foreign += 1
            continue
        ends, segment, payload = found
        if ends not in flows and len(flows) >= FLOW_LIMIT:
            crowded += 1
            continue
        _note(flows.setdefault(ends, Flow()), when, segment, payload)
    carrying = {ends: flow for ends, flow in flows.items() if len(flow.times)}
    if begin is None or not carrying:
        raise source.error(f"{seen} packets, none of them TCP or UDP with payload", len(source.data))
    if crowded:
        source.warn(f"more than {FLOW_LIMIT} flows: {crowded} packets of further ones are left out")
    if foreign:
        source.warn(f"{foreign} packets are neither TCP nor UDP, or cut off, and left out")
    return [_dataset(source, flows, carrying)]


def _records(source: Source) -> Iterator[tuple[float, int, bytes]]:
    """Time, link type and captured bytes of each packet; a damaged tail is left out with a warning."""
    try:
        reader = dpkt.pcap.UniversalReader(io.BytesIO(source.data))
        link = reader.datalink()
    except (ValueError, dpkt.Error, struct.error, AttributeError, KeyError, IndexError, OverflowError) as error:
        raise source.error(f"damaged capture: {str(error)[:200]}", 0) from None
    records = iter(reader)
    for _ in range(PACKET_LIMIT):
        try:
            when, packet = next(records)
        except StopIteration:
            return
        except (ValueError, dpkt.Error, struct.error, AttributeError, KeyError, IndexError, OverflowError) as error:
            source.warn(f"the capture ends early or is damaged ({str(error)[:100]}); what precedes it is used")
            return
        if not np.isfinite(float(when)):
            source.warn("a record without a time; what precedes it is used")
            return
        yield float(when), link, packet
    source.warn(f"more than {PACKET_LIMIT} packets; only the first ones are used")


@dataclass
class Header:
    """What is used of a TCP header, in dpkt's names."""

    seq: int
    ack: int
    flags: int
    opts: bytes


def _quick(link: int, packet: bytes) -> tuple[Endpoints, Header, int] | None:
    """TCP over IPv4 straight from the bytes, as nearly all packets are; None for anything else."""
    start = 14 if link == dpkt.pcap.DLT_EN10MB else 0 if link in RAW else -1
    if start < 0 or len(packet) < start + 40 or (start and packet[12:14] != b"\x08\x00"):
        return None
    first = packet[start]
    # no fragment, no IP options: 0x45, offset 0
    if first != 0x45 or packet[start + 9] != 6 or int.from_bytes(packet[start + 6 : start + 8], "big") & 0x3FFF:
        return None
    length = int.from_bytes(packet[start + 2 : start + 4], "big")
    source, target, seq, ack, offset, flags = PORTS.unpack_from(packet, start + 20)
    header = (offset >> 4) * 4
    if length < 20 + header or header < 20:
        return None
    opts = packet[start + 40 : start + 20 + header]
    ends = (packet[start + 12 : start + 16], source, packet[start + 16 : start + 20], target, 6)
    return ends, Header(seq, ack, flags, opts), length - 20 - header


def _transport(link: int, packet: bytes) -> tuple[Endpoints, Any, int] | None:
    """Endpoints, TCP or UDP header, and payload [byte] as the IP header says, as captures keep few bytes of it."""
    try:
        layer: Any = packet if link in RAW else PARSERS[link](packet).data if link in PARSERS else None
        if isinstance(layer, bytes):
            version = layer[0] >> 4 if layer else 0
            layer = dpkt.ip.IP(layer) if version == 4 else dpkt.ip6.IP6(layer) if version == 6 else None
        segment = getattr(layer, "data", None)
        if not isinstance(segment, dpkt.tcp.TCP | dpkt.udp.UDP) or not isinstance(layer, dpkt.ip.IP | dpkt.ip6.IP6):
            return None
        length = layer.len - 4 * layer.hl if isinstance(layer, dpkt.ip.IP) else layer.plen
        header = 4 * segment.off if isinstance(segment, dpkt.tcp.TCP) else 8
        protocol = 6 if isinstance(segment, dpkt.tcp.TCP) else 17
        # with segmentation offload the length may be 0: what was captured then tells
        payload = length - header if length > 0 else len(segment.data)
        return (layer.src, segment.sport, layer.dst, segment.dport, protocol), segment, max(payload, 0)
    except (dpkt.Error, ValueError, struct.error, IndexError, KeyError, AttributeError, TypeError):
        return None


def _note(flow: Flow, when: float, segment: Any, payload: int) -> None:
    """One packet of a flow."""
    if isinstance(segment, dpkt.udp.UDP):
        flow.times.append(when)
        flow.sizes.append(payload)
        return
    value = echo = -1
    if segment.opts[:4] == ALONE and len(segment.opts) >= 12:
        value, echo = STAMPS.unpack_from(segment.opts, 4)
        options = []
    else:
        # options that the capture cut off are None
        options = list(filter(None, dpkt.tcp.parse_opts(segment.opts)))
    for kind, content in options:
        if kind == dpkt.tcp.TCP_OPT_TIMESTAMP and len(content) == 8:
            value, echo = struct.unpack(">II", content)
        elif kind == dpkt.tcp.TCP_OPT_MSS and len(content) == 2:
            flow.mss = struct.unpack(">H", content)[0]
    if value >= 0 and segment.flags & dpkt.tcp.TH_SYN and flow.mss > TIMESTAMPS:
        flow.mss -= TIMESTAMPS  # every further segment carries the option
    if payload:
        flow.times.append(when)
        flow.sizes.append(payload)
        flow.sequence.append(segment.seq)
        flow.stamps.append(value)
    elif not segment.flags & (dpkt.tcp.TH_SYN | dpkt.tcp.TH_FIN | dpkt.tcp.TH_RST):
        flow.pure_acks += 1
    if segment.flags & dpkt.tcp.TH_ACK:
        flow.ack_times.append(when)
        flow.acks.append(segment.ack)
        flow.echoes.append(echo)


def _dataset(source: Source, flows: dict[Endpoints, Flow], carrying: dict[Endpoints, Flow]) -> xr.Dataset:
    """The largest flows as streams."""
    amount = {ends: int(np.frombuffer(flow.sizes, np.int64).sum()) for ends, flow in carrying.items()}
    chosen = sorted(carrying, key=lambda ends: -amount[ends])[:SHOWN]
    if len(carrying) > SHOWN:
        source.warn(f"{len(carrying)} flows carry payload; the {SHOWN} largest are shown")
    begin = min(flow.times[0] for flow in carrying.values())
    end = max(flow.times[-1] for flow in carrying.values())
    width = max((end - begin) / BINS, SHORTEST_BIN)
    edges = begin + width * np.arange(max(int(np.ceil((end - begin) / width)), 1) + 1)
    edges[-1] = max(edges[-1], end)
    several = len(chosen) > 1
    tables = [_flow(carrying[ends], flows.get(_back(ends)), edges) for ends in chosen]
    coords: dict[str, Column] = {"time": (("time",), edges[1:] - begin)}
    columns: dict[str, Column] = {"interval": (("time",), np.diff(edges))}
    if several:
        coords["stream"] = (("stream",), np.arange(1, len(chosen) + 1))
        coords["socket"] = (("stream",), text([_named(ends) for ends in chosen]))
    for name in ("throughput", "transferred", "retransmits", "rtt"):
        values = np.column_stack([table[name] for table in tables])
        shaped = values if several else values[:, 0]
        count = name in ("transferred", "retransmits")
        columns[name] = (("time", "stream") if several else ("time",), as_counts(shaped) if count else shaped)
    columns |= _totals(carrying[chosen[0]], flows.get(_back(chosen[0])), tables[0])
    protocols = {6: "TCP", 17: "UDP"}
    return build(
        source, columns, coords, tool=TOOL, start=utc(begin), protocol=protocols[chosen[0][4]],
        flow=_named(chosen[0]),
    )  # fmt: skip


def _back(ends: Endpoints) -> Endpoints:
    """The other direction."""
    return ends[2], ends[3], ends[0], ends[1], ends[4]


def _named(ends: Endpoints) -> str:
    def address(packed: bytes) -> str:
        return str(ipaddress.ip_address(packed)) if len(packed) in (4, 16) else packed.hex()

    return f"{address(ends[0])}:{ends[1]} > {address(ends[2])}:{ends[3]}"


def _unwrapped(numbers: array[int]) -> NDArray[np.int64]:
    """Sequence numbers of 32 bit as they would be without wrapping around."""
    values = np.frombuffer(numbers, np.int64)
    steps = np.diff(values)
    steps = (steps + 2**31) % 2**32 - 2**31
    return np.concatenate([values[:1], values[0] + np.cumsum(steps)]) if len(values) else values


def _flow(flow: Flow, back: Flow | None, edges: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Series of one flow over the intervals, and its retransmitted packets and round-trip times."""
    times, sizes = np.frombuffer(flow.times, np.float64), np.frombuffer(flow.sizes, np.int64)
    bytes_in, _ = np.histogram(times, edges, weights=sizes)
    again = _again(flow)
    repeated, _ = np.histogram(times[again], edges)
    at, rtt = _round_trips(flow, back)
    medians = np.full(len(edges) - 1, np.nan)
    if len(at):
        place = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(medians) - 1)
        for index in np.unique(place):
            medians[index] = np.median(rtt[place == index])
    return {
        "throughput": 8 * bytes_in / np.diff(edges), "transferred": bytes_in, "retransmits": repeated.astype(float),
        "rtt": medians, "trips": rtt, "again": again,
    }  # fmt: skip


def _again(flow: Flow) -> NDArray[np.bool_]:
    """Which packets of a flow of TCP lie below the highest byte sent before: retransmitted, or out of order."""
    sizes = np.frombuffer(flow.sizes, np.int64)
    if len(flow.sequence) != len(sizes) or not len(sizes):
        return np.zeros(len(sizes), dtype=bool)
    ends = _unwrapped(flow.sequence) + sizes
    before = np.concatenate([ends[:1] - sizes[:1], np.maximum.accumulate(ends)[:-1]])
    # a byte of a window probe lies below as well, but carries nothing new
    return (ends <= before) & (sizes > 1)


def _round_trips(flow: Flow, back: Flow | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When ACKs arrived, and the time since the packet that they answer: by sequence numbers, else by timestamps."""
    if back is None or not len(flow.stamps):
        return np.empty(0), np.empty(0)
    exact, stamped = _by_sequence(flow, back), _by_timestamps(flow, back)
    # with segmentation offload ACKs fall within what the capture shows as one packet, and few match exactly
    return exact if len(exact[0]) >= max(SAMPLES, len(stamped[0]) / SAMPLES) else stamped


def _by_sequence(flow: Flow, back: Flow) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ACKs of exactly the end of a packet, from that packet; none over a hole that a retransmission filled (Karn)."""
    none = np.empty(0), np.empty(0)
    if not len(back.acks):
        return none
    sizes, times = np.frombuffer(flow.sizes, np.int64), np.frombuffer(flow.times, np.float64)
    packets, acks = _unwrapped(flow.sequence) + sizes, _unwrapped(back.acks)
    acks = acks + ((acks[0] - packets[0] + 2**31) % 2**32 - 2**31) - (acks[0] - packets[0])
    ends, first = np.unique(packets, return_index=True)
    filled = np.zeros(len(ends), dtype=bool)
    filled[np.searchsorted(ends, packets[_again(flow)])] = True
    repeated = np.concatenate([[0], np.cumsum(filled)])
    highest = np.maximum.accumulate(acks)
    fresh = np.concatenate([[False], highest[1:] > highest[:-1]])
    answered, before = acks[fresh], highest[:-1][fresh[1:]]
    place = np.searchsorted(ends, answered)
    exact = (place < len(ends)) & (ends[np.minimum(place, len(ends) - 1)] == answered)
    clean = repeated[np.minimum(place + 1, len(ends))] == repeated[np.searchsorted(ends, before, side="right")]
    chosen = exact & clean
    at = np.frombuffer(back.ack_times, np.float64)[fresh][chosen]
    trip = at - times[first[place[chosen]]]
    return at[trip > 0], trip[trip > 0]


def _by_timestamps(flow: Flow, back: Flow) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first ACK that echoes a timestamp, from the first packet that carried it."""
    stamps, first = np.unique(np.frombuffer(flow.stamps, np.int64), return_index=True)
    echoes, echoed = np.unique(np.frombuffer(back.echoes, np.int64), return_index=True)
    shared, here, there = np.intersect1d(stamps, echoes, return_indices=True)
    known = shared >= 0
    sent = np.frombuffer(flow.times, np.float64)[first[here[known]]]
    answered = np.frombuffer(back.ack_times, np.float64)[echoed[there[known]]]
    order = np.argsort(answered, kind="stable")
    sent, answered = sent[order], answered[order]
    return answered[answered > sent], (answered - sent)[answered > sent]


def _totals(flow: Flow, back: Flow | None, table: dict[str, NDArray[np.float64]]) -> dict[str, Column]:
    """Totals of the largest flow, from its first packet with payload to its last, whatever else was captured."""
    sizes, times = np.frombuffer(flow.sizes, np.int64), np.frombuffer(flow.times, np.float64)
    duration = float(times[-1] - times[0])
    trips = table["trips"]
    columns: dict[str, Column] = {
        "sent_bytes": ((), as_counts(floats([float(sizes.sum())]))[0]),
        "sent_rate": ((), 8 * float(sizes.sum()) / duration if duration > 0 else np.nan),
        "duration": ((), duration),
        **_bursts(times, sizes, flow.mss),
    }
    if len(flow.sequence):
        columns["total_retransmits"] = ((), int(table["again"].sum()))
    if back is not None and len(back.acks) > 1 and len(flow.sequence):
        moved = _unwrapped(back.acks)
        acked = float(np.maximum.accumulate(moved)[-1] - moved[0])
        columns["received_bytes"] = ((), as_counts(floats([max(acked, 0.0)]))[0])
        columns["received_rate"] = ((), 8 * max(acked, 0.0) / duration if duration > 0 else np.nan)
        segments = np.ceil(sizes / max(flow.mss, 1)).sum() if flow.mss else len(sizes)
        columns["segments_per_ack"] = ((), float(segments) / back.pure_acks if back.pure_acks else np.nan)
        columns["mss"] = ((), flow.mss or np.nan)
    if len(trips):
        columns |= {
            "min_rtt": ((), trips.min()),
            "mean_rtt": ((), trips.mean()),
            "max_rtt": ((), trips.max()),
        }
    return columns


def _bursts(times: NDArray[np.float64], sizes: NDArray[np.int64], mss: int) -> dict[str, Column]:
    """Mean and largest number of packets that follow each other without a pause; a large one counts as its segments."""
    segments = np.ceil(sizes / mss) if mss else np.ones(len(sizes))
    begins = np.concatenate([[True], np.diff(times) > BURST_GAP])
    each = np.bincount(np.cumsum(begins) - 1, weights=segments)
    return {"mean_burst": ((), float(each.mean())), "largest_burst": ((), float(each.max()))}


READER = Reader(
    name=TOOL,
    role="sockets",
    recognize=recognize,
    read=read,
    commands="tcpdump -w, dumpcap, tshark -w",
    versions="pcap (us, ns) and pcapng; Ethernet, Linux cooked v1 and v2, raw IP (tun), BSD loopback",
    gives="rate, RTT (sequence numbers or timestamps), retransmits of the 16 largest flows; ACKs and bursts",
)
