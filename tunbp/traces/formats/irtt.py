"""`irtt client`: its text summary and its JSON (`-o`), round-trip and one-way delays."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import xarray as xr

from tunbp.quantities import show
from tunbp.traces.build import Column, as_counts, build, clean, floats
from tunbp.traces.documents import Decoder, documents
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "irtt"
OPENING = re.compile(rb'\{\s*"version"\s*:\s*\{\s*"irtt"')
DURATION = re.compile(rb"([\d.]{1,20})(ns|us|\xc2\xb5s|\xce\xbcs|\xb5s|ms|s|m|h)")
UNITS = {
    b"ns": 1e-9, b"us": 1e-6, b"\xc2\xb5s": 1e-6, b"\xce\xbcs": 1e-6, b"\xb5s": 1e-6,
    b"ms": 1e-3, b"s": 1.0, b"m": 60.0, b"h": 3600.0,
}  # fmt: skip
ROW = re.compile(
    rb"^\s{0,64}(RTT|send delay|receive delay|IPDV \(jitter\))"
    rb"((?:\s{1,32}-?[\d.]{1,20}[^\s\d]\S{0,24}){4,5})\s{0,64}$",
    re.MULTILINE,
)
COUNTS = re.compile(rb"packets sent/received:\s{0,9}(\d{1,12})/(\d{1,12})(?: \(([\d.]{1,12})% loss\))?")
LENGTH = re.compile(rb"^\s{0,64}duration:\s{0,9}([\d.a-z\xb5\xc2\xce\xbc]{1,32})", re.MULTILINE)
COMMAND = re.compile(rb"^\$? ?(irtt client .{0,300})$", re.MULTILINE)
NAMES = {
    b"RTT": "rtt",
    b"send delay": "send_delay",
    b"receive delay": "receive_delay",
    b"IPDV (jitter)": "jitter",
}


class Stat(msgspec.Struct, gc=False):
    """Statistics of one duration [ns]."""

    min: float | None = None
    mean: float | None = None
    max: float | None = None
    stddev: float | None = None


class Stats(msgspec.Struct, gc=False):
    """The `stats` section."""

    start_time: str | dict[str, msgspec.Raw] | None = None
    rtt: Stat | None = None
    send_delay: Stat | None = None
    receive_delay: Stat | None = None
    ipdv_round_trip: Stat | None = None
    duration: float | None = None
    packets_sent: float | None = None
    packets_received: float | None = None
    packet_loss_percent: float | None = None
    duplicates: float | None = None


class Moment(msgspec.Struct, gc=False):
    """Clock readings of one event [ns]."""

    wall: float | None = None
    monotonic: float | None = None


class Moments(msgspec.Struct, gc=False):
    """Sending and receiving at one side."""

    send: Moment | None = None
    receive: Moment | None = None


class Clocks(msgspec.Struct, gc=False):
    """Both sides."""

    client: Moments | None = None


class Delay(msgspec.Struct, gc=False):
    """Delays of one round trip [ns]."""

    rtt: float | None = None
    send: float | None = None
    receive: float | None = None


class RoundTrip(msgspec.Struct, gc=False):
    """One probe."""

    seqno: int
    timestamps: Clocks
    delay: Delay | None = None
    lost: str | bool | None = None


class Tool(msgspec.Struct, gc=False):
    """Versions."""

    irtt: str | None = None


class System(msgspec.Struct, gc=False):
    """The machine."""

    hostname: str | None = None


class Document(msgspec.Struct, gc=False):
    """One file written with `-o`."""

    version: Tool | None = None
    system_info: System | None = None
    stats: Stats | None = None
    round_trips: list[RoundTrip] = []


_DECODER = Decoder(Document)


def recognize(source: Source) -> bool:
    """Whether the file is irtt's JSON or text."""
    head = source.head
    return bool(OPENING.search(head)) or b"irtt client" in head or (b"[Connecting]" in head and b"RTT" in head)


def read(source: Source) -> list[xr.Dataset]:
    """Delays over (time) where the file has every probe, and the totals.

    Raises
    ------
    TraceError
        If the summary is missing: irtt was stopped before its end.
    """
    if OPENING.search(source.head):
        found = list(documents(source, _DECODER, OPENING, b"round_trips"))
        return [_from_json(source, document) for document in found]
    return [_from_text(source)]


def _from_json(source: Source, document: Document) -> xr.Dataset:
    """All probes and totals."""
    stats = document.stats or Stats()
    columns: dict[str, Column] = {}
    for name, stat in (
        ("", stats.rtt),
        ("send_delay", stats.send_delay),
        ("receive_delay", stats.receive_delay),
    ):
        if stat is None:
            continue
        if not name:
            for part in ("min", "mean", "max"):
                value = getattr(stat, part)
                columns[f"{part}_rtt"] = ((), np.nan if value is None else value * 1e-9)
            columns["rtt_deviation"] = ((), np.nan if stat.stddev is None else stat.stddev * 1e-9)
        else:
            columns[f"mean_{name}"] = ((), np.nan if stat.mean is None else stat.mean * 1e-9)
    columns |= _counted(stats.packets_sent, stats.packets_received, stats.packet_loss_percent)
    columns["duration"] = ((), np.nan if stats.duration is None else stats.duration * 1e-9)
    coords: dict[str, Column] = {}
    trips = document.round_trips
    if trips:
        sent = floats(
            trip.timestamps.client.send.monotonic if trip.timestamps.client and trip.timestamps.client.send else None
            for trip in trips
        )
        with np.errstate(invalid="ignore"):
            axis = (sent - sent[0]) * 1e-9
            if not (np.isfinite(axis).all() and (np.diff(axis) > 0).all()):
                source.warn("the probes' clock does not increase; they are counted 0, 1, 2, ... instead of seconds")
                axis = np.arange(len(trips), dtype=float)
        coords["time"] = (("time",), axis)
        columns["sequence"] = (("time",), as_counts(floats(float(trip.seqno) for trip in trips)))
        for name, part in (("rtt", "rtt"), ("send_delay", "send"), ("receive_delay", "receive")):
            values = floats((getattr(trip.delay, part) if trip.delay else None for trip in trips), 1e-9)
            columns[name] = (("time",), values)
    if not columns.keys() - {"duration"}:
        raise source.error("neither probes nor statistics", 0)
    _drop_unbelievable(source, columns)
    return build(
        source, columns, coords, tool=TOOL,
        version=clean((document.version.irtt if document.version else None) or ""),
        host=clean((document.system_info.hostname if document.system_info else None) or ""),
        start=clean(stats.start_time)[:64] if isinstance(stats.start_time, str) else "",
    )  # fmt: skip


def _from_text(source: Source) -> xr.Dataset:
    """The totals of the summary."""
    columns: dict[str, Column] = {}
    for row in ROW.finditer(source.data):
        values = [seconds(word) for word in row[2].split()]
        name = NAMES[row[1]]
        mean = values[1]
        if name == "rtt":
            low, top = values[0], values[-2]
            columns |= {"min_rtt": ((), low), "mean_rtt": ((), mean), "max_rtt": ((), top)}
            columns |= {"rtt_deviation": ((), values[-1])}
        else:
            columns[f"mean_{name}"] = ((), mean)
    counted = COUNTS.search(source.data)
    if counted is None or "mean_rtt" not in columns:
        raise source.error("irtt's summary is missing or cut off", len(source.data))
    columns |= _counted(float(counted[1]), float(counted[2]), _number(counted[3]))
    _drop_unbelievable(source, columns)
    length, command = LENGTH.search(source.data), COMMAND.search(source.data)
    if length:
        columns["duration"] = ((), seconds(length[1]))
    return build(source, columns, tool=TOOL, command=clean(command[1].decode("utf-8", "replace")) if command else "")


def _drop_unbelievable(source: Source, columns: dict[str, Column]) -> None:
    """Without one-way delays that two clocks which differ cannot tell: one is negative or longer than the RTT."""
    rtt, there, back = (
        float(columns[name][1]) if name in columns else np.nan
        for name in ("mean_rtt", "mean_send_delay", "mean_receive_delay")
    )
    if not np.isfinite(there + back) or 0 <= min(there, back) <= max(there, back) <= rtt:
        return
    apart = abs(there - back) / 2
    source.warn(f"the clocks of both ends differ by about {show(apart, 's', 3)}: one-way delays are not used")
    for name in ("send_delay", "receive_delay", "mean_send_delay", "mean_receive_delay"):
        columns.pop(name, None)


def _counted(sent: float | None, received: float | None, percent: float | None) -> dict[str, Column]:
    """Probes and their loss."""
    return {
        "probes_sent": ((), as_counts(floats([sent]))[0]),
        "probes_received": ((), as_counts(floats([received]))[0]),
        "loss_fraction": ((), np.nan if percent is None else percent / 100),
    }


def _number(word: bytes | None) -> float | None:
    try:
        return float(word) if word else None
    except ValueError:
        return None


def seconds(word: bytes) -> float:
    """A Go duration such as ``1m0s``, ``19.2ms`` or ``966µs`` in seconds; NaN if it is none."""
    parts = list(DURATION.finditer(word))
    if not parts or sum(len(part[0]) for part in parts) != len(word.lstrip(b"-")):
        return float("nan")
    try:
        total = sum(float(part[1]) * UNITS[part[2]] for part in parts)
    except ValueError:
        return float("nan")
    return -total if word.startswith(b"-") else total


READER = Reader(
    name=TOOL,
    role="probe",
    recognize=recognize,
    read=read,
    commands="irtt client, irtt client -o",
    versions="0.9",
    gives="round-trip and one-way delays, loss, jitter",
)
