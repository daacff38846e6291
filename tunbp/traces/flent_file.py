"""Writing flent's data files (`.flent.gz`), so that flent's plots can be made of any measurement."""

from __future__ import annotations

import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.atomic import replacing
from tunbp.errors import OutputError

FILE_VERSION = 4
"""Version of the file format that flent 2.0 and later write."""
SERIES = (
    # variable, suffix of flent's name, scale from SI, unit
    ("rtt", "::tcp_rtt", 1e3, "ms"),
    ("rttvar", "::tcp_rtt_var", 1e3, "ms"), ("retransmits", "::tcp_retransmit", 1.0, ""),
)  # fmt: skip


def save_flent(run: xr.Dataset, path: Path) -> None:
    """Write one run as a flent data file of the test `tcp_upload`, `tcp_download` or `tcp_nup` / `tcp_ndown`.

    Throughput becomes Mbit/s, TCP statistics and pings ms; times are those of the run.

    Parameters
    ----------
    run
        One run in the schema.
    path
        The file, ending in `.flent` or `.flent.gz`.

    Raises
    ------
    OutputError
        If the run has no series that flent has a name for, or is several runs.
    """
    if "run" in run.dims:
        raise OutputError(f"{path}: a flent file holds one run; convert the runs one by one")
    series = _series(run)
    if not series:
        raise OutputError(f"{path}: the measurement has no series over time that flent plots (throughput, rtt)")
    times = run["time"].to_numpy().astype(float)
    begin = _unix(str(run.attrs.get("start", "")))
    results = {name: _values(values) for name, (values, _) in series.items()}
    content = {
        "metadata": _metadata(run, path, times, {name: unit for name, (_, unit) in series.items()}),
        "version": FILE_VERSION,
        "x_values": _values(times),
        "results": results,
        "raw_values": {
            name: [{"t": begin + float(t), "val": v} for t, v in zip(times, values, strict=True) if v is not None]
            for name, values in results.items()
        },
    }
    text = json.dumps(content, indent=1, sort_keys=True).encode()
    with replacing(path) as part:
        # neither name nor time in the header: equal content, equal bytes
        part.write_bytes(gzip.compress(text, 9, mtime=0))


def _unix(start: str) -> float:
    """Unix time of a start in UTC; 0 if the file does not say it."""
    try:
        return datetime.datetime.fromisoformat(start).timestamp() if start else 0.0
    except ValueError:
        return 0.0


def _values(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _direction(run: xr.Dataset) -> str:
    return "download" if run.attrs.get("direction") == "reverse" else "upload"


def _series(run: xr.Dataset) -> dict[str, tuple[NDArray[np.float64], str]]:
    """Values and unit of each series by flent's name."""
    if "time" not in run.dims:
        return {}
    found: dict[str, tuple[NDArray[np.float64], str]] = {}
    streams = run.sizes.get("stream", 1)
    for index in range(streams):
        one = run.isel(stream=index) if "stream" in run.dims else run
        way = _direction(run)
        if "sender" in one.coords and str(one["sender"].item()) == "server":
            way = "download"
        name = f"TCP {way}" + (f"::{index + 1}" if streams > 1 else "")
        if "throughput" not in one:
            continue
        found[name] = (one["throughput"].to_numpy().astype(float) / 1e6, "Mbits/s")
        for variable, suffix, scale, unit in SERIES:
            if variable in one and one[variable].dims == ("time",):
                found[name + suffix] = (one[variable].to_numpy().astype(float) * scale, unit)
        if "cwnd" in one and one["cwnd"].dims == ("time",):
            size = float(run["mss"]) if "mss" in run and not run["mss"].ndim and float(run["mss"]) > 0 else 1448.0
            found[f"{name}::tcp_cwnd"] = (one["cwnd"].to_numpy().astype(float) / size, "")
    for variable in ("ping_rtt", "rtt"):
        if variable in run and run[variable].dims == ("time",) and (variable == "ping_rtt" or not found):
            found["Ping (ms) ICMP"] = (run[variable].to_numpy().astype(float) * 1e3, "ms")
            break
    return found


def _metadata(run: xr.Dataset, path: Path, times: NDArray[np.float64], units: dict[str, str]) -> dict[str, Any]:
    """What flent wants to know of a test."""
    several = any("::1" in name.split("::tcp_")[0] for name in units)
    test = {"upload": ("tcp_upload", "tcp_nup"), "download": ("tcp_download", "tcp_ndown")}[_direction(run)][several]
    if not any(name.startswith("TCP") for name in units):
        test = "ping"
    start = str(run.attrs.get("start", "")).removesuffix("Z")
    steps = np.diff(times)
    step = float(np.median(steps)) if steps.size else 1.0
    length = float(times[-1] - times[0]) if len(times) else 0.0
    moment = start if "." in start else f"{start or '1970-01-01T00:00:00'}.000000"
    return {
        "NAME": test, "TITLE": str(run.attrs.get("title") or run.attrs.get("file", "")), "NOTE": "converted by tunbp",
        "DATA_FILENAME": path.name, "FLENT_VERSION": "2.1.1", "TIME": moment, "T0": moment,
        "LENGTH": round(length), "TOTAL_LENGTH": round(length), "STEP_SIZE": round(step, 6),
        "HOST": "", "HOSTS": [], "LOCAL_HOST": str(run.attrs.get("host", "")), "IP_VERSION": 4,
        "KERNEL_NAME": "Linux", "KERNEL_RELEASE": str(run.attrs.get("kernel", "")).removeprefix("Linux "),
        "TEST_PARAMETERS": {"upload_streams": run.sizes.get("stream", 1)} if several else {},
        "SERIES_META": {name: {"UNITS": unit} for name, unit in units.items()}, "BATCH_NAME": None,
        "DATA_NAME": None, "PLOT": None,
    }  # fmt: skip
