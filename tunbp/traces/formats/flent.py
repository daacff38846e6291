"""flent data files (`.flent`, `.flent.gz`): all series on flent's own time grid, and the metadata."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.traces.build import Column, as_counts, build, clean, text
from tunbp.traces.documents import Damaged, Decoder, Trailing, check_density
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "flent"
OPENING = re.compile(rb'\s*\{\s*"(?:metadata|raw_values|results|version|x_values)"\s*:')
STREAM = re.compile(r"^TCP (?:upload|download)(?: (?:BE|BK|EF|CS\d))?(?:::(\d+))?$")
PING = re.compile(r"^Ping \(ms\)(?: ICMP)?$")
SERIES_LIMIT = 4096


class Metadata(msgspec.Struct):
    """The metadata that become attributes."""

    FLENT_VERSION: str | None = None
    NAME: str | None = None
    TITLE: str | None = None
    TIME: str | None = None
    T0: str | None = None
    LENGTH: float | str | None = None
    STEP_SIZE: float | str | None = None
    LOCAL_HOST: str | None = None
    KERNEL_NAME: str | None = None
    KERNEL_RELEASE: str | None = None
    SERIES_META: dict[str, SeriesMetadata] | None = None


class SeriesMetadata(msgspec.Struct):
    """What flent knows about one series."""

    UNITS: str | None = None


class File(msgspec.Struct):
    """The sections of a flent data file; series stay unparsed text at first."""

    x_values: msgspec.Raw
    results: dict[str, msgspec.Raw]
    metadata: Metadata | None = None
    version: int | None = None


_DECODER = Decoder(File)


def recognize(source: Source) -> bool:
    """Whether the file is flent's."""
    return bool(OPENING.match(source.head)) and b'"x_values"' in source.data and b'"results"' in source.data


def read(source: Source) -> list[xr.Dataset]:
    """Every series: `sample` over (time, queue) in flent's units, and the known ones in the schema.

    TCP series become `throughput` over (time, stream), ICMP pings `rtt` over (time), TCP statistics `rttvar`,
    `socket_rtt` and `cwnd_segments`; the unit of each sample is the coordinate `unit`.

    Raises
    ------
    TraceError
        If the file is damaged (flent writes it whole), or its series do not fit its time axis.
    """
    check_density(source)
    try:
        file = _DECODER.decode(source, source.data)
    except Trailing as trailing:
        raise source.error("text follows the flent document", trailing.length) from None
    except Damaged as damaged:
        raise source.error(f"damaged flent file: {damaged.reason}", damaged.length) from None
    if not file.results or len(file.results) > SERIES_LIMIT:
        raise source.error(f"{len(file.results)} series; a flent file has 1 to {SERIES_LIMIT}", 0)
    axis = numbers(source, file.x_values, "x_values")
    if not (axis.size and np.isfinite(axis).all() and (np.diff(axis) > 0).all()):
        raise source.error("x_values are not increasing seconds", 0)
    values = np.empty((len(axis), len(file.results)))
    for index, (name, raw) in enumerate(file.results.items()):
        series = numbers(source, raw, name)
        if len(series) != len(axis):
            raise source.error(f"series {name[:80]!r} has {len(series)} values, the time axis {len(axis)}", 0)
        values[:, index] = series
    return [_dataset(source, file, axis, values)]


def numbers(source: Source, raw: msgspec.Raw, name: str) -> NDArray[np.float64]:
    """A JSON list of numbers and nulls as an array, without making Python objects of them.

    Raises
    ------
    TraceError
        If it is anything else.
    """
    content = bytes(raw).strip()
    if not (content.startswith(b"[") and content.endswith(b"]")) or b"[" in content[1:] or b'"' in content:
        raise source.error(f"series {name[:80]!r} is not a list of numbers", 0)
    content = content[1:-1].replace(b"null", b"nan").replace(b"NaN", b"nan").strip()
    if not content:
        return np.empty(0)
    try:
        with np.errstate(all="ignore"):
            array: NDArray[np.float64] = np.fromstring(content.decode("ascii"), dtype=np.float64, sep=",")
    except (ValueError, DeprecationWarning, UnicodeDecodeError):
        raise source.error(f"series {name[:80]!r} is not a list of numbers", 0) from None
    if len(array) != content.count(b",") + 1:
        raise source.error(f"series {name[:80]!r} is not a list of numbers", 0)
    return array


def _dataset(source: Source, file: File, axis: NDArray[np.float64], values: NDArray[np.float64]) -> xr.Dataset:
    """The series in flent's units and in the schema."""
    metadata = file.metadata or Metadata()
    names = [clean(name, 256) for name in file.results]
    known = metadata.SERIES_META or {}
    units = [_unit(name, known) for name in file.results]
    coords: dict[str, Column] = {
        "time": (("time",), axis),
        "queue": (("queue",), text(names)),
        "unit": (("queue",), text(units)),
    }
    columns: dict[str, Column] = {"sample": (("time", "queue"), values)}
    streams = [index for index, name in enumerate(names) if STREAM.match(name)]
    if streams:
        rates = values[:, streams] * 1e6
        if len(streams) > 1:
            coords["stream"] = (("stream",), np.arange(1, len(streams) + 1))
            coords["series"] = (("stream",), text([names[index] for index in streams]))
        _put(columns, "throughput", rates)
        with np.errstate(all="ignore"):
            means = np.array([np.nanmean(rates[:, i]) if np.isfinite(rates[:, i]).any() else np.nan
                              for i in range(rates.shape[1])])  # fmt: skip
        columns["received_rate"] = ((), float(np.nansum(means)) if np.isfinite(means).any() else np.nan)
        for variable, statistic, scale in (("rttvar", "tcp_rtt_var", 1e-3), ("socket_rtt", "tcp_rtt", 1e-3),
                                           ("cwnd_segments", "tcp_cwnd", 1.0)):  # fmt: skip
            found = [names.index(f"{names[i]}::{statistic}") if f"{names[i]}::{statistic}" in names else -1
                     for i in streams]  # fmt: skip
            if min(found) >= 0:
                measured = values[:, found] * scale
                _put(columns, variable, as_counts(measured) if variable == "cwnd_segments" else measured)
    pings = [index for index, name in enumerate(names) if PING.match(name)]
    if pings:
        rtt = values[:, pings[0]] * 1e-3
        columns["rtt"] = (("time",), rtt)
        there = rtt[np.isfinite(rtt)]
        if there.size:
            columns |= {
                "min_rtt": ((), there.min()),
                "mean_rtt": ((), there.mean()),
                "max_rtt": ((), there.max()),
            }
    return build(source, columns, coords, **_attributes(file, metadata))


def _put(columns: dict[str, Column], name: str, values: NDArray[np.float64]) -> None:
    """A variable over (time, stream), or (time) if there is one stream."""
    columns[name] = (("time", "stream"), values) if values.shape[1] > 1 else (("time",), values[:, 0])


def _unit(name: str, known: dict[str, SeriesMetadata]) -> str:
    """The unit of a series: as recorded, else as flent's naming implies."""
    for key in (name, name.rsplit("::", 1)[0]):
        if name == key and key in known and known[key].UNITS:
            return clean(known[key].UNITS or "", 32)
    if name.startswith("TCP ") and "::tcp_" not in name:
        return "Mbits/s"
    return "ms" if name.startswith("Ping") or name.endswith(("tcp_rtt", "tcp_rtt_var")) else ""


def _attributes(file: File, metadata: Metadata) -> dict[str, str]:
    """Versions, machine, test and title."""
    start = clean(metadata.T0 or metadata.TIME or "", 64)
    found = {
        "tool": TOOL,
        "version": clean(metadata.FLENT_VERSION or "", 64),
        "host": clean(metadata.LOCAL_HOST or "", 256),
        "kernel": clean(f"{metadata.KERNEL_NAME or ''} {metadata.KERNEL_RELEASE or ''}".strip(), 256),
        "command": f"flent {clean(metadata.NAME or '', 64)} -l {metadata.LENGTH} -s {metadata.STEP_SIZE}"[:200],
        "start": start if not start or start.endswith("Z") else f"{start}Z",
        "file_version": "" if file.version is None else str(file.version)[:16],
        "test": clean(metadata.NAME or "", 256),
        "title": clean(metadata.TITLE or ""),
    }
    return {name: value for name, value in found.items() if value}


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="flent (.flent, .flent.gz)",
    versions="file versions 2 to 4",
    gives="every series on flent's time grid; TCP rates, ping and TCP statistics in the schema",
)
