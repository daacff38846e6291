"""The one table of constants per host: given or measured, each with its source, linked to another host, or inferred.

An inferred constant has a value, at which the model meets the rows it comes from best, and draws of its posterior in
``hosts.nc``, which its interval follows from.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import yaml

from tunbp import opened
from tunbp.errors import DataError, ScenarioError
from tunbp.model.scenario import Scenario

Array = npt.NDArray[np.float64]

TABLE = "hosts.yaml"
DRAWS = "hosts.nc"
PARTS = ("given", "measured", "inferred")
DIGITS = 5
"""Significant digits of an inferred constant."""

LEVEL = 0.9
"""Level of the intervals."""


@cache
def _loaded(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


@cache
def _stored(path: Path, changed: int) -> xr.Dataset:
    return xr.load_dataset(path, engine="h5netcdf")


def _at(name: str) -> tuple[Path, int]:
    path = opened.note(Path(__file__).with_name(name))
    return path, path.stat().st_mtime_ns


def table() -> dict[str, dict[str, Any]]:
    """The whole table, host -> {description, given, measured, linked, inferred}: ``tunbp/model/hosts.yaml``."""
    return _loaded(*_at(TABLE))


def names() -> tuple[str, ...]:
    """Names of all hosts."""
    return tuple(table())


def host(name: str) -> dict[str, Any]:
    """Scenario fields of one host, of all parts of its entry together.

    Parameters
    ----------
    name
        A host of ``hosts.yaml``, e.g. ``"i5-tap"``.

    Returns
    -------
    dict[str, Any]
        Field name to value, SI units (`tunbp.model.fields`).

    Raises
    ------
    ScenarioError
        If there is no such host; the message lists those there are.
    """
    entry = _entry(name)
    linked = {field: host(other)[field] for field, other in entry.get("linked", {}).items() if field in host(other)}
    own = {field: row["value"] for part in PARTS for field, row in entry.get(part, {}).items()}
    return {**linked, **own}


def _entry(name: str) -> Mapping[str, Any]:
    if name not in table():
        raise ScenarioError(f"host: {name!r} is not known; allowed: {', '.join(names())}")
    return table()[name]


def posteriors() -> xr.Dataset:
    """Draws of every inferred constant of every host: ``hosts.nc``.

    Returns
    -------
    xarray.Dataset
        `draws` over `entry` and `draw`, SI units, `contraction` over `entry` (1 - variance over that of the prior,
        in the space where it is normal), with the `host` and `constant` of each entry.
    """
    return _stored(*_at(DRAWS))


def draws(name: str) -> dict[str, Array]:
    """Draws of the posterior of one host's inferred constants, its own and those of hosts it is linked to.

    Own ones belong together: draw by draw they explain the rows. All count the same.

    Parameters
    ----------
    name
        A host of ``hosts.yaml``.

    Returns
    -------
    dict[str, ndarray]
        Values by field, SI units.

    Raises
    ------
    ScenarioError
        If there is no such host; the message lists those there are.
    DataError
        If an inferred constant has no draws.
    """
    entry = _entry(name)
    found = {
        field: draws(other)[field]
        for field, other in entry.get("linked", {}).items()
        if field in table()[other].get("inferred", {})
    }
    for field in entry.get("inferred", {}):
        stored = posteriors()
        places = np.flatnonzero((stored["host"] == name) & (stored["constant"] == field))
        if not places.size:
            raise DataError(
                f"{DRAWS}: no draws of {field} of {name}; `python -m tunbp.evidence.calibration` makes them"
            )
        found[field] = stored["draws"].isel(entry=places[0]).to_numpy().astype(float)
    return found


def interval(name: str, constant: str, level: float = LEVEL) -> tuple[float, float]:
    """Central interval of an inferred constant.

    Parameters
    ----------
    name, constant
        A host of ``hosts.yaml`` and one of its inferred fields.
    level
        Probability inside, 1.

    Returns
    -------
    tuple[float, float]
        Its ends, SI units.

    Examples
    --------
    >>> low, high = interval("i5-tap", "drain_rate")
    >>> low < host("i5-tap")["drain_rate"] < high
    True
    """
    low, high = np.quantile(draws(name)[constant], (0.5 - level / 2.0, 0.5 + level / 2.0))
    return float(low), float(high)


def scenario_of_host(name: str, **changes: Any) -> Scenario:
    """The scenario of one host, with some fields changed.

    Parameters
    ----------
    name
        A host of ``hosts.yaml``.
    **changes
        Fields of the scenario that are others than the host's.

    Returns
    -------
    Scenario
        Checked, not simulated.

    Raises
    ------
    ScenarioError
        If the host or a field is unknown, or a value is not allowed.
    """
    return Scenario().replace(**{**host(name), **changes})
