"""Headline numbers as people read them: value, unit and uncertainty as text and as LaTeX commands."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunbp.errors import OutputError
from tunbp.quantities import decimals, fixed, label_unit
from tunbp.results.latex import escape

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclass(frozen=True)
class Number:
    """One number of a run.

    Attributes
    ----------
    value
        In SI units.
    unit
        SI unit, `"1"` for counts and ratios, `"%"` for a ratio given in percent.
    uncertainty
        Half width, or `(low, high)` ends of the interval, same unit; None when there is none.
    text
        What the number is, in words.
    shown
        Unit to show it in; default Mbit/s, ms, Kpps.
    digits
        Significant digits to show; a whole count is shown whole.
    """

    name: str
    value: float
    unit: str = "1"
    uncertainty: float | tuple[float, float] | None = None
    text: str = ""
    shown: str | None = None
    digits: int = 3

    def parts(self) -> tuple[str, str, str]:
        """Value, uncertainty (may be empty) and unit as shown, e.g. `("171.7", "±2.1", "Mbit/s")`."""
        unit, size = label_unit(self.unit, self.shown)
        if self.unit == "%":
            unit, size = "%", 1.0
        value = self.value / size
        if self.uncertainty is None:
            counted = self.unit in ("1", "packet") and value.is_integer()
            return fixed(value, 0) if counted else fixed(value, decimals(value, self.digits)), "", unit
        if isinstance(self.uncertainty, (int, float)):
            half = abs(self.uncertainty) / size
            places = decimals(half, 2)
            return fixed(value, places), f"±{fixed(half, places)}", unit
        low, high = (end / size for end in self.uncertainty)
        places = decimals(high - low, 2)
        return fixed(value, places), f"[{fixed(low, places)}, {fixed(high, places)}]", unit

    def __str__(self) -> str:
        value, uncertainty, unit = self.parts()
        return " ".join(part for part in (value, uncertainty.replace("±", "± "), unit) if part)

    def record(self) -> dict[str, Any]:
        """Plain JSON types; read back by `from_record`."""
        interval = list(self.uncertainty) if isinstance(self.uncertainty, tuple) else self.uncertainty
        return {
            "value": self.value if math.isfinite(self.value) else None,
            "unit": self.unit,
            "uncertainty": interval,
            "text": self.text,
            "shown": str(self),
            "shown_unit": self.shown,
            "digits": self.digits,
        }


def from_record(name: str, record: Mapping[str, Any]) -> Number:
    """Make a number from a record of `Number.record`.

    Parameters
    ----------
    name
        Name of the number.
    record
        What `Number.record` made, read from JSON.

    Returns
    -------
    Number
        The same number.
    """
    uncertainty = record["uncertainty"]
    return Number(
        name,
        math.nan if record["value"] is None else float(record["value"]),
        record["unit"],
        tuple(uncertainty) if isinstance(uncertainty, list) else uncertainty,
        record["text"],
        record.get("shown_unit"),
        record.get("digits", 3),
    )


def macro_name(name: str) -> str:
    r"""LaTeX command of a number: letters only, `openvpn_gain_500` -> `\OpenvpnGainFiveZeroZero`.

    Parameters
    ----------
    name
        Name of the number: letters, digits, underscores.

    Returns
    -------
    str
        With its backslash.

    Raises
    ------
    OutputError
        If the name has other characters than letters, digits and underscores.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise OutputError(f"number {name!r}: a name is letters, digits and underscores, starting with a letter")
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return "\\" + re.sub(r"\d", lambda digit: _DIGITS[int(digit.group())], camel)


def macros(numbers: list[Number], head: str = "") -> str:
    r"""Content of `numbers.tex`: `\Name` is number, uncertainty and unit; `\NameValue` only the number.

    Parameters
    ----------
    numbers
        Numbers of all notebooks.
    head
        Comment at the top.

    Returns
    -------
    str
        LaTeX source.

    Raises
    ------
    OutputError
        If two numbers would get the same command.
    """
    lines = [f"% {line}" for line in head.splitlines()]
    seen: dict[str, str] = {}
    for number in sorted(numbers, key=lambda item: item.name):
        command = macro_name(number.name)
        for name in (command, f"{command}Value"):
            if seen.setdefault(name, number.name) != number.name:
                raise OutputError(f"numbers {seen[name]!r} and {number.name!r} would both be {name}: rename one")
        value, uncertainty, unit = number.parts()
        if uncertainty.startswith("±"):
            body = _math(rf"{value} \pm {uncertainty[1:]}")
        else:
            body = f"{_math(value)} {_math(uncertainty)}" if uncertainty else _math(value)
        whole = f"{body}~{escape(unit)}" if unit else body
        lines += [f"% {' '.join(number.text.split())}"] if number.text else []
        lines += [
            rf"\newcommand{{{command}}}{{{whole}}}",
            rf"\newcommand{{{command}Value}}{{{_math(value)}}}",
        ]
    return "\n".join(lines) + "\n"


def _math(text: str) -> str:
    """Text of a number in math mode: a true minus, and no space after a comma that separates thousands."""
    if text == "missing":
        return text
    return rf"\ensuremath{{{re.sub(r',(?=[0-9])', '{,}', text)}}}"
