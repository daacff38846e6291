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
REASON_LIMIT = 4096


def recognize(source: Source) -> bool:
    """Whether the file holds `skb:kfree_skb` events."""
    return EVENT.search(source.head) is not None or b"skb:kfree_skb:" in source.head


def read(source: Source) -> list[xr.Dataset]:
    """Events per reason along `queue`, and how long they were recorded.

    Raises
    ------
    TraceError
        If no event is complete.
    """
    reasons: Counter[str] = Counter()
    places: Counter[str] = Counter()
    first, last = np.inf, -np.inf
    for _, line in source.lines():
        if (event := EVENT.search(line)) is None:
            continue
        when = float(event[1])
        first, last = min(first, when), max(last, when)
        reasons[event[3].decode() if event[3] else "NOT_REPORTED"] += 1
        if len(places) < REASON_LIMIT:
            places[event[2].decode("utf-8", "replace").partition("+")[0]] += 1
        if len(reasons) > REASON_LIMIT:
            raise source.error(f"more than {REASON_LIMIT} drop reasons: not perf's output")
    if not reasons:
        raise source.error("no complete skb:kfree_skb event", len(source.data))
    columns = {
        "drop_events": (("queue",), np.array(list(reasons.values()))),
        "duration": ((), last - first),
    }
    commonest = ", ".join(f"{place} {count}" for place, count in places.most_common(10))
    coords = {"queue": (("queue",), text(list(reasons)))}
    return [build(source, columns, coords, tool=TOOL, places=commonest)]


READER = Reader(
    name=TOOL,
    role="drops",
    recognize=recognize,
    read=read,
    commands="perf script, ftrace's trace and trace_pipe of skb:kfree_skb",
    versions="perf 5 to 6, Linux 2.6.33 on",
    gives="dropped packets by reason and place",
)
