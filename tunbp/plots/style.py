"""How every figure looks: sizes, the style file, and one colour, marker and line per variant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tunbp import schema
from tunbp.errors import OutputError
from tunbp.model.drivers import DRIVERS, label
from tunbp.model.fields import FIELDS
from tunbp.quantities import label_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLUMN_WIDTH = 3.5
"""Width of one IEEE column [inch]."""
TEXT_WIDTH = 7.16
"""Width of the text of an IEEE page, both columns [inch]."""

Width = Literal["column", "text"]
Kind = Literal["published", "measured", "simulated"]


@dataclass(frozen=True)
class VariantStyle:
    """How one variant is drawn: its colour, and what tells it apart without colour.

    Attributes
    ----------
    label
        Name in legends.
    color
        Hex colour.
    marker, linestyle
        matplotlib marker and line style; no two variants of one figure share them.
    """

    label: str
    color: str
    marker: str
    linestyle: Any


# Stock and backpressure are vermillion and dark blue: apart for every kind of colour vision, and in grey
# (lightness 53 against 29 of 100). Wake rules go from light blue (early) over the backpressure blue to purple (late).
VARIANTS: dict[str, VariantStyle] = {
    "stock": VariantStyle("stock", "#D55E00", "o", "--"),
    "backpressure": VariantStyle("backpressure", "#004488", "s", "-"),
    "noqueue": VariantStyle("patched, noqueue", "#8C8C8C", "D", ":"),
    "wake_any": VariantStyle("wake: any space", "#A6CEE3", "v", (0, (3, 1, 1, 1))),
    "wake_batch": VariantStyle("wake: freed batch", "#4A90C4", "^", "-."),
    "wake_half": VariantStyle("wake: half", "#004488", "s", "-"),
    "wake_seven_eighths": VariantStyle("wake: 7/8", "#5E3C99", "P", (0, (5, 1))),
    "wake_empty": VariantStyle("wake: empty", "#A0479E", "X", (0, (1, 1))),
}
"""Style per variant; a notebook may add its own name, never another look for these."""

# other names of the same things: in the published tables, the mails and the driver table
_ALIASES = {
    "patched": "backpressure",
    "merged": "backpressure",
    "drop": "stock",
    "tail_drop": "stock",
    "reverted": "stock",
    "patched_noqueue": "noqueue",
    "any": "wake_any",
    "batch": "wake_batch",
    "half": "wake_half",
    "7/8": "wake_seven_eighths",
    "seven_eighths": "wake_seven_eighths",
    "empty": "wake_empty",
}


GAP_COLOR = "#B0B0B0"
"""Colour of what nobody published or measured."""


def use() -> None:
    """Apply the style file to matplotlib for the rest of the session."""
    import matplotlib.pyplot as plt

    plt.style.use(style_file())


def style_file() -> str:
    """Path of the style file `tunbp.mplstyle`, for `matplotlib.style.use` and `rc_context`."""
    return str(resources.files("tunbp.plots") / "tunbp.mplstyle")


def figure(
    width: Width = "column", height: float | None = None, rows: int = 1, cols: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Make a figure in the house style with its axes.

    Parameters
    ----------
    width
        `"column"` (3.5 in) or `"text"` (7.16 in).
    height
        Height [inch]; default 2.4 per row, 2.0 when there are several rows.
    rows, cols
        Grid of axes.
    **options
        Passed to `matplotlib.pyplot.subplots`, e.g. `sharex=True`.

    Returns
    -------
    figure, axes
        As of `subplots`: one `Axes`, or an array of them when `rows * cols > 1`.

    Raises
    ------
    OutputError
        If `width` is neither of the two.
    """
    import matplotlib.pyplot as plt

    sizes = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
    if width not in sizes:
        raise OutputError(f"figure width {width!r}: must be 'column' or 'text'")
    use()
    if height is None:
        height = 2.4 if rows == 1 else 2.0 * rows
    return plt.subplots(rows, cols, figsize=(sizes[width], height), **options)


def variant_style(name: str) -> VariantStyle:
    """Style of a variant: a key of `VARIANTS`, one of the usual other names, or a driver version (`"v12"`).

    Parameters
    ----------
    name
        E.g. ``"stock"``, ``"backpressure"``, ``"v12"``.

    Returns
    -------
    VariantStyle
        Colour, dashes, marker and label.

    Raises
    ------
    OutputError
        If nothing is known about the name: add it to `VARIANTS`, so that it looks the same everywhere.
    """
    key = str(name).strip().lower().replace(" ", "_").replace("-", "_")
    key = _ALIASES.get(key, key)
    if key in VARIANTS:
        return VARIANTS[key]
    if str(name) in DRIVERS:
        return replace(VARIANTS[DRIVERS[str(name)].look], label=label(str(name)))
    raise OutputError(f"variant {name!r} has no style: known are {', '.join(VARIANTS)}; add it to style.VARIANTS")


def seaborn_looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colours and line styles of variants as seaborn takes them: `palette` and `dashes`.

    Parameters
    ----------
    names
        Variants, in the order of the hue.

    Returns
    -------
    dict[str, dict[str, Any]]
        Arguments of seaborn's functions.
    """
    looks = {name: variant_style(name) for name in names}
    return {
        "palette": {name: look.color for name, look in looks.items()},
        "dashes": {name: _DASHES.get(look.linestyle, look.linestyle) for name, look in looks.items()},
    }


# seaborn takes dashes in points, not matplotlib's names of them
_DASHES: dict[Any, Any] = {
    "-": "", "--": (3.7, 1.6), ":": (1, 1.65), "-.": (6.4, 1.6, 1, 1.6),
    **{dashes: dashes[1] for dashes in ((0, (1, 1)), (0, (5, 1)), (0, (3, 1, 1, 1)))},
}  # fmt: skip


def axis_words(name: str) -> tuple[str, float]:
    """Label of an axis over a scenario field or a schema variable, and the size of the unit that it shows.

    Parameters
    ----------
    name
        A scenario field or a variable of the schema.

    Returns
    -------
    tuple[str, float]
        Label with unit, and how many SI units that unit is.
    """
    text, unit = _named(name) or (name.replace("_", " "), "")
    shown, size = label_unit(unit)
    return (f"{text} ({shown})" if shown else text), size


def _named(name: str) -> tuple[str, str] | None:
    """Long name and SI unit of a scenario field or a schema variable; None for other names."""
    known = FIELDS.get(name) or schema.VARIABLES.get(name)
    if known is None:
        return None
    # txqueuelen is the name of a setting, not a word
    text = known.long_name if known.long_name == "txqueuelen" else known.long_name[:1].upper() + known.long_name[1:]
    return text, known.units


def label_field(axis: Axis, name: str) -> None:
    """Label an axis over a scenario field or a schema variable, ticks in the unit people use.

    Parameters
    ----------
    axis
        ``ax.xaxis`` or ``ax.yaxis``.
    name
        A scenario field or a variable of the schema.
    """
    label_axis(axis, *(_named(name) or (name.replace("_", " "), "")))


def label_from_schema(ax: Axes, x: str, y: str, shown: str | None = None) -> None:
    """Label the axes over `x` and `y` as far as they are fields or in the schema; `shown` is the unit of `y`.

    Parameters
    ----------
    ax
        Axes to label.
    x
        Name of what is along x.
    y
        Name of what is along y.
    shown
        Unit to show `y` in; None: what people use.
    """
    for axis, name, unit in ((ax.xaxis, x, None), (ax.yaxis, y, shown)):
        if known := _named(name):
            label_axis(axis, *known, unit)


def label_axis(axis: Axis, text: str, unit: str = "", shown: str | None = None) -> None:
    """Label an axis that carries SI values with the unit people use; the plotted data stays SI.

    Parameters
    ----------
    axis
        `ax.xaxis` or `ax.yaxis`.
    text
        The quantity, e.g. `"Throughput"`.
    unit
        SI unit of the data (as in the schema).
    shown
        Unit in the label; default Mbit/s, ms, Kpps or KB.
    """
    from matplotlib.ticker import FuncFormatter

    name, size = label_unit(unit, shown)
    axis.set_label_text(f"{text} ({name})" if name else text)
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_tick(value / size)))
    if axis.get_scale() == "log":
        axis.set_minor_formatter(FuncFormatter(lambda value, _: _minor_tick(value, size, *axis.get_view_interval())))


def _minor_tick(value: float, size: float, low: float, high: float) -> str:
    """Text of a minor tick of a log axis: 2 and 5 below two decades, 3 and 7 too below one."""
    first = round(value / 10 ** np.floor(np.log10(value)), 6)
    named = (2, 3, 5, 7) if high < 10 * low else (2, 5) if high < 100 * low else ()
    return format_tick(value / size) if first in named else ""


def format_tick(value: float) -> str:
    """Text of a tick: plain decimals, no exponent between 0.001 and a million, thousands separated.

    Parameters
    ----------
    value
        Place of the tick in the shown unit.

    Returns
    -------
    str
        Text of the tick.
    """
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.3g}".split("e") if "e" in f"{value:.3g}" else (f"{value:.3g}", "0")
        return rf"${mantissa}\times10^{{{int(exponent)}}}$"
    if abs(value) >= 1e4:
        return f"{value:,.0f}".replace("-", "−")
    return f"{np.format_float_positional(value, precision=4, trim='-', fractional=False)}".replace("-", "−")
