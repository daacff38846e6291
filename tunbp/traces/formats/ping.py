"""`ping`'s output (iputils, BSD, macOS, busybox, Windows): round-trip times, losses and duplicates."""

from __future__ import annotations

import datetime
import re

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, decimal, floats, utc
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "ping"
OPENING = re.compile(
    rb"PING6?(?:\([^)\n]{1,64}\))? \S{1,255} ?(?:\(|from |-->|[0-9a-f:]{2,40}).{0,200}"
    rb"|^Pinging \S{1,255} (?:\[\S{1,64}\] )?with \d{1,6} bytes",
    re.IGNORECASE | re.MULTILINE,
)
NUMBER = rb"\d{1,12}(?:[.,]\d{1,9})?"
REPLY = re.compile(
    rb"bytes from .{1,300}?\b(?:icmp_)?seq=(\d{1,9}),? .{0,64}?time[=<] ?(" + NUMBER + rb") ?(ms|us|s|usec|msec|sec)\b"
)
WINDOWS_REPLY = re.compile(rb": \S{1,16}=\d{1,6} \S{1,16}[=<](\d{1,9}) ?ms TTL=\d{1,3}")
"""Bytes, time and TTL of a reply in any language."""
WINDOWS_COUNTS = re.compile(
    rb"= (\d{1,12}), [^=\n]{1,40}= (\d{1,12}), [^=\n]{1,40}= (\d{1,12})\s{1,9}\([^\d\n)]{0,24}(\d{1,3})\s?%"
)
WINDOWS_REFUSAL = re.compile(rb"^\S{1,16} \S{1,8} [\d.:a-f]{3,45} ?: [^=\n]{5,80}\.\s{0,9}$", re.MULTILINE)
"""A router's answer that the destination cannot be reached, which Windows counts as received."""
WINDOWS_TIMES = re.compile(rb"= (\d{1,9}) ?ms, [^=\n]{1,40}= (\d{1,9}) ?ms, [^=\n]{1,40}= (\d{1,9}) ?ms")
EPOCH = re.compile(rb"^\[(\d{9,10}\.\d{1,9})\]")
DATE = re.compile(rb"^\[(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\]")
SUMMARY = re.compile(
    rb"(\d{1,12}) packets transmitted, (\d{1,12}) (?:packets )?received"
    rb"(?:, \+(\d{1,12}) corrupted)?(?:, \+(\d{1,12}) duplicates)?(?:, \+(\d{1,12}) errors)?"
    rb"[^\n]{0,64}?,\s(" + NUMBER + rb")% packet\sloss(?:,\stime (\d{1,12})ms)?"
)
TIMES = re.compile(
    rb"(?:rtt|round-trip) min/avg/max(?:/(?:mdev|stddev|std-dev))? ?= "
    rb"(" + NUMBER + rb")/(" + NUMBER + rb")/(" + NUMBER + rb")(?:/(" + NUMBER + rb"|nan))? ms"
)
SCALE = {b"s": 1.0, b"ms": 1e-3, b"us": 1e-6, b"sec": 1.0, b"msec": 1e-3, b"usec": 1e-6}


def recognize(source: Source) -> bool:
    """Whether the file holds ping's output."""
    return any(form.search(source.head) for form in (SUMMARY, REPLY, WINDOWS_COUNTS, WINDOWS_REPLY, OPENING))


def read(source: Source) -> list[xr.Dataset]:
    """Round-trip times over (time) of the replies, and the totals that ping printed.

    The time of a reply is when it arrived where ping says so (`-D`), else its number times the interval.

    Raises
    ------
    TraceError
        If there is neither a reply nor the summary.
    """
    if WINDOWS_REPLY.search(source.data) or WINDOWS_COUNTS.search(source.data):
        return [_windows(source)]
    times, sequence, rtt, late = _replies(source)
    summary, extremes = SUMMARY.search(source.data), TIMES.search(source.data)
    if not len(rtt) and summary is None:
        raise source.error("neither a reply nor the summary: ping was cut off", len(source.data))
    if summary is None:
        source.warn("the summary is missing: ping was cut off; totals are those of the replies")
    columns: dict[str, Column] = {}
    coords: dict[str, Column] = {}
    start = ""
    if len(rtt):
        axis, start = _axis(source, times, sequence, summary)
        order = np.argsort(axis, kind="stable")
        coords["time"] = (("time",), axis[order])
        columns["rtt"] = (("time",), rtt[order])
        columns["sequence"] = (("time",), as_counts(sequence[order]))
        if late.any():
            columns["duplicate"] = (("time",), late[order])
    columns |= _totals(source, summary, extremes, rtt, sequence)
    peer = OPENING.search(source.data)
    words = peer[0].split() if peer else []
    command = "ping " + words[1].decode("utf-8", "replace") if len(words) > 1 else ""
    return [build(source, columns, coords, tool=TOOL, command=command, start=start)]


def _windows(source: Source) -> xr.Dataset:
    """Replies (whole milliseconds), counts and extremes of Windows' ping in any language."""
    counts, times = WINDOWS_COUNTS.search(source.data), WINDOWS_TIMES.search(source.data)
    rtt = floats(float(reply[1]) for reply in WINDOWS_REPLY.finditer(source.data)) * 1e-3
    columns: dict[str, Column] = {}
    coords: dict[str, Column] = {}
    if counts is None:
        source.warn("the summary is missing: ping was cut off; totals are those of the replies")
        columns["probes_received"] = ((), len(rtt))
    else:
        refusals = len(WINDOWS_REFUSAL.findall(source.data, 0, counts.start()))
        sent, received = int(counts[1]), max(int(counts[2]) - refusals, 0)
        if refusals:
            source.warn(
                f"{refusals} answers say that the destination cannot be reached; Windows counts them as received"
            )
        columns |= {
            "probes_sent": ((), sent), "probes_received": ((), received),
            "loss_fraction": ((), (sent - received) / sent if sent else np.nan),
        }  # fmt: skip
    if len(rtt):
        coords["time"] = (("time",), np.arange(len(rtt), dtype=float))
        columns["rtt"] = (("time",), rtt)
    if times is not None:
        for name, word in zip(("min_rtt", "max_rtt", "mean_rtt"), times.groups(), strict=True):
            columns[name] = ((), float(word) * 1e-3)
    elif len(rtt):
        columns |= {"min_rtt": ((), rtt.min()), "mean_rtt": ((), rtt.mean()), "max_rtt": ((), rtt.max())}
    source.warn("Windows' ping prints whole milliseconds, and no times of its replies: taken as 1 s apart")
    return build(source, columns, coords, tool=TOOL, version="Windows")


def _replies(source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Arrival [s, NaN if unknown], sequence number, RTT [s] and duplicate flag of every reply."""
    times, sequence, rtt, late = [], [], [], []
    for offset, line in source.lines():
        reply = REPLY.search(line)
        if reply is None:
            continue
        try:
            value = decimal(reply[2]) * SCALE[reply[3]]
        except ValueError:
            source.warn(f"a reply without a readable time is left out (byte {offset})")
            continue
        times.append(_arrival(line))
        sequence.append(float(reply[1]))
        rtt.append(value)
        late.append(b"(DUP!)" in line)
    return floats(times), floats(sequence), floats(rtt), np.array(late, dtype=bool)


def _arrival(line: bytes) -> float | None:
    """Unix time at the start of a line: `ping -D`, or a date that a logger put there (taken as UTC)."""
    if stamp := EPOCH.match(line):
        return float(stamp[1])
    if stamp := DATE.match(line):
        try:
            moment = datetime.datetime.fromisoformat(f"{stamp[1].decode()}T{stamp[2].decode()}+00:00")
        except ValueError:
            return None
        return moment.timestamp()
    return None


def _axis(
    source: Source, times: np.ndarray, sequence: np.ndarray, summary: re.Match[bytes] | None
) -> tuple[np.ndarray, str]:
    """Seconds from the first reply, and the start as UTC text if the file says it."""
    if np.isfinite(times).all():
        return times - times.min(), utc(float(times.min())) if EPOCH.search(source.head) is not None or (
            re.search(EPOCH.pattern, source.head, re.MULTILINE)
        ) else ""
    interval = 1.0
    if summary is not None and summary[7] and int(summary[1]) > 1:
        interval = float(summary[7]) * 1e-3 / (int(summary[1]) - 1)
    else:
        source.warn("the output has no times: replies are taken as 1 s apart, the default")
    return (sequence - sequence.min()) * interval, ""


def _totals(
    source: Source,
    summary: re.Match[bytes] | None,
    extremes: re.Match[bytes] | None,
    rtt: np.ndarray,
    sequence: np.ndarray,
) -> dict[str, Column]:
    """What ping printed at its end, or what the replies allow."""
    columns: dict[str, Column] = {}
    if summary is not None:
        columns["probes_sent"] = ((), int(summary[1]))
        columns["probes_received"] = ((), int(summary[2]))
        columns["probes_duplicate"] = ((), int(summary[4] or 0))
        columns["probe_errors"] = ((), int(summary[5] or 0))
        try:
            columns["loss_fraction"] = ((), decimal(summary[6]) / 100)
        except ValueError:
            raise source.error("the packet loss is not a number", summary.start(6)) from None
        if summary[7]:
            columns["duration"] = ((), float(summary[7]) * 1e-3)
    else:
        columns["probes_received"] = ((), len(np.unique(sequence)))
    if extremes is not None:
        for name, value in zip(("min_rtt", "mean_rtt", "max_rtt", "rtt_deviation"), extremes.groups(), strict=True):
            try:
                columns[name] = ((), decimal(value) * 1e-3 if value else np.nan)
            except ValueError:
                raise source.error("a round-trip time of the summary is not a number", extremes.start()) from None
    elif len(rtt):
        columns |= {
            "min_rtt": ((), rtt.min()), "mean_rtt": ((), rtt.mean()), "max_rtt": ((), rtt.max()),
        }  # fmt: skip
    return columns


READER = Reader(
    name=TOOL,
    role="probe",
    recognize=recognize,
    read=read,
    commands="ping, ping -D, ping6, Windows' ping",
    versions="iputils, BSD, macOS, busybox, Windows (any language)",
    gives="every reply, loss, duplicates, round-trip times",
)
