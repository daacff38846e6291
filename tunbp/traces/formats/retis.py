"""`retis`: packets that the kernel dropped, by reason, as its text and as JSON events."""

from __future__ import annotations

import re
from collections import Counter

import msgspec
import numpy as np
import xarray as xr

from tunbp.traces.build import build, text
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "retis"
REASON_LIMIT = 4096
TEXT = re.compile(rb"^(\d{9,20}) .{0,200}?\bskb:kfree_skb\b.{0,200}?\bdrop \((\w{1,64})\)", re.MULTILINE)
LINE = re.compile(rb'^\{.{0,4000}?"(?:skb-drop|skb_drop)"\s*:', re.MULTILINE)


class Drop(msgspec.Struct):
    """Why a packet was dropped."""

    drop_reason: str = "NOT_REPORTED"


class Common(msgspec.Struct):
    """When [ns]."""

    timestamp: float | None = None


class Event(msgspec.Struct, rename={"old": "skb-drop", "new": "skb_drop"}):
    """One event, as far as drops are concerned; older versions write the section with a hyphen."""

    common: Common | None = None
    old: Drop | None = None
    new: Drop | None = None


_DECODER = msgspec.json.Decoder(Event)


def recognize(source: Source) -> bool:
    """Whether the file holds drops that retis saw."""
    return bool(TEXT.search(source.head) or LINE.search(source.head))


def read(source: Source) -> list[xr.Dataset]:
    """Dropped packets per reason along `queue`, and how long they were recorded.

    Raises
    ------
    TraceError
        If no event of a drop is complete.
    """
    reasons: Counter[str] = Counter()
    first, last = np.inf, -np.inf
    if LINE.search(source.head):
        for _, line in source.lines():
            if line.startswith(b"{"):
                try:
                    event = _DECODER.decode(line)
                except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                    source.warn("an event is cut off or damaged and left out")
                    continue
                if (drop := event.old or event.new) is not None:
                    reasons[drop.drop_reason[:64]] += 1
                    if event.common and event.common.timestamp is not None:
                        first, last = min(first, event.common.timestamp), max(last, event.common.timestamp)
            if len(reasons) > REASON_LIMIT:
                raise source.error(f"more than {REASON_LIMIT} drop reasons: not retis' output")
    else:
        for match in TEXT.finditer(source.data):
            reasons[match[2].decode()] += 1
            first, last = min(first, float(match[1])), max(last, float(match[1]))
            if len(reasons) > REASON_LIMIT:
                raise source.error(f"more than {REASON_LIMIT} drop reasons: not retis' output", match.start())
    if not reasons:
        raise source.error("no complete event of a drop", len(source.data))
    columns = {
        "drop_events": (("queue",), np.array(list(reasons.values()))),
        "duration": ((), (last - first) * 1e-9 if last > first else np.nan),
    }
    return [build(source, columns, {"queue": (("queue",), text(list(reasons)))}, tool=TOOL)]


READER = Reader(
    name=TOOL,
    role="drops",
    recognize=recognize,
    read=read,
    commands="retis collect -c skb-drop, retis print (text or --format json)",
    versions="1.0 on",
    gives="dropped packets by reason",
)
