"""iperf3 JSON (`-J` and `--json-stream`, 3.0 to 3.22) to Datasets."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.errors import TraceError
from tunbp.traces.build import ATTRIBUTES, Column, as_counts, build, clean, counts, floats, utc
from tunbp.traces.documents import Damaged, Decoder, Trailing, documents
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "iperf3"
TEST_LIMIT = 256
"""Most tests in one file: each becomes a Dataset of its own before they are put side by side."""
STREAM_LIMIT = 256
"""iperf3 allows 128 parallel streams per direction."""
ERROR_LINE = re.compile(rb"^iperf3: (?:error - |interrupt - )?.{0,300}", re.MULTILINE)
DOCUMENT = re.compile(
    rb'\{\s*(?:"(?:start|end)"\s*:\s*\{|"intervals"\s*:\s*\[|"(?:error|event|title|extra_data)"\s*:\s*")'
)
"""How a test or a line of a JSON stream begins; intervals and sums begin with a number."""
PLAIN_TEXT = re.compile(
    rb"^\[ ID\](?:\[Role\])? Interval +Transfer +(?:Bitrate|Bandwidth +Retr)|^\[ {0,2}(?:\d{1,4}|SUM)\].{0,12}? "
    rb"\d{1,6}\.\d\d-\d{1,6}\.\d\d {2,3}sec |^Server listening on \d|^Connecting to host .{1,200}, port \d"
    rb"|^Accepted connection from",
    re.MULTILINE,
)
"""iperf3's own lines; iperf 2 has other titles, and one blank before `sec`."""


Descriptor = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""A file descriptor, by which iperf3 tells its streams apart."""


class StreamInterval(msgspec.Struct, gc=False):
    """One stream in one interval, and `sum` of all of them; units as iperf3 prints them."""

    socket: Descriptor = 0
    start: float | None = None
    end: float | None = None
    seconds: float | None = None
    bytes: float | None = None
    bits_per_second: float | None = None
    retransmits: float | None = None
    snd_cwnd: float | None = None
    snd_wnd: float | None = None
    rtt: float | None = None
    rttvar: float | None = None
    pmtu: float | None = None
    jitter_ms: float | None = None
    lost_packets: float | None = None
    packets: float | None = None
    omitted: bool | int | None = None
    sender: bool | None = None


class Interval(msgspec.Struct, gc=False):
    """One reporting interval."""

    streams: list[StreamInterval]


class Total(msgspec.Struct):
    """One of the sums at the end of a test, or one side of one stream."""

    socket: Descriptor = 0
    start: float | None = None
    end: float | None = None
    seconds: float | None = None
    bytes: float | None = None
    bits_per_second: float | None = None
    retransmits: float | None = None
    jitter_ms: float | None = None
    lost_packets: float | None = None
    packets: float | None = None
    max_rtt: float | None = None
    min_rtt: float | None = None
    mean_rtt: float | None = None
    max_snd_cwnd: float | None = None
    sender: bool | None = None


class EndStream(msgspec.Struct):
    """The totals of one stream: both sides with TCP and SCTP, one with UDP."""

    sender: Total | None = None
    receiver: Total | None = None
    udp: Total | None = None


class Processor(msgspec.Struct):
    """Processor use in percent of one core."""

    host_total: float | None = None
    remote_total: float | None = None


class End(msgspec.Struct):
    """The `end` section."""

    streams: list[EndStream] = []
    sum: Total | None = None
    sum_bidir_reverse: Total | None = None
    sum_sent: Total | None = None
    sum_received: Total | None = None
    sum_sent_bidir_reverse: Total | None = None
    sum_received_bidir_reverse: Total | None = None
    cpu_utilization_percent: Processor | None = None
    sender_tcp_congestion: str | None = None
    receiver_tcp_congestion: str | None = None


class Timestamp(msgspec.Struct):
    """When the test started."""

    timesecs: float | None = None


class Peer(msgspec.Struct):
    """Address of the other side."""

    host: str | None = None
    port: int | None = None


class TestStart(msgspec.Struct):
    """The settings of the test."""

    protocol: str | None = None
    num_streams: int | None = None
    blksize: float | None = None
    omit: float | None = None
    duration: float | None = None
    bytes: float | None = None
    blocks: float | None = None
    reverse: int | None = None
    bidir: int | None = None
    target_bitrate: float | None = None


class Start(msgspec.Struct):
    """The `start` section."""

    version: str | None = None
    system_info: str | None = None
    cookie: str | None = None
    timestamp: Timestamp | None = None
    connecting_to: Peer | None = None
    accepted_connection: Peer | None = None
    tcp_mss: float | None = None
    tcp_mss_default: float | None = None
    sock_bufsize: float | None = None
    fq_rate: float | None = None
    sndbuf_actual: float | None = None
    rcvbuf_actual: float | None = None
    test_start: TestStart | None = None


class Document(msgspec.Struct):
    """One whole test, or one line of a JSON stream."""

    start: Start | None = None
    intervals: list[Interval] = []
    end: msgspec.Raw = msgspec.Raw(b"")
    error: str | None = None
    title: str | None = None
    server_output_json: Document | None = None
    event: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


_DECODER = Decoder(Document)
_START, _INTERVAL, _END = Decoder(Start), Decoder(Interval), Decoder(End)
_TEXT = Decoder(str)


def recognize(source: Source) -> bool:
    """Whether the file is iperf3's: JSON, its plain text, or its error line."""
    head = source.head
    if DOCUMENT.search(head):
        return b'"intervals"' in source.data or b'"event"' in head or b"iperf" in head
    return bool(PLAIN_TEXT.search(head) or ERROR_LINE.search(head))


def read(source: Source) -> list[xr.Dataset]:
    """All tests of one file, each a Dataset.

    Raises
    ------
    TraceError
        If the file is iperf3's plain text or error line, if every test in it failed, or if it is damaged
        before the first complete interval.
    """
    runs: list[xr.Dataset] = []
    failures: list[TraceError] = []
    seen: list[Document] = []
    for number, test in enumerate(_tests(source)):
        if number == TEST_LIMIT:
            raise source.error(f"more than {TEST_LIMIT} tests in one file; split it")
        if test.start is not None and any(test == other for other in seen):
            source.warn_of_file("the same test is in the file twice; it is counted once")
            continue
        seen.append(test)
        try:
            runs.append(_dataset(source, test))
        except TraceError as error:
            failures.append(error)
        source.next_run()
    if not runs:
        raise failures[0] if failures else _not_json(source)
    for failure in failures:
        source.warn_of_file(f"a further test in this file failed: {str(failure).removeprefix(f'{source.path}: ')}")
    return runs


def _not_json(source: Source) -> TraceError:
    """What to do with output that is not JSON."""
    if match := ERROR_LINE.search(source.data):
        return source.error(f"iperf3 failed: {clean(match[0].decode('utf-8', 'replace'), 300)}", match.start())
    return source.error("iperf3's plain text is rounded; run it again with -J (or --json-stream)", 0)


def _tests(source: Source) -> Iterator[Document]:
    """Each test of the file; the lines of a JSON stream are put together."""
    running: Document | None = None
    for document in documents(source, _DECODER, DOCUMENT, b"intervals"):
        if document.event is not None:
            if document.event == "start" or running is None:
                if running is not None:
                    yield running
                running = Document()
            _event(source, running, document)
            continue
        if running is not None:
            cookie = running.start.cookie if running.start else None
            if cookie is None or not document.start or cookie != document.start.cookie:
                yield running
            running = None
        yield document
    if running is not None:
        yield running


def _event(source: Source, test: Document, line: Document) -> None:
    """Add one line of a JSON stream to the test it belongs to."""
    try:
        if line.event == "start":
            test.start = _START.decode(source, line.data)
        elif line.event == "interval":
            test.intervals.append(_INTERVAL.decode(source, line.data))
        elif line.event == "end":
            test.end = line.data
        elif line.event == "error":
            test.error = _TEXT.decode(source, line.data)
        elif line.event == "server_output_json":
            test.server_output_json = _DECODER.decode(source, line.data)
    except (Damaged, Trailing) as error:
        raise source.error(f"event {line.event!r} of the JSON stream is damaged: {error}") from None


def _dataset(source: Source, test: Document) -> xr.Dataset:
    """One test as a Dataset."""
    start, end = test.start or Start(), _end(source, test.end)
    settings = start.test_start or TestStart()
    if not test.intervals and not (end.streams or end.sum_sent or end.sum or end.sum_received):
        raise source.error(_why_nothing(test), 0)
    if test.error:
        source.warn(f"iperf3 reports: {clean(test.error, 300)}")
    if not (end.sum_sent or end.sum or end.sum_received):
        source.warn("there is no end section: totals are those of the complete intervals")
    table = _table(source, test)
    if table is None and not (end.sum_sent or end.sum or end.sum_received):
        raise source.error("neither an interval nor the totals are complete", 0)
    coords: dict[str, Column] = {}
    columns: dict[str, Column] = {}
    if table is not None:
        coords, columns = _series(source, table, test)
    attributes = _attributes(test, start, settings, end)
    columns |= _totals(source, coords, columns, end, attributes)
    columns |= _settings(start, settings)
    if test.error or attributes["role"] == "server":
        _drop_unknown(columns)
    return build(source, columns, coords, **attributes)


TWICE = tuple(re.compile(rb'"(' + name + rb')"(\s*:)') for name in (b"sum", b"sum_sent", b"sum_received"))


def _end(source: Source, raw: msgspec.Raw) -> End:
    """The `end` section; 3.7 and 3.8 wrote both directions of `--bidir` under the same keys, forward first."""
    content = bytes(raw)
    if not content or content == b"null":
        return End()
    for key in TWICE:
        found = list(key.finditer(content))
        if len(found) == 2:
            second = found[1].start(1)
            content = content[:second] + found[1][1] + b"_bidir_reverse" + content[found[1].end(1) :]
    try:
        return _END.decode(source, content)
    except (Damaged, Trailing) as error:
        raise source.error(f"the end section is damaged: {error}") from None


def _drop_unknown(columns: dict[str, Column]) -> None:
    """Without the totals of a side that was not heard of: iperf3 writes 0 where it does not know."""
    for prefix in ("", "reverse_"):
        for side, other in (("sent", "received"), ("received", "sent")):
            amount, known = (columns.get(f"{prefix}{name}_bytes", ((), np.nan))[1] for name in (side, other))
            if amount == 0 and known > 0:
                for name in ("rate", "bytes"):
                    columns.pop(f"{prefix}{side}_{name}", None)


def _why_nothing(test: Document) -> str:
    """Why a test holds no measurement at all."""
    if test.error:
        return f"the test failed, iperf3 says: {clean(test.error, 300)}"
    if test.start and test.start.test_start:
        return "the file ends before the first interval was complete"
    return "no test ran: the file has neither intervals nor totals"


def _table(source: Source, test: Document) -> list[list[StreamInterval]] | None:
    """Per interval its streams in the order of their first appearance, gaps filled."""
    intervals = [interval for interval in test.intervals if interval.streams]
    if len(intervals) < len(test.intervals):
        source.warn(f"{len(test.intervals) - len(intervals)} intervals have no stream")
    if not intervals:
        return None
    order: dict[int, int] = {}
    for interval in intervals:
        for stream in interval.streams:
            order.setdefault(stream.socket, len(order))
    entries = sum(len(interval.streams) for interval in intervals)
    if len(order) > STREAM_LIMIT or len(order) * len(intervals) > 4 * entries + 1000:
        raise source.error(f"{len(order)} different sockets in {len(intervals)} intervals: not one test", 0)
    if len(order) == len(intervals[0].streams) and all(
        [stream.socket for stream in interval.streams] == list(order) for interval in intervals
    ):
        return [interval.streams for interval in intervals]
    source.warn("not every interval has every stream; missing ones are NaN")
    return [_filled(interval.streams, list(order)) for interval in intervals]


def _filled(streams: Sequence[StreamInterval], sockets: Sequence[int]) -> list[StreamInterval]:
    """Streams in the order of `sockets`, empty where one is missing."""
    there = {stream.socket: stream for stream in streams}
    return [there.get(socket) or StreamInterval(socket, None, None, None, None) for socket in sockets]


SERIES = (
    # variable, field, scale to SI, is a count
    ("throughput", "bits_per_second", 1.0, False),
    ("transferred", "bytes", 1.0, True),
    ("retransmits", "retransmits", 1.0, True),
    ("cwnd", "snd_cwnd", 1.0, True),
    ("snd_wnd", "snd_wnd", 1.0, True),
    ("rtt", "rtt", 1e-6, False),
    ("rttvar", "rttvar", 1e-6, False),
    ("pmtu", "pmtu", 1.0, True),
    ("jitter", "jitter_ms", 1e-3, False),
    ("lost_packets", "lost_packets", 1.0, True),
    ("packets", "packets", 1.0, True),
)

MEASURED = ("rtt", "rttvar", "snd_cwnd", "snd_wnd", "pmtu")


def _field(table: Sequence[Sequence[StreamInterval]], name: str) -> NDArray[np.float64]:
    """One field as an array of shape (time, stream)."""
    flat = floats(map(operator.attrgetter(name), itertools.chain.from_iterable(table)))
    if name in MEASURED:
        flat[flat <= 0] = np.nan  # what was not measured is 0
    elif name == "retransmits":
        flat[flat < 0] = np.nan
    return flat.reshape(len(table), -1)


def _series(
    source: Source, table: list[list[StreamInterval]], test: Document
) -> tuple[dict[str, Column], dict[str, Column]]:
    """Coordinates and variables over (time, stream); the stream dim is dropped if there is one stream."""
    table = _with_sender_side(source, table, test)
    several = len(table[0]) > 1
    dims = ("time", "stream") if several else ("time",)
    time, omitted = _clock(source, table)
    coords: dict[str, Column] = {"time": (("time",), time)}
    if several:
        coords["stream"] = (("stream",), np.arange(1, len(table[0]) + 1))
        coords["socket"] = (("stream",), np.array([stream.socket for stream in table[0]]))
        senders = {stream.sender for stream in table[0]}
        if {True, False} <= senders:
            here = "server" if test.start and test.start.accepted_connection else "client"
            coords["sender"] = (
                ("stream",),
                np.array(
                    [here if stream.sender else ("client" if here == "server" else "server") for stream in table[0]]
                ),
            )
    columns: dict[str, Column] = {"interval": (("time",), _field(table, "seconds")[:, 0])}
    for variable, field, scale, count in SERIES:
        values = _field(table, field)
        shaped = values if several else values[:, 0]
        columns[variable] = (dims, as_counts(shaped) if count else shaped * scale)
    if omitted.any():
        columns["omitted"] = (("time",), omitted)
    return coords, columns


def _clock(source: Source, table: Sequence[Sequence[StreamInterval]]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """End of each interval [s] from the start of the measured part, and whether it is omitted (until 0)."""
    ends = np.nanmax(np.nan_to_num(_field(table, "end"), nan=-np.inf), axis=1)
    omitted = np.array([any(bool(stream.omitted) for stream in streams) for streams in table])
    time = ends.copy()
    with np.errstate(invalid="ignore", over="ignore"):
        if omitted.any() and not omitted.all():
            time[omitted] -= ends[omitted][-1]
        sane = np.all(np.isfinite(time)) and np.all(np.abs(time) < 1e10) and bool(np.all(np.diff(time) > 0))
    if not sane:
        source.warn("the intervals' times do not increase; their order is kept, one interval counted as 1 s")
        time = np.arange(1, len(time) + 1, dtype=np.float64)
    return time, omitted


def _with_sender_side(source: Source, table: list[list[StreamInterval]], test: Document) -> list[list[StreamInterval]]:
    """The intervals with the sender's TCP figures from the server's own output where the server sent (-R)."""
    server = test.server_output_json
    if server is None or any(stream.retransmits is not None for stream in table[0]):
        return table
    theirs = [interval.streams for interval in server.intervals]
    if [len(streams) for streams in theirs] != [len(streams) for streams in table]:
        source.warn("the server's output does not have the same intervals; its TCP figures are not used")
        return table
    for streams, senders in zip(table, theirs, strict=True):
        for stream, sender in zip(streams, senders, strict=True):
            for name in ("retransmits", "snd_cwnd", "snd_wnd", "rtt", "rttvar", "pmtu"):
                setattr(stream, name, getattr(sender, name))
    return table


def _totals(
    source: Source, coords: dict[str, Column], series: dict[str, Column], end: End, attributes: dict[str, str]
) -> dict[str, Column]:
    """Totals of the run, from the `end` section or, if it is missing, from the measured intervals."""
    sent, received = end.sum_sent or end.sum, end.sum_received
    if sent is None and received is None:
        return _totals_of_intervals(source, coords, series, attributes)
    reverse_sent = end.sum_sent_bidir_reverse or end.sum_bidir_reverse
    reverse_received = end.sum_received_bidir_reverse
    if end.sum is not None and received is None and end.sum.packets and end.sum.lost_packets is not None:
        # before 3.14: what was sent, and what the receiver missed of it
        received = _arrived(end.sum)
        if attributes["direction"] == "reverse" and series:
            received = _of_intervals(series, received)
    if reverse_sent is not None and reverse_received is None and reverse_sent.packets:
        reverse_received = _arrived(reverse_sent)
    datagrams = received if received and received.packets is not None else end.sum or sent
    columns = _one_way("", sent, received)
    columns |= _one_way("reverse_", reverse_sent, reverse_received)
    length = (sent or received or Total()).seconds
    cpu = end.cpu_utilization_percent or Processor()
    columns |= {
        "duration": ((), _scalar(length)),
        "cpu_host": ((), _scalar(cpu.host_total, 0.01)),
        "cpu_remote": ((), _scalar(cpu.remote_total, 0.01)),
    }
    if datagrams is not None and datagrams.packets is not None:
        lost = datagrams.lost_packets
        columns |= {
            "total_packets": ((), _count((sent or datagrams).packets or datagrams.packets)),
            "total_lost_packets": ((), _count(lost)),
            "datagram_loss": ((), np.nan if lost is None or not datagrams.packets else lost / datagrams.packets),
            "mean_jitter": ((), _scalar(datagrams.jitter_ms, 1e-3)),
        }
    streams = np.asarray(coords["stream"][1]).size if "stream" in coords else (1 if series else len(end.streams))
    return columns | _per_stream(end, streams)


def _of_intervals(series: dict[str, Column], told: Total) -> Total:
    """What arrived by the receiver's own intervals; losses and jitter as told."""
    kept, seconds = _measured(series)
    size = np.asarray(series["transferred"][1], dtype=np.float64).reshape(len(kept), -1)[kept]
    length, amount = float(seconds.sum()), float(np.nansum(size))
    return msgspec.structs.replace(
        told, bytes=amount, seconds=length, bits_per_second=amount * 8 / length if length > 0 else None
    )


def _arrived(total: Total) -> Total:
    """What a UDP receiver got, where the file (before 3.14) only says what was sent and lost."""
    share = 1 - (total.lost_packets or 0.0) / (total.packets or 1.0)
    return Total(
        seconds=total.seconds,
        bits_per_second=None if total.bits_per_second is None else total.bits_per_second * share,
        packets=total.packets,
        lost_packets=total.lost_packets,
        jitter_ms=total.jitter_ms,
    )


def _one_way(prefix: str, sent: Total | None, received: Total | None) -> dict[str, Column]:
    """Rates, bytes, seconds and retransmits of one direction."""
    sent, received = sent or Total(), received or Total()
    return {
        f"{prefix}sent_rate": ((), _scalar(sent.bits_per_second)),
        f"{prefix}received_rate": ((), _scalar(received.bits_per_second)),
        f"{prefix}sent_bytes": ((), _count(sent.bytes)),
        f"{prefix}received_bytes": ((), _count(received.bytes)),
        f"{prefix}sent_duration": ((), _scalar(sent.seconds)),
        f"{prefix}received_duration": ((), _scalar(received.seconds)),
        f"{prefix}total_retransmits": ((), _count(None if (sent.retransmits or 0) < 0 else sent.retransmits)),
    }


def _per_stream(end: End, streams: int) -> dict[str, Column]:
    """RTT of the run over its streams, and the figures of each stream where there are several."""
    senders = [stream.sender or stream.udp or Total() for stream in end.streams]
    receivers = [stream.receiver or stream.udp or Total() for stream in end.streams]
    # in a bidirectional test the forward direction's RTT is that of the streams that this side sent
    both = end.sum_sent_bidir_reverse or end.sum_bidir_reverse
    here = [sender for sender in senders if sender.sender] if both else senders
    columns: dict[str, Column] = {}
    for name, over in (
        ("min_rtt", min),
        ("max_rtt", max),
        ("mean_rtt", lambda values: sum(values) / len(values)),
    ):
        values = [value for sender in here if (value := getattr(sender, name))]
        columns[name] = ((), over(values) * 1e-6 if values else np.nan)
    if len(senders) == streams > 1:
        columns |= {
            "stream_sent_rate": (("stream",), floats(total.bits_per_second for total in senders)),
            "stream_received_rate": (("stream",), floats(total.bits_per_second for total in receivers)),
            "stream_retransmits": (("stream",), counts(_known(total.retransmits, 0) for total in senders)),
            "stream_mean_rtt": (("stream",), floats((_known(total.mean_rtt, 1) for total in senders), 1e-6)),
            "stream_min_rtt": (("stream",), floats((_known(total.min_rtt, 1) for total in senders), 1e-6)),
        }
    return columns


def _known(value: float | None, least: float) -> float | None:
    """A value that was measured: not less than the smallest possible one."""
    return value if value is not None and value >= least else None


def _measured(series: dict[str, Column]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which intervals are not omitted, and their lengths [s]."""
    seconds = np.asarray(series["interval"][1], dtype=np.float64)
    kept = ~series["omitted"][1] if "omitted" in series else np.ones(len(seconds), dtype=bool)
    return kept, seconds[kept]


def _totals_of_intervals(
    source: Source, coords: dict[str, Column], series: dict[str, Column], attributes: dict[str, str]
) -> dict[str, Column]:
    """Totals that the complete intervals allow, omitted ones left out; each direction by itself."""
    if "interval" not in series:
        return {}
    kept, seconds = _measured(series)
    forward = np.ones(np.asarray(series["transferred"][1]).reshape(len(kept), -1).shape[1], dtype=bool)
    if "sender" in coords:
        forward = np.asarray(coords["sender"][1]) == "client"
    # each side's intervals are what it did itself: the client's -R and the server's forward ones are received
    sends = (attributes["direction"] == "reverse") == (attributes["role"] == "server")
    columns: dict[str, Column] = {"duration": ((), float(seconds.sum()))}
    sides = [("", "sent" if sends else "received", forward)]
    if "sender" in coords:
        here = attributes["role"] == "client"
        sides = [("", "sent" if here else "received", forward)]
        sides += [("reverse_", "received" if here else "sent", ~forward)]
    for prefix, side, chosen in sides:
        columns |= _one_side(series, kept, seconds, chosen, prefix, side)
    return columns


def _one_side(
    series: dict[str, Column],
    kept: NDArray[np.bool_],
    seconds: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    prefix: str,
    side: str,
) -> dict[str, Column]:
    """Bytes, rate, retransmits and RTT of the chosen streams in the intervals that are kept."""

    def of(name: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.asarray(series[name][1], dtype=np.float64)
        return np.array(values.reshape(len(kept), -1)[kept][:, chosen])

    with np.errstate(all="ignore"):
        length, amount = float(seconds.sum()), float(np.nansum(of("transferred")))
        again, rtt = of("retransmits"), of("rtt")
        rtt = rtt[np.isfinite(rtt)]
    columns: dict[str, Column] = {
        f"{prefix}{side}_bytes": ((), _count(amount)),
        f"{prefix}{side}_rate": ((), amount * 8 / length if length > 0 else np.nan),
        f"{prefix}total_retransmits": ((), _count(float(again.sum())) if np.isfinite(again).all() else np.nan),
    }
    if not prefix and rtt.size:
        columns |= {"min_rtt": ((), rtt.min()), "mean_rtt": ((), rtt.mean()), "max_rtt": ((), rtt.max())}
    return columns


def _scalar(value: float | None, scale: float = 1.0) -> float:
    return np.nan if value is None else value * scale


def _count(value: float | None) -> Any:
    """A count as an integer if it is one, NaN if it is missing."""
    return as_counts(floats([value]))[0]


def _settings(start: Start, settings: TestStart) -> dict[str, Column]:
    """What the test was set to, as far as checks need it."""
    return {
        "set_duration": ((), _scalar(settings.duration)),
        # -b (or --fq-rate, which paces in the kernel) is the rate of each stream, in each direction
        "set_rate": ((), (settings.target_bitrate or start.fq_rate or np.nan) * max(settings.num_streams or 1, 1)),
        "send_buffer": ((), _scalar(start.sndbuf_actual) if start.sock_bufsize else np.nan),
        "mss": ((), _count(start.tcp_mss or start.tcp_mss_default or None)),
    }


def _attributes(test: Document, start: Start, settings: TestStart, end: End) -> dict[str, str]:
    """Text attributes: versions, host, settings and congestion control."""
    words = (start.system_info or "").split()
    both = settings.bidir or (end.sum_sent_bidir_reverse or end.sum_bidir_reverse) is not None
    found = {
        "tool": TOOL,
        "version": (start.version or "").removeprefix("iperf ").strip(),
        "host": words[1] if len(words) > 2 else "",
        "kernel": " ".join([words[0], *words[2:]]) if len(words) > 2 else " ".join(words),
        "command": _command(start, settings),
        "start": utc(start.timestamp.timesecs if start.timestamp else None),
        "protocol": settings.protocol or "",
        "role": "server" if start.accepted_connection else "client",
        "direction": "both" if both else ("reverse" if settings.reverse else "forward"),
        "congestion": end.sender_tcp_congestion or "",
        "receiver_congestion": end.receiver_tcp_congestion or "",
        "title": test.title or "",
    }
    return {name: clean(value) for name, value in found.items() if value or name in ATTRIBUTES}


def _command(start: Start, settings: TestStart) -> str:
    """The iperf3 command that gives this test, rebuilt from the settings in the file."""
    if start.test_start is None:
        return ""
    peer = start.connecting_to
    words = ["iperf3", f"-c {peer.host}" if peer and peer.host else "-s"]
    words += ["-u"] * (settings.protocol == "UDP") + ["--sctp"] * (settings.protocol == "SCTP")
    words += [f"-P {settings.num_streams}"] * ((settings.num_streams or 1) > 1)
    words += ["-R"] * bool(settings.reverse) + ["--bidir"] * bool(settings.bidir)
    for option, value in (
        ("-b", settings.target_bitrate),
        ("--fq-rate", start.fq_rate),
        ("-O", settings.omit),
        ("-t", settings.duration),
        ("-n", settings.bytes),
        ("-k", settings.blocks),
    ):
        if value:
            words.append(f"{option} {value:.10g}")
    return " ".join([*words, "-J"])


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="iperf3 -J, iperf3 --json-stream",
    versions="3.0 to 3.22",
    gives="intervals and totals of every stream and direction; several tests in one file; server output",
    mixes=True,
)
