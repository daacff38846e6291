"""Quantities with their unit on the command line: `120ms`, `60k/s`, `6MB`, `8Mbit/s`; SI inside."""

from __future__ import annotations

import math
import re
from typing import Any

import click

from tunbp.errors import ParamsError

TIME = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0}
SIZE = {
    "B": 1.0, "byte": 1.0, "bytes": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
    "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
}  # fmt: skip
PACKETS = {"": 1.0, "packets": 1.0, "packet": 1.0}
PACKET_RATE = {
    "/s": 1.0, "k/s": 1e3, "K/s": 1e3, "M/s": 1e6, "pps": 1.0, "kpps": 1e3, "Kpps": 1e3, "Mpps": 1e6,
    "packets/s": 1.0, "packet/s": 1.0,
}  # fmt: skip
BIT_RATE = {"bit/s": 1.0, "kbit/s": 1e3, "Kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9}
EVENT_RATE = {"/s": 1.0, "/min": 1.0 / 60.0}

NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")


def parse(text: str, units: dict[str, float], name: str) -> tuple[float, str]:
    """Value in SI and the unit as written.

    Parameters
    ----------
    text
        A number followed by its unit.
    units
        Unit -> its size in SI units; an empty name allows a number alone.
    name
        What the value is for, in the message.

    Raises
    ------
    ParamsError
        If this is no number, or the unit is missing or none of `units`; the message shows what is right.
    """
    found = NUMBER.fullmatch(text)
    shown = ", ".join(filter(None, units))
    if not found or not math.isfinite(float(found[1])):
        raise ParamsError(f"{name}: {text!r} is not a number with a unit; units: {shown}")
    if found[2] not in units:
        close = [unit for unit in units if unit.lower() == found[2].lower()]
        hint = f"did you mean {found[1]}{close[0]}? " if close else ""
        missing = f"the unit is missing, e.g. {found[1]}{next(filter(None, units))}"
        wrong = f"unit {found[2]!r} is not known; {hint}".rstrip("; ") if found[2] else missing
        raise ParamsError(f"{name}: {text!r}: {wrong}; units: {shown}")
    return float(found[1]) * units[found[2]], found[2]


class Quantity(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A click type: a number with one of some units, as SI float (`whole`: as int).

    Parameters
    ----------
    metavar
        What `--help` shows, an example.
    units
        Unit -> its size in SI units.
    whole
        Whether only whole numbers are allowed.
    """

    def __init__(self, metavar: str, units: dict[str, float], whole: bool = False) -> None:
        self.name, self.units, self.whole = metavar, units, whole

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The example in `--help`."""
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse what was typed; numbers pass through."""
        if not isinstance(value, str):
            return value
        name = (param.opts[0] if param else "value") or "value"
        number, _ = parse(value, self.units, name)
        if not self.whole:
            return number
        if number != int(number):
            raise ParamsError(f"{name}: {value!r} is not a whole number")
        return int(number)
