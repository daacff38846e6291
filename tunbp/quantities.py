"""Numbers with units: read as people write them, shown as people read them; SI inside.

Every kind of quantity is named by its SI unit, as in `tunbp.schema`: `"s"`, `"bit/s"`, `"packet/s"`, `"byte"`,
`"packet"`, `"1/s"`, and `"%"` for a share of one. `Kbit` and `KB` are 1000; `KiB` is 1024. `Mbps` is a million
bits per second, as everybody but tc(8) means it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tunbp.errors import OutputError, ParamsError


@dataclass(frozen=True)
class Kind:
    """How one kind of quantity is written and shown.

    Attributes
    ----------
    sizes
        Unit as it may be written -> its size in the SI unit.
    shown
        Units to show it in, from the largest; the largest that leaves at least 1 is taken.
    label
        The one unit of an axis or a table column.
    bare
        Whether a number without a unit can only mean the SI unit. A time alone could be s or ms, a rate alone
        bit/s or Mbit/s: those are refused.
    whole
        Whole values below this are shown whole, in the SI unit: 1448 B, 184,647 packets.
    """

    sizes: Mapping[str, float]
    shown: tuple[str, ...]
    label: str
    bare: bool = False
    whole: float = 0.0


_PREFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


def _prefixed(bases: str, size: float = 1.0, prefixes: Mapping[str, float] = _PREFIXES) -> dict[str, float]:
    return {prefix + base: scale * size for base in bases.split() for prefix, scale in prefixes.items()}


KINDS: dict[str, Kind] = {
    "s": Kind(
        {
            **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
            **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1e-3),
            **dict.fromkeys(("us", "µs", "μs", "usec", "usecs", "microsecond", "microseconds"), 1e-6),
            **dict.fromkeys(("ns", "nsec", "nsecs", "nanosecond", "nanoseconds"), 1e-9),
            **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
            **dict.fromkeys(("h", "hour", "hours"), 3600.0),
        },
        ("s", "ms", "µs", "ns"),
        "ms",
    ),
    "bit/s": Kind(
        _prefixed("bit/s bits/s bit bits bps b/s")
        | _prefixed("B/s Byte/s Bytes/s byte/s bytes/s Bps", 8.0)
        | _prefixed("bit/s bit", prefixes=_BINARY)
        | _prefixed("B/s Byte/s byte/s Bps", 8.0, _BINARY),
        ("Tbit/s", "Gbit/s", "Mbit/s", "Kbit/s", "bit/s"),
        "Mbit/s",
    ),
    "packet/s": Kind(
        _prefixed("pps packets/s packet/s pkts/s pkt/s p/s /s"), ("Gpps", "Mpps", "Kpps", "pps"), "Kpps", bare=True
    ),
    "byte": Kind(
        _prefixed("B Byte Bytes byte bytes") | _prefixed("B", prefixes=_BINARY) | _BINARY | _PREFIXES,
        ("TB", "GB", "MB", "KB", "B"),
        "KB",
        bare=True,
        whole=1e4,
    ),
    "packet": Kind(
        _prefixed("packets packet pkts pkt p") | _PREFIXES,
        ("G packets", "M packets", "packets"),
        "packets",
        bare=True,
        whole=1e6,
    ),
    "s/packet": Kind(
        {
            "s/packet": 1.0,
            "ms/packet": 1e-3,
            "µs/packet": 1e-6,
            "μs/packet": 1e-6,
            "us/packet": 1e-6,
            "ns/packet": 1e-9,
            "s": 1.0,
            "ms": 1e-3,
            "µs": 1e-6,
            "μs": 1e-6,
            "us": 1e-6,
            "ns": 1e-9,
        },
        ("s/packet", "ms/packet", "µs/packet", "ns/packet"),
        "µs/packet",
    ),
    "1/s": Kind(
        {"/s": 1.0, "1/s": 1.0, "Hz": 1.0, "/min": 1 / 60, "/h": 1 / 3600}, ("/s", "/min", "/h"), "/s", bare=True
    ),
    "%": Kind({"%": 1e-2, "percent": 1e-2, "ppm": 1e-6}, ("%",), "%"),
    "1": Kind(_PREFIXES, ("G", "M", ""), "", bare=True, whole=1e6),
}
"""Every kind of quantity by its SI unit (`"%"`: a share of one)."""

_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)
MISSING = "-"
"""What stands for a number that is not known."""


def parse(text: str, *units: str, name: str = "value") -> tuple[float, str]:
    """Read a number with its unit, as people write it.

    Upper and lower case are exchanged where only one unit can be meant (`100mbit`), never between bits and bytes.
    Zero needs no unit.

    Parameters
    ----------
    text
        E.g. `"100Mbit"`, `"1.2 Gbps"`, `"12.5MB/s"`, `"15 msec"`, `"30kpps"`, `"1%"`, `"1400B"`, `"500"`.
    *units
        SI units (keys of `KINDS`) that it may have.
    name
        What the value is for, in the message.

    Returns
    -------
    value : float
        In the SI unit.
    unit : str
        That SI unit, one of `units`.

    Raises
    ------
    ParamsError
        If this is no number, the unit is missing where it could be one or another, or the unit is not known;
        the message shows what would be right.

    Examples
    --------
    >>> parse("12.5MB/s", "bit/s")
    (100000000.0, 'bit/s')
    >>> parse("45k/s", "packet/s", "bit/s")
    (45000.0, 'packet/s')
    """
    found = _NUMBER.fullmatch(text)
    if not found or not math.isfinite(float(found[1])):
        raise ParamsError(f"{name}: {text!r} is not a number with a unit; e.g. {_examples(units)}")
    number, written = float(found[1]), "".join(found[2].split())
    if re.match(r"[\d,.]", written) and not written.startswith("1/"):
        raise ParamsError(f"{name}: {text!r}: write one number with a point and no commas, e.g. {_examples(units)}")
    if not written and (number == 0.0 or (len(units) == 1 and KINDS[units[0]].bare)):
        return number, units[0]
    if not written:
        raise ParamsError(f"{name}: {text!r}: the unit is missing, e.g. {_examples(units, found[1])}")
    meanings = _meanings(written, units)
    if len(meanings) == 1:
        ((unit, size),) = meanings
        return _scaled(found[1], number, size), unit
    if meanings:
        choices = " or ".join(f"{found[1]}{_spelled(unit, size)}" for unit, size in sorted(meanings))
        raise ParamsError(f"{name}: {text!r} has two meanings: write {choices}")
    raise ParamsError(f"{name}: {text!r}: unit {written!r} is not known; e.g. {_examples(units, found[1])}")


def _meanings(written: str, units: tuple[str, ...]) -> set[tuple[str, float]]:
    """(SI unit, size) of all that a written unit may mean: as it is, else with other upper and lower case."""
    exact = {(unit, KINDS[unit].sizes[written]) for unit in units if written in KINDS[unit].sizes}
    if exact:
        return exact
    folded = written.lower()
    return {(unit, size) for unit in units for name, size in KINDS[unit].sizes.items() if name.lower() == folded}


def _scaled(digits: str, number: float, size: float) -> float:
    """Number times size; where the size is a power of ten, the float that the digits name (0.005, not 0.005000001)."""
    power = round(math.log10(size))
    if math.isclose(size, 10.0**power, rel_tol=1e-12):
        mantissa, _, exponent = digits.lower().partition("e")
        return float(f"{mantissa}e{int(exponent or 0) + power}")
    return number * size


def _spelled(unit: str, size: float) -> str:
    return next(name for name, known in KINDS[unit].sizes.items() if name and known == size)


def _examples(units: tuple[str, ...], number: str = "5") -> str:
    """Text such as `5ms, 5s`."""
    names = [KINDS[unit].label or "k" for unit in units] + ["s" for unit in units if unit == "s"]
    return ", ".join(f"{number}{name if name[0].isascii() else ' ' + name}" for name in names)


def show(value: float, unit: str, digits: int = 4) -> str:
    """Show a value with the unit that suits it, in as many digits as mean something.

    Parameters
    ----------
    value
        In the SI unit.
    unit
        A key of `KINDS`, or any other unit of the schema, which is shown as it is.
    digits
        Significant digits; whole counts up to a million are shown whole.

    Returns
    -------
    str
        Number and unit, e.g. ``"181 Mbit/s"``.

    Examples
    --------
    >>> show(98.334e6, "bit/s"), show(6.4e-7, "s"), show(184_647_250, "packet"), show(0.05, "%")
    ('98.33 Mbit/s', '640 ns', '184.6 M packets', '5 %')
    """
    if math.isnan(value):
        return MISSING
    if unit not in KINDS:
        return f"{significant(value, digits)} {unit}"
    name, size = _scale(value, unit, digits)
    return _joined(_text(value, unit, size, digits), name)


def show_range(low: float, high: float, unit: str, digits: int = 2, like: float | None = None) -> str:
    """Show an interval in the unit that suits its larger end: `3.1 to 4.2 %`.

    Parameters
    ----------
    low, high
        Ends in the SI unit.
    unit, digits
        As for `show`.
    like
        A value, e.g. the middle, that decides the unit instead: one sentence, one unit.

    Returns
    -------
    str
        Both ends and the unit once.

    Examples
    --------
    >>> show_range(0.24e9, 1.7e9, "bit/s"), show_range(0.24e9, 1.7e9, "bit/s", like=710e6)
    ('0.24 to 1.7 Gbit/s', '240 to 1700 Mbit/s')
    """
    name, size = _scale(max(abs(low), abs(high)) if like is None else like, unit, digits)
    return _joined(f"{_text(low, unit, size, digits)} to {_text(high, unit, size, digits)}", name)


def percent(share: float, digits: int = 3) -> str:
    """Show a share of one in percent: `percent(0.0534)` is `5.34 %`; what is not the whole never looks like 100 %.

    Parameters
    ----------
    share
        Part of one.
    digits
        Significant digits, and more where these would round up to the whole.

    Returns
    -------
    str
        Number and percent sign.
    """
    while share < 1.0 and digits < 9 and float(f"{100.0 * share:.{digits - 1}e}") >= 100.0:
        digits += 1
    return show(float(share), "%", digits)


def _scale(value: float, unit: str, digits: int) -> tuple[str, float]:
    """Unit to show a value in, and its size: the largest that leaves at least 1 after rounding, else the smallest."""
    kind = KINDS[unit]
    sizes = [(name, kind.sizes[name.replace(" ", "")]) for name in kind.shown]
    plain = next(((name, size) for name, size in sizes if size == 1.0), sizes[-1])
    if value == 0 or not math.isfinite(value) or _is_whole(value, kind):
        return plain
    return next(((n, s) for n, s in sizes if float(f"{abs(value) / s:.{digits - 1}e}") >= 1), sizes[-1])


def _is_whole(value: float, kind: Kind) -> bool:
    return abs(value) < kind.whole and value == round(value)


def _text(value: float, unit: str, size: float, digits: int) -> str:
    if size == 1 and _is_whole(value, KINDS[unit]):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.0f}"
    return significant(value / size, digits)


def _joined(text: str, name: str) -> str:
    return text + name if name.startswith("/") else f"{text} {name}".rstrip()


def significant(value: float, digits: int = 4) -> str:
    """Show a number with that many significant digits, without exponent or trailing zeros, thousands separated.

    Parameters
    ----------
    value
        The number.
    digits
        Significant digits, at most.

    Returns
    -------
    str
        The number as text.

    Examples
    --------
    >>> significant(0.00123456), significant(0.5), significant(15539.2)
    ('0.001235', '0.5', '15,540')
    """
    if not math.isfinite(value):
        return MISSING if math.isnan(value) else str(value)
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    if not 1e-6 <= abs(rounded) < 1e15:
        return f"{value:.{digits - 1}e}"
    places = decimals(rounded, digits)
    text = f"{rounded:,.{places}f}" if abs(rounded) >= 1e4 else f"{rounded:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed(value: float, places: int) -> str:
    """Show a number with that many decimals, thousands separated; `missing` for nan, no minus before zero.

    Parameters
    ----------
    value
        The number.
    places
        Decimals.

    Returns
    -------
    str
        The number as text.

    Examples
    --------
    >>> fixed(-0.001, 2), fixed(15539, 0)
    ('0.00', '15,539')
    """
    if not math.isfinite(value):
        return "missing"
    text = f"{value:,.{places}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def decimals(value: float, digits: int) -> int:
    """How many decimals show that many significant digits of a value, e.g. the width of its interval.

    Parameters
    ----------
    value
        The number whose size counts.
    digits
        Significant digits that are wished.

    Returns
    -------
    int
        Decimals, at least 0.
    """
    if value == 0 or not math.isfinite(value):
        return 0
    return max(digits - 1 - math.floor(math.log10(abs(value))), 0)


def label_unit(unit: str, shown: str | None = None) -> tuple[str, float]:
    """The one unit of an axis or a column for an SI unit, and its size: `"bit/s"` -> `("Mbit/s", 1e6)`.

    Parameters
    ----------
    unit
        SI unit of the data.
    shown
        The unit wanted; default Mbit/s, ms, Kpps, KB. `"%"` goes with a share, unit `"1"`.

    Returns
    -------
    tuple[str, float]
        Name of the unit, and how many SI units it is.

    Raises
    ------
    OutputError
        If `shown` is not a known unit.
    """
    if shown is None:
        if unit not in KINDS or unit == "":
            return unit, 1.0
        return KINDS[unit].label, KINDS[unit].sizes[KINDS[unit].label]
    known = {**KINDS["%"].sizes, **(KINDS[unit].sizes if unit in KINDS else {}), "": 1.0, "1": 1.0, unit: 1.0}
    if shown not in known:
        names = ", ".join(filter(None, KINDS[unit].shown if unit in KINDS else [unit]))
        raise OutputError(f"unit {shown!r} of {unit or 'a number'}: known are {names}")
    return shown, known[shown]


def clock(seconds: float) -> str:
    """Show a time that somebody waits for as `h:mm:ss`.

    Parameters
    ----------
    seconds
        A time in seconds.

    Returns
    -------
    str
        Hours, minutes and seconds.

    Examples
    --------
    >>> clock(3725)
    '1:02:05'
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"
