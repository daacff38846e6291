"""Records in the pages of the kernel's trace buffer (`kernel/trace/ring_buffer.c`), decoded for all pages at once.

A page begins with a time stamp (8 bytes) and the number of bytes in use (8, whose upper bits are flags). Each event
in it begins with a word of 5 bits type and 27 bits time since the event before; all are aligned to 4 bytes. So the
n-th events of all pages are decoded together, and no loop goes over single records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunbp.lab.probe.tracefs import Field, Tracepoint

HEADER_WORDS = 4
LENGTH_MASK = 0xFFFFF
PADDING, TIME_EXTEND, TIME_STAMP = 29, 30, 31
TIME_BITS = 27
ABSOLUTE_BITS = TIME_BITS + 32
"""Bits of an absolute time stamp; those above are the same as before."""


@dataclass(frozen=True)
class Records:
    """Where records are: the number of their tracepoint, their time [ns], their first byte, their length [byte]."""

    event: NDArray[np.int64]
    time: NDArray[np.int64]
    place: NDArray[np.int64]
    length: NDArray[np.int64]


def scan(content: bytes, page: int) -> Records:
    """Find all records in pages of `page` bytes, in the order of the pages."""
    words = np.frombuffer(content, "<u4").reshape(-1, page // 4)
    count = len(words)
    number = np.arange(count)
    time = words[:, :2].copy().view("<i8").ravel()
    end = HEADER_WORDS + (words[:, 2].astype(np.int64) & LENGTH_MASK) // 4
    place = np.full(count, HEADER_WORDS)
    found: list[tuple[NDArray[Any], ...]] = []
    while (active := place < end).any():
        number, time, end, place = number[active], time[active], end[active], place[active]
        head = words[number, place].astype(np.int64)
        kind, delta = head & 31, head >> 5
        following = words[number, np.minimum(place + 1, words.shape[1] - 1)].astype(np.int64)
        extended = kind == TIME_EXTEND
        absolute = kind == TIME_STAMP
        time = time + np.where(extended, delta + (following << TIME_BITS), np.where(absolute, 0, delta))
        time = np.where(absolute, (time >> ABSOLUTE_BITS << ABSOLUTE_BITS) | delta | (following << TIME_BITS), time)
        long = kind == 0
        data = kind < PADDING
        length = np.where(long, following - 4, kind * 4)
        first = place + np.where(long, 2, 1)
        event = words[number, np.minimum(first, words.shape[1] - 1)].astype(np.int64) & 0xFFFF
        kept = np.flatnonzero(data)
        found.append((number[kept], event[kept], time[kept], number[kept] * page + first[kept] * 4, length[kept]))
        step = np.where(extended | absolute, 2, np.where(long | (kind == PADDING), 1 + (following + 3) // 4, 1 + kind))
        over = (kind == PADDING) & (delta == 0)
        place = np.where(over, end, place + step)
    if not found:
        return Records(*(np.empty(0, np.int64) for _ in range(4)))
    pages, event, time, place, length = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(pages, kind="stable")
    return Records(event[order], time[order], place[order], length[order])


def fields(content: bytes, records: Records, tracepoint: Tracepoint, cpu: int) -> NDArray[Any]:
    """The records of one tracepoint: a structured array of `time` [ns], `cpu` and its numeric fields."""
    numeric = {name: place for name, place in tracepoint.fields.items() if place.size in (1, 2, 4, 8)}
    chosen = records.event == tracepoint.id
    size = max(place.offset + place.size for place in numeric.values())
    chosen &= records.length >= size
    raw = np.frombuffer(content, np.uint8)
    rows = raw[records.place[chosen][:, None] + np.arange(size)] if chosen.any() else np.empty((0, size), np.uint8)
    target = np.dtype([("time", "<i8"), ("cpu", "<i2"), *((name, code(place)) for name, place in numeric.items())])
    result = np.zeros(len(rows), target)
    result["time"], result["cpu"] = records.time[chosen], cpu
    for name, place in numeric.items():
        part = np.ascontiguousarray(rows[:, place.offset : place.offset + place.size])
        result[name] = part.view(code(place)).ravel()
    return result


def code(place: Field) -> str:
    """A field's type as numpy names it."""
    return f"<{'i' if place.signed else 'u'}{place.size}"
