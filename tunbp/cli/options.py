"""Options of the command line that set fields of a scenario, made from the fields' rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from tunbp.cli.units import Quantity
from tunbp.errors import ParamsError
from tunbp.model.fields import FIELDS, Field
from tunbp.quantities import parse, show

UNITS = {"segment": "packet", "1": "1"}
"""Units that are written as another one."""


def name_of(field: str, names: Mapping[str, str]) -> str:
    """The option of a field: `names` where it has one of its own, else the field with dashes."""
    return names.get(field, field.replace("_", "-"))


def of(
    fields: Iterable[str], names: Mapping[str, str] = {}, aliases: Mapping[str, str] = {}
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds one option per field.

    Parameters
    ----------
    fields
        Names of scenario fields, in the order of `--help`.
    names
        Option instead of the field's name, e.g. ``{"drain_rate": "drain"}``.
    aliases
        A second option of a field.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for field in reversed(list(fields)):
            row, option = FIELDS[field], name_of(field, names)
            words = row.meaning + (f" Alias: --{aliases[field]}." if field in aliases else "")
            flags = [f"--{option}", *([f"--{aliases[field]}"] if field in aliases else []), field]
            if row.switch:
                command = click.option(f"--{option}/--no-{option}", field, default=None, help=words)(command)
            elif row.units == "packet/s":
                command = click.option(*flags, metavar="45k/s|100Mbit/s", help=words)(command)
            elif row.choices:
                several = "|".join(row.choices[:4]) + ("|..." if len(row.choices) > 4 else "")
                command = click.option(*flags, metavar=several, help=words)(command)
            else:
                command = click.option(*flags, type=_kind(field), help=words)(command)
        return command

    return decorate


def _kind(field: str) -> Any:
    row = FIELDS[field]
    if row.units == "1":
        return Quantity("1%", "%") if not row.integer else int
    examples = {"s": "15ms", "byte": "3MB", "packet": "500", "segment": "45", "1/s": "2/s"}
    example = _said(row.default, row).replace(" ", "") if row.default and row.units in ("s", "byte") else ""
    whole = row.integer or row.units == "byte"
    return Quantity(example or examples[row.units], UNITS.get(row.units, row.units), whole=whole)


def rate(text: str, mss: float, name: str) -> float:
    """A rate in packets/s; bit/s mean payload, 8 mss bits per packet.

    Raises
    ------
    ParamsError
        If this is no rate.
    """
    value, unit = parse(text, "packet/s", "bit/s", name=name)
    return value / (8.0 * mss) if unit == "bit/s" else value


def in_bits(text: str) -> bool:
    """Whether a rate was stated in bit/s and not in packets/s."""
    return parse(text, "packet/s", "bit/s")[1] == "bit/s"


def values(given: Mapping[str, Any], mss: float, names: Mapping[str, str] = {}) -> dict[str, Any]:
    """Fields and values that were typed; rates in packets/s.

    Raises
    ------
    ParamsError
        If a value is not allowed; names the option.
    """
    found: dict[str, Any] = {}
    for field, value in given.items():
        if value is None:
            continue
        row = FIELDS[field]
        found[field] = rate(value, mss, f"--{name_of(field, names)}") if row.units == "packet/s" else value
        option = f"--{name_of(field, names)}"
        if row.choices and value not in row.choices:
            raise ParamsError(f"{option}: {value!r} is not known; allowed: {row.allowed}")
        if not row.choices and not row.switch and not row.holds(found[field]) and (field, value) != ("rtt", 0.0):
            none = ", or 0: none is added" if field == "rtt" else ""
            raise ParamsError(f"{option}: {_said(found[field], row)} is not allowed; allowed: {_limits(row)}{none}")
    return found


def _said(value: float, row: Field) -> str:
    """A value as people write it on the command line."""
    unit = "%" if row.units == "1" and not row.integer else row.units
    return show(float(value), UNITS.get(unit, unit))


def _limits(row: Field) -> str:
    """The allowed values, with the unit that suits each end."""
    words = f"{'at least' if row.closed else 'more than'} {_said(row.low, row)}"
    if math.isfinite(row.high):
        words += f" and at most {_said(row.high, row)}"
    return f"whole numbers, {words}" if row.integer else words
