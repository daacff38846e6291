"""Blocks of time, from which intervals are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe.record import Observed

BLOCKS = 40
"""Blocks into which the recorded time is cut, at least one per window."""


class Blocks:
    """The known spans of several windows, each cut into the same number of blocks.

    Parameters
    ----------
    windows : sequence of Observed
        In order of time.
    """

    def __init__(self, windows: Sequence[Observed]) -> None:
        edges = [(window.packets.begin, window.packets.end) for window in windows]
        self.edges = np.array(edges, np.int64).reshape(-1, 2)
        self.pieces = max(1, -(-BLOCKS // max(len(windows), 1)))
        self.count = len(windows) * self.pieces
        self.seconds = np.repeat((self.edges[:, 1] - self.edges[:, 0]) / 1e9 / self.pieces, self.pieces)
        """Length of each block [s]."""

    def window_of(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Window that each time [ns] lies in; times before a window's known span count to it."""
        return np.minimum(np.searchsorted(self.edges[:, 1], times, "left"), max(len(self.edges) - 1, 0))

    def inside(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each time lies in a known span."""
        if not self.count:
            return np.zeros(times.size, bool)
        edges = self.edges[self.window_of(times)]
        known: NDArray[np.bool_] = (times >= edges[:, 0]) & (times <= edges[:, 1])
        return known

    def of(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Block that each time lies in."""
        if not self.count:
            return np.zeros(times.size, np.int64)
        window = self.window_of(times)
        begin, end = self.edges[window].T
        piece = (times - begin) * self.pieces // np.maximum(end - begin, 1)
        block: NDArray[np.int64] = window * self.pieces + np.clip(piece, 0, self.pieces - 1)
        return block

    def counted(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many of the times lie in each block."""
        return np.bincount(self.of(times)[self.inside(times)], minlength=self.count)
