"""`constants.yaml`: the constants of a running tunnel, as the probe measured them, for `tunbp predict --constants`.

The file is a YAML mapping::

    schema: 1
    device: tun0
    reader: openvpn
    kernel: Linux 6.18.0
    start: 2026-01-31T12:00:00Z
    seconds: 10.0                # how long the probe ran
    constants:                   # names are fields of tunbp.model.scenario.Scenario
      drain_rate: {value: 58210, low: 57900, high: 58600, unit: packet/s, how: "mean of 412,345 service times, ..."}
      reader_policy: {value: link_first, how: "..."}
    missing:                     # fields that the probe could not measure, and why
      far_rate: "seen only from the other end: ..."
    observations:                # measured, and no field of a scenario; the same form as constants
      cold_service_time: {value: 2.1e-05, low: 2.0e-05, high: 2.3e-05, unit: s, how: "..."}

`value` is in `unit`, which is SI. `low` and `high` are the ends of the 95 % interval; an entry without them is a
setting that was read, not a measurement. `how` says in words what the value was made of.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tunbp.atomic import replacing
from tunbp.errors import LabError

SCHEMA = 1
DIGITS = 6
"""Significant digits that are written."""


@dataclass(frozen=True)
class Constant:
    """One constant: value in the SI unit `unit`, ends of its 95 % interval (None: a setting), how it was measured."""

    value: float | str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    how: str = ""


@dataclass(frozen=True)
class Constants:
    """Contents of a `constants.yaml`.

    Attributes
    ----------
    constants : dict
        Field of `tunbp.model.scenario.Scenario` -> `Constant`.
    missing : dict
        Field -> why it could not be measured.
    observations : dict
        Other things measured, by name.
    about : dict
        device, reader, kernel, start, seconds.
    """

    constants: dict[str, Constant]
    missing: dict[str, str] = field(default_factory=dict)
    observations: dict[str, Constant] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


def read_constants(path: str | os.PathLike[str]) -> Constants:
    """Read a `constants.yaml`.

    Parameters
    ----------
    path : str or path-like
        File that `tunbp lab probe` wrote, or one of the same form.

    Returns
    -------
    Constants
        Names are not compared with a scenario's fields here: that is done by what uses them.

    Raises
    ------
    LabError
        If the file cannot be read or an entry is wrong: file, entry, and what would be right.
    """
    try:
        content = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LabError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("constants"), dict):
        raise LabError(f"{path}: no mapping `constants`; `tunbp lab probe DEV` writes such a file")
    if content.get("schema") != SCHEMA:
        raise LabError(f"{path}: schema: {content.get('schema')!r}; this version of tunbp reads schema {SCHEMA}")
    read = {
        part: {str(name): _constant(path, str(name), entry) for name, entry in (content.get(part) or {}).items()}
        for part in ("constants", "observations")
    }
    missing = {str(name): str(why) for name, why in (content.get("missing") or {}).items()}
    parts = ("constants", "observations", "missing", "schema")
    about = {str(name): value for name, value in content.items() if name not in parts}
    return Constants(read["constants"], missing, read["observations"], about)


def _constant(path: str | os.PathLike[str], name: str, entry: Any) -> Constant:
    if not isinstance(entry, Mapping) or "value" not in entry:
        raise LabError(
            f"{path}: {name}: {entry!r}; must be a mapping with `value`, like {{value: 60000, unit: packet/s}}"
        )
    numbers: dict[str, float | None] = {}
    for key in ("low", "high"):
        numbers[key] = None if entry.get(key) is None else _number(path, f"{name}.{key}", entry[key])
    value = entry["value"] if isinstance(entry["value"], str) else _number(path, f"{name}.value", entry["value"])
    low, high = numbers["low"], numbers["high"]
    if low is not None and high is not None and (isinstance(value, str) or not low <= value <= high):
        raise LabError(f"{path}: {name}: value {value} is not between low {low:g} and high {high:g}")
    return Constant(value, low, high, str(entry.get("unit", "")), str(entry.get("how", "")))


def _number(path: str | os.PathLike[str], name: str, value: Any) -> float:
    # PyYAML reads 1e6 as text: YAML 1.1 wants a point in it
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise LabError(f"{path}: {name}: {value!r} is not a number")
    return number


def write_constants(constants: Constants, path: Path) -> Path:
    """Write a `constants.yaml`, whole or not at all.

    Raises
    ------
    LabError
        If the place cannot be written.
    """
    content = {
        "schema": SCHEMA,
        **constants.about,
        "constants": {name: _entry(constant) for name, constant in constants.constants.items()},
        "missing": constants.missing,
        "observations": {name: _entry(constant) for name, constant in constants.observations.items()},
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    try:
        with replacing(path) as part:
            part.write_text(text)
    except OSError as error:
        raise LabError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def _entry(constant: Constant) -> dict[str, Any]:
    whole = {"value": _rounded(constant.value), "low": _rounded(constant.low), "high": _rounded(constant.high)}
    kept: dict[str, Any] = {name: value for name, value in whole.items() if value is not None}
    return kept | {name: text for name, text in (("unit", constant.unit), ("how", constant.how)) if text}


def _rounded(value: float | str | None) -> float | int | str | None:
    if value is None or isinstance(value, str):
        return value
    number = float(f"{value:.{DIGITS - 1}e}")
    return int(number) if number == int(number) else number
