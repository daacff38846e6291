"""One netCDF in the common schema from all runs of a folder."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from tunbp import schema
from tunbp.atomic import replacing
from tunbp.errors import LabError, TunbpError
from tunbp.lab import clean
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.folder import PART, read_json, read_rows, write_json
from tunbp.lab.namespaces import link_counter
from tunbp.lab.path import OUTER, TUNNEL
from tunbp.lab.tcp import PACES
from tunbp.traces import open_trace

RENAMED = {"rtt": "added_rtt"}
"""Parameters whose name the schema uses for something measured."""
SERIES = ("throughput", "retransmits", "rtt", "cwnd")
TCP_TOTALS = ("received_rate", "sent_rate", "total_retransmits", "mean_rtt", "min_rtt", "max_rtt", "mss")
INITIAL_WINDOW = 10
FOREIGN, STEAL = 0.25, 0.05
"""A run is marked when others used more than this share of the processors."""
PLACES = ("cache", "guest_files")
"""Entries of a plan that are paths of one machine."""
PING_TOTALS = {"mean_rtt": "ping_mean_rtt", "min_rtt": "ping_min_rtt", "max_rtt": "ping_max_rtt"}


def collect(folder: Path) -> xr.Dataset:
    """All finished runs of a measurement, along dim run; series of TCP runs also along time.

    Coordinates along run say what was measured: cell, variant, repetition, the cell's parameters, the echoed
    flags (tun_flags) and when it began. The attributes carry the plan and the facts of the host as JSON.

    Parameters
    ----------
    folder
        Folder that `tunbp lab run` wrote.

    Returns
    -------
    xr.Dataset
        Variables of the schema over run, and over time where there are series.

    Raises
    ------
    LabError
        If there is no finished run, or a record is damaged.
    """
    records = [(path.parent, read_json(path)) for path in sorted((folder / "runs").glob("*/run.json"))]
    if not records:
        raise LabError(f"{folder} holds no finished run of `tunbp lab run`")
    fields = {name for _, record in records for name in _field(record, "parameters")}
    checked = (_checked_run(where, _completed(record, fields)) for where, record in records)
    runs = sorted(checked, key=lambda run: run["begun"].item())
    whole = xr.concat(runs, "run", join="outer", combine_attrs="drop", data_vars="all", coords="all")
    first = records[0][1]
    whole.attrs = {
        "experiment": first["experiment"],
        "title": f"tunbp lab, experiment {first['experiment']}, {len(records)} runs",
        "plan": json.dumps(_plan(folder)),
        "facts": json.dumps(read_json(folder / "host.json")),
    }
    return schema.describe(whole)


def measured(folder: Path) -> xr.Dataset:
    """The runs of a folder of `tunbp lab run`, or of a bundle made of one.

    Parameters
    ----------
    folder
        Folder that `tunbp lab run` wrote, or one with a file that `save` wrote.

    Returns
    -------
    xr.Dataset
        As of `collect`.

    Raises
    ------
    LabError
        If it is neither.
    """
    written = sorted(folder.glob("lab_*.nc"))
    return collect(folder) if (folder / "runs").is_dir() or not written else open_trace(written[0])


def _plan(folder: Path) -> dict[str, Any]:
    """The plan of a measurement, without the places on the machine where it was made."""
    return {name: value for name, value in read_json(folder / "plan.json").items() if name not in PLACES}


def bundle(folder: Path, target: Path) -> list[Path]:
    """A measurement as data to publish: its netCDF, plan and host, and all raw outputs as one archive.

    The archive's content depends on the raw outputs alone: names in order, no owners, times of 1970.

    Parameters
    ----------
    folder
        A folder of `tunbp lab run`.
    target
        A new folder for `lab_<experiment>.nc`, `plan.json`, `host.json` and `raw.tar.xz`.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    LabError
        If there is no finished run, or `target` cannot be written.
    """
    runs = collect(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        written = [write(runs, target), target / "plan.json", target / "host.json", target / "raw.tar.xz"]
        write_json(written[1], _plan(folder))
        write_json(written[2], read_json(folder / "host.json"))
        with replacing(written[3]) as temporary, tarfile.open(temporary, "w:xz", preset=9) as archive:
            for path in sorted((folder / "runs").glob("*/*")):
                if not path.parent.name.endswith(PART):
                    archive.add(path, path.relative_to(folder), recursive=False, filter=_anonymous)
    except OSError as error:
        raise LabError(f"cannot write {target}: {error}") from error
    return written


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member of an archive without the marks of where and when it was packed.

    Raises
    ------
    LabError
        If it is no regular file: no run writes links, pipes or folders.
    """
    if not member.isreg():
        raise LabError(f"{member.name}: no regular file; a run holds only files, and nothing else is published")
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime, member.mode = 0, 0o644
    return member


def save(folder: Path) -> Path:
    """Write `lab_<experiment>.nc` of all runs into `folder`; returns its path.

    Parameters
    ----------
    folder
        Folder that `tunbp lab run` wrote.

    Returns
    -------
    Path
        Path of the file.
    """
    with clean.recorded(folder.resolve()):
        return write(collect(folder), folder)


def write(runs: xr.Dataset, folder: Path) -> Path:
    """Write a Dataset of `collect` as `lab_<experiment>.nc` into a folder; returns its path.

    Parameters
    ----------
    runs
        What `collect` returned.
    folder
        Where the file goes.

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    LabError
        If it cannot be written.
    """
    path = folder / f"lab_{runs.attrs['experiment']}.nc"
    encoding = {name: {"zlib": True, "complevel": 6} for name in runs.data_vars if runs[name].ndim > 1}
    try:
        with replacing(path) as temporary:
            runs.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
    except OSError as error:
        raise LabError(f"cannot write {path}: {error}") from error
    return path


def _field(record: Any, name: str) -> Mapping[str, Any]:
    """A mapping in a record; empty, where that is damaged, which `_checked_run` says."""
    found = record.get(name) if isinstance(record, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _completed(record: Any, fields: set[str]) -> Any:
    """A record with the parameters that newer runs of its measurement have and that were no choice when it was made.

    They are what they are by default, but `pacing`: connections began under what the machine's own default was.
    """
    parameters = _field(record, "parameters")
    known = EXPERIMENTS.get(str(record.get("experiment"))) if parameters else None
    missing = fields - set(parameters)
    if known is None or not missing <= set(known.cell.model_fields):
        return record
    added = {name: known.cell.model_fields[name].get_default() for name in missing}
    if "pacing" in added and parameters.get("protocol", "tcp") == "tcp":
        default = _field(_field(record, "facts"), "sysctls").get("net.ipv4.tcp_congestion_control")
        added["pacing"] = default == PACES
    return {**record, "parameters": {**parameters, **added}}


def _checked_run(where: Path, record: Mapping[str, Any]) -> xr.Dataset:
    """One run as a Dataset with scalar coordinates, of a record that may have been changed."""
    try:
        if record["experiment"] not in EXPERIMENTS:
            raise ValueError(f"no experiment of this package: {str(record['experiment'])[:40]!r}")
        return _run(where, record)
    except KeyError as error:
        raise LabError(f"{where / 'run.json'}: no {error} in it; was it made by `tunbp lab run`?") from error
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        if isinstance(error, TunbpError):
            raise
        raise LabError(f"{where / 'run.json'}: {error}; was it made by `tunbp lab run`?") from error


def _run(where: Path, record: Mapping[str, Any]) -> xr.Dataset:
    """One run as a Dataset with scalar coordinates."""
    values = {name: value for name, value in record["result"].items() if name in schema.VARIABLES}
    load = record["facts"]["load"]
    coordinates = {
        "cell": record["cell"],
        "variant": record["variant"],
        "repetition": record["repetition"],
        **{RENAMED.get(name, name): value for name, value in record["parameters"].items()},
        "tun_flags": record["result"]["echo"][0],
        "nice": record["facts"].get("nice", 0),
        "begun": np.datetime64(round(record["facts"]["begun"] * 1e9), "ns"),
    }
    remarks = [*record["result"].get("remarks", ()), *_remarks(load["here"])]
    if "path" in record["result"]:
        coordinates |= {"path": record["result"]["path"], "remarks": "; ".join(remarks)}
    elif "remarks" in record["result"]:
        coordinates |= {"remarks": "; ".join(remarks)}
    here = load["here"]
    values |= {name: here[name] for name in ("busy_fraction", "steal_fraction", "foreign_fraction") if name in here}
    if "softirqs" in here:
        values |= {f"softirqs_{way}": sum(here["softirqs"][f"NET_{way.upper()}"]) for way in ("tx", "rx")}
    if "dropped_far" not in values:
        values |= _dropped_behind(where)
    if "outer" in load:
        values["outer_busy_fraction"] = load["outer"]["busy_fraction"]
    floats = {name: np.nan if value is None else float(value) for name, value in values.items()}
    reached = floats["delivered"] + floats["dropped_ring"]
    floats["ring_drop_fraction"] = floats["dropped_ring"] / reached if reached else np.nan
    # `duration` is a parameter of the cell; the measured one is kept under the schema's name
    set_duration = {"set_duration": coordinates.pop("duration")}
    run = xr.Dataset(floats, {**coordinates, **set_duration})
    if "congestion" not in record["parameters"] or not (where / "iperf3.json").exists():
        return run
    step = record["parameters"].get("sample_interval") or 1.0
    run = run.assign(_tcp(where, step).variables)
    if "series" not in record["result"]:
        return run
    return run.assign(_samples(where, record, step).reindex(time=run["time"]).variables)


def _dropped_behind(where: Path) -> dict[str, int]:
    """Packets that came to an end of the tunnel and were never written to its device there, over the whole run.

    Both ends have an outer device (`eth0`) beside the tunnel's. What the other end's program sent of its own
    (handshakes, keepalives) is what left by its outer device and never was in its tunnel's; of these one more or less
    may be on its way when the counters are read, so that nothing lost could become -1.
    """
    if not all((where / f"ip_{end}.json").exists() for end in ("client", "server")):
        return {}
    links = {end: read_rows(where / f"ip_{end}.json") for end in ("client", "server")}
    if not all({OUTER, TUNNEL} <= {link.get("ifname") for link in shown} for shown in links.values()):
        return {}

    def more(end: str, way: str) -> int:
        return link_counter(links[end], OUTER, way, "packets") - link_counter(links[end], TUNNEL, way, "packets")

    return {
        "dropped_far": max(0, more("server", "rx") - more("client", "tx")),
        "dropped_far_return": max(0, more("client", "rx") - more("server", "tx")),
    }


def _tcp(where: Path, step: float) -> xr.Dataset:
    """Series and totals of the TCP transfer and of the ping beside it; flows are summed or averaged."""
    transfer = open_trace(where / "iperf3.json")
    series = {name: _over_flows(transfer[name], name) for name in SERIES if name in transfer}
    totals = {name: _over_flows(transfer[name], name) for name in TCP_TOTALS if name in transfer}
    found = xr.Dataset(totals).assign(xr.Dataset(series))
    if "time" in found.dims:
        found = found.assign_coords(time=_grid(found["time"].values, step))
        found = found.sel(time=found["time"] >= 0).drop_duplicates("time")
    probes = open_trace(where / "ping.txt")
    return found.assign({ours: probes[name] for name, ours in PING_TOTALS.items() if name in probes})


def _remarks(load: Mapping[str, Any]) -> list[str]:
    """Why the load of a run's machine makes it one to be read with care."""
    foreign, steal = (load.get(name) or 0.0 for name in ("foreign_fraction", "steal_fraction"))
    said = [f"others used {foreign:.0%} of the processors"] if foreign > FOREIGN else []
    return said + ([f"the machine below took {steal:.0%} of the processors"] if steal > STEAL else [])


def _samples(where: Path, record: Mapping[str, Any], step: float) -> xr.Dataset:
    """Counters of the device, and slow start threshold and unacknowledged segments of the data's socket, over time.

    The sampler's clock is the wall's, iperf3's begins with its first segment. That is known to about one sample:
    the first interval in which the device took ten packets more than before, an initial window.
    """
    series = {name: np.asarray(values, dtype=float) for name, values in record["result"]["series"].items()}
    times = series["time"]
    taken = np.diff(series["tx_packets"] + series["tx_dropped"])
    begun = times[int(np.argmax(taken >= INITIAL_WINDOW))] if taken.size else times[0]
    grid = _grid(np.arange(0, times[-1] - begun, step), step)
    counters = {
        name: ("time", np.interp(grid, times - begun, series[name] - series[name][0]))
        for name in ("tx_packets", "tx_dropped")
    }
    sockets = open_trace(where / "ss.txt")
    busiest = int(sockets["socket_bytes_acked"].max("time").argmax("stream"))
    seen = sockets.isel(stream=busiest)
    # samples before the first socket are left out by the reader, so these have a clock of their own
    sampled = pd.Timestamp(sockets.attrs["start"]).timestamp() + seen["time"].to_numpy() - begun
    nearest = np.abs(sampled[:, None] - grid[None, :]).argmin(0)
    held = {name: ("time", seen[name].to_numpy()[nearest]) for name in ("ssthresh", "unacked") if name in seen}
    return xr.Dataset({**counters, **held}, {"time": grid})


def _grid(times: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Times rounded to whole steps, so that the series of all runs lie on one axis."""
    return np.round(np.round(np.asarray(times) / step) * step, 6)


def _over_flows(values: xr.DataArray, name: str) -> xr.DataArray:
    values = values.drop_vars([c for c in values.coords if c != "time"]).astype(float)
    if "stream" not in values.dims:
        return values
    return values.mean("stream") if "rtt" in name or name == "mss" else values.sum("stream")
