"""The reader: service times cold and hot, what ACKs cost it, how late it wakes, and its pauses.

A *service time* is the time from one read to the next while the next packet was waiting (it had entered no later
than the first of the two), without anything written to the device in between and without a pause. What a packet
written to the device adds to such an interval is the *cost of an ACK*. A *pause* is what an interval is longer
than both explain, if that is more than `PAUSE_FACTOR` median service times and more than `SHORTEST_PAUSE`.
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
from tunbp.lab.probe.intervals import NOTHING, Estimate
from tunbp.lab.probe.match import READ
from tunbp.lab.probe.record import Observed

PAUSE_FACTOR = 10.0
SHORTEST_PAUSE = 100e-6
"""A longer interval between two reads is a pause: both must be exceeded [s]."""
CAUSES = ("preempted", "blocked", "softirq", "running")
"""Where the reader's thread was during more than half of a pause; else it was running, at something else."""
POSITIONS = (1, 2, 4, 8, 16, 32, 64)
"""Edges of the positions in a busy period by which service times are told apart."""
COLD, HOT = 4, 32
"""Service times up to this position of a busy period are cold, after it hot."""


@dataclass(frozen=True)
class Reads:
    """Intervals between neighbouring reads of one window.

    Attributes
    ----------
    begin, end : ndarray of int64
        The two reads [ns].
    busy : ndarray of bool
        The later packet was waiting at the earlier read.
    writes : ndarray of int64
        Packets that the program wrote to the device between them.
    position : ndarray of int64
        How many packets of this busy period had been read before the later one; 0: the ring had been empty.
    preempted, blocked, softirq : ndarray of float64
        Time that the reader's thread was away, or softirqs ran on top of it [s].
    slept : ndarray of bool
        The thread was blocked when the later packet entered.
    latency : ndarray of float64
        From the later packet's entry to its read [s].
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    busy: NDArray[np.bool_]
    writes: NDArray[np.int64]
    position: NDArray[np.int64]
    preempted: NDArray[np.float64]
    blocked: NDArray[np.float64]
    softirq: NDArray[np.float64]
    slept: NDArray[np.bool_]
    latency: NDArray[np.float64]

    @property
    def length(self) -> NDArray[np.float64]:
        """Lengths [s]."""
        return (self.end - self.begin) / 1e9


def reads(window: Observed) -> Reads:
    """Intervals between reads of one window, in order of time."""
    packets = window.packets
    chosen = np.flatnonzero((packets.fate == READ) & (packets.left >= packets.begin))
    chosen = chosen[np.argsort(packets.left[chosen], kind="stable")]
    left, entered, thread = packets.left[chosen], packets.entered[chosen], packets.reader[chosen]
    begin, end = left[:-1], left[1:]
    busy = entered[1:] <= begin
    written = np.sort(packets.received_at)
    writes = np.searchsorted(written, end) - np.searchsorted(written, begin)
    away = {1: np.zeros(begin.size), 0: np.zeros(begin.size), 2: np.zeros(begin.size)}
    slept = np.zeros(begin.size, bool)
    for number in np.unique(thread):
        mine = thread[:-1] == number
        for kind in (0, 1):
            away[kind][mine] = window.away.of(kind, int(number)).covered(begin[mine], end[mine]) / 1e9
        away[2][mine] = window.softirq.of(thread=int(number)).covered(begin[mine], end[mine]) / 1e9
        slept[mine] = window.away.of(0, int(number)).contain(entered[1:][mine])
    return Reads(
        begin, end, busy, writes, _position(busy), away[1], away[0], away[2], slept & ~busy, (end - entered[1:]) / 1e9
    )


def _position(busy: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Place in a run of True, counted from 1; 0 at False."""
    index = np.arange(1, busy.size + 1)
    start = np.maximum.accumulate(np.where(busy, 0, index))
    return np.where(busy, index - start, 0)


@dataclass(frozen=True)
class Pauses:
    """Pauses of the reader: begin [ns], length [s], cause (index into `CAUSES`), window; what counts as a pause [s]."""

    begin: NDArray[np.int64]
    length: NDArray[np.float64]
    cause: NDArray[np.int64]
    window: NDArray[np.int64]
    threshold: float


class Service:
    """What the windows say of the reader; each part is computed when it is asked for.

    Parameters
    ----------
    windows : sequence of Observed
        In order of time.
    blocks : Blocks
        Of these windows.
    """

    def __init__(self, windows: Sequence[Observed], blocks: Blocks) -> None:
        self.windows, self.blocks = windows, blocks

    @cached_property
    def reads(self) -> Reads:
        """Intervals between reads of all windows."""
        parts = [reads(window) for window in self.windows]
        names = Reads.__annotations__
        return Reads(**{name: joined([getattr(part, name) for part in parts]) for name in names})

    @cached_property
    def _read_block(self) -> NDArray[np.int64]:
        return self.blocks.of(self.reads.begin)

    @cached_property
    def _typical(self) -> tuple[float, float]:
        """Median service time and median cost of a write [s]."""
        found = self.reads
        plain = found.busy & (found.writes == 0)
        service = float(np.median(found.length[plain])) if plain.any() else np.nan
        more = found.busy & (found.writes > 0)
        cost = float(np.median((found.length[more] - service) / found.writes[more])) if more.any() else 0.0
        return service, max(cost, 0.0) if np.isfinite(cost) else 0.0

    @cached_property
    def pause_threshold(self) -> float:
        """Length from which an unexplained interval is a pause [s]."""
        return float(np.nanmax([PAUSE_FACTOR * self._typical[0], SHORTEST_PAUSE]))

    @cached_property
    def excess(self) -> NDArray[np.float64]:
        """What each busy interval is longer than service and writes explain [s]; 0 where the ring had been empty."""
        service, cost = self._typical
        found = self.reads
        return np.where(found.busy, found.length - service - cost * found.writes, 0.0)

    @cached_property
    def served(self) -> NDArray[np.bool_]:
        """Busy intervals without a pause."""
        return self.reads.busy & (self.excess <= self.pause_threshold)

    def service_time(self, after: int = 0, until: float = np.inf) -> Estimate:
        """Mean service time [s] of packets at positions (after, until] of their busy period."""
        found = self.reads
        kept = self.served & (found.writes == 0) & (found.position > after) & (found.position <= until)
        return intervals.mean(found.length[kept], self._read_block[kept])

    @cached_property
    def processor_time(self) -> Estimate:
        """Mean service time without the time that the reader was off the processor [s]: what nobody else took."""
        found = self.reads
        kept = self.served & (found.writes == 0)
        used = found.length - found.preempted - found.blocked
        return intervals.mean(used[kept], self._read_block[kept])

    def service_by_position(self) -> dict[int, Estimate]:
        """Mean service time [s] from each position of `POSITIONS` to the next."""
        edges = [*POSITIONS, np.inf]
        return {low: self.service_time(low - 1, high - 1) for low, high in zip(POSITIONS, edges[1:], strict=True)}

    @cached_property
    def ack_cost(self) -> Estimate:
        """Mean time that a packet written to the device adds between two reads [s]."""
        found = self.reads
        kept = self.served & (found.writes > 0)
        service = self.service_time()
        if not kept.any() or not np.isfinite(service.value):
            return NOTHING
        extra = found.length[kept] - service.value
        return intervals.ratio(extra, found.writes[kept], self._read_block[kept])

    @cached_property
    def wake_latency(self) -> Estimate:
        """Mean time from a packet's entry into an empty ring to its read by a reader that slept [s]."""
        found = self.reads
        return intervals.mean(found.latency[found.slept], self._read_block[found.slept])

    @cached_property
    def pauses(self) -> Pauses:
        """Pauses of the reader while packets waited."""
        found = self.reads
        chosen = np.flatnonzero(found.busy & (self.excess > self.pause_threshold))
        shares = np.array([found.preempted[chosen], found.blocked[chosen], found.softirq[chosen]])
        largest = shares.argmax(axis=0) if chosen.size else np.empty(0, np.int64)
        share = shares.max(axis=0) if chosen.size else np.empty(0)
        cause = np.where(share > self.excess[chosen] / 2, largest, CAUSES.index("running"))
        begin = found.begin[chosen]
        return Pauses(begin, self.excess[chosen], cause, self.blocks.window_of(begin), self.pause_threshold)

    @cached_property
    def busy_seconds(self) -> NDArray[np.float64]:
        """Time in each block during which packets waited [s]."""
        found = self.reads
        return np.bincount(self._read_block[found.busy], found.length[found.busy], self.blocks.count).astype(float)

    def pause_rate(self, cause: str | None = None) -> Estimate:
        """Pauses per second of the time in which packets waited; of one cause, or of all."""
        chosen = self._caused(cause)
        counted = np.bincount(self.blocks.of(self.pauses.begin[chosen]), minlength=self.blocks.count)
        return intervals.rate(counted, self.busy_seconds)

    def pause_mean(self, cause: str | None = None) -> Estimate:
        """Mean length of a pause [s]."""
        chosen = self._caused(cause)
        return intervals.mean(self.pauses.length[chosen], self.blocks.of(self.pauses.begin[chosen]))

    def _caused(self, cause: str | None) -> NDArray[np.bool_]:
        pauses = self.pauses
        return np.ones(pauses.cause.size, bool) if cause is None else pauses.cause == CAUSES.index(cause)

    @cached_property
    def write_runs(self) -> NDArray[np.int64]:
        """How many packets the program writes to the device between two reads of it, while packets wait [packet]."""
        found = self.reads
        return found.writes[found.busy & (found.writes > 0)]

    @cached_property
    def read_runs(self) -> NDArray[np.int64]:
        """How many packets it reads between two writes, while packets wait [packet]."""
        found = self.reads
        ends = np.flatnonzero((found.writes > 0) | ~found.busy)
        lengths = np.diff(ends)
        return lengths[(found.writes[ends[1:]] > 0) & found.busy[ends[1:]]] if lengths.size else lengths
