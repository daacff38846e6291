"""What comes in: bursts that the stack hands to the device, and ACKs that the program writes to it.

A *burst* is a sequence of packets that enter the device each within one service time of the one before: the ring
grows while it lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe import intervals
from tunbp.lab.probe.blocks import Blocks
from tunbp.lab.probe.events import joined
from tunbp.lab.probe.intervals import Estimate
from tunbp.lab.probe.match import READ
from tunbp.lab.probe.record import Observed

ACK_LENGTH = 120
"""Longest packet that counts as an ACK: headers, options, and SACK blocks [byte]."""


@dataclass(frozen=True)
class Bursts:
    """Bursts of packets that entered the device: begin [ns], packets, duration [s], window they belong to."""

    begin: NDArray[np.int64]
    size: NDArray[np.int64]
    duration: NDArray[np.float64]
    window: NDArray[np.int64]


class Arrivals:
    """What the windows say of packets on their way into the device, from both sides.

    Parameters
    ----------
    windows : sequence of Observed
        In order of time.
    blocks : Blocks
        Of these windows.
    gap : float
        Longest time between neighbours of a burst: the mean service time [s].
    """

    def __init__(self, windows: Sequence[Observed], blocks: Blocks, gap: float) -> None:
        self.windows, self.blocks, self.gap = windows, blocks, gap

    @cached_property
    def bursts(self) -> Bursts:
        """Bursts of packets handed to the device, dropped ones included."""
        gap = self.gap * 1e9
        begins, sizes, spans = [], [], []
        for window in self.windows:
            entered = np.sort(window.packets.entered)
            first = np.flatnonzero(np.diff(entered, prepend=entered[:1] - int(gap) - 1) > gap)
            last = np.append(first[1:], entered.size) - 1 if first.size else first
            begins.append(entered[first])
            sizes.append(last - first + 1)
            spans.append((entered[last] - entered[first]) / 1e9)
        begin = joined(begins)
        return Bursts(begin, joined(sizes), joined(spans), self.blocks.window_of(begin))

    @cached_property
    def burst_rate(self) -> Estimate:
        """Packets per second inside bursts: of all bursts together, so long ones count more [packet/s]."""
        bursts = self.bursts
        long = (bursts.size > 1) & (bursts.duration > 0)
        return intervals.ratio(bursts.size[long] - 1, bursts.duration[long], self.blocks.of(bursts.begin[long]))

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
