"""Which tracepoints the probe records, and their records as one sequence of events in order of time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunbp.errors import LabError
from tunbp.lab.probe.instance import Window
from tunbp.lab.probe.tracefs import Tracepoint

PACKET = ("net/net_dev_start_xmit", "skb/skb_copy_datagram_iovec", "skb/kfree_skb")
"""Without these there is no probe."""
OTHER = (
    "net/net_dev_queue", "net/netif_receive_skb", "sched/sched_switch", "irq/softirq_entry", "irq/softirq_exit",
    "irq/softirq_raise",
)  # fmt: skip
NET_TX, NET_RX = 2, 3
"""Softirq vectors (`include/linux/interrupt.h`)."""

MEMORY = 256 << 20
"""Most memory of all buffers together [byte]."""
LARGEST = 64 << 20
"""Most memory of one processor's buffer [byte]."""

QUEUE, IN, OUT, FREE, RECEIVE = range(5)
"""Kinds of events of a packet: queued, handed to the device, read, freed; received by the device."""


@dataclass(frozen=True)
class Events:
    """What happened to packets in one window, in order of time.

    Attributes
    ----------
    time : ndarray of int64
        CLOCK_MONOTONIC [ns].
    kind : ndarray of int8
        QUEUE, IN, OUT, FREE or RECEIVE.
    address : ndarray of uint64
        Address of the kernel's packet (skbaddr): the same one through its life, used again after it.
    thread : ndarray of int32
        Thread that was running.
    length : ndarray of int32
        Bytes; 0 for FREE.
    reason : ndarray of int32
        Reason of FREE, else 0.
    """

    time: NDArray[np.int64]
    kind: NDArray[np.int8]
    address: NDArray[np.uint64]
    thread: NDArray[np.int32]
    length: NDArray[np.int32]
    reason: NDArray[np.int32]


def check(found: Mapping[str, Tracepoint]) -> None:
    """Raise if the kernel lacks a tracepoint that the probe cannot do without.

    Raises
    ------
    LabError
        Naming those it lacks.
    """
    lacking = [event for event in PACKET if event.partition("/")[2] not in found]
    if lacking:
        raise LabError(f"this kernel ({os.uname().release}) has no tracepoint {', '.join(lacking)}; use --coarse")


def filters(device: str, threads: Sequence[int]) -> dict[str, str]:
    """Filter of each tracepoint, in the kernel's language, for a device and the threads that read it."""
    reader = either("common_pid", threads)
    name = f'name == "{device}"'
    return {
        "net_dev_queue": name,
        "net_dev_start_xmit": name,
        "netif_receive_skb": name,
        "skb_copy_datagram_iovec": reader,
        "kfree_skb": "",
        "sched_switch": f"{either('prev_pid', threads)} || {either('next_pid', threads)}",
        "softirq_entry": f"(vec == {NET_TX} || vec == {NET_RX}) && ({reader})",
        "softirq_exit": f"(vec == {NET_TX} || vec == {NET_RX}) && ({reader})",
        "softirq_raise": f"vec == {NET_TX} && ({reader})",
    }


def either(field: str, values: Sequence[int]) -> str:
    """A filter that lets a field have one of several values.

    >>> either("common_pid", [7, 9])
    'common_pid == 7 || common_pid == 9'
    """
    return " || ".join(f"{field} == {value}" for value in values)


def packet_events(window: Window) -> Events:
    """The packets' events of a window in order of time; one packet's own order is kept when times are equal."""
    order = (
        ("net_dev_queue", QUEUE, "len"), ("net_dev_start_xmit", IN, "len"), ("kfree_skb", FREE, ""),
        ("skb_copy_datagram_iovec", OUT, "len"), ("netif_receive_skb", RECEIVE, "len"),
    )  # fmt: skip
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in Events.__annotations__}
    for name, kind, length in order:
        records = window.records.get(name)
        if records is None or not records.size:
            continue
        columns["time"].append(records["time"])
        columns["kind"].append(np.full(records.size, kind, np.int8))
        columns["address"].append(records["skbaddr"])
        columns["thread"].append(records["common_pid"])
        columns["length"].append(records[length] if length else np.zeros(records.size, np.int32))
        has_reason = name == "kfree_skb" and "reason" in (records.dtype.names or ())
        columns["reason"].append(records["reason"] if has_reason else np.zeros(records.size, np.int32))
    types = {"time": np.int64, "kind": np.int8, "address": np.uint64}
    arrays = {name: joined(parts).astype(types.get(name, np.int32)) for name, parts in columns.items()}
    ordered = np.argsort(arrays["time"], kind="stable")
    return Events(**{name: values[ordered] for name, values in arrays.items()})


def joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Arrays one after the other; an empty one of int64 where there are none."""
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
