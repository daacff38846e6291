"""M-Lab's NDT without the server's samples: JSON of the ndt7 client (`-format json`), archived NDT 5 results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, clean, floats
from tunbp.traces.documents import Decoder, documents
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "ndt client"
OPENING = re.compile(rb'\{\s*"(?:Key|ServerFQDN|Server|GitShortCommit|C2S|S2C)"\s*:')
RATES = {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9}
TIMES = {"us": 1e-6, "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "s": 1.0}


class Amount(msgspec.Struct):
    """A number with its unit; old clients write the keys in small letters."""

    Value: float | None = None
    Unit: str = ""
    value: float | None = None
    unit: str = ""

    def si(self, units: dict[str, float]) -> float:
        """The number in SI units, NaN if it is missing or its unit is none of these."""
        number = self.value if self.Value is None else self.Value
        return np.nan if number is None else number * units.get(self.Unit or self.unit, np.nan)


class Way(Amount):
    """One direction: a bare throughput, or throughput and latency; of NDT 5 what the server counted."""

    Throughput: Amount | None = None
    Latency: Amount | None = None
    MeanThroughputMbps: float | None = None
    MinRTT: float | None = None


class AppInfo(msgspec.Struct):
    """Bytes that the client moved, and the time since the start [us]."""

    NumBytes: float = 0.0
    ElapsedTime: float = 0.0


class TcpInfo(msgspec.Struct):
    """What is used of the server's socket [us]."""

    MinRTT: float | None = None


class Measurement(msgspec.Struct):
    """What one event says."""

    Origin: str = ""
    Test: str = ""
    AppInfo: AppInfo | None = None
    TCPInfo: TcpInfo | None = None


class Document(msgspec.Struct):
    """One event, or one summary."""

    Key: str = ""
    Value: Measurement | None = None
    ServerFQDN: str = ""
    Server: str = ""
    Version: str = ""
    Download: Way | None = None
    Upload: Way | None = None
    MinRTT: Amount | None = None
    S2C: Way | None = None
    C2S: Way | None = None


_DECODER = Decoder(Document)


def recognize(source: Source) -> bool:
    """Whether the file is a summary or the events of the ndt7 client, or an archived NDT 5 result."""
    head = source.head
    client = b'"ServerFQDN"' in head or (
        b'"Download"' in head and re.search(rb'"[Uu]nit"\s*:\s*"Mbit/s"', head) is not None
    )
    events = b'"Key"' in head and re.search(rb'"Test"\s*:\s*"(?:down|up)load"', head) is not None
    return (client or events or b'"MeanThroughputMbps"' in head) and OPENING.search(head) is not None


def read(source: Source) -> list[xr.Dataset]:
    """Download and upload, each a run: rate and smallest RTT; of events the rate over (time) too.

    Raises
    ------
    TraceError
        If neither has a rate.
    """
    events: dict[str, list[Measurement]] = {}
    summaries = []
    for document in documents(source, _DECODER, OPENING):
        if document.Key:
            if document.Key == "measurement" and document.Value is not None:
                source.spend("events", 40)
                events.setdefault(document.Value.Test, []).append(document.Value)
        else:
            summaries.append(document)
    runs = [_of_events(source, test, found) for test, found in events.items() if any(m.AppInfo for m in found)]
    if not runs:
        runs = [run for summary in summaries for run in _of_summary(source, summary)]
    if not runs:
        raise source.error("neither download nor upload has a rate", len(source.data))
    return runs


def _of_events(source: Source, test: str, events: Sequence[Measurement]) -> xr.Dataset:
    """What the client counted in one direction, over time."""
    counted = [event.AppInfo for event in events if event.Origin == "client" and event.AppInfo]
    counted = counted or [event.AppInfo for event in events if event.AppInfo]
    time, moved = floats((c.ElapsedTime for c in counted), 1e-6), floats(c.NumBytes for c in counted)
    order = np.argsort(time, kind="stable")
    order = order[np.concatenate([[True], np.diff(time[order]) > 0])]
    time, moved = time[order], moved[order]
    length = np.diff(time, prepend=0.0)
    with np.errstate(all="ignore"):
        rate = np.where(length > 0, np.diff(moved, prepend=0.0) * 8 / length, np.nan)
    side = "received" if test == "download" else "sent"
    least = floats(event.TCPInfo.MinRTT if event.TCPInfo else None for event in events)
    columns: dict[str, Column] = {
        "throughput": (("time",), rate), "interval": (("time",), length),
        f"{side}_bytes": ((), as_counts(moved[-1:])[0]), "duration": ((), time[-1]),
        f"{side}_rate": ((), moved[-1] * 8 / time[-1] if time[-1] > 0 else np.nan),
        "min_rtt": ((), float(np.nanmin(least)) * 1e-6 if np.isfinite(least).any() else np.nan),
    }  # fmt: skip
    return _run(source, columns, test, {"time": (("time",), time)})


def _of_summary(source: Source, summary: Document) -> Iterator[xr.Dataset]:
    """The totals of both directions."""
    whole = np.nan if summary.MinRTT is None else summary.MinRTT.si(TIMES)
    ways = (
        ("download", summary.Download),
        ("upload", summary.Upload),
        ("download", summary.S2C),
        ("upload", summary.C2S),
    )
    for test, way in ways:
        if way is None:
            continue
        if way.MeanThroughputMbps is not None:  # NDT 5: the server's own count, its times in ns
            rate, rtt = way.MeanThroughputMbps * 1e6, np.nan if way.MinRTT is None else way.MinRTT * 1e-9
            side = "sent" if test == "download" else "received"
        else:
            rate = (way.Throughput or way).si(RATES)
            rtt = way.Latency.si(TIMES) if way.Latency else whole
            # old clients give what they wrote into the socket as upload, new ones what the server received
            side = "sent" if test == "upload" and way.Throughput is None else "received"
        if np.isfinite(rate):
            columns: dict[str, Column] = {f"{side}_rate": ((), rate), "min_rtt": ((), rtt)}
            yield _run(source, columns, test, {}, summary.ServerFQDN or summary.Server, summary.Version)


def _run(
    source: Source,
    columns: dict[str, Column],
    test: str,
    coords: dict[str, Column],
    server: str = "",
    version: str = "",
) -> xr.Dataset:
    run = build(
        source, columns, coords, tool=TOOL, version=clean(version, 64), protocol="TCP", title=clean(test, 32),
        role="client", direction="reverse" if test == "download" else "forward", server=clean(server, 256),
    )  # fmt: skip
    source.next_run()
    return run


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="ndt7-client -format json, archived results of NDT 5 (JSON)",
    versions="ndt7-client 0.3 on, ndt-server",
    gives="rate and smallest RTT of download and upload, each a run; of events the rate over time",
)
