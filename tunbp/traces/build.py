"""Construction of Datasets in the common schema from plain arrays."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp import schema
from tunbp.traces.source import Source

ATTRIBUTES = ("tool", "version", "host", "kernel", "command", "start", "sha256", "warnings")
"""Attributes of every opened trace, all text; empty where the file does not say."""

Column = tuple[tuple[str, ...], Any]
"""Dims and values of one variable."""


def floats(values: Iterable[float | None], scale: float = 1.0) -> NDArray[np.float64]:
    """Values as float64 times `scale`, missing ones as NaN.

    Parameters
    ----------
    values
        Numbers, None where one is missing.
    scale
        Factor to SI units.

    Returns
    -------
    NDArray[np.float64]
        Shape (value,).
    """
    array = np.array(list(values), dtype=np.float64)  # numpy makes NaN of None
    return array if scale == 1.0 else array * scale


def counts(values: Iterable[float | None]) -> NDArray[Any]:
    """Counts as int64 where all are present and exact, else float64 with NaN for the missing ones.

    Parameters
    ----------
    values
        Whole numbers, None where one is missing.

    Returns
    -------
    NDArray[Any]
        Shape (value,), int64 or float64.
    """
    return as_counts(floats(values))


def as_counts(array: NDArray[np.float64]) -> NDArray[Any]:
    """int64 if every element is an integer that a float64 holds exactly, else the array itself.

    Parameters
    ----------
    array
        Counts as float64, NaN where one is missing.

    Returns
    -------
    NDArray[Any]
        Int64 or float64, in the same shape.
    """
    if array.size and np.all(np.isfinite(array)) and np.all(np.abs(array) < 2.0**53):
        whole = array.astype(np.int64)
        if np.array_equal(whole, array):
            return whole
    return array


def decimal(word: bytes) -> float:
    """A number as printed, with a decimal point or, in some locales, a comma.

    Parameters
    ----------
    word
        What a tool printed.

    Returns
    -------
    float
        Its value.

    Raises
    ------
    ValueError
        If it is none.
    """
    return float(word.replace(b",", b"."))


def utc(seconds: float | None) -> str:
    """ISO 8601 text in UTC of a Unix time, empty if there is none or it is no date.

    Parameters
    ----------
    seconds
        Unix time, s; None: unknown.

    Returns
    -------
    str
        Such as `2026-05-10T15:15:29Z`.
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return moment.isoformat().replace("+00:00", "Z")


def build(
    source: Source,
    columns: Mapping[str, Column],
    coords: Mapping[str, Column] | None = None,
    **attributes: str,
) -> xr.Dataset:
    """A Dataset of schema variables with the common attributes.

    Parameters
    ----------
    source : Source
        File the values come from: its hash and warnings become attributes.
    columns : mapping
        Variable name of the schema -> (dims, values in SI units). Variables without any value are left out.
    coords : mapping, optional
        Coordinates in the same form.
    **attributes : str
        tool, version, host, kernel, command, start, and more text of the format's own.

    Returns
    -------
    xr.Dataset
        Variables with units and long names of the schema.

    Raises
    ------
    KeyError
        If a name is not in the schema.
    """
    kept = {
        name: xr.Variable(dims, values, schema.attributes(name))
        for name, (dims, values) in columns.items()
        if _has_value(values)
    }
    dataset = xr.Dataset(kept, coords=coords or {})
    common = {name: attributes.pop(name, "") for name in ATTRIBUTES[:-2]}
    dataset.attrs = {**common, "sha256": source.sha256, "warnings": "\n".join(source.warnings), **attributes}
    for name in dataset.coords:
        if name in schema.DIMS:
            dataset[name].attrs["long_name"] = schema.DIMS[str(name)]
            if name == "time":
                dataset[name].attrs["units"] = "s"
    return dataset


def _has_value(values: Any) -> bool:
    array = np.asarray(values)
    return bool(array.size) and not (array.dtype.kind == "f" and bool(np.isnan(array).all()))


def settle(dataset: xr.Dataset) -> xr.Dataset:
    """Flags and texts that an outer join filled with NaN as what they were: missing is False, or empty.

    Parameters
    ----------
    dataset
        Runs that were joined.

    Returns
    -------
    xr.Dataset
        The same with flags and texts of one kind.
    """
    changed = {}
    for name in dataset.variables:
        variable = dataset[name]
        if variable.dtype.kind == "O":
            values = variable.to_numpy()
            missing = np.array([value != value for value in values.flat], dtype=bool).reshape(values.shape)
            flags = all(isinstance(value, bool | np.bool_) for value in values[~missing].flat)
            filled = np.where(missing, False if flags else "", values)
            changed[name] = variable.copy(data=filled.astype(np.bool_ if flags else np.str_))
    return dataset.assign(changed)


def text(values: Sequence[str], limit: int | None = 4096) -> NDArray[Any]:
    """Strings as a fixed-width array, which netCDF and Zarr give back unchanged.

    Parameters
    ----------
    values
        Texts.
    limit
        Most characters of each; None: all.

    Returns
    -------
    NDArray[Any]
        Shape (value,), numpy's fixed-width text.
    """
    return np.array([clean(value, limit) for value in values], dtype=np.str_)


def clean(value: str, limit: int | None = 4096) -> str:
    """Text that every storage format takes: no NUL or lone surrogate, at most `limit` characters.

    Parameters
    ----------
    value
        A text.
    limit
        Most characters; None: all.

    Returns
    -------
    str
        The text without what cannot be stored.
    """
    return value[:limit].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
