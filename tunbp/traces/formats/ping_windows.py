"""Windows' ping in any language: whole milliseconds of its replies, its counts and its extremes."""

from __future__ import annotations

import itertools
import re

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, build, floats
from tunbp.traces.source import Source

COMMA = rb"(?:,|\xef\xbc\x8c|\xe3\x80\x81|\xa3\xac|\x81\x41)\s{0,3}"
"""A comma of Latin or East Asian text: UTF-8, GBK, Shift-JIS."""
LABEL = rb"[^=\n]{1,60}=\s{0,4}"
REPLY = re.compile(rb"=\s?\d{1,6} [^=<\n]{1,40}([=<])\s?(\d{1,9})\s?[^\s\d=]{1,12} TTL=\d{1,3}")
"""Bytes, time and TTL of a reply; of IPv6 only the time."""
REPLY_V6 = re.compile(
    rb"^[^=\n]{2,60}?[0-9a-fA-F]{0,4}:[0-9a-fA-F:.%]{2,50}: ?[^=<\n]{2,24}([=<])\s?(\d{1,9})\s?ms\s{0,9}$", re.MULTILINE
)
COUNTS = re.compile(
    rb"=\s?(\d{1,12})" + COMMA + LABEL + rb"(\d{1,12})" + COMMA + LABEL + rb"(\d{1,12})"
    rb"\s{0,24}\([^\d\n)]{0,24}(\d{1,3})\s?%"
)  # fmt: skip
REFUSAL = re.compile(
    rb"^[^=\n]{2,40}?[ \d:][\d.:a-f]{3,45}[^=\n:]{0,12}: ?[^=\n]{5,80}(?:\.|\xe3\x80\x82)\s{0,9}$", re.MULTILINE
)
"""A router's answer that the destination cannot be reached, which Windows counts as received."""
TIMES = re.compile(rb"=\s{0,4}(\d{1,9})[^\d=\n]{1,80}=\s{0,4}(\d{1,9})[^\d=\n]{1,80}=\s{0,4}(\d{1,9})\s?[^\s\d=]")
"""Least, most and mean, the order of every language; they follow the counts."""
AFTER = 500
"""Within so many bytes after them."""


def recognize(data: bytes) -> bool:
    """Whether a text holds replies or counts of Windows' ping."""
    # the searches walk through the whole text: what they cannot do without is looked for first
    needs = ((b"%", COUNTS), (b"TTL=", REPLY), (b"ing", REPLY_V6))
    return any(word in data and form.search(data) is not None for word, form in needs)


CALL_LIMIT = 256
"""Most calls that are told apart."""


def read(source: Source, tool: str) -> list[xr.Dataset]:
    """Replies over (time), 1 s apart as no times are printed, and the totals: a run for each call."""
    counts = list(itertools.islice(COUNTS.finditer(source.data), CALL_LIMIT + 1))
    if len(counts) > CALL_LIMIT:
        raise source.error(f"more than {CALL_LIMIT} calls of ping in one file; split it", counts[-1].start())
    ends = [count.end() for count in counts]
    rest = ends[-1] if ends else 0
    if not ends or any(form.search(source.data, rest) for form in (REPLY, REPLY_V6)):
        ends.append(len(source.data))  # the last call was cut off
    return [_call(source, tool, begin, end) for begin, end in itertools.pairwise([0, *ends])]


def _call(source: Source, tool: str, begin: int, end: int) -> xr.Dataset:
    """What one call printed, up to its counts; the extremes follow them."""
    counts = COUNTS.search(source.data, begin, end)
    times = TIMES.search(source.data, counts.end(), counts.end() + AFTER) if counts else None
    form = REPLY if REPLY.search(source.data, begin, end) else REPLY_V6
    replies = list(form.finditer(source.data, begin, end))
    rtt = floats(None if reply[1] == b"<" else float(reply[2]) for reply in replies) * 1e-3
    if np.isnan(rtt).any():
        source.warn(f"{int(np.isnan(rtt).sum())} replies came in less than 1 ms, which Windows does not tell further")
    columns: dict[str, Column] = {}
    coords: dict[str, Column] = {}
    if counts is None:
        source.warn("the summary is missing: ping was cut off; totals are those of the replies")
        columns["probes_received"] = ((), len(rtt))
    else:
        columns |= _counted(source, begin, counts)
    if len(rtt):
        coords["time"] = (("time",), np.arange(len(rtt), dtype=float))
        columns["rtt"] = (("time",), rtt)
    known = rtt[np.isfinite(rtt)]
    if times is not None:
        for name, word in zip(("min_rtt", "max_rtt", "mean_rtt"), times.groups(), strict=True):
            # 0 ms is less than one, and no round-trip time
            columns[name] = ((), float(word) * 1e-3 if float(word) else np.nan)
    elif len(known) and len(known) == len(rtt):
        columns |= {"min_rtt": ((), known.min()), "mean_rtt": ((), known.mean()), "max_rtt": ((), known.max())}
    source.warn("Windows' ping prints whole milliseconds, and no times of its replies: taken as 1 s apart")
    run = build(source, columns, coords, tool=tool, version="Windows")
    source.next_run()
    return run


def _counted(source: Source, begin: int, counts: re.Match[bytes]) -> dict[str, Column]:
    """Probes sent and answered: not by a router that says that the destination cannot be reached."""
    refusals = len(REFUSAL.findall(source.data, begin, counts.start()))
    sent, received = int(counts[1]), max(int(counts[2]) - refusals, 0)
    if refusals:
        source.warn(f"{refusals} answers say that the destination cannot be reached; Windows counts them as received")
    return {
        "probes_sent": ((), sent), "probes_received": ((), received),
        "loss_fraction": ((), (sent - received) / sent if sent else np.nan),
    }  # fmt: skip
