"""When the reader's threads were off the processor, and when softirqs ran on top of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe.instance import Window

RUNNABLE = 0x100
"""`prev_state` of a thread that was preempted inside the kernel; 0 is one preempted on its way out of it."""


@dataclass(frozen=True)
class Spans:
    """Spans of time that belong to threads.

    Attributes
    ----------
    begin, end : ndarray of int64
        In order of `begin` [ns].
    thread : ndarray of int32
        Thread that each belongs to.
    kind : ndarray of int32
        Absences: 1 for preempted, 0 for blocked. Softirqs: their vector.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    thread: NDArray[np.int32]
    kind: NDArray[np.int32]

    def of(self, kind: int | None = None, thread: int | None = None) -> Spans:
        """Only those of one kind, or of one thread."""
        keep = np.ones(self.begin.size, bool)
        if kind is not None:
            keep &= self.kind == kind
        if thread is not None:
            keep &= self.thread == thread
        return Spans(self.begin[keep], self.end[keep], self.thread[keep], self.kind[keep])

    def covered(self, begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nanoseconds of each interval [begin, end] that the spans cover; spans of one thread do not overlap."""
        return self._until(end) - self._until(begin)

    def _until(self, moment: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nanoseconds covered from the beginning to each moment."""
        if not self.begin.size:
            return np.zeros(moment.size, np.int64)
        before = np.concatenate([[0], np.cumsum(self.end - self.begin)])
        index = np.searchsorted(self.begin, moment, "right")
        last = np.maximum(index - 1, 0)
        missing = np.where(index > 0, np.maximum(self.end[last] - moment, 0), 0)
        return before[index] - missing

    def contain(self, moment: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a span lies over each moment."""
        if not self.begin.size:
            return np.zeros(moment.size, bool)
        index = np.searchsorted(self.begin, moment, "right") - 1
        return (index >= 0) & (self.end[np.maximum(index, 0)] > moment)


def spans(rows: Sequence[tuple[NDArray[Any], NDArray[Any], int, NDArray[Any]]]) -> Spans:
    """Spans from (begin, end, thread, kind) of several threads."""
    if not rows:
        return Spans(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32))
    begin, end, kind = (np.concatenate([row[i] for row in rows]) for i in (0, 1, 3))
    thread = np.concatenate([np.full(row[0].size, row[2], np.int32) for row in rows])
    order = np.argsort(begin, kind="stable")
    return Spans(begin[order].astype(np.int64), end[order].astype(np.int64), thread[order],
                 kind[order].astype(np.int32))  # fmt: skip


def absences(window: Window, threads: Sequence[int]) -> Spans:
    """Spans in which a thread was off the processor: from its switch out to its next switch in.

    A thread that first comes in was away from the window's beginning, and one that does not come back stays away
    until its end.
    """
    records = window.records.get("sched_switch")
    if records is None:
        return spans([])
    rows = []
    for thread in threads:
        out = records[records["prev_pid"] == thread]
        back = records["time"][records["next_pid"] == thread]
        begin, preempted = out["time"], (out["prev_state"] == 0) | ((out["prev_state"] & RUNNABLE) != 0)
        if back.size and (not begin.size or back[0] < begin[0]):
            begin, preempted = np.concatenate([[window.begin], begin]), np.concatenate([[False], preempted])
        after = np.concatenate([back, [window.end]])
        end = after[np.searchsorted(back, begin, "right")] if begin.size else begin
        rows.append((begin, end, thread, preempted))
    return spans(rows)


def softirqs(window: Window, threads: Sequence[int]) -> Spans:
    """Spans of network softirqs that ran while one of the threads was on the processor."""
    entries, exits = window.records.get("softirq_entry"), window.records.get("softirq_exit")
    if entries is None or exits is None:
        return spans([])
    rows = []
    for thread in threads:
        for vector in np.unique(entries["vec"]):
            begin, end = (
                records["time"][(records["common_pid"] == thread) & (records["vec"] == vector)]
                for records in (entries, exits)
            )
            place = np.searchsorted(end, begin, "right")
            begin, place = begin[place < end.size], place[place < end.size]
            rows.append((begin, end[place], thread, np.full(begin.size, vector)))
    return spans(rows)
