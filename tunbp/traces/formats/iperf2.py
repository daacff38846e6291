"""iperf 2: its text (rounded to three digits) and its CSV (`-y C`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, floats
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "iperf 2"
TEST_LIMIT, STREAM_LIMIT = 256, 256
"""Most tests in one file, and most streams of one test."""
BEGIN = re.compile(rb"^(Client connecting to|Server listening on) .{0,200}\b(TCP|UDP) port \d{1,5}", re.MULTILINE)
HEADER = re.compile(rb"^\[ ID\] Interval\b", re.MULTILINE)
REPORT = re.compile(rb"^\[ {0,3}\d{1,4}\] Server Report:", re.MULTILINE)
ROW = re.compile(
    rb"^\[ {0,3}(\d{1,5}|SUM)\]\s{1,3}(\d{1,9}\.\d{1,6})- {0,3}(\d{1,9}\.\d{1,6})\s?sec\s{1,9}"
    rb"([\d.]{1,16}) ([KMGT]?)Bytes\s{1,9}([\d.]{1,16}) ([KMGT]?)(bits|Bytes)/sec(.{0,200})$",
    re.MULTILINE,
)
DATAGRAMS = re.compile(rb"^\s{1,9}([\d.]{1,16}) ms\s{1,9}(\d{1,12})/ {0,9}(\d{1,12}) \(")
ENHANCED = re.compile(rb"^\s{1,9}\d{1,12}/\d{1,9}\s{1,16}(\d{1,9})\s{1,16}(-?\d{1,9})K?/(\d{1,12})\(?")
CSV = re.compile(
    rb"^(\d{14})(?:[.\d+-]{0,12}),([\w.:%]{1,64}),(\d{1,5}),([\w.:%]{1,64}),(\d{1,5}),(-?\d{1,5}),"
    rb"(\d{1,9}\.\d{1,6})-(\d{1,9}\.\d{1,6}),(\d{1,18}),(-?\d{1,18})"
    rb"(?:,(-?[\d.]{1,16}),(-?\d{1,12}),(-?\d{1,12}),[-\d.]{1,16},-?\d{1,12})?[ \t]{0,9}$",
    re.MULTILINE,
)
DECIMAL = {b"": 1.0, b"K": 1e3, b"M": 1e6, b"G": 1e9, b"T": 1e12}
BINARY = {b"": 1.0, b"K": 2.0**10, b"M": 2.0**20, b"G": 2.0**30, b"T": 2.0**40}


@dataclass
class Row:
    """One stream in one interval, or over the whole test."""

    stream: str
    begin: float
    end: float
    size: float
    rate: float
    jitter: float | None = None
    lost: float | None = None
    packets: float | None = None
    again: float | None = None
    cwnd: float | None = None
    rtt: float | None = None


def recognize(source: Source) -> bool:
    """Whether the file is iperf 2's text or CSV."""
    head = source.head
    return bool((BEGIN.search(head) or HEADER.search(head)) and ROW.search(source.data)) or bool(CSV.search(head))


def read(source: Source) -> list[xr.Dataset]:
    """Every test: series and totals of its streams; a client's are sent, a server's received.

    Raises
    ------
    TraceError
        If no row is complete.
    """
    if CSV.search(source.head):
        return [_from_csv(source)]
    runs = []
    begins = [match.start() for match in BEGIN.finditer(source.data)] or [0]
    for begin, end in zip(begins, [*begins[1:], len(source.data)], strict=True):
        role = BEGIN.match(source.data, begin)
        server = bool(role and role[1].startswith(b"Server"))
        for first, last in _tests(source, begin, end, server):
            rows = [_row(source, match) for match in ROW.finditer(source.data, first, last) if match[1] != b"SUM"]
            report = REPORT.search(source.data, first, last)
            arrived = ROW.search(source.data, report.end(), last) if report else None
            told = _row(source, arrived) if arrived else None
            rows = [row for row in rows if row != told] if told else rows
            if not rows:
                continue
            source.warn("iperf 2, rounded text: rates have three digits; iperf 2 prints exact numbers with -y C")
            protocol = role[2].decode() if role else ""
            runs.append(_dataset(source, rows, told, "server" if server else "client", protocol))
            if len(runs) > TEST_LIMIT:
                raise source.error(f"more than {TEST_LIMIT} tests in one file; split it")
    if not runs:
        raise source.error("no complete row of iperf 2", len(source.data))
    return runs


def _tests(source: Source, begin: int, end: int, server: bool) -> list[tuple[int, int]]:
    """Where the tests of one call lie: a server's begin with a title line each, a client has one."""
    if not server:
        return [(begin, end)]
    titles = [match.start() for match in HEADER.finditer(source.data, begin, end)] or [begin]
    return list(zip(titles, [*titles[1:], end], strict=True))


def _row(source: Source, match: re.Match[bytes]) -> Row:
    """One row of text."""
    try:
        size, rate = float(match[4]) * BINARY[match[5]], float(match[6])
        rate *= DECIMAL[match[7]] if match[8] == b"bits" else 8 * BINARY[match[7]]
        row = Row(match[1].decode(), float(match[2]), float(match[3]), size, rate)
        if datagrams := DATAGRAMS.match(match[9]):
            row.jitter, row.lost, row.packets = (float(word) for word in datagrams.groups())
            row.jitter *= 1e-3
        elif enhanced := ENHANCED.match(match[9]):
            row.again, row.cwnd, row.rtt = float(enhanced[1]), float(enhanced[2]) * 1024, float(enhanced[3]) * 1e-6
    except ValueError:
        raise source.error("a value of the row is not a number", match.start()) from None
    return row


def _from_csv(source: Source) -> xr.Dataset:
    """The rows of `-y C`, exact."""
    rows, streams = [], set()
    for match in CSV.finditer(source.data):
        source.spend("rows", 40)
        row = Row(match[6].decode(), float(match[7]), float(match[8]), float(match[9]), float(match[10]))
        if match[11] and int(match[13]) >= 0:
            try:
                row.jitter, row.lost, row.packets = float(match[11]) * 1e-3, float(match[12]), float(match[13])
            except ValueError:
                raise source.error("a value of the row is not a number", match.start(11)) from None
        rows.append(row)
        streams.add(row.stream)
        if len(streams) > STREAM_LIMIT + 1:
            raise source.error(f"more than {STREAM_LIMIT} streams: not one test", match.start())
    source.warn("iperf 2")
    rows = [row for row in rows if row.stream != "-1"] or rows
    return _dataset(source, rows, None, "client", "UDP" if any(row.packets for row in rows) else "TCP")


def _dataset(source: Source, rows: Sequence[Row], told: Row | None, role: str, protocol: str) -> xr.Dataset:
    """Series over (time, stream) and totals; `told` is what the server reported of a UDP test."""
    streams = list(dict.fromkeys(row.stream for row in rows))
    if len(streams) > STREAM_LIMIT:
        raise source.error(f"more than {STREAM_LIMIT} streams: not one test")
    wholes = [_whole(source, [row for row in rows if row.stream == stream]) for stream in streams]
    parts = {id(row) for row in rows} - {id(row) for row in wholes}
    intervals = [row for row in rows if id(row) in parts]
    side = "received" if role == "server" else "sent"
    length = max(row.end for row in wholes)
    columns: dict[str, Column] = {
        f"{side}_rate": ((), sum(row.rate for row in wholes)),
        f"{side}_bytes": ((), as_counts(floats([sum(row.size for row in wholes)]))[0]),
        f"{side}_duration": ((), length),
        "duration": ((), length),
    }
    if told is not None:
        columns |= {"received_rate": ((), told.rate), "received_bytes": ((), told.size)}
    counted = told if told is not None else wholes[0] if len(wholes) == 1 else None
    if counted is not None and counted.packets:
        lost = counted.lost or 0.0
        columns |= {
            "total_packets": ((), as_counts(floats([counted.packets]))[0]),
            "total_lost_packets": ((), as_counts(floats([lost]))[0]),
            "datagram_loss": ((), lost / counted.packets),
            "mean_jitter": ((), np.nan if counted.jitter is None else counted.jitter),
        }
    if all(row.again is not None for row in wholes):
        columns["total_retransmits"] = ((), as_counts(floats([sum(row.again or 0.0 for row in wholes)]))[0])
    coords: dict[str, Column] = {}
    if len(streams) > 1:
        coords["stream"] = (("stream",), np.arange(1, len(streams) + 1))
        columns[f"stream_{side}_rate"] = (("stream",), floats(row.rate for row in wholes))
    if intervals:
        _add_series(source, coords, columns, intervals, streams)
    run = build(source, columns, coords, tool=TOOL, protocol=protocol, role=role, direction="forward")
    source.next_run()
    return run


def _whole(source: Source, rows: Sequence[Row]) -> Row:
    """The row over the whole test: the last one that begins with it, if it is longer than the first."""
    last = rows[-1]
    if last.begin == rows[0].begin and (len(rows) == 1 or last.end > rows[0].end):
        return last
    source.warn("the row of the whole test is missing: iperf was interrupted; totals are those of the intervals")
    size = sum(row.size for row in rows)
    length = last.end - rows[0].begin
    return Row(last.stream, rows[0].begin, last.end, size, size * 8 / length if length > 0 else np.nan)


def _add_series(
    source: Source, coords: dict[str, Column], columns: dict[str, Column], rows: Sequence[Row], streams: Sequence[str]
) -> None:
    """Variables over (time, stream), or (time) if there is one stream."""
    ends = sorted({round(row.end, 3) for row in rows})
    if len(ends) * len(streams) > 4 * len(rows) + 10_000:
        raise source.error(f"{len(streams)} streams at {len(ends)} different times: not one test")
    shape = (len(ends), len(streams))
    at = {end: index for index, end in enumerate(ends)}
    place = {stream: index for index, stream in enumerate(streams)}
    dims = ("time", "stream") if len(streams) > 1 else ("time",)
    lengths = np.full(len(ends), np.nan)
    for row in rows:
        lengths[at[round(row.end, 3)]] = row.end - row.begin
    coords["time"] = (("time",), np.array(ends))
    columns["interval"] = (("time",), lengths)
    for name, field in (
        ("throughput", "rate"), ("transferred", "size"), ("retransmits", "again"), ("cwnd", "cwnd"), ("rtt", "rtt"),
        ("jitter", "jitter"), ("lost_packets", "lost"), ("packets", "packets"),
    ):  # fmt: skip
        values = np.full(shape, np.nan)
        for row in rows:
            value = getattr(row, field)
            values[at[round(row.end, 3)], place[row.stream]] = np.nan if value is None else value
        shaped = values if len(streams) > 1 else values[:, 0]
        columns[name] = (dims, as_counts(shaped) if field in ("size", "again", "cwnd", "lost", "packets") else shaped)


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="iperf (version 2) text, -e, -y C",
    versions="2.0 to 2.1",
    gives="intervals and totals of every stream; UDP loss and jitter; the text is rounded to three digits",
)
