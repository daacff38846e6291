"""What comes in: bursts that the stack hands to the device, and ACKs that the program writes to it.

A *burst* is a sequence of packets that enter the device each within one service time of the one before: the ring
grows while it lasts. After a packet that entered an empty ring it is the service time and the reader's delay in waking.
The *speed* of bursts is that of the packets that follow within one service time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe import intervals
from tunbp.lab.probe.blocks import Blocks
from tunbp.lab.probe.events import joined
from tunbp.lab.probe.intervals import Estimate
from tunbp.lab.probe.match import ACK_LENGTH, DROPPED, READ, Packets, occupancy
from tunbp.lab.probe.record import Observed


@dataclass(frozen=True)
class Bursts:
    """Bursts of packets that entered the device.

    Attributes
    ----------
    begin : ndarray of int64
        Entry of the first packet [ns].
    size : ndarray of int64
        Packets.
    duration : ndarray of float64
        From the first entry to the last [s].
    followed, following : ndarray
        Packets that followed another within one service time, and the sum of these times [s].
    """

    begin: NDArray[np.int64]
    size: NDArray[np.int64]
    duration: NDArray[np.float64]
    followed: NDArray[np.int64]
    following: NDArray[np.float64]


class Arrivals:
    """What the windows say of packets on their way into the device, from both sides.

    Parameters
    ----------
    windows : sequence of Observed
        In order of time.
    blocks : Blocks
        Of these windows.
    service, waking : float
        The reader's mean service time, and its mean delay in waking [s].
    """

    def __init__(self, windows: Sequence[Observed], blocks: Blocks, service: float, waking: float) -> None:
        self.windows, self.blocks, self.service, self.waking = windows, blocks, service, waking

    @cached_property
    def bursts(self) -> Bursts:
        """Bursts of packets handed to the device, dropped ones included."""
        parts = [self._bursts(window.packets) for window in self.windows]
        return Bursts(**{name: joined([part[name] for part in parts]) for name in Bursts.__annotations__})

    def _bursts(self, packets: Packets) -> dict[str, NDArray[Any]]:
        entered = packets.entered
        gap = np.diff(entered) / 1e9
        close = gap <= self.service
        woke = (occupancy(packets, entered[:-1]) <= 1) & (packets.fate[:-1] != DROPPED)
        apart = ~(close | (woke & (gap <= self.service + self.waking)))
        first = np.concatenate([[0], np.flatnonzero(apart) + 1])[: entered.size]
        last = np.append(first[1:], entered.size)[: first.size] - 1
        counted, spent = (np.concatenate([[0], np.cumsum(what)]) for what in (close, np.where(close, gap, 0.0)))
        return {
            "begin": entered[first],
            "size": last - first + 1,
            "duration": (entered[last] - entered[first]) / 1e9,
            "followed": counted[last] - counted[first],
            "following": spent[last] - spent[first],
        }

    @cached_property
    def burst_rate(self) -> Estimate:
        """Packets per second inside bursts: of all bursts together, so long ones count more [packet/s].

        A packet that no other followed within a service time is no burst, and says nothing of its speed.
        """
        bursts, some = self.bursts, self.bursts.followed > 0
        return intervals.ratio(bursts.followed[some], bursts.following[some], self.blocks.of(bursts.begin[some]))

    def burst_size(self, probability: float) -> Estimate:
        """Quantile of the number of packets in a burst, each packet counted once [packet]."""
        bursts = self.bursts
        return intervals.quantile(
            np.repeat(bursts.size, bursts.size), probability, np.repeat(self.blocks.of(bursts.begin), bursts.size)
        )

    @cached_property
    def offered_rate(self) -> Estimate:
        """Packets handed to the device per second of recorded time [packet/s]."""
        return self._per_second(joined([window.packets.entered for window in self.windows]))

    @cached_property
    def read_rate(self) -> Estimate:
        """Packets read per second of recorded time [packet/s]."""
        return self._per_second(joined([w.packets.left[w.packets.fate == READ] for w in self.windows]))

    def _per_second(self, times: NDArray[np.int64]) -> Estimate:
        return intervals.ratio(self.blocks.counted(times), self.blocks.seconds, np.arange(self.blocks.count))

    # -- ACKs: packets that the program writes to the device

    @cached_property
    def ack_times(self) -> list[NDArray[np.int64]]:
        """Times at which ACKs were written, window by window [ns]."""
        return [window.packets.received_at[window.packets.received_length <= ACK_LENGTH] for window in self.windows]

    @cached_property
    def ack_share(self) -> float:
        """Share of what the program writes to the device that is short enough for ACKs [1]."""
        lengths = joined([window.packets.received_length for window in self.windows])
        return float((lengths <= ACK_LENGTH).mean()) if lengths.size else np.nan

    @cached_property
    def ack_gaps(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Times between neighbouring ACKs [s], and the block of each."""
        gaps = joined([np.diff(times) / 1e9 for times in self.ack_times]).astype(float)
        return gaps, self.blocks.of(joined([times[1:] for times in self.ack_times]))

    @cached_property
    def packets_per_ack(self) -> Estimate:
        """Packets that the stack hands to the device inside the write of one ACK [packet]."""
        counts, times = [], []
        for window, acks in zip(self.windows, self.ack_times, strict=True):
            packets = window.packets
            inside = packets.entered[np.isin(packets.sender, np.unique(packets.received_by))]
            edges = np.append(acks, np.iinfo(np.int64).max)
            counts.append(np.histogram(inside, edges)[0] if acks.size else np.empty(0, np.int64))
            times.append(acks)
        return intervals.mean(joined(counts), self.blocks.of(joined(times)))

    @cached_property
    def two_threads(self) -> bool | None:
        """Whether different threads read the device and write to it; None where one direction was not seen."""
        reading = {int(thread) for window in self.windows for thread in np.unique(window.packets.reader) if thread}
        writing = {int(thread) for window in self.windows for thread in np.unique(window.packets.received_by)}
        return None if not reading or not writing else not reading & writing
