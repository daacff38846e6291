"""Parts of one run by several tools, from the files of a folder or from one text, as one Dataset on one clock."""

from __future__ import annotations

import datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp import schema
from tunbp.errors import TraceError
from tunbp.traces import snapshots
from tunbp.traces.build import settle
from tunbp.traces.devices import tunnel_rows
from tunbp.traces.formats import READERS

ROLES = {reader.name: reader.role for reader in READERS}
"""What each tool's output is beside the others'."""
LEADING = ("iperf3", "iperf 2", "netperf", "flent", "pktgen", "tun receive log")
"""Tools that send the traffic, most telling first; the others' variables give way to theirs."""
SOCKET_NAMES = ("rtt", "rttvar", "cwnd", "snd_wnd", "pmtu", "mss")
PROBE_NAMES = ("rtt", "min_rtt", "mean_rtt", "max_rtt", "duration")


def role_of(dataset: xr.Dataset) -> str:
    """Role of the tool that a Dataset is of, of the first one where several are merged in it; empty if unknown.

    Parameters
    ----------
    dataset
        One run as a reader gave it.

    Returns
    -------
    str
        One of `reader.Role`, or empty.
    """
    return ROLES.get(str(dataset.attrs.get("tool", "")).split("; ")[0], "")


def merged(tools: list[xr.Dataset], counts: list[xr.Dataset], notes: list[str]) -> xr.Dataset:
    """All parts of one run in one Dataset on one clock.

    Where a tool that sends traffic is there, variables of probes are named `ping_*`, those of ss `socket_*`. Drops of
    tun and tap devices are summed up in `dropped_ring`, those of their qdiscs in `dropped_qdisc`.

    Parameters
    ----------
    tools : list of Dataset
        One run each; what the first one has keeps its name.
    counts : list of Dataset
        Snapshots of counters, or their differences.
    notes : list of str
        Gets what had to be assumed; becomes part of the attribute `warnings`.

    Returns
    -------
    xr.Dataset
        One run with the variables of all.

    Raises
    ------
    TraceError
        If the parts contradict each other.
    """
    whole = _joined(tools, counts, notes) if tools else snapshots.side_by_side(counts)
    lines = [*whole.attrs.get("warnings", "").splitlines(), *notes]
    return _with_drops(whole).assign_attrs(warnings="\n".join(dict.fromkeys(lines)))


def in_order(tools: list[xr.Dataset]) -> list[xr.Dataset]:
    """The tool that sent the traffic first, the others as they are.

    Parameters
    ----------
    tools
        One run each.

    Returns
    -------
    list[xr.Dataset]
        The same Datasets.
    """
    places = {name: place for place, name in enumerate(LEADING)}
    return sorted(tools, key=lambda tool: places.get(str(tool.attrs.get("tool", "")).split("; ")[0], len(places)))


def _joined(tools: list[xr.Dataset], counts: list[xr.Dataset], notes: list[str]) -> xr.Dataset:
    leading = tools[0]
    parts = [leading, *[_renamed(part, leading) for part in tools[1:]]]
    parts = _on_one_clock(parts, notes)
    parts = _streams_apart(parts)
    attributes = snapshots.joined_attributes([part.attrs for part in [*parts, *counts]])
    attributes["start"] = min((part.attrs["start"] for part in parts if part.attrs.get("start")), default="")
    together = snapshots.rows_apart([*parts, *([snapshots.side_by_side(counts)] if counts else [])])
    bare = [part.drop_attrs(deep=False) for part in together]
    try:
        joined = xr.merge(bare, join="outer", compat="no_conflicts", combine_attrs="drop")
    except (xr.MergeError, ValueError) as error:
        raise TraceError(f"the parts contradict each other: {error}") from error
    return schema.describe(settle(joined)).assign_attrs(attributes)


def _renamed(part: xr.Dataset, leading: xr.Dataset) -> xr.Dataset:
    """A part whose variables do not collide with those of the tool that sent the traffic."""
    if role_of(part) == "record":
        return part.drop_vars([name for name in part.data_vars if name in leading])
    sockets = role_of(part) == "sockets"
    prefix = "socket_" if sockets else "ping_"
    names: tuple[str, ...] = SOCKET_NAMES if sockets else PROBE_NAMES
    if str(leading.attrs.get("tool")).split("; ")[0] not in LEADING:
        names = tuple(name for name in names if name in leading)
    renamed = {name: f"{prefix}{name}" for name in names if name in part}
    left = part.rename(renamed)
    clash = [name for name in left.data_vars if name in leading]
    return left.drop_vars(clash)


def _on_one_clock(parts: list[xr.Dataset], notes: list[str]) -> list[xr.Dataset]:
    """Times from the earliest start; parts whose file tells no start begin with the others."""
    starts = [_unix(part.attrs.get("start", "")) for part in parts]
    known = [start for start in starts if start is not None]
    timed = [part for part in parts if "time" in part.dims]
    if len(timed) < 2 or not known:
        return parts
    shifted = []
    for part, start in zip(parts, starts, strict=True):
        if "time" not in part.dims:
            shifted.append(part)
            continue
        if start is None:
            notes.append(f"{part.attrs.get('tool')}: no start time in the file; taken to start with the rest")
        offset = 0.0 if start is None else start - min(known)
        if abs(offset) > 86_400:
            raise TraceError("the files' start times are more than a day apart: they are not one run")
        time = part["time"]
        shifted.append(part.assign_coords(time=("time", np.round(time.to_numpy() + offset, 9), time.attrs)))
    return shifted


def _unix(start: str) -> float | None:
    try:
        return datetime.datetime.fromisoformat(start).timestamp() if start else None
    except ValueError:
        return None


def _streams_apart(parts: list[xr.Dataset]) -> list[xr.Dataset]:
    """The parts with stream numbers that none shares with another: ss does not know iperf3's numbers."""
    taken, apart = 0, []
    for part in parts:
        if "stream" in part.dims:
            numbers = part["stream"].to_numpy()
            part = part.assign_coords(stream=("stream", numbers - numbers.min() + taken + 1))
            part = part.drop_vars([name for name in ("socket",) if name in part.coords and taken])
            taken += len(numbers)
        apart.append(part)
    return apart


def _with_drops(dataset: xr.Dataset) -> xr.Dataset:
    """`dropped_ring` and `dropped_qdisc` of tun and tap devices, where a difference tells them."""
    if "difference" not in dataset.attrs or "device" not in dataset.coords:
        return dataset
    tunnel = tunnel_rows(dataset)
    found = {}
    for total, name in (("dropped_ring", "tx_dropped"), ("dropped_qdisc", "qdisc_dropped")):
        if name in dataset and dataset[name].dims == ("queue",):
            values = np.where(tunnel, dataset[name].to_numpy().astype(float), np.nan)
            if np.isfinite(values).any():
                dropped = float(np.nansum(values)) if total == "dropped_ring" else _of_trees(dataset, values)
                found[total] = ((), dropped, schema.attributes(total))
    return dataset.assign(found)


def _of_trees(dataset: xr.Dataset, dropped: NDArray[np.float64]) -> float:
    """Drops of trees of qdiscs: a root counts those of its children too, but not all kinds count all of them."""
    devices, parents = (
        dataset[name].to_numpy().astype(str) if name in dataset.coords else np.full(len(dropped), "")
        for name in ("device", "parent")
    )
    amount = 0.0
    for device in np.unique(devices[np.isfinite(dropped)]):
        root = (devices == device) & (parents == "")
        below = (devices == device) & ~root
        amount += max(float(np.nansum(dropped[root])), float(np.nansum(dropped[below])))
    return amount
