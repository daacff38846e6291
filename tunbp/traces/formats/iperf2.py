"""iperf 2: its text (rounded to three digits) and its CSV (`-y C`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, floats, text
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "iperf 2"
TEST_LIMIT, STREAM_LIMIT = 256, 256
"""Most tests in one file, and most streams of one test."""
BEGIN = re.compile(rb"^(Client connecting to|Server listening on) (?:.{0,200} )?(TCP|UDP) port (\d{1,5})", re.MULTILINE)
CONNECT = re.compile(rb"^\[ {0,3}(\d{1,5})\] local \S{1,80} port (\d{1,5}) connected with \S{1,80} port \d")
HEADER = re.compile(rb"^\[ ID\] Interval\b", re.MULTILINE)
REPORT = re.compile(rb"^\[ {0,3}(\d{1,5})\] Server Report:")
ROW = re.compile(
    rb"^\[ {0,3}(\*?\d{1,5}|SUM)\]\s{1,3}(\d{1,9}\.\d{1,6})- {0,3}(\d{1,9}\.\d{1,6})\s?sec\s{1,9}"
    rb"([\d.]{1,16}) ([KMGT]?)Bytes\s{1,9}([\d.]{1,16}) ([KMGT]?)(bits|Bytes)/sec(.{0,200})$",
    re.MULTILINE,
)
UNHEARD = re.compile(rb"^\[ {0,3}\d{1,5}\] WARNING: did not receive ack", re.MULTILINE)
FAILED = re.compile(rb"^(?:tcp |udp )?connect failed: [^\n]{3,120}", re.MULTILINE)
DEFAULT_PORT = b"5001"
"""Where a server listens unless told otherwise: its side of a row of the CSV."""
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


@dataclass
class Test:
    """What ran side by side: its rows, and which of its streams this side received."""

    client: bool = False
    protocol: str = ""
    port: bytes = b""
    rows: list[Row] = field(default_factory=list)
    accepted: dict[str, bool] = field(default_factory=dict)
    told: Row | None = None

    def received(self, stream: str) -> bool:
        """Whether this side received a stream: it accepted the connection; a star marks its other direction."""
        return self.accepted.get(stream.lstrip("*"), not self.client) != stream.startswith("*")


def recognize(source: Source) -> bool:
    """Whether the file is iperf 2's text, CSV or its error line."""
    head = source.head
    text = BEGIN.search(head) or FAILED.search(head) or (HEADER.search(head) and ROW.search(source.data))
    return bool(text or CSV.search(head))


def read(source: Source) -> list[xr.Dataset]:
    """Every test: series and totals of its streams; what a client sends is sent, what a server accepts is received.

    A test of both directions at once (`-d`, `--full-duplex`) has the other direction's totals as `reverse_*`; one after
    the other (`-r`) they are two runs.

    Raises
    ------
    TraceError
        If no row is complete.
    """
    if CSV.search(source.head):
        return [_from_csv(source)]
    runs = []
    for test in _tests(source):
        source.warn("iperf 2, rounded text: rates have three digits; iperf 2 prints exact numbers with -y C")
        if UNHEARD.search(source.data):
            source.warn("the server did not answer the last datagram: what arrived is not known to this file")
        runs.append(_dataset(source, test, rounded="yes"))
    if not runs:
        failed = FAILED.search(source.data)
        why = f"iperf 2 failed: {failed[0].decode('utf-8', 'replace')}" if failed else "no complete row of iperf 2"
        raise source.error(why, failed.start() if failed else len(source.data))
    return runs


def _tests(source: Source) -> list[Test]:
    """The tests of a file that have rows; a stream's rows belong to the test in which it was connected last."""
    plain = not BEGIN.search(source.data)
    tests, owner, reported = [Test(client=plain)], dict[str, Test](), ""
    for offset, line in source.lines():
        test = tests[-1]
        if begin := BEGIN.match(line):
            if test.rows:
                tests.append(test := Test())
                owner.clear()
            # one that sends both ways listens too: it is a client
            test.client |= begin[1].startswith(b"Client")
            test.protocol, test.port = begin[2].decode(), begin[3]
        elif connect := CONNECT.match(line):
            if test.rows:
                tests.append(test := Test(test.client, test.protocol, test.port))
            stream = connect[1].decode()
            test.accepted[stream], owner[stream] = connect[2] == (test.port or DEFAULT_PORT), test
        elif report := REPORT.match(line):
            reported = report[1].decode()
        elif HEADER.match(line):
            if test.rows and not test.client and not test.accepted:
                tests.append(Test(test.client, test.protocol, test.port))
        elif (match := ROW.match(line)) and match[1] != b"SUM":
            row = _row(source, match, offset)
            test = owner.get(row.stream.lstrip("*"), test)
            if reported == row.stream:
                test.told, reported = row, ""
            else:
                test.rows.append(row)
        if len(tests) > TEST_LIMIT:
            raise source.error(f"more than {TEST_LIMIT} tests in one file; split it", offset)
    return [test for test in tests if test.rows]


def _row(source: Source, match: re.Match[bytes], offset: int) -> Row:
    """One row of text, which begins at a byte offset."""
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
        raise source.error("a value of the row is not a number", offset) from None
    return row


def _from_csv(source: Source) -> xr.Dataset:
    """The rows of `-y C`, exact."""
    test = Test(client=True)
    for match in CSV.finditer(source.data):
        source.spend("rows", 40)
        row = Row(match[6].decode(), float(match[7]), float(match[8]), float(match[9]), float(match[10]))
        if match[11] and int(match[13]) >= 0:
            try:
                row.jitter, row.lost, row.packets = float(match[11]) * 1e-3, float(match[12]), float(match[13])
            except ValueError:
                raise source.error("a value of the row is not a number", match.start(11)) from None
        test.rows.append(row)
        test.accepted[row.stream] = match[3] == DEFAULT_PORT
        if len(test.accepted) > STREAM_LIMIT + 1:
            raise source.error(f"more than {STREAM_LIMIT} streams: not one test", match.start())
    source.warn("iperf 2")
    test.rows = [row for row in test.rows if row.stream != "-1"] or test.rows
    test.protocol = "UDP" if any(row.packets for row in test.rows) else "TCP"
    test.client = not all(test.accepted.values())
    return _dataset(source, test)


def _dataset(source: Source, test: Test, **attributes: str) -> xr.Dataset:
    """Series over (time, stream) and totals of each direction; `told` is what the server reported of a UDP test."""
    streams = list(dict.fromkeys(row.stream for row in test.rows))
    if len(streams) > STREAM_LIMIT:
        raise source.error(f"more than {STREAM_LIMIT} streams: not one test")
    wholes = [_whole(source, [row for row in test.rows if row.stream == stream]) for stream in streams]
    length = max(row.end for row in wholes)
    columns: dict[str, Column] = {"duration": ((), length)}
    sides = [(side, [row for row in wholes if test.received(row.stream) == side]) for side in (False, True)]
    both = all(rows for _, rows in sides)
    for received, rows in sides:
        if rows:
            prefix = "reverse_" if both and received else ""
            columns |= _one_way(f"{prefix}{'received' if received else 'sent'}", rows)
    columns |= _datagrams(test, wholes)
    coords: dict[str, Column] = {}
    if len(streams) > 1:
        coords["stream"] = (("stream",), np.arange(1, len(streams) + 1))
        if both:
            here = [test.received(stream) != test.client for stream in streams]
            coords["sender"] = (("stream",), text(["client" if sends else "server" for sends in here]))
        else:
            side = "received" if sides[1][1] else "sent"
            columns[f"stream_{side}_rate"] = (("stream",), floats(row.rate for row in wholes))
    parts = {id(row) for row in test.rows} - {id(row) for row in wholes}
    if intervals := [row for row in test.rows if id(row) in parts]:
        _add_series(source, coords, columns, intervals, streams)
    role, direction = "client" if test.client else "server", "both" if both else "forward"
    run = build(
        source, columns, coords, tool=TOOL, protocol=test.protocol, role=role, direction=direction, **attributes
    )
    source.next_run()
    return run


def _one_way(name: str, rows: Sequence[Row]) -> dict[str, Column]:
    """Rate, bytes and seconds of the streams of one direction."""
    columns: dict[str, Column] = {
        f"{name}_rate": ((), sum(row.rate for row in rows)),
        f"{name}_bytes": ((), as_counts(floats([sum(row.size for row in rows)]))[0]),
    }
    if not name.startswith("reverse_"):
        columns[f"{name}_duration"] = ((), max(row.end for row in rows))
    if name == "sent" and all(row.again is not None for row in rows):
        columns["total_retransmits"] = ((), as_counts(floats([sum(row.again or 0.0 for row in rows)]))[0])
    return columns


def _datagrams(test: Test, wholes: Sequence[Row]) -> dict[str, Column]:
    """Datagrams, losses and jitter of UDP, as the receiver counted them; and the rate that it reported to a client."""
    columns: dict[str, Column] = {}
    if test.told is not None:
        columns |= {"received_rate": ((), test.told.rate), "received_bytes": ((), test.told.size)}
    counted = [test.told] if test.told is not None else [row for row in wholes if row.packets]
    packets, lost = (sum(getattr(row, name) or 0.0 for row in counted) for name in ("packets", "lost"))
    if packets:
        jitter = [row.jitter for row in counted if row.jitter is not None]
        columns |= {
            "total_packets": ((), as_counts(floats([packets]))[0]),
            "total_lost_packets": ((), as_counts(floats([lost]))[0]),
            "datagram_loss": ((), lost / packets),
            "mean_jitter": ((), sum(jitter) / len(jitter) if jitter else np.nan),
        }
    return columns


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
    for name, part in (
        ("throughput", "rate"), ("transferred", "size"), ("retransmits", "again"), ("cwnd", "cwnd"), ("rtt", "rtt"),
        ("jitter", "jitter"), ("lost_packets", "lost"), ("packets", "packets"),
    ):  # fmt: skip
        values = np.full(shape, np.nan)
        for row in rows:
            value = getattr(row, part)
            values[at[round(row.end, 3)], place[row.stream]] = np.nan if value is None else value
        shaped = values if len(streams) > 1 else values[:, 0]
        columns[name] = (dims, as_counts(shaped) if part in ("size", "again", "cwnd", "lost", "packets") else shaped)


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="iperf (version 2) text, -e, -y C",
    versions="2.0 to 2.1",
    gives="intervals and totals of every stream; UDP loss and jitter; the text is rounded to three digits",
    mixes=True,
)
