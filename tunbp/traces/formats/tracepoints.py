"""Tracepoints of a tun or tap device as text (ftrace's `trace`, `perf script`): what went in, was read, was dropped."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.traces.build import Column, as_counts, build, floats, text
from tunbp.traces.formats.perf import warn_of_lost
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "tracepoints"
EVENT_LIMIT = 1_000_000
"""Events that are looked at; of a longer recording the first ones."""
BINS = 200
"""Most points of the series."""
REASON_LIMIT = 4096
EVENT = re.compile(
    rb"\s(\d{1,9}\.\d{1,9}):\s{1,32}(?:net:|skb:)?(net_dev_queue|net_dev_start_xmit|skb_copy_datagram_iovec|kfree_skb):\s(.{0,600})$"
)
DEVICE = re.compile(rb"\bdev=(\S{1,64})")
ADDRESS = re.compile(rb"\bskbaddr=(?:0x)?([0-9a-fA-Fx]{1,20})")
LENGTH = re.compile(rb"\blen=(\d{1,9})")
REASON = re.compile(
    rb"\blocation=(\S{1,200}).{0,200}?\breason:? ?(\w{1,64})|\breason:? ?(\w{1,64})|\blocation=(\S{1,200})"
)


@dataclass
class Packets:
    """Times [s] of what happened to the packets of one device."""

    queued: dict[bytes, float] = field(default_factory=dict)
    inside: dict[bytes, tuple[float, int]] = field(default_factory=dict)
    entered: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    sojourn: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    dropped: list[float] = field(default_factory=list)


def recognize(source: Source) -> bool:
    """Whether the file holds events of packets entering a device and being read from it."""
    head = source.head
    return b"net_dev_start_xmit:" in head and (b"skb_copy_datagram_iovec:" in source.data or b"net_dev_queue:" in head)


def read(source: Source) -> list[xr.Dataset]:
    """The device whose packets are read from user space: ring occupancy over (time), sojourns, rates, drops.

    A packet is in the ring from `net_dev_start_xmit` to `skb_copy_datagram_iovec` of the same `skbaddr`; one that is
    freed in between was dropped by the ring.

    Raises
    ------
    TraceError
        If no packet is seen both entering a device and being read from it, or dropped by it.
    """
    warn_of_lost(source)
    devices: dict[bytes, Packets] = {}
    place: dict[bytes, bytes] = {}
    reasons: Counter[str] = Counter()
    for number, (offset, line) in enumerate(source.lines()):
        if number >= EVENT_LIMIT:
            source.warn(f"more than {EVENT_LIMIT} events; only the first ones are used")
            break
        if (event := EVENT.search(line)) is None:
            continue
        when, what, rest = float(event[1]), event[2], event[3]
        if (found := ADDRESS.search(rest)) is None:
            source.warn("an event without skbaddr is left out")
            continue
        _note(devices, place, reasons, when, what, rest, found[1])
        if len(devices) > REASON_LIMIT or len(reasons) > REASON_LIMIT:
            raise source.error(f"more than {REASON_LIMIT} devices or reasons: not a recording of tracepoints", offset)
    if not devices:
        raise source.error("no complete event of a packet entering a device", len(source.data))
    name, packets = max(devices.items(), key=lambda item: (len(item[1].read), len(item[1].dropped)))
    if not packets.read and not packets.dropped:
        raise source.error("no packet is read from a device: record skb:skb_copy_datagram_iovec too", len(source.data))
    return [_dataset(source, name.decode("utf-8", "replace"), packets, reasons)]


def _note(
    devices: dict[bytes, Packets],
    place: dict[bytes, bytes],
    reasons: Counter[str],
    when: float,
    what: bytes,
    rest: bytes,
    address: bytes,
) -> None:
    """One event of one packet; `place` says in which device a packet is."""
    if what in (b"net_dev_queue", b"net_dev_start_xmit"):
        device = DEVICE.search(rest)
        packets = devices.setdefault(device[1] if device else b"", Packets())
        if what == b"net_dev_queue":
            packets.queued[address] = when
            return
        length = LENGTH.search(rest)
        packets.inside[address] = when, int(length[1]) if length else 0
        packets.entered.append(when)
        place[address] = device[1] if device else b""
        if (queued := packets.queued.pop(address, None)) is not None:
            packets.waited.append(when - queued)
        return
    if (device_name := place.pop(address, None)) is None:
        return
    packets = devices[device_name]
    entered, length_in = packets.inside.pop(address, (np.nan, 0))
    if what == b"skb_copy_datagram_iovec":
        packets.read.append(when)
        packets.sojourn.append(when - entered)
        packets.sizes.append(length_in)
    else:
        reason = REASON.search(rest)
        words = [word for word in reason.groups() if word] if reason else []
        name = (words[-1] if words else b"NOT_REPORTED").decode("utf-8", "replace").partition("+")[0]
        packets.dropped.append(when)
        reasons[name] += 1


def _dataset(source: Source, device: str, packets: Packets, reasons: Counter[str]) -> xr.Dataset:
    """Series and totals of one device."""
    entered, left = np.array(packets.entered), np.array(packets.read)
    dropped = np.array(packets.dropped)
    every = np.concatenate([entered, left, dropped])
    begin, end = float(every.min()), float(every.max())
    duration = end - begin
    coords: dict[str, Column] = {}
    columns: dict[str, Column] = {
        "sent": ((), len(entered)),
        "delivered": ((), len(left)),
        "dropped_ring": ((), len(dropped)),
        "drop_fraction": ((), len(dropped) / len(entered) if len(entered) else np.nan),
        "duration": ((), duration),
        "ring_sojourn": ((), float(np.mean(packets.sojourn)) if packets.sojourn else np.nan),
        "qdisc_sojourn": ((), float(np.mean(packets.waited)) if packets.waited else np.nan),
        "packet_size": ((), float(np.median(packets.sizes)) if packets.sizes else np.nan),
    }
    if duration > 0:
        columns |= {
            "transmitted_rate": ((), len(left) / duration),
            "lost_rate": ((), len(dropped) / duration),
            "received_rate": ((), 8 * float(np.sum(packets.sizes)) / duration),
        }
        times = begin + duration / BINS * np.arange(1, BINS + 1)
        coords["time"] = (("time",), times - begin)
        columns["ring_occupancy"] = (("time",), _occupancy(entered, left, dropped, times))
    if reasons:
        coords["queue"] = (("queue",), text(list(reasons)))
        columns["drop_events"] = (("queue",), as_counts(floats(map(float, reasons.values()))))
    return build(source, columns, coords, tool=TOOL, device=device)


def _occupancy(
    entered: NDArray[np.float64], left: NDArray[np.float64], dropped: NDArray[np.float64], times: NDArray[Any]
) -> NDArray[np.float64]:
    """Packets that had entered and neither been read nor dropped at each time."""
    inside = np.searchsorted(np.sort(entered), times, side="right").astype(float)
    for gone in (left, dropped):
        inside -= np.searchsorted(np.sort(gone), times, side="right")
    occupied: NDArray[np.float64] = np.maximum(inside, 0.0)
    return occupied


READER = Reader(
    name=TOOL,
    role="drops",
    recognize=recognize,
    read=read,
    commands="perf script, ftrace's trace: net_dev_queue, net_dev_start_xmit, skb_copy_datagram_iovec, kfree_skb",
    versions="Linux 4 on",
    gives="ring occupancy, time in qdisc and ring, packets read and dropped by reason",
)
