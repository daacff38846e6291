"""The one table of constants per host: given with their source, linked to another host, or fitted.

A fitted constant has an interval with its value inside, or says in `no_interval` why it has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tunbp import opened
from tunbp.errors import DataError, ScenarioError
from tunbp.model.scenario import Scenario

TABLE = "hosts.yaml"
DIGITS = 5
"""Significant digits of a fitted constant; the ends of its interval are rounded outward to as many."""


def has_width(low: float, high: float) -> bool:
    """Whether an interval is wider than rounding its two ends outward to `DIGITS` digits would make a single point.

    Parameters
    ----------
    low
        Lower end of an interval.
    high
        Its upper end, same unit.

    Returns
    -------
    bool
        Whether the interval says more than a point.
    """
    size = max(abs(low), abs(high))
    unit = 10.0 ** (math.floor(math.log10(size)) + 1 - DIGITS) if size else 0.0
    return high - low > 2.5 * unit


def refuse_hollow_intervals(hosts: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Check that the interval of every fitted constant says something.

    Parameters
    ----------
    hosts
        host -> {"fitted": {constant: {"value", "interval" or "no_interval", ...}}, ...}.
    path
        The file, for the message.

    Raises
    ------
    DataError
        If an interval has no width or leaves its value out, or if a constant has neither an interval nor a reason
        (`no_interval`), or both.
    """
    for host_name, entry in hosts.items():
        for constant, row in entry.get("fitted", {}).items():
            where = f"{path}: {host_name}.fitted.{constant}"
            if ("interval" in row) == bool(row.get("no_interval")):
                raise DataError(f"{where}: has {sorted(row)}; needs either interval or no_interval with the reason")
            if "interval" not in row:
                continue
            low, high = row["interval"]
            if not low <= row["value"] <= high:
                raise DataError(f"{where}: the interval {low:g} to {high:g} leaves out the value {row['value']:g}")
            if not has_width(low, high):
                raise DataError(
                    f"{where}: the interval {low:g} to {high:g} has no width; leave it out and say why in no_interval"
                )


@cache
def _loaded(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    refuse_hollow_intervals(loaded, path)
    return loaded


def table() -> dict[str, dict[str, Any]]:
    """The whole table, host -> {description, given, linked, fitted}, as in ``tunbp/model/hosts.yaml``."""
    path = opened.note(Path(__file__).with_name(TABLE))
    return _loaded(path, path.stat().st_mtime_ns)


def names() -> tuple[str, ...]:
    """Names of all hosts."""
    return tuple(table())


def host(name: str) -> dict[str, Any]:
    """Scenario fields of one host, given and fitted together.

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
    if name not in table():
        raise ScenarioError(f"host: {name!r} is not known; allowed: {', '.join(names())}")
    entry = table()[name]
    linked = {field: host(other)[field] for field, other in entry.get("linked", {}).items() if field in host(other)}
    own = {field: row["value"] for part in ("given", "fitted") for field, row in entry.get(part, {}).items()}
    return {**linked, **own}


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
