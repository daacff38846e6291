"""Quantities with their unit on the command line: `120ms`, `60k/s`, `6MB`, `8Mbit/s`; SI inside."""

from __future__ import annotations

from typing import Any

import click

from tunbp.errors import ParamsError
from tunbp.quantities import parse


class Quantity(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A click type: a number with its unit, as SI float (`whole`: as int).

    Parameters
    ----------
    metavar
        What `--help` shows, an example.
    unit
        SI unit, a key of `tunbp.quantities.KINDS`.
    whole
        Whether only whole numbers are allowed.
    """

    def __init__(self, metavar: str, unit: str, whole: bool = False) -> None:
        self.name, self.unit, self.whole = metavar, unit, whole

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The example in `--help`."""
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse what was typed; numbers pass through."""
        if not isinstance(value, str):
            return value
        name = (param.opts[0] if param else "value") or "value"
        number, _ = parse(value, self.unit, name=name)
        if not self.whole:
            return number
        if number != int(number):
            raise ParamsError(f"{name}: {value!r} is not a whole number")
        return int(number)
