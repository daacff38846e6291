"""Datasets already in the schema (what the lab and `tunbp convert` write): netCDF files and Zarr folders.

They may come from strangers. Before anything is read: only regular files, nothing that leads out of the file or
folder (links, external and virtual storage), only codecs that decode numbers and text. After: units and kinds of
values as the schema has them.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
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
OBJECT_LIMIT = 10_000
"""Most groups and arrays of one file or folder."""
METADATA_LIMIT = 1 << 22
"""Largest description of a Zarr array or group [byte]."""
TEXT = ("socket_state", "socket_congestion")
"""Variables of the schema that are text."""
RATES = ("bit/s", "packet/s")
"""Units of what is neither negative nor infinite, whatever was measured."""
CODECS = {
    "zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "blosc", "shuffle", "delta", "fixedscaleoffset", "crc32", "crc32c",
    "adler32", "vlen-utf8", "bytes", "transpose", "sharding_indexed", "string",
}  # fmt: skip
"""Codecs that only decode numbers and text; `pickle` and other codecs of objects run what is in the file."""


def is_netcdf(path: Path) -> bool:
    """Whether a regular file begins like a netCDF-4 (HDF5) file.

    Parameters
    ----------
    path
        Any path.

    Returns
    -------
    bool
        By its first bytes.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size < len(MAGIC[0]):
            return False  # files of /proc say 0, and some wait for ever
        with path.open("rb") as handle:
            return handle.read(8).startswith(MAGIC)
    except (OSError, ValueError):
        return False


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group.

    Parameters
    ----------
    path
        Any path.

    Returns
    -------
    bool
        By its metadata file.
    """
    return (path / "zarr.json").is_file() or (path / ".zgroup").is_file()


def load(path: Path, unpack_limit: int = UNPACK_LIMIT) -> xr.Dataset:
    """A Dataset in the schema, in memory.

    Parameters
    ----------
    path
        A netCDF file or a Zarr group.
    unpack_limit
        Bytes that it may take in memory.

    Returns
    -------
    xarray.Dataset
        In memory, the file closed.

    Raises
    ------
    TraceError
        If the file is damaged, leads out of itself, unpacks to more than the limit (or 16 times its size), holds no
        variable of the schema, or one in another unit or of another kind.
    """
    try:
        size = _check_folder(path) if path.is_dir() else _check_file(path)
        with _open(path) as lazy:
            if lazy.nbytes > max(unpack_limit, 16 * size):
                raise TraceError(f"{path}: unpacks to {lazy.nbytes} bytes, far more than its {size}")
            dataset = lazy.load()
    except TraceError:
        raise
    except Exception as error:  # the storage libraries raise whatever they meet in a damaged file
        raise TraceError(f"{path}: damaged netCDF or Zarr: {type(error).__name__}: {error}") from error
    _check_variables(path, dataset)
    for name in dataset.variables:
        dataset[name].encoding = {}
        dataset[name].attrs = {str(key): _plain(value) for key, value in dataset[name].attrs.items()}
    dataset.attrs = {
        **dict.fromkeys(ATTRIBUTES, ""),
        **{str(key): _plain(value) for key, value in dataset.attrs.items()},
    }
    for name in ATTRIBUTES:
        dataset.attrs[name] = str(dataset.attrs[name])
    return dataset


def _open(path: Path) -> xr.Dataset:
    """The lazily opened Dataset."""
    opened.note(path)
    if path.is_dir():
        return xr.open_dataset(path, engine="zarr", chunks=None, consolidated=False, decode_times=False)
    return xr.open_dataset(path, engine="h5netcdf", chunks=None, phony_dims="access", decode_times=False)


def _check_file(path: Path) -> int:
    """Size of an HDF5 file in which nothing leads out of it; h5netcdf would follow links and external storage."""
    with h5py.File(path, "r") as file:
        for number, (name, why) in enumerate(_leading_out(file, "")):
            if why:
                raise TraceError(f"{path}: {name} {why}: not what tunbp writes")
            if number > OBJECT_LIMIT:
                raise TraceError(f"{path}: more than {OBJECT_LIMIT} groups and arrays")
    return path.stat().st_size


def _leading_out(group: h5py.Group, place: str) -> Iterator[tuple[str, str]]:
    """Every object of a file, and how it leads out of the file; empty if it does not."""
    for name in group:
        where = f"{place}/{name}"
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            yield where, "is a link"
            continue
        item = group.get(name)
        if isinstance(item, h5py.Group):
            yield where, ""
            if len(where) > 200:
                yield where, "is nested too deeply"
            else:
                yield from _leading_out(item, where)
        elif isinstance(item, h5py.Dataset):
            if item.external is not None:
                yield where, "keeps its values in another file"
            elif item.is_virtual:
                yield where, "is made of other files"
            else:
                yield where, ""
        else:
            yield where, ""


def _check_folder(path: Path) -> int:
    """Size of a Zarr folder of regular files with codecs that only decode numbers and text."""
    size, count = 0, 0
    for folder, folders, names in os.walk(path):
        for name in [*folders, *names]:
            place = Path(folder) / name
            status = place.lstat()
            count += 1
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                raise TraceError(f"{place}: neither a regular file nor a folder: not what tunbp writes")
            if name in (".zarray", "zarr.json", ".zmetadata"):
                _check_codecs(place, status.st_size)
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        if count > 1000 * OBJECT_LIMIT:
            raise TraceError(f"{path}: more than {1000 * OBJECT_LIMIT} files")
    return size


def _check_codecs(place: Path, size: int) -> None:
    """Refuse codecs that are not known to only decode numbers and text, wherever the description names them."""
    if size > METADATA_LIMIT:
        raise TraceError(f"{place}: {size} bytes are no description of an array")
    waiting: list[Any] = [json.loads(place.read_bytes())]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key in ("id", "name"):
                # version 2 names codecs by id, version 3 by name (beside names of grids and types)
                named = value.get(key)
                if not isinstance(named, str):
                    continue
                codec = key == "id" or "configuration" in value
                if codec and named not in CODECS and named not in ("regular", "default", "v2"):
                    raise TraceError(f"{place}: codec {named[:40]!r} is not one that tunbp reads: {sorted(CODECS)}")
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _check_variables(path: Path, dataset: xr.Dataset) -> None:
    """Units and kinds of values as the schema has them."""
    if not set(dataset.data_vars) & set(schema.VARIABLES):
        raise TraceError(f"{path}: none of its variables is in the schema; it was not written by tunbp")
    for name in dataset.variables:
        array = dataset[name]
        if array.dtype.kind == "O" and all(isinstance(value, str) for value in array.to_numpy().flat):
            dataset[name] = array.astype(np.str_)
            array = dataset[name]
        wanted = "U" if name in TEXT else "iufb" if name in schema.VARIABLES and name in dataset.data_vars else "iufbU"
        if array.dtype.kind not in wanted:
            raise TraceError(f"{path}: {name} holds values of type {array.dtype}, not numbers of the schema")
        if name in dataset.data_vars and name in schema.VARIABLES:
            told, known = array.attrs.get("units", ""), schema.VARIABLES[str(name)].units
            if str(told) != known and not (known == "1" and str(told) == ""):
                raise TraceError(f"{path}: {name} is in {str(told)[:40]!r}, the schema's unit is {known!r}; convert it")
            values = np.asarray(array.to_numpy()) if known in RATES and array.dtype.kind in "iuf" else np.empty(0)
            if (values < 0).any() or np.isinf(values).any():
                raise TraceError(f"{path}: {name} has values that are negative or infinite, which no rate is")
    if "time" in dataset.coords:
        _check_time(path, dataset["time"])


def _check_time(path: Path, time: xr.DataArray) -> None:
    """Seconds from the start, known and not running backwards."""
    told, values = str(time.attrs.get("units", "s")), time.to_numpy()
    if told != "s":
        raise TraceError(f"{path}: time is in {told[:40]!r}, the schema's unit is 's'; convert it")
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all() or (np.diff(values.astype(float)) < 0).any():
        raise TraceError(f"{path}: time is not made of seconds that are known and go on")


def _plain(value: Any) -> Any:
    """An attribute as text or number; a list of them as text, which is what every reader of attributes expects."""
    if isinstance(value, np.ndarray):
        return ", ".join(str(entry) for entry in value.ravel()[:1000].tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float) else str(value)
