"""Datasets already in the schema (what the lab and `tunbp convert` write): netCDF files and Zarr folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from tunbp import opened, schema
from tunbp.errors import TraceError
from tunbp.traces.build import ATTRIBUTES
from tunbp.traces.source import UNPACK_LIMIT

MAGIC = (b"\x89HDF\r\n\x1a\n",)


def is_netcdf(path: Path) -> bool:
    """Whether a file begins like a netCDF-4 (HDF5) file."""
    try:
        with path.open("rb") as handle:
            return handle.read(8).startswith(MAGIC)
    except OSError:
        return False


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group."""
    return (path / "zarr.json").is_file() or (path / ".zgroup").is_file()


def load(path: Path, unpack_limit: int = UNPACK_LIMIT) -> xr.Dataset:
    """A Dataset in the schema, in memory.

    Raises
    ------
    TraceError
        If the file is damaged, unpacks to more than the limit (or 16 times its size), or holds no variable of
        the schema.
    """
    size = path.stat().st_size if path.is_file() else _size_below(path)
    try:
        lazy = _open(opened.note(path))
        with lazy:
            if lazy.nbytes > max(unpack_limit, 16 * size):
                raise TraceError(f"{path}: unpacks to {lazy.nbytes} bytes, far more than its {size}")
            dataset = lazy.load()
    except TraceError:
        raise
    except Exception as error:  # the storage libraries raise whatever they meet in a damaged file
        raise TraceError(f"{path}: damaged netCDF or Zarr: {type(error).__name__}: {error}") from error
    if not set(dataset.data_vars) & set(schema.VARIABLES):
        raise TraceError(f"{path}: none of its variables is in the schema; it was not written by tunbp")
    for name in dataset.variables:
        dataset[name].encoding = {}
    dataset.attrs = {
        **dict.fromkeys(ATTRIBUTES, ""),
        **{key: _plain(value) for key, value in dataset.attrs.items()},
    }
    return dataset


def _open(path: Path) -> xr.Dataset:
    """The lazily opened Dataset."""
    if path.is_dir():
        return xr.open_dataset(path, engine="zarr", chunks=None, consolidated=False)
    with h5py.File(path, "r"):
        pass  # h5netcdf complains on stderr later if this fails inside it
    return xr.open_dataset(path, engine="h5netcdf", chunks=None, phony_dims="access")


def _size_below(path: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(os.stat(Path(folder) / name).st_size for folder, _, names in os.walk(path) for name in names)


def _plain(value: Any) -> Any:
    """An attribute as text, number or list of them."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
