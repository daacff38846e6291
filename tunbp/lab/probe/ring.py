"""The ring: its occupancy over time, what it drops, how long packets stay, and whether its queue is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe import intervals
from tunbp.lab.probe.blocks import Blocks
from tunbp.lab.probe.events import joined
from tunbp.lab.probe.intervals import Estimate
from tunbp.lab.probe.match import DROPPED, READ, WAITING, occupancy
from tunbp.lab.probe.record import Observed

GRID = 1e-3
"""Spacing of the occupancy's time series [s]."""


class Ring:
    """What the windows say of the ring.

    Parameters
    ----------
    windows : sequence of Observed
        In order of time.
    blocks : Blocks
        Of these windows.
    reasons : dict
        Names of the kernel's drop reasons by number.
    """

    def __init__(self, windows: Sequence[Observed], blocks: Blocks, reasons: dict[int, str]) -> None:
        self.windows, self.blocks, self.reasons = windows, blocks, reasons

    @cached_property
    def occupancy(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Occupancy at the points of a grid: seconds since the first window, packets, and the window of each."""
        times, values, windows = [], [], []
        first = self.windows[0].packets.begin if self.windows else 0
        for number, window in enumerate(self.windows):
            grid = np.arange(window.packets.begin, window.packets.end, int(GRID * 1e9), dtype=np.int64)
            times.append((grid - first) / 1e9)
            values.append(occupancy(window.packets, grid))
            windows.append(np.full(grid.size, number))
        return joined(times).astype(float), joined(values), joined(windows)

    @cached_property
    def peak(self) -> int:
        """Most packets that stood in the ring at the entry of one, with one that is being copied out of it [packet]."""
        tops = [occupancy(window.packets, window.packets.entered[window.packets.entered >= window.packets.begin])
                for window in self.windows]  # fmt: skip
        return max((int(top.max()) for top in tops if top.size), default=0)

    @cached_property
    def drops(self) -> dict[str, int]:
        """Packets dropped by the device, by the kernel's name of the reason."""
        return self._by_reason([w.packets.reason[w.packets.fate == DROPPED] for w in self.windows])

    @cached_property
    def qdisc_drops(self) -> dict[str, int]:
        """Packets dropped between qdisc and device, by the kernel's name of the reason."""
        return self._by_reason([window.packets.qdisc_reason for window in self.windows])

    def _by_reason(self, parts: Sequence[NDArray[np.int32]]) -> dict[str, int]:
        numbers, counted = np.unique(joined(parts), return_counts=True)
        names = self.reasons
        return {names.get(int(n), f"reason {n}"): int(count) for n, count in zip(numbers, counted, strict=True)}

    @cached_property
    def drop_fraction(self) -> Estimate:
        """Packets dropped by the ring per packet handed to it [1]."""
        entered = joined([window.packets.entered for window in self.windows])
        fate = joined([window.packets.fate for window in self.windows])
        return intervals.mean(fate == DROPPED, self.blocks.of(entered))

    @cached_property
    def queue_wait(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Times from qdisc to device [s] of packets whose beginning was seen, and the block of each."""
        parts = [window.packets for window in self.windows]
        waits = joined([(p.entered - p.queued)[p.queued > 0] / 1e9 for p in parts]).astype(float)
        return waits, self.blocks.of(joined([p.entered[p.queued > 0] for p in parts]))

    @cached_property
    def ring_sojourn(self) -> Estimate:
        """Mean time that a packet which was read spent in the ring [s]."""
        parts = [window.packets for window in self.windows]
        stays = joined([(p.left - p.entered)[p.fate == READ] / 1e9 for p in parts])
        return intervals.mean(stays, self.blocks.of(joined([p.left[p.fate == READ] for p in parts])))

    @cached_property
    def wakes(self) -> int:
        """Times that the reader raised NET_TX, which is how it wakes a stopped queue."""
        return sum(window.wakes for window in self.windows)

    def accounts(self) -> dict[str, int]:
        """Packets by fate: sent, delivered, dropped_ring, queued."""
        fate = joined([window.packets.fate for window in self.windows])
        counted = {"delivered": READ, "dropped_ring": DROPPED, "queued": WAITING}
        return {"sent": fate.size, **{name: int((fate == number).sum()) for name, number in counted.items()}}
