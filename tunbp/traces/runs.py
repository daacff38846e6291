"""Several runs side by side: Datasets of single runs along the `run` dim, on one time axis."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.errors import TraceError
from tunbp.traces.build import clean, settle, text

EACH = ("sha256", "file", "warnings", "findings")
"""Attributes that always belong to one run."""
SNAP = 0.25
"""Times within this part of an interval of a multiple of the interval are taken as that multiple."""


def labels(files: Sequence[str], whole: bool = False) -> list[str]:
    """File names without suffix (with it if `whole`) and the folders that all share; numbered if they repeat.

    Parameters
    ----------
    files
        Paths of the runs' files.
    whole
        Whether to keep the suffixes.

    Returns
    -------
    list[str]
        One per file, all different.
    """
    parents = [str(Path(file).parent) for file in files]
    shared = os.path.commonpath(parents) if len({Path(parent).is_absolute() for parent in parents}) == 1 else ""
    names = [os.path.relpath(file, shared) if shared else file for file in files]
    short = [clean(name if whole else name.removesuffix(".gz").rsplit(".", 1)[0]) for name in names]
    return short if len(set(short)) == len(short) else [f"{name} [{i}]" for i, name in enumerate(names, 1)]


def combine(runs: Sequence[xr.Dataset], names: Sequence[str]) -> xr.Dataset:
    """Datasets of single runs along `run`.

    The ends of the intervals differ by microseconds between runs. Where all of them lie near multiples of one
    interval, they are put on these multiples (the lengths as measured stay in `interval`).

    Parameters
    ----------
    runs
        Datasets of single runs in the schema.
    names
        What each is called.

    Returns
    -------
    xarray.Dataset
        Along the dim `run`.
    """
    runs = [_without_run(run) for run in runs]
    step = _common_step([run["time"].to_numpy() for run in runs if "time" in run.dims])
    if step is not None:
        runs = [_snapped(run, step) for run in runs]
    several = any("stream" in run.dims for run in runs)
    if several:
        runs = [_with_stream(run) for run in runs]
    told = list(dict.fromkeys(key for run in runs for key in run.attrs))
    shared = {
        key: runs[0].attrs.get(key)
        for key in told
        if key not in EACH and all(run.attrs.get(key) == runs[0].attrs.get(key) for run in runs)
    }
    differing = [key for key in told if key not in shared]
    bare = _alike([run.drop_attrs(deep=False) for run in runs])
    try:
        joined = xr.concat(
            bare, dim="run", join="outer", coords="different", compat="equals", data_vars="all", fill_value=np.nan
        )
    except (ValueError, MemoryError) as error:
        raise TraceError(f"the runs cannot lie side by side: {error or 'they need too much memory'}") from error
    joined = joined.assign_coords(run=("run", text(names), {"long_name": "one measurement or one scenario"}))
    for key in differing:
        values = text([str(run.attrs.get(key, "")) for run in runs], None)
        joined = joined.assign_coords({key if key not in joined.variables else f"run_{key}": ("run", values)})
    return settle(joined).assign_attrs({**dict.fromkeys(differing, ""), **shared})


def _without_run(run: xr.Dataset) -> xr.Dataset:
    """A Dataset that may be laid along `run`: files that hold several runs themselves cannot."""
    if "run" in run.dims:
        raise TraceError("a file with several runs cannot be one of several runs; open it alone")
    return run


def _alike(runs: Sequence[xr.Dataset]) -> list[xr.Dataset]:
    """The runs with the same coordinates: what one lacks is empty there, as xarray lays only like ones side by side."""
    known = {name: run[name].variable for run in runs for name in run.coords}
    alike = []
    for run in runs:
        axes = {
            name: (name, v.to_numpy()[:0]) for name, v in known.items() if v.dims == (name,) and name not in run.dims
        }
        run = run.assign_coords(axes)
        for name, variable in known.items():
            if name in run.coords or variable.dims == (name,) or "run" in variable.dims:
                continue
            fill = {"U": "", "O": "", "b": False}.get(variable.dtype.kind, np.nan)
            shape = tuple(run.sizes[dim] for dim in variable.dims)
            run = run.assign_coords({name: (variable.dims, np.full(shape, fill))})
        alike.append(run)
    return alike


def _with_stream(run: xr.Dataset) -> xr.Dataset:
    """Series over (time, stream) also where there is one stream."""
    if "stream" in run.dims:
        return run
    series = [name for name in run.data_vars if run[name].dims == ("time",) and name not in ("interval", "omitted")]
    return run.assign({name: run[name].expand_dims(stream=[1], axis=1) for name in series})


def _common_step(axes: Sequence[NDArray[np.float64]]) -> float | None:
    """The interval that all time axes have in common, None if they have not."""
    # the only interval of a short run ends one interval after the start
    steps = [float(np.median(np.diff(axis))) if len(axis) > 1 else float(axis[0]) for axis in axes if len(axis)]
    step = float(f"{np.median(steps):.2g}") if steps else 0.0
    if not step > 0:
        return None
    for axis in axes:
        index = axis / step
        nearest = np.round(index)
        if np.any(np.abs(index - nearest)[:-1] > SNAP) or len(np.unique(np.ceil(index - SNAP))) < len(axis):
            return None
    return step


def _snapped(run: xr.Dataset, step: float) -> xr.Dataset:
    """The same run with its times at multiples of `step`; a shorter last interval counts as a whole one."""
    if "time" not in run.dims:
        return run
    time = np.ceil(run["time"].to_numpy() / step - SNAP) * step
    return run.assign_coords(time=("time", np.round(time, 9), run["time"].attrs))
