"""`ping`'s output (iputils, BSD, macOS, busybox, Windows): round-trip times, losses and duplicates."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, clean, decimal, floats, utc
from tunbp.traces.formats import ping_windows
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "ping"
OPENING = re.compile(
    rb"PING6?(?:\([^)\n]{1,64}\))? \S{1,255} ?(?:\(|from |-->|[0-9a-f:]{2,40}).{0,200}"
    rb"|^Pinging \S{1,255} (?:\[\S{1,64}\] )?with \d{1,6} bytes",
    re.IGNORECASE | re.MULTILINE,
)
CALL = re.compile(
    rb"^[^\n]{0,100}?\bPING6?(?:\([^)\n]{1,64}\))? \S{1,255} ?(?:\(|from |-->|[0-9a-f:]{2,40})", re.MULTILINE
)
"""Where the output of one call begins."""
TROUBLE = re.compile(
    rb"^(?:ping6?: ((?:local error: |sendmsg: |sendto: )[^\n]{3,100})"
    rb"|From \S{1,80}:? icmp_seq=\d{1,9} ([A-Z][^\n]{3,100})"
    rb"|\d{1,5} bytes from [^\n:]{1,100}: ((?:Destination|Time to live|Packet too big)[^\n]{0,100}))$",
    re.MULTILINE,
)
"""What ping says of a probe that was not sent, or that a router answered in its target's place."""
FAILED = re.compile(rb"^ping6?: [^\n]{5,200}$", re.MULTILINE)
"""What ping says where it cannot begin."""
CALL_LIMIT = 256
"""Most calls that are told apart: each is a run of its own."""
NUMBER = rb"\d{1,12}(?:[.,]\d{1,9})?"
REPLY = re.compile(
    rb"bytes from .{1,300}?\b(?:icmp_)?seq=(\d{1,9}),? .{0,64}?time[=<] ?(" + NUMBER + rb") ?(ms|us|s|usec|msec|sec)\b"
)
LOCAL_REPLY = re.compile(
    rb"\S{2,24} ?=(\d{1,9}) (?:ttl|TTL) ?=\d{1,3} \S{1,32}=(" + NUMBER + rb")(?:\xc2\xa0| )?(?!\d)\S{2}"
)
"""A reply in iputils' other languages, which leave number, `ttl` and order as they are; always milliseconds."""
EPOCH = re.compile(rb"^\[(\d{9,10}\.\d{1,9})\]")
DATE = re.compile(rb"^\[(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\]")
SUMMARY = re.compile(
    rb"(\d{1,12}) packets transmitted, (\d{1,12}) (?:packets )?received"
    rb"(?:, \+(\d{1,12}) corrupted)?(?:, \+(\d{1,12}) duplicates)?(?:, \+(\d{1,12}) errors)?"
    rb"[^\n]{0,64}?,\s(" + NUMBER + rb")% packet\sloss(?:,\stime (\d{1,12})ms)?"
)
LOCAL_SUMMARY = re.compile(rb"^--[^\n]{1,300}--[ \t]{0,9}\n{1,2}([^\n]{10,300})$", re.MULTILINE)
"""The line below the title of the statistics."""
COMMA = re.compile(r"\s?[,，、]\s?(?=\D|\d+\W)")
TIMES = re.compile(
    rb"(?:rtt|round-trip) [^=\n]{5,120}? ?= "
    rb"(" + NUMBER + rb")/(" + NUMBER + rb")/(" + NUMBER + rb")(?:/(" + NUMBER + rb"|nan))?"
    rb"(?: |\xc2\xa0)?[^\s\d/]{2,12}"
)
"""Least, mean, most and deviation, in any language: the order is the same."""
SCALE = {b"s": 1.0, b"ms": 1e-3, b"us": 1e-6, b"sec": 1.0, b"msec": 1e-3, b"usec": 1e-6}


@dataclass(frozen=True)
class Summary:
    """What ping printed at its end; `span` [s] is None where it does not say how long it ran."""

    sent: int
    received: int
    loss: float
    duplicates: int | None = None
    errors: int | None = None
    span: float | None = None


def recognize(source: Source) -> bool:
    """Whether the file holds ping's output."""
    head = source.head
    # the searches walk through the whole text: what they cannot do without is looked for first
    needs = (
        (b"packets transmitted", SUMMARY), (b"seq=", REPLY), (b"ing", OPENING), (b"ING", OPENING),
        (b"ttl", LOCAL_REPLY), (b"TTL", LOCAL_REPLY), (b"ping: ", FAILED),
    )  # fmt: skip
    return any(word in head and form.search(head) is not None for word, form in needs) or ping_windows.recognize(head)


def read(source: Source) -> list[xr.Dataset]:
    """Round-trip times over (time) of the replies, and the totals that ping printed; a run for each call of ping.

    The time of a reply is when it arrived where ping says so (`-D`), else its number times the interval.

    Raises
    ------
    TraceError
        If there is neither a reply nor the summary.
    """
    if ping_windows.recognize(source.data):
        return ping_windows.read(source, TOOL)
    begins = [match.start() for match in CALL.finditer(source.data)]
    if len(begins) > CALL_LIMIT:
        source.warn(f"more than {CALL_LIMIT} calls of ping: they are taken as one")
    if not 1 < len(begins) <= CALL_LIMIT:
        begins = [0]
    calls = list(zip([0, *begins[1:]], [*begins[1:], len(source.data)], strict=True))
    runs = [run for begin, end in calls if (run := _call(source, begin, end)) is not None]
    if not runs:
        if failed := FAILED.search(source.data):
            raise source.error(f"ping failed: {clean(failed[0].decode('utf-8', 'replace'), 200)}", failed.start())
        raise source.error("neither a reply nor the summary: ping was cut off", len(source.data))
    return runs


def _call(source: Source, begin: int, end: int) -> xr.Dataset | None:
    """What one call of ping printed, between two bytes; None if that is neither a reply nor the summary."""
    times, sequence, rtt, late = _replies(source, begin, end)
    summary, extremes = _summary(source, begin, end), TIMES.search(source.data, begin, end)
    if not len(rtt) and summary is None:
        return None
    _say_trouble(source, begin, end)
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
    peer = OPENING.search(source.data, begin, end)
    words = peer[0].split() if peer else []
    command = "ping " + words[1].decode("utf-8", "replace") if len(words) > 1 else ""
    run = build(source, columns, coords, tool=TOOL, command=command, start=start)
    source.next_run()
    return run


def _say_trouble(source: Source, begin: int, end: int) -> None:
    """Warn of what ping said instead of replies, once for each kind with its number."""
    said: Counter[str] = Counter()
    for match in TROUBLE.finditer(source.data, begin, end):
        said[clean((match[1] or match[2] or match[3]).decode("utf-8", "replace"), 100)] += 1
    for text, count in said.most_common(5):
        source.warn(f"{count} probe{'s' if count > 1 else ''}: {text}")


def _summary(source: Source, begin: int, end: int) -> Summary | None:
    """The counts that ping printed at its end, in English or in iputils' other languages."""
    match = SUMMARY.search(source.data, begin, end)
    if match is None:
        lines = LOCAL_SUMMARY.finditer(source.data, begin, end)
        found = (_local(line[1].decode("utf-8", "replace")) for line in lines)
        return next((summary for summary in found if summary is not None), None)
    try:
        loss = decimal(match[6]) / 100
    except ValueError:
        raise source.error("the packet loss is not a number", match.start(6)) from None
    span = float(match[7]) * 1e-3 if match[7] else None
    return Summary(int(match[1]), int(match[2]), loss, int(match[4] or 0), int(match[5] or 0), span)


def _local(line: str) -> Summary | None:
    """Counts of a line in any language: sent, received, share lost, time; None if the share does not fit them."""
    plain, share, span = [], None, None
    for field in COMMA.split(line):
        numbers = re.findall(r"\d{1,12}(?:[.,]\d{1,9})?", field)
        if len(numbers) != 1 or "+" in field:
            continue
        if "%" in field:
            share = float(numbers[0].replace(",", ".")) / 100
        elif share is None:
            plain.append(int(float(numbers[0].replace(",", "."))))
        else:
            span = float(numbers[0].replace(",", ".")) * 1e-3
    if share is None or len(plain) != 2 or not 0 < plain[0] >= plain[1] or abs(share - 1 + plain[1] / plain[0]) > 0.011:
        return None
    return Summary(plain[0], plain[1], share, span=span)


def _replies(source: Source, begin: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Arrival [s, NaN if unknown], sequence number, RTT [s] and duplicate flag of every reply."""
    times, sequence, rtt, late = [], [], [], []
    for offset, line in source.lines(begin, end):
        reply = REPLY.search(line)
        if (known := reply or LOCAL_REPLY.search(line)) is None:
            continue
        try:
            value = decimal(known[2]) * (SCALE[reply[3]] if reply else 1e-3)
        except ValueError:
            source.warn(f"a reply without a readable time is left out (byte {offset})")
            continue
        times.append(_arrival(line))
        sequence.append(float(known[1]))
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


def _axis(source: Source, times: np.ndarray, sequence: np.ndarray, summary: Summary | None) -> tuple[np.ndarray, str]:
    """Seconds from the first reply, and the start as UTC text if the file says it."""
    if np.isfinite(times).all():
        return times - times.min(), utc(float(times.min())) if EPOCH.search(source.head) is not None or (
            re.search(EPOCH.pattern, source.head, re.MULTILINE)
        ) else ""
    interval = 1.0
    if summary is not None and summary.span is not None and summary.sent > 1:
        interval = summary.span / (summary.sent - 1)
    else:
        source.warn("the output has no times: replies are taken as 1 s apart, the default")
    return (sequence - sequence.min()) * interval, ""


def _totals(
    source: Source,
    summary: Summary | None,
    extremes: re.Match[bytes] | None,
    rtt: np.ndarray,
    sequence: np.ndarray,
) -> dict[str, Column]:
    """What ping printed at its end, or what the replies allow."""
    columns: dict[str, Column] = {}
    if summary is not None:
        columns |= {
            "probes_sent": ((), summary.sent), "probes_received": ((), summary.received),
            "loss_fraction": ((), summary.loss),
            "probes_duplicate": ((), np.nan if summary.duplicates is None else summary.duplicates),
            "probe_errors": ((), np.nan if summary.errors is None else summary.errors),
            "duration": ((), np.nan if summary.span is None else summary.span),
        }  # fmt: skip
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
    versions="iputils and Windows in any language, BSD, macOS, busybox",
    gives="every reply, loss, duplicates, round-trip times",
    mixes=True,
)
