"""Maps that `bpftrace` prints at its end: counts by key, such as dropped packets by reason or place."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np
import xarray as xr

from tunbp.traces.build import build, text
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "bpftrace"
KEY_LIMIT = 16_384
ENTRY = re.compile(rb"^@(\w{0,64})(?:\[([^\]\n]{1,400})\])?: (\d{1,18})[ \t]{0,9}$")
JSON = re.compile(rb'^\{"type": ?"map", ?"data": ?\{"@', re.MULTILINE)
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


class Printed(msgspec.Struct):
    """One line of `bpftrace -f json`."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


def recognize(source: Source) -> bool:
    """Whether the file holds a map with counts."""
    return any(re.search(form.pattern, source.head, re.MULTILINE) for form in (ENTRY, STACK, JSON))


def read(source: Source) -> list[xr.Dataset]:
    """Counts by key along `queue`; they are `drop_events` where map or script speak of drops, else `counter`.

    A map that is printed again and again counts on, unless a count shrinks: then it is cleared each time.

    Raises
    ------
    TraceError
        If no map with counts is complete.
    """
    printed: dict[tuple[str, ...], list[int]] = {}
    entries = _of_json(source) if JSON.search(source.head) else _of_text(source)
    for offset, identity, count in entries:
        source.spend("counts", 6)
        printed.setdefault(identity, []).append(count)
        if len(printed) > KEY_LIMIT:
            raise source.error(f"more than {KEY_LIMIT} keys: no map of drops", offset)
    if not printed:
        raise source.error("no map of counts is complete", len(source.data))
    cleared = any(after < before for counts in printed.values() for before, after in itertools.pairwise(counts))
    if any(len(counts) > 1 for counts in printed.values()):
        source.warn(
            "the maps are printed several times and cleared in between: the counts are added up"
            if cleared
            else "the maps are printed several times and no count shrinks: the last ones are taken as totals"
        )
    counts: Counter[str] = Counter()
    for (name, *keys), each in printed.items():
        counts[_label(name, _key(keys))] += sum(each) if cleared else each[-1]
    variable = "drop_events" if OF_DROPS.search(source.data) else "counter"
    values = np.array([min(count, 2**53) for count in counts.values()])
    return [build(source, {variable: (("queue",), values)}, {"queue": (("queue",), text(list(counts)))}, tool=TOOL)]


def _of_text(source: Source) -> Iterator[tuple[int, tuple[str, ...], int]]:
    """Each count: its byte, the map's name with the key (of a stack: what stands before, frames, what stands after)."""
    opened: list[str] | None = None
    for offset, line in source.lines():
        if match := ENTRY.match(line):
            yield offset, (match[1].decode(), (match[2] or b"").decode("utf-8", "replace")), int(match[3])
        elif match := STACK.match(line):
            opened = [match[1].decode(), (match[2] or b"").decode("utf-8", "replace")]
        elif opened and (match := STACK_END.match(line)):
            yield offset, (*opened, (match[1] or b"").decode("utf-8", "replace")), int(match[2])
            opened = None
        elif opened and (match := FRAME.match(line)) and len(opened) < 200:
            opened.append(match[1].decode())


def _of_json(source: Source) -> Iterator[tuple[int, tuple[str, ...], int]]:
    """Each count of the lines that are maps."""
    for match in JSON.finditer(source.data):
        end = source.data.find(b"\n", match.start())
        line = source.data[match.start() : end if end >= 0 else len(source.data)]
        try:
            document = _PRINTED.decode(line)
            maps = msgspec.json.decode(document.data, type=dict[str, int | float | str | dict[str, object]])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            source.warn("a line of the JSON is cut off and left out")
            continue
        for name, told in maps.items():
            for key, value in (told if isinstance(told, dict) else {"": told}).items():
                if isinstance(value, int) and 0 <= value < 2**63:
                    frames = [FRAME.match(frame.encode()) for frame in key.split("\n")]
                    stack = [frame[1].decode() for frame in frames if frame] if "\n" in key else []
                    yield match.start(), (name[1:65], *(("", *stack, "") if stack else (key[:400],))), value


def _key(words: list[str]) -> str:
    """What a count is called: its key; of a stack the function that dropped, between what stands before and after."""
    parts = words if len(words) < 2 else [words[0], _place(words[1:-1]), words[-1]]
    return ", ".join(word.strip() for word in parts if word.strip())


def _label(name: str, key: str) -> str:
    return f"@{name}[{key}]" if key else f"@{name}"


_PRINTED = msgspec.json.Decoder(Printed)


def _place(frames: list[str]) -> str:
    """The function of a kernel stack that dropped."""
    return next((frame for frame in frames if not frame.startswith(PLUMBING)), frames[0] if frames else "")


READER = Reader(
    name=TOOL,
    role="drops",
    recognize=recognize,
    read=read,
    commands="bpftrace -e '... { @drops[args.reason] = count(); }', maps by reason, place or kernel stack; -f json",
    versions="0.14 on",
    gives="counts by key",
)
