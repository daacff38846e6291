"""Files written whole or not at all, with the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.atomic import write_atomically


def write(path: Path, content: bytes | str) -> Path:
    """Write a file whole or not at all; missing folders are made.

    Parameters
    ----------
    path
        File to write.
    content
        Bytes, or text in UTF-8.

    Returns
    -------
    Path
        `path`.
    """
    write_atomically(path, content.encode() if isinstance(content, str) else content)
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write JSON with sorted keys; numpy, pandas and xarray values become plain ones, nan becomes null.

    Parameters
    ----------
    path
        File to write.
    content
        What `plain` takes.

    Returns
    -------
    Path
        `path`.
    """
    text = json.dumps(plain(content), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return write(path, text + "\n")


def sha256(content: bytes | Path) -> str:
    """Sha256 of bytes or of a file, in hex.

    Parameters
    ----------
    content
        Bytes, or a file to read.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    if isinstance(content, Path):
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(content).hexdigest()


def plain(value: Any) -> Any:
    """Turn content into plain JSON types: tables become columns, nan and infinities become null.

    Parameters
    ----------
    value
        Nested content of a notebook: tables, arrays, paths, numbers.

    Returns
    -------
    dict, list, str, float, int, bool or None
        What `json` writes.
    """
    if isinstance(value, (xr.Dataset, xr.DataArray)):
        if isinstance(value, xr.DataArray):
            value = value.to_dataset(name=value.name or "value")
        return {str(name): _variable(value[name]) for name in sorted(value.variables, key=str)}
    if isinstance(value, pd.DataFrame):
        return {str(column): plain(value[column].to_numpy()) for column in value.columns}
    if isinstance(value, (pd.Series, pd.Index)):
        return plain(value.to_numpy())
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()] if value.ndim else plain(value.item())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


def _variable(array: xr.DataArray) -> dict[str, Any]:
    units = str(array.attrs.get("units", ""))
    return {"dims": [str(dim) for dim in array.dims], "units": units, "values": plain(array.to_numpy())}
