"""M-Lab NDT 7 measurements: the archived JSON, with the server's TCP_INFO over time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, clean, floats
from tunbp.traces.documents import Decoder, documents
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "ndt7"
OPENING = re.compile(rb'\{\s*(?="(?:[A-Za-z]{2,40})"\s*:)')
SECTION = re.compile(rb'"(?:Download|Upload)"\s*:\s*\{')
SAMPLE_LIMIT = 100_000


class TcpInfo(msgspec.Struct, gc=False):
    """The kernel's figures of the server's socket; times in microseconds."""

    ElapsedTime: float | None = None
    BytesAcked: float | None = None
    BytesReceived: float | None = None
    RTT: float | None = None
    RTTVar: float | None = None
    MinRTT: float | None = None
    SndCwnd: float | None = None
    SndMSS: float | None = None
    RcvMSS: float | None = None
    TotalRetrans: float | None = None
    BusyTime: float | None = None
    RWndLimited: float | None = None
    SndBufLimited: float | None = None
    DeliveryRate: float | None = None


class Sample(msgspec.Struct, gc=False):
    """One measurement of the server."""

    TCPInfo: TcpInfo | None = None


class Part(msgspec.Struct):
    """One direction of the test."""

    UUID: str = ""
    StartTime: str = ""
    EndTime: str = ""
    ServerMeasurements: list[Sample] = []


class Document(msgspec.Struct):
    """One archived measurement."""

    Version: str = ""
    StartTime: str = ""
    Download: Part | None = None
    Upload: Part | None = None


_DECODER = Decoder(Document)


def recognize(source: Source) -> bool:
    """Whether the file is an archived NDT 7 measurement."""
    head = source.head
    return bool(SECTION.search(head)) and b'"ServerMeasurements"' in source.data and b'"TCPInfo"' in source.data


def read(source: Source) -> list[xr.Dataset]:
    """Download and upload, each a run: rate, RTT and cwnd over (time) from TCP_INFO, and what the kernel says limits.

    Raises
    ------
    TraceError
        If the file is damaged or no direction has TCP_INFO.
    """
    runs = []
    for document in documents(source, _DECODER, OPENING):
        for part, way in ((document.Download, "reverse"), (document.Upload, "forward")):
            samples = [s.TCPInfo for s in part.ServerMeasurements if s.TCPInfo] if part else []
            samples = [sample for sample in samples if sample.ElapsedTime is not None]
            if part is None or not samples:
                continue
            if len(samples) > SAMPLE_LIMIT:
                raise source.error(f"more than {SAMPLE_LIMIT} samples: not NDT's file", 0)
            runs.append(_dataset(source, document, part, samples, way))
    if not runs:
        raise source.error("neither download nor upload has the server's TCP_INFO", 0)
    return runs


def _dataset(source: Source, document: Document, part: Part, samples: Sequence[TcpInfo], way: str) -> xr.Dataset:
    """One direction as a run."""

    def of(name: str, scale: float = 1.0) -> np.ndarray:
        return floats((getattr(sample, name) for sample in samples), scale)

    time = of("ElapsedTime", 1e-6)
    order = np.argsort(time, kind="stable")
    order = order[np.concatenate([[True], np.diff(time[order]) > 0])]
    moved = of("BytesAcked" if way == "reverse" else "BytesReceived")[order]
    time = time[order]
    length = np.diff(time, prepend=0.0)
    with np.errstate(all="ignore"):
        rate = np.diff(moved, prepend=0.0) * 8 / length
    columns: dict[str, Column] = {
        "throughput": (("time",), np.where(length > 0, rate, np.nan)),
        "interval": (("time",), length),
        "rtt": (("time",), of("RTT", 1e-6)[order]),
        "rttvar": (("time",), of("RTTVar", 1e-6)[order]),
        "cwnd": (("time",), as_counts((of("SndCwnd") * of("SndMSS"))[order])),
        "socket_busy_time": (("time",), of("BusyTime", 1e-6)[order]),
        "socket_rwnd_limited_time": (("time",), of("RWndLimited", 1e-6)[order]),
        "socket_sndbuf_limited_time": (("time",), of("SndBufLimited", 1e-6)[order]),
    }
    least, rtt = of("MinRTT", 1e-6), columns["rtt"][1]
    again = of("TotalRetrans")[order][-1]
    if time[-1] > 0:
        columns |= {"received_rate": ((), moved[-1] * 8 / time[-1]), "duration": ((), time[-1])}
    columns |= {
        "received_bytes": ((), as_counts(moved[-1:])[0]),
        "mean_rtt": ((), float(np.nanmean(rtt)) if np.isfinite(rtt).any() else np.nan),
        "min_rtt": ((), float(np.nanmin(least)) if np.isfinite(least).any() else np.nan),
        "total_retransmits": ((), as_counts(np.array([again]))[0]),
        "mss": ((), as_counts(of("SndMSS" if way == "reverse" else "RcvMSS")[order][-1:])[0]),
    }
    run = build(
        source, columns, {"time": (("time",), time)}, tool=TOOL, version=clean(document.Version, 64), protocol="TCP",
        start=clean(part.StartTime or document.StartTime, 64), direction=way, role="client",
        title="download" if way == "reverse" else "upload",
    )  # fmt: skip
    source.next_run()
    return run


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="archived measurements of M-Lab's NDT 7 (JSON)",
    versions="ndt-server 0.20 on",
    gives="rate, RTT, cwnd and the kernel's limits of download and upload, each a run",
)
