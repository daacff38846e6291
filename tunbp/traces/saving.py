"""Writing of a Dataset as netCDF or Zarr, whole or not at all, so that it reads back unchanged."""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import xarray as xr

from tunbp.atomic import replacing_folder, write_atomically
from tunbp.errors import OutputError
from tunbp.traces.flent_file import save_flent

FLENT = ".flent.gz"


def check_name(path: Path) -> None:
    """Refuse a name whose ending says no known format.

    Parameters
    ----------
    path
        Target of `save`.

    Raises
    ------
    OutputError
        With the endings that are known.
    """
    if path.suffix not in (".nc", ".zarr") and not path.name.endswith(FLENT):
        raise OutputError(f"{path}: the name must end with .nc (netCDF), .zarr (Zarr) or {FLENT} (flent)")


def save(dataset: xr.Dataset, target: str | os.PathLike[str]) -> Path:
    """Write a Dataset to a `.nc` file (netCDF-4, compressed), a `.zarr` folder (Zarr 2) or a `.flent.gz` file.

    Parameters
    ----------
    dataset : xarray.Dataset
        Any Dataset that `open_trace` gave.
    target : str or path-like
        Where to; what is there is replaced once the new one is complete.

    Returns
    -------
    pathlib.Path
        `target`.

    Raises
    ------
    OutputError
        If the name ends with neither, or the place cannot be written.
    """
    path = Path(target)
    check_name(path)
    try:
        if path.name.endswith(FLENT):
            save_flent(dataset, path)
        elif path.suffix == ".nc":
            # in memory first: HDF5 does not survive a disk that is full
            content = dataset.to_netcdf(None, engine="h5netcdf", encoding=_packed(dataset))
            write_atomically(path, bytes(content))
        else:
            _save_zarr(dataset, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def _packed(dataset: xr.Dataset) -> dict[Hashable, dict[str, Any]]:
    """Lossless compression of every numeric array."""
    packed = {"zlib": True, "complevel": 4, "shuffle": True}
    return {name: packed for name, values in dataset.data_vars.items() if values.ndim and values.dtype.kind in "fi"}


def _save_zarr(dataset: xr.Dataset, path: Path) -> None:
    """Write to a folder beside `path`, then put it in its place."""
    import zarr  # noqa: F401  # part of an extra: its absence is named before anything is made

    with replacing_folder(path) as new:
        # version 2 of the format has a specified text type; version 3 has none yet
        dataset.to_zarr(new, mode="w", consolidated=True, zarr_format=2)
