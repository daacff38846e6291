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

TIMES = {"path_buffer": "path_rate"}
"""Fields in packets that may be stated as the time in which a rate sends them, and that rate."""

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
            elif field in TIMES:
                command = click.option(
                    *flags, metavar="500|300ms", help=f"{words} A time: what its rate takes to send."
                )(command)
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


def queue(text: str, rate: float | None, name: str, of: str) -> int:
    """A queue in packets; a time means those that the rate sends in it.

    Parameters
    ----------
    text
        E.g. ``"500"`` or ``"300ms"``.
    rate
        packets/s; None: not known.
    name
        The option, in the message.
    of
        The option of the rate, in the message.

    Raises
    ------
    ParamsError
        If this is no queue, or a time without a rate.

    Examples
    --------
    >>> queue("300ms", 1000.0, "--path-buffer", "--path-rate"), queue("1k", None, "--path-buffer", "--path-rate")
    (300, 1000)
    """
    number = text.strip()[-1:].isdigit()
    value, unit = parse(text, *(("packet",) if number else ("packet", "s")), name=name)
    if unit == "packet":
        if value != int(value):
            raise ParamsError(f"{name}: {text!r} is not a whole number")
        return int(value)
    if rate is None:
        raise ParamsError(f"{name}: {text!r}: a time takes the rate that sends it: give {of}, or a number of packets")
    return max(round(value * rate), 1)


def values(
    given: Mapping[str, Any], mss: float, names: Mapping[str, str] = {}, known: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Fields and values that were typed; rates in packets/s, queues in packets.

    Parameters
    ----------
    given
        What was typed, by field.
    mss
        Payload of a packet, byte.
    names
        Option of a field, where it is not the field's name.
    known
        Fields that are known otherwise.

    Returns
    -------
    dict
        Values by field.

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
        option = f"--{name_of(field, names)}"
        if field in TIMES:
            typed, by = given.get(TIMES[field]), f"--{name_of(TIMES[field], names)}"
            sends = known.get(TIMES[field]) if typed is None else rate(typed, mss, by)
            found[field] = queue(value, sends, option, by)
        else:
            found[field] = rate(value, mss, option) if row.units == "packet/s" else value
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
