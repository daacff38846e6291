"""`ss -tin`: samples of the kernel's view of TCP sockets."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, floats, text, utc
from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import DATE, STAMP, moment
from tunbp.traces.source import Source

TOOL = "ss"
STATES = b"ESTAB|SYN-SENT|SYN-RECV|FIN-WAIT-1|FIN-WAIT-2|TIME-WAIT|CLOSE-WAIT|LAST-ACK|LISTEN|CLOSING|UNCONN|CLOSED"
TITLE = re.compile(rb"^(?:Netid\s{1,99})?(State\s{1,99})?Recv-Q\s{1,99}Send-Q\s{1,99}Local\b", re.MULTILINE)
"""Without `State` where only one state was asked for (`ss -ti state established`)."""
SOCKET = re.compile(
    rb"^(?:(?:tcp|mptcp)\s{1,99})?(" + STATES + rb")\s{1,99}(\d{1,12})\s{1,99}(\d{1,12})\s{1,999}"
    rb"(\S{1,200})\s{1,999}(\S{1,200})(.*)$"
)
STATELESS = re.compile(
    rb"^(?:(?:tcp|mptcp)\s{1,99})?()(\d{1,12})\s{1,99}(\d{1,12})\s{1,999}(\S{1,200}:\S{1,16})\s{1,999}(\S{1,200}:\S{1,16})(.*)$"
)
PAIR = re.compile(rb"(?<!\S)([a-z_]{2,24}):([-\d./]{1,40})(?!\S)")
BUSY = re.compile(rb"(?<!\S)(busy|rwnd_limited|sndbuf_limited):(\d{1,15})ms")
RATE = re.compile(rb"(?<!\S)(send|pacing_rate|delivery_rate) ([\d.]{1,24})([kKMG]?)bps(?!\S)")
CONGESTION = re.compile(
    rb"(?<!\S)(cubic|reno|bbr[123]?|dctcp|vegas|westwood|htcp|highspeed|hybla|illinois|bic|scalable|yeah|"
    rb"veno|lp|nv|cdg|prague)(?!\S)"
)
SCALE = {b"": 1.0, b"k": 1e3, b"K": 1e3, b"M": 1e6, b"G": 1e9}
SPARSEST = 4
"""Most cells over (time, stream) per socket line: samples of one run have nearly the same sockets."""

PAIRS = {
    # ss name -> (variable, scale, which part of a/b)
    b"rtt": (("rtt", 1e-3, 0), ("rttvar", 1e-3, 1)),
    b"minrtt": (("socket_min_rtt", 1e-3, 0),),
    b"cwnd": (("cwnd_segments", 1.0, 0),),
    b"ssthresh": (("ssthresh", 1.0, 0),),
    b"mss": (("mss", 1.0, 0),),
    b"pmtu": (("pmtu", 1.0, 0),),
    b"snd_wnd": (("snd_wnd", 1.0, 0),),
    b"bytes_sent": (("socket_bytes_sent", 1.0, 0),),
    b"bytes_acked": (("socket_bytes_acked", 1.0, 0),),
    b"retrans": (("socket_retransmits", 1.0, 1),),
    b"unacked": (("unacked", 1.0, 0),),
}
SECONDS = ("rtt", "rttvar", "socket_min_rtt", "socket_busy_time", "socket_rwnd_limited_time",
           "socket_sndbuf_limited_time")  # fmt: skip
BUSY_TIMES = {
    b"busy": "socket_busy_time", b"rwnd_limited": "socket_rwnd_limited_time",
    b"sndbuf_limited": "socket_sndbuf_limited_time",
}  # fmt: skip
RATES = {b"send": "send_rate", b"pacing_rate": "pacing_rate", b"delivery_rate": "delivery_rate"}


@dataclass
class Sample:
    """What one call of ss printed: per socket its numbers, state and congestion control."""

    when: float | None = None
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    congestion: dict[str, str] = field(default_factory=dict)


def recognize(source: Source) -> bool:
    """Whether the file holds `ss` output."""
    return bool(TITLE.search(source.head)) or bool(
        re.search(rb"^(?:" + STATES + rb")\s{1,99}\d{1,12}\s{1,99}\d{1,12}\s{1,99}\S{1,200}:", source.head, re.M)
    )


def read(source: Source) -> list[xr.Dataset]:
    """Socket figures over (time, stream), one time per sample and one stream per pair of addresses.

    Raises
    ------
    TraceError
        If there is no TCP socket with details, or if there are too many to lay out side by side.
    """
    samples = [sample for sample in _samples(source) if sample.states]
    if not any(row.keys() - {"send_queue"} for sample in samples for row in sample.numbers.values()):
        raise source.error(
            "ss without -i says nothing about TCP, run ss -tin; the Send-Q of a listener is its backlog, no send queue",
            len(source.data),
        )
    sockets = list(dict.fromkeys(name for sample in samples for name in sample.states))
    if len(sockets) * len(samples) > SPARSEST * source.rows + 10_000:
        raise source.error(f"{len(sockets)} sockets in {len(samples)} samples; record fewer (ss -tin dst ADDRESS)")
    return [_dataset(source, samples, sockets)]


def _samples(source: Source) -> list[Sample]:
    """The samples of a file: each begins with a time, a title line, or a socket that was there already."""
    samples: list[Sample] = []
    when: float | None = None
    fresh = True
    name, titles, form, wrapped = "", 0, SOCKET, b""
    for _, line in source.lines():
        if len(line) < 40 and (stamp := STAMP.match(line.strip())):
            when, fresh = float(stamp[1]), True
        elif len(line) < 60 and (date := DATE.match(line)) and (told := moment(source, date)) is not None:
            when, fresh = told, True
        elif title := TITLE.match(line):
            form = SOCKET if title[1] else STATELESS
            fresh, titles = fresh or bool(samples and samples[-1].states), titles + 1
        elif match := form.match(line) or SOCKET.match(line):
            source.spend("sockets", 200)
            name = f"{match[4].decode('utf-8', 'replace')} > {match[5].decode('utf-8', 'replace')}"
            if fresh or not samples or name in samples[-1].states:
                samples.append(Sample(when))
                fresh = False
            samples[-1].states[name] = match[1].decode()
            # the Send-Q of a listener is the length of its backlog
            samples[-1].numbers[name] = {} if match[1] == b"LISTEN" else {"send_queue": float(match[3])}
            _details(samples[-1], name, match[6])
        elif samples and name and (line[:1] in b" \t" or wrapped or PAIR.search(line) or _last(line) in RATES):
            # a line of details, or the rest of one that was wrapped, perhaps between a rate's name and its value
            _details(samples[-1], name, wrapped + line.lstrip())
            wrapped = _last(line) + b" " if _last(line) in RATES else b""
    if titles > len(samples):
        source.warn(f"{titles - len(samples)} samples show no socket and are left out")
    return samples


def _last(line: bytes) -> bytes:
    """The last word of a line."""
    return line.rpartition(b" ")[2]


def _details(sample: Sample, name: str, line: bytes) -> None:
    """Numbers of one info line."""
    numbers = sample.numbers[name]
    if match := CONGESTION.search(line):
        sample.congestion.setdefault(name, match[1].decode())
    for pair in PAIR.finditer(line):
        for variable, scale, part in PAIRS.get(pair[1], ()):
            words = pair[2].split(b"/")
            try:
                numbers[variable] = float(words[part]) * scale
            except (ValueError, IndexError):
                continue
    for busy in BUSY.finditer(line):
        numbers[BUSY_TIMES[busy[1]]] = float(busy[2]) * 1e-3
    if b"busy:" in line:
        # the kernel prints the limits only where there were any
        for name in ("socket_rwnd_limited_time", "socket_sndbuf_limited_time"):
            numbers.setdefault(name, 0.0)
    for rate in RATE.finditer(line):
        try:
            numbers[RATES[rate[1]]] = float(rate[2]) * SCALE[rate[3]]
        except ValueError:
            continue


def _dataset(source: Source, samples: list[Sample], sockets: list[str]) -> xr.Dataset:
    """Samples laid out over (time, stream)."""
    names = list(dict.fromkeys(name for sample in samples for row in sample.numbers.values() for name in row))
    shape = (len(samples), len(sockets))
    columns: dict[str, Column] = {}
    for name in names:
        values = floats(sample.numbers.get(socket, {}).get(name) for sample in samples for socket in sockets)
        shaped = values.reshape(shape)
        columns[name] = (("time", "stream"), shaped if name in SECONDS else as_counts(shaped))
    if "cwnd_segments" in columns and "mss" in columns:
        window = np.asarray(columns["cwnd_segments"][1], float) * np.asarray(columns["mss"][1], float)
        columns["cwnd"] = (("time", "stream"), as_counts(window))
    for name, field_name in (("socket_state", "states"), ("socket_congestion", "congestion")):
        words = [getattr(sample, field_name).get(socket, "") for sample in samples for socket in sockets]
        columns[name] = (("time", "stream"), text(words).reshape(shape))
    times = [sample.when for sample in samples]
    known = [when for when in times if when is not None]
    if len(known) == len(times) and all(b > a for a, b in itertools.pairwise(known)):
        axis = [when - known[0] for when in known]
    else:
        axis = [float(number) for number in range(len(times))]
        if len(times) > 1:
            source.warn("the samples carry no increasing times; they are counted 0, 1, 2, ... instead of seconds")
    coords: dict[str, Column] = {
        "time": (("time",), axis),
        "stream": (("stream",), np.arange(1, len(sockets) + 1)),
        "socket": (("stream",), text(sockets)),
    }
    common = {word for sample in samples for word in sample.congestion.values()}
    return build(
        source,
        columns,
        coords,
        tool=TOOL,
        start=utc(None if source.local_times else times[0]),
        congestion=" ".join(sorted(common)),
    )


READER = Reader(
    name=TOOL,
    role="sockets",
    recognize=recognize,
    read=read,
    commands="ss -ti, ss -tin, with any filter",
    versions="iproute2 3 to 6",
    gives="the kernel's view of TCP sockets, sample by sample",
    mixes=True,
)
