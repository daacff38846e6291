"""Simulated values: the median over repetitions as a line, and where one more falls as a band.

A wider, lighter band behind it says the same of repetitions that differ in the model's constants too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import seaborn as sns
from matplotlib.colors import to_rgba

from tunbp.plots.legend import drew
from tunbp.plots.style import label_from_schema, seaborn_looks, variant_style
from tunbp.plots.tidy import Table, by_variant, need, rows
from tunbp.statistics import next_run_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import Series


EDGE = 0.55
"""How dark the edge of a band of `draw_doubt` is."""


def _ends(values: Series[float], level: float) -> tuple[float, float]:
    found = next_run_interval(values, level)
    return found.low, found.high


def draw_simulated(
    ax: Axes,
    data: Table,
    x: str,
    y: str,
    variant: str = "variant",
    *,
    level: float = 0.95,
    label: bool = True,
    shown: str | None = None,
) -> None:
    """Draw simulated `y` over `x`, one line per variant with the band of its repetitions.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Rows with columns (or coordinates and variables) `x`, `y`, SI units; several rows with the same `x` and
        variant are repetitions, e.g. seeds. Rows without a `y` are left out.
    x, y
        Names of the columns (or of coordinate and variable).
    variant
        Column that names the variant of a row; when there is no such column, the one variant of all rows.
    level
        Probability with which one more repetition falls into the band. Few reach less: of 6 the band is the whole
        range, at 71 %; of one or two there is none (`statistics.next_run_interval`).
    label
        Label the axes from the schema when `x` and `y` are schema variables.
    shown
        Unit to show on the y axis, e.g. `"Gbit/s"`; default as in `quantities.label_unit`.

    Raises
    ------
    OutputError
        If a column is missing, or a variant is unknown.
    """
    table = rows(data)
    need(table, x, y)
    for name, part in by_variant(table, variant):
        look = variant_style(name)
        # a broken line over a solid one leaves both to be seen where they coincide
        lift = 0.0 if look.linestyle == "-" else 0.5
        sns.lineplot(
            part.assign(variant=name).dropna(subset=[y]), x=x, y=y, hue="variant", style="variant", ax=ax,
            estimator="median", errorbar=lambda seeds: _ends(seeds, level), legend=False, zorder=2 + lift,
            err_kws={"linewidth": 0, "alpha": 0.18, "zorder": 1}, **seaborn_looks([name]),
        )  # fmt: skip
        drew(ax, look, "simulated")
    ax.set(xlabel="", ylabel="")
    if label:
        label_from_schema(ax, x, y, shown)


def draw_doubt(
    ax: Axes, data: Table, x: str, y: str, variant: str = "variant", *, level: float = 0.9, darkness: float = 0.1
) -> None:
    """Draw where one more run falls, without a line: a light band with an edge per variant, behind everything else.

    Parameters
    ----------
    ax, data, x, y, variant
        As in `draw_simulated`; rows with the same `x` and variant differ in what is uncertain, e.g. draws of constants.
    level
        Probability inside the band; 19 rows are needed for 0.9.
    darkness
        From 0 (nothing is seen) to 1.

    Raises
    ------
    OutputError
        If a column is missing, or a variant is unknown.
    """
    table = rows(data)
    need(table, x, y)
    for name, part in by_variant(table, variant):
        ends = part.dropna(subset=[y]).groupby(x)[y].apply(lambda values: _ends(values, level))
        low, high = zip(*ends, strict=True)
        look = variant_style(name)
        # edges dashed as the variant's line is: in grey they tell bands apart that lie over each other
        ax.fill_between(ends.index, low, high, facecolor=to_rgba(look.color, darkness), linewidth=0.5,
                        edgecolor=to_rgba(look.color, EDGE), linestyle=look.linestyle, zorder=0.5)  # fmt: skip
