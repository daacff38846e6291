"""Maps that `bpftrace` prints at its end: counts by key, such as dropped packets by reason or place."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import xarray as xr

from tunbp.traces.build import build, text
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "bpftrace"
KEY_LIMIT = 16_384
ENTRY = re.compile(rb"^@(\w{0,64})(?:\[([^\]\n]{1,400})\])?: (\d{1,18})[ \t]{0,9}$")
STACK = re.compile(rb"^@(\w{0,64})\[(?:([^\]\n]{1,200}),)?\s{0,9}$")
FRAME = re.compile(rb"^\s{1,16}([A-Za-z_][\w.]{0,120})(?:\+(?:0x)?[0-9a-f]{1,16})?")
STACK_END = re.compile(rb"^\s{0,9}(?:,\s?([^\]\n]{1,200}))?\]: (\d{1,18})$")
PLUMBING = (
    "kfree_skb",
    "sk_skb_reason_drop",
    "__kfree_skb",
    "skb_release",
    "consume_skb",
    "trace_",
    "bpf_",
    "__traceiter",
)
"""Functions that only carry out a drop: the place is the first one below them."""
OF_DROPS = re.compile(rb"drop|kfree_skb|reason", re.IGNORECASE)


def recognize(source: Source) -> bool:
    """Whether the file holds a map with counts."""
    return any(re.search(form.pattern, source.head, re.MULTILINE) for form in (ENTRY, STACK))


def read(source: Source) -> list[xr.Dataset]:
    """Counts by key along `queue`; they are `drop_events` where map or script speak of drops, else `counter`.

    Raises
    ------
    TraceError
        If no map with counts is complete.
    """
    counts: Counter[str] = Counter()
    opened: tuple[str, list[str]] | None = None
    for offset, line in source.lines():
        if match := ENTRY.match(line):
            key = (match[2] or b"").decode("utf-8", "replace")
            counts[_label(match[1].decode(), key)] += int(match[3])
        elif match := STACK.match(line):
            opened = (match[1].decode(), [(match[2] or b"").decode("utf-8", "replace")])
        elif opened and (match := STACK_END.match(line)):
            keys = [*opened[1][:1], _place(opened[1][1:]), (match[1] or b"").decode("utf-8", "replace")]
            counts[_label(opened[0], ", ".join(word.strip() for word in keys if word.strip()))] += int(match[2])
            opened = None
        elif opened and (match := FRAME.match(line)) and len(opened[1]) < 200:
            opened[1].append(match[1].decode())
        if len(counts) > KEY_LIMIT:
            raise source.error(f"more than {KEY_LIMIT} keys: no map of drops", offset)
    if not counts:
        raise source.error("no map of counts is complete", len(source.data))
    name = "drop_events" if OF_DROPS.search(source.data) else "counter"
    values = np.array([min(count, 2**53) for count in counts.values()])
    return [build(source, {name: (("queue",), values)}, {"queue": (("queue",), text(list(counts)))}, tool=TOOL)]


def _label(name: str, key: str) -> str:
    return f"@{name}[{key}]" if key else f"@{name}"


def _place(frames: list[str]) -> str:
    """The function of a kernel stack that dropped."""
    return next((frame for frame in frames if not frame.startswith(PLUMBING)), frames[0] if frames else "")


READER = Reader(
    name=TOOL,
    role="drops",
    recognize=recognize,
    read=read,
    commands="bpftrace -e '... { @drops[args.reason] = count(); }', maps by reason, place or kernel stack",
    versions="0.14 on",
    gives="counts by key",
)
