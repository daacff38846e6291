"""qlog of QUIC: round-trip time, congestion window and packets, as JSON and as JSON text sequence (`.sqlog`)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import msgspec
import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, clean, floats
from tunbp.traces.documents import Damaged, Decoder, Trailing, check_density
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "qlog"
EVENT_LIMIT = 2_000_000
BINS = 100


class Raw(msgspec.Struct, gc=False):
    """Length of a packet [byte]."""

    length: float | None = None


class PacketHeader(msgspec.Struct, gc=False):
    """Older versions kept the length here."""

    packet_size: float | None = None


class Data(msgspec.Struct, gc=False):
    """What an event says, as far as it is used; times in ms."""

    smoothed_rtt: float | None = None
    latest_rtt: float | None = None
    min_rtt: float | None = None
    congestion_window: float | None = None
    cwnd: float | None = None
    current_cwnd: float | None = None
    bytes_in_flight: float | None = None
    raw: Raw | None = None
    header: PacketHeader | None = None


class Event(msgspec.Struct, gc=False):
    """One event: time [ms], name, data."""

    time: float | None = None
    name: str = ""
    data: Data | None = None


class Vantage(msgspec.Struct):
    """Which side wrote it."""

    type: str = ""


class Configuration(msgspec.Struct):
    """Unit of all times, ms unless told otherwise."""

    time_units: str = ""


class Common(msgspec.Struct):
    """What all events share: how their times count."""

    time_format: str = ""


class Trace(msgspec.Struct):
    """One connection; up to draft 1 an event is a list, whose places `event_fields` names."""

    events: list[Event | list[msgspec.Raw]] = []
    event_fields: list[str] = []
    configuration: Configuration | None = None
    common_fields: Common | None = None
    title: str | None = None
    vantage_point: Vantage | None = None


class Document(msgspec.Struct):
    """A whole file, or the first record of a sequence."""

    qlog_version: str = ""
    traces: list[Trace] = []
    trace: Trace | None = None
    title: str | None = None


_WHOLE = Decoder(Document)
_DOCUMENT, _EVENT = msgspec.json.Decoder(Document), msgspec.json.Decoder(Event)
_TIME, _WORD, _DATA = msgspec.json.Decoder(float), msgspec.json.Decoder(str), msgspec.json.Decoder(Data)
PLACES = {
    "relative_time": "time", "time": "time", "category": "category", "event": "event", "event_type": "event",
    "data": "data",
}  # fmt: skip
"""Names of an event's places up to draft 1."""
METRICS = ("metrics_updated", "metric_update")
DELTA = ("delta", "relative_to_previous_event")
"""Formats of times that count from the event before."""
MICROSECONDS = ("smoothed_rtt", "latest_rtt", "min_rtt")
_FAILED = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def recognize(source: Source) -> bool:
    """Whether the file is qlog."""
    return (re.match(rb"\s{0,64}\x1e?\s{0,9}\{", source.head) is not None and b'"qlog_version"' in source.head) or (
        source.head.startswith(b"\x1e{") and b'"file_schema"' in source.head
    )


def read(source: Source) -> list[xr.Dataset]:
    """Every connection: RTT and cwnd over (time), packets and bytes sent and received, packets lost.

    Raises
    ------
    TraceError
        If the file is damaged or has no events with times.
    """
    check_density(source)
    traces = _sequence(source) if b"\x1e" in source.head[:64] else _whole(source)
    found = [(trace, _events(source, trace)) for trace in traces[:256]]
    found = [(trace, events) for trace, events in found if events]
    if not found:
        raise source.error("no event with a time", len(source.data))
    return [_dataset(source, trace, events) for trace, events in found]


def _events(source: Source, trace: Trace) -> list[Event]:
    """The events that have a time, those that are lists by the names of their places."""
    places = [PLACES.get(name.lower(), "") for name in trace.event_fields]
    scale = 1e-3 if trace.configuration is not None and trace.configuration.time_units == "us" else 1.0
    found = []
    for event in trace.events:
        if isinstance(event, list):
            event = _of_list(source, dict(zip(places, event, strict=False)))
        if event.time is not None and np.isfinite(event.time):
            if scale != 1.0:
                event.time *= scale
                for name in MICROSECONDS if event.data is not None else ():
                    if (value := getattr(event.data, name)) is not None:
                        setattr(event.data, name, value * scale)
            found.append(event)
    if trace.common_fields is not None and trace.common_fields.time_format in DELTA:
        for event, time in zip(found, itertools.accumulate(event.time or 0.0 for event in found), strict=True):
            event.time = time
    return found


def _of_list(source: Source, parts: dict[str, msgspec.Raw]) -> Event:
    """An event of draft 1: time, category, event, data."""
    try:
        category, name = (_WORD.decode(parts[key]) if key in parts else "" for key in ("category", "event"))
        data = _DATA.decode(parts["data"]) if "data" in parts and bytes(parts["data"])[:1] == b"{" else None
        return Event(_TIME.decode(parts["time"]) if "time" in parts else None, f"{category}:{name}", data)
    except _FAILED:
        source.warn("an event has other types than qlog's and is left out")
        return Event()


def _whole(source: Source) -> list[Trace]:
    begin = source.data.index(b"{")
    try:
        try:
            return _WHOLE.decode(source, source.data[begin:], begin).traces
        except Trailing as trailing:
            source.warn_of_file("text after the document is left out")
            return _WHOLE.decode(source, source.data[begin : begin + trailing.length], begin).traces
    except Damaged as damaged:
        raise source.error(f"damaged qlog: {damaged.reason}", begin + damaged.length) from None


def _sequence(source: Source) -> list[Trace]:
    """Records between record separators; one that is cut off is left out."""
    records = source.data.split(b"\x1e", EVENT_LIMIT)
    found = Trace()
    for number, record in enumerate(filter(bytes.strip, records)):
        try:
            if number == 0:
                head = _DOCUMENT.decode(record)
                found = head.trace or Trace()
            else:
                found.events.append(_EVENT.decode(record))
        except _FAILED:
            if number == 0:
                raise source.error("the first record of the sequence is damaged", 0) from None
            source.warn("a record is cut off or damaged and left out")
    return [found]


def _dataset(source: Source, trace: Trace, events: Sequence[Event]) -> xr.Dataset:
    """One connection."""
    begin = min(event.time or 0.0 for event in events)
    end = max(event.time or 0.0 for event in events)
    metrics = [event for event in events if event.name.endswith(METRICS) and event.data is not None]
    columns: dict[str, Column] = {}
    coords: dict[str, Column] = {}
    if metrics:
        times = floats(((event.time or 0.0) - begin) * 1e-3 for event in metrics)
        order = np.argsort(times, kind="stable")
        last = order[np.concatenate([np.diff(times[order]) > 0, [True]])]
        coords["time"] = (("time",), times[last])
        for name, field, scale in (("rtt", "latest_rtt", 1e-3), ("cwnd", "congestion_window", 1.0)):
            values = floats((_told(event.data, field) for event in metrics), scale)
            if name == "rtt" and not np.isfinite(values).any():
                values = floats((event.data.smoothed_rtt for event in metrics if event.data), scale)
            filled = _held(values)[last]
            columns[name] = (("time",), filled if name == "rtt" else as_counts(filled))
        rtt = np.asarray(columns["rtt"][1], dtype=float)
        least = floats((event.data.min_rtt for event in metrics if event.data), 1e-3)
        if np.isfinite(rtt).any():
            columns |= {"mean_rtt": ((), float(np.nanmean(rtt))), "max_rtt": ((), float(np.nanmax(rtt)))}
            columns["min_rtt"] = ((), float(np.nanmin(np.concatenate([least[np.isfinite(least)], rtt]))))
    seconds = (end - begin) * 1e-3
    for side, name in (("sent", "packet_sent"), ("received", "packet_received")):
        sizes = [_size(event) for event in events if event.name.endswith(name)]
        if sizes:
            # what this end received is the other direction: a connection carries both
            way = "sent" if side == "sent" else "reverse_received"
            columns[f"{way}_bytes"] = ((), as_counts(floats([float(sum(sizes))]))[0])
            columns[f"{way}_rate"] = ((), 8 * sum(sizes) / seconds if seconds > 0 else np.nan)
            if side == "sent":
                columns["total_packets"] = ((), len(sizes))
    columns["total_lost_packets"] = ((), sum(event.name.endswith("packet_lost") for event in events))
    columns["duration"] = ((), seconds)
    where = trace.vantage_point.type if trace.vantage_point else ""
    run = build(
        source,
        columns,
        coords,
        tool=TOOL,
        protocol="QUIC",
        role=clean(where, 32),
        title=clean(trace.title or ""),
        direction="both",
    )
    source.next_run()
    return run


def _told(data: Data | None, field: str) -> float | None:
    """A field, of cwnd under any of the names that implementations give it."""
    names = (field, "cwnd", "current_cwnd") if field == "congestion_window" else (field,)
    return next((value for name in names if (value := getattr(data, name)) is not None), None)


def _held(values: np.ndarray) -> np.ndarray:
    """Values, where an event does not tell one that of the last event that did."""
    known = np.where(np.isfinite(values), np.arange(len(values)), -1)
    index = np.maximum.accumulate(known)
    return np.where(index >= 0, values[np.maximum(index, 0)], np.nan)


def _size(event: Event) -> float:
    data = event.data
    if data is None:
        return 0.0
    if data.raw is not None and data.raw.length is not None:
        return data.raw.length
    return (data.header.packet_size or 0.0) if data.header is not None else 0.0


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="qlog of QUIC implementations (.qlog, .sqlog)",
    versions="draft 0 to 0.4",
    gives="RTT and cwnd over time, bytes sent and received, packets lost",
)
