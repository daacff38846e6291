"""`dropwatch`: dropped packets counted by the place in the kernel that dropped them."""

from __future__ import annotations

import datetime
import re
from collections import Counter

import numpy as np
import xarray as xr

from tunbp.traces.build import build, text
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "dropwatch"
PLACE_LIMIT = 4096
DROP = re.compile(rb"^(?:(\d{1,12}) drops? at (\S{1,200})|drop at: (\S{1,200}))", re.MULTILINE)
"""A line of the old form counts drops since the last one; the new form prints a block for each packet."""
REASON = re.compile(rb"^drop reason: (\w{1,64})", re.MULTILINE)
TIME = re.compile(rb"^timestamp: \w{3} (\w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) (\d{9}) nsec", re.MULTILINE)


def recognize(source: Source) -> bool:
    """Whether the file holds dropwatch's output."""
    return DROP.search(source.head) is not None


def read(source: Source) -> list[xr.Dataset]:
    """Drops per place along `queue`, and how long they were watched.

    Raises
    ------
    TraceError
        If there are more places than a kernel has.
    """
    places: Counter[str] = Counter()
    for match in DROP.finditer(source.data):
        place = (match[2] or match[3]).decode("utf-8", "replace").partition("+")[0]
        places[place] += int(match[1] or 1)
        if len(places) > PLACE_LIMIT:
            raise source.error(f"more than {PLACE_LIMIT} places: not dropwatch's output", match.start())
    reasons = Counter(match[1].decode() for match in REASON.finditer(source.data))
    times = [_seconds(match) for match in TIME.finditer(source.data)]
    known = [when for when in times if when is not None]
    columns = {
        "drop_events": (("queue",), np.array([min(count, 2**53) for count in places.values()])),
        "duration": ((), max(known) - min(known) if len(known) > 1 else np.nan),
    }
    told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(10))
    return [build(source, columns, {"queue": (("queue",), text(list(places)))}, tool=TOOL, reasons=told)]


def _seconds(match: re.Match[bytes]) -> float | None:
    """A timestamp of dropwatch as Unix time, its zone taken as UTC."""
    try:
        day = datetime.datetime.strptime(match[1].decode(), "%b %d %H:%M:%S %Y").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return day.timestamp() + int(match[2]) * 1e-9


READER = Reader(
    name=TOOL,
    role="drops",
    recognize=recognize,
    read=read,
    commands="dropwatch -l kas, then start",
    versions="1.4 and 1.5",
    gives="dropped packets by place",
)
