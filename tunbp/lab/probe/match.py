"""The life of each packet, from the events that its address takes part in: in, and then read or dropped.

A packet keeps its address (skbaddr) from the qdisc to the reader, and the address is used again afterwards. So
among the events of one address, in order of time, what follows an IN is that packet's end: OUT is a read, FREE a
drop; another beginning means that the end was not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe.events import FREE, IN, OUT, QUEUE, RECEIVE, Events

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


def match(events: Events, end: int, threads: Sequence[int] | None = None) -> Packets:
    """Packets from events in order of time.

    Parameters
    ----------
    events : Events
        Of one window.
    end : int
        End of the window [ns].
    threads : sequence of int, optional
        Only these threads read the device that is meant; what others read belongs to one of the same name.
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
    ended = (fate == READ) | (fate == DROPPED)
    entered = events.time[here]
    was_queued = previous_kind[entering] == QUEUE
    left = np.where(ended, events.time[there], 0)
    received = events.kind == RECEIVE
    if threads is not None:
        fate[(fate == READ) & ~np.isin(events.thread[there], threads)] = UNSEEN
        received &= np.isin(events.thread, threads)
    reads = np.flatnonzero(fate == READ)
    if reads.size:  # the ring is first in, first out: whatever entered before a packet that was read is not in it
        fate[(fate == WAITING) & (np.arange(fate.size) < reads[-1])] = UNSEEN
    lost = np.flatnonzero((kind == QUEUE) & (next_kind == FREE))
    freed = np.sort(following[lost])
    return Packets(
        begin=int(left[reads].min()) if reads.size else end,
        end=end,
        queued=np.where(was_queued, events.time[before[entering]], 0),
        entered=entered,
        left=np.where(fate == UNSEEN, 0, left),
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
