"""The one table of constants per host: given with their source, linked to another host, or fitted with interval."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tunbp import opened
from tunbp.errors import ScenarioError
from tunbp.model.scenario import Scenario

TABLE = "hosts.yaml"


@cache
def _loaded(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
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

    Raises
    ------
    ScenarioError
        If the host or a field is unknown, or a value is not allowed.
    """
    return Scenario().replace(**{**host(name), **changes})
