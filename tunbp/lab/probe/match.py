"""The life of each packet, from the events that its address takes part in: in, and then read or dropped.

A packet keeps its address (skbaddr) from the qdisc to the reader, and the address is used again afterwards. So
among the events of one address, in order of time, what follows an IN is that packet's end: OUT is a read, FREE a
drop; another beginning means that the end was not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe.events import FREE, IN, OUT, QUEUE, RECEIVE, Events

ACK_LENGTH = 120
"""Longest packet that counts as an ACK: headers, options, and SACK blocks [byte]."""
READ, DROPPED, WAITING, UNSEEN = range(4)
"""Fates of a packet that was handed to the device: read, dropped by it, still in the ring at the end, end not seen."""


@dataclass(frozen=True)
class Packets:
    """Packets of one window that were handed to the device, in that order.

    Attributes
    ----------
    begin, end : int
        Span in which the ring's occupancy is known exactly [ns]: from the first read of a packet whose
        beginning was recorded (what stood in the ring before has left by then) to the window's end.
    queued : ndarray of int64
        Time of entering the qdisc [ns]; 0 where unknown (cut into segments in the qdisc, or before the window).
    entered, left : ndarray of int64
        Times of entering the device and of the read or drop [ns]; `left` is 0 for WAITING and UNSEEN.
    fate : ndarray of int8
        READ, DROPPED, WAITING or UNSEEN.
    reason : ndarray of int32
        Reason of the drop, as the kernel numbers them.
    sender, reader : ndarray of int32
        Thread that handed it over, and that read it.
    length : ndarray of int32
        Bytes.
    received_at, received_length, received_by : ndarray
        Packets that the program wrote to the device: time [ns], bytes, thread.
    qdisc_dropped_at, qdisc_reason : ndarray
        Packets that were freed between qdisc and device: time [ns], reason.
    """

    begin: int
    end: int
    queued: NDArray[np.int64]
    entered: NDArray[np.int64]
    left: NDArray[np.int64]
    fate: NDArray[np.int8]
    reason: NDArray[np.int32]
    sender: NDArray[np.int32]
    reader: NDArray[np.int32]
    length: NDArray[np.int32]
    received_at: NDArray[np.int64]
    received_length: NDArray[np.int32]
    received_by: NDArray[np.int32]
    qdisc_dropped_at: NDArray[np.int64]
    qdisc_reason: NDArray[np.int32]

    @property
    def seconds(self) -> float:
        """Length of the span in which the occupancy is known [s]."""
        return max(self.end - self.begin, 0) / 1e9


@dataclass(frozen=True)
class Owner:
    """What tells a device from one of the same name elsewhere: the threads that read it, and its ring [packet]."""

    threads: Sequence[int]
    ring: int


def match(events: Events, end: int, owner: Owner | None = None) -> Packets:
    """Packets from events in order of time.

    Parameters
    ----------
    events : Events
        Of one window.
    end : int
        End of the window [ns].
    owner : Owner, optional
        Needed where another device has the same name, as tracepoints name devices without their namespace: packets
        that others read are left out; a drop counts if the ring was full; what was still waiting counts if packets
        of its sender and kind were mostly read by the owner.
    """
    by_address = np.lexsort((np.arange(events.time.size), events.address))
    kind, address = events.kind[by_address], events.address[by_address]
    same_next = np.zeros(kind.size, bool)
    same_next[:-1] = address[1:] == address[:-1]
    next_kind = np.where(same_next, np.roll(kind, -1), -1)
    previous_kind = np.where(np.roll(same_next, 1), np.roll(kind, 1), -1)
    following, before = np.roll(by_address, -1), np.roll(by_address, 1)

    entering = np.flatnonzero(kind == IN)
    entering = entering[np.argsort(by_address[entering], kind="stable")]
    fate = np.select(
        [next_kind[entering] == OUT, next_kind[entering] == FREE, next_kind[entering] == -1],
        [READ, DROPPED, WAITING],
        UNSEEN,
    ).astype(np.int8)
    here, there = by_address[entering], following[entering]
    received = events.kind == RECEIVE
    lost = np.flatnonzero((kind == QUEUE) & (next_kind == FREE))
    freed = np.sort(following[lost])
    packets = Packets(
        begin=end,
        end=end,
        queued=np.where(previous_kind[entering] == QUEUE, events.time[before[entering]], 0),
        entered=events.time[here],
        left=np.where((fate == READ) | (fate == DROPPED), events.time[there], 0),
        fate=fate,
        reason=np.where(fate == DROPPED, events.reason[there], 0),
        sender=events.thread[here],
        reader=np.where(fate == READ, events.thread[there], 0),
        length=events.length[here],
        received_at=events.time[received],
        received_length=events.length[received],
        received_by=events.thread[received],
        qdisc_dropped_at=events.time[freed],
        qdisc_reason=events.reason[freed],
    )
    if owner is not None:
        packets = _owned(packets, owner)
    return _known(packets)


def _known(packets: Packets) -> Packets:
    """The same with the span in which the occupancy is known."""
    reads = np.flatnonzero(packets.fate == READ)
    if not reads.size:
        return packets
    # the ring is first in, first out: whatever entered before a packet that was read is not in it any more
    passed = (packets.fate == WAITING) & (np.arange(packets.fate.size) < reads[-1])
    return replace(packets, begin=int(packets.left[reads].min()), fate=np.where(passed, UNSEEN, packets.fate))


def _owned(packets: Packets, owner: Owner) -> Packets:
    """Only the packets of one of several devices of the same name."""
    read = packets.fate == READ
    mine = read & np.isin(packets.reader, owner.threads)
    group = packets.sender.astype(np.int64) * 2 + (packets.length > ACK_LENGTH)
    names, place = np.unique(group, return_inverse=True)
    votes = np.bincount(place[mine], minlength=names.size) * 2 > np.bincount(place[read], minlength=names.size)
    mine |= (packets.fate == WAITING) & votes[place]
    only = _taken(packets, mine)
    level = occupancy(only, packets.entered)
    chosen = _taken(packets, mine | ((packets.fate == DROPPED) & (level >= owner.ring - 1)))
    own = np.isin(packets.received_by, owner.threads)
    return replace(
        chosen,
        received_at=packets.received_at[own],
        received_length=packets.received_length[own],
        received_by=packets.received_by[own],
    )


def _taken(packets: Packets, keep: NDArray[np.bool_]) -> Packets:
    """Some of the packets that were handed over."""
    names = ("queued", "entered", "left", "fate", "reason", "sender", "reader", "length")
    return replace(packets, **{name: getattr(packets, name)[keep] for name in names})


def occupancy(packets: Packets, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Packets in the ring at given times: entered and not dropped, less those read.

    Parameters
    ----------
    packets : Packets
        Of one window.
    times : ndarray of int64
        Between `packets.begin` and `packets.end` [ns].
    """
    stayed = (packets.fate == READ) | (packets.fate == WAITING)
    came = np.sort(packets.entered[stayed])
    went = np.sort(packets.left[packets.fate == READ])
    return np.searchsorted(came, times, "right") - np.searchsorted(went, times, "right")
