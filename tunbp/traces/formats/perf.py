"""`perf script` or ftrace of `skb:kfree_skb`: dropped packets counted by reason and by place."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import xarray as xr

from tunbp.traces.build import build, text
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "perf"
EVENT = re.compile(
    rb"\s(\d{1,12}\.\d{1,9}):\s{1,32}(?:skb:)?kfree_skb:.{0,400}?\blocation=(\S{1,200})"
    rb"(?:.{0,200}?\breason:? ?(\w{1,64}))?"
)
TRACE = re.compile(
    rb"^\s{0,16}(\d{1,12}\.\d{3}) .{1,80}?\bskb:kfree_skb\(.{0,200}?\blocation: (\w{1,200})"
    rb"(?:.{0,200}?\breason: (\w{1,64}))?[^)]{0,80}\)\s{0,9}$"
)
"""A line of `perf trace -e skb:kfree_skb`, which begins with milliseconds."""
WRAPPED = re.compile(rb"^[^:=]{0,80}?\breason:? ?(\w{1,64})\s{0,9}$")
"""The end of an event in a line of its own, where a mail was wrapped."""
LOST = re.compile(rb"\[LOST (\d{1,12}) EVENTS\]|\bLOST (\d{1,12}) events!")
"""What ftrace and perf print in the place of events that they could not keep."""
REASON_LIMIT = 4096
UNTOLD = "NOT_REPORTED"
"""The reason of drops on kernels that know none (before 5.17)."""


def recognize(source: Source) -> bool:
    """Whether the file holds `skb:kfree_skb` events."""
    head = source.head
    return EVENT.search(head) is not None or b"skb:kfree_skb:" in head or b"skb:kfree_skb(skbaddr" in head


def read(source: Source) -> list[xr.Dataset]:
    """Events per reason along `queue`, and how long they were recorded.

    Raises
    ------
    TraceError
        If no event is complete.
    """
    reasons: Counter[str] = Counter()
    places: Counter[str] = Counter()
    warn_of_lost(source)
    first, last = np.inf, -np.inf
    reason = ""
    for _, line in source.lines():
        if (event := EVENT.search(line) or TRACE.match(line)) is None:
            if reason == UNTOLD and (end := WRAPPED.match(line)):
                reasons[UNTOLD] -= 1
                reasons[end[1].decode()] += 1
            elif b"kfree_skb:" in line or b"kfree_skb(" in line:
                source.warn("events are cut off or wrapped and left out: there were more drops than are counted here")
            reason = ""
            continue
        when = float(event[1]) * (1e-3 if event.re is TRACE else 1.0)
        first, last = min(first, when), max(last, when)
        reason = event[3].decode() if event[3] else UNTOLD
        reasons[reason] += 1
        if len(places) < REASON_LIMIT:
            places[event[2].decode("utf-8", "replace").partition("+")[0]] += 1
        if len(reasons) > REASON_LIMIT:
            raise source.error(f"more than {REASON_LIMIT} drop reasons: not perf's output")
    reasons = +reasons  # without those that had no reason in their first line only
    if not reasons:
        raise source.error("no complete skb:kfree_skb event", len(source.data))
    columns = {
        "drop_events": (("queue",), np.array(list(reasons.values()))),
        "duration": ((), last - first),
    }
    commonest = ", ".join(f"{place} {count}" for place, count in places.most_common(10))
    coords = {"queue": (("queue",), text(list(reasons)))}
    return [build(source, columns, coords, tool=TOOL, places=commonest)]


def warn_of_lost(source: Source) -> None:
    """Say how many events the recorder could not keep.

    Parameters
    ----------
    source
        Output of ftrace or perf.
    """
    if lost := sum(int(gone[1] or gone[2]) for gone in LOST.finditer(source.data)):
        source.warn(f"{lost} events were lost while recording: there was more than is counted here")


READER = Reader(
    name=TOOL,
    role="drops",
    recognize=recognize,
    read=read,
    commands="perf script, perf trace, ftrace's trace and trace_pipe of skb:kfree_skb",
    versions="perf 5 to 6, Linux 2.6.33 on",
    gives="dropped packets by reason and place",
)
