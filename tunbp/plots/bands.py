"""Simulated values: the median over repetitions as a line, and their central interval as a band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import seaborn as sns

from tunbp.plots.legend import drew
from tunbp.plots.style import label_from_schema, seaborn_looks, variant_style
from tunbp.plots.tidy import Table, by_variant, need, rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    variant
        Column that names the variant of a row; when there is no such column, the one variant of all rows.
    level
        Share of the repetitions inside the band.
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
            estimator="median", errorbar=("pi", 100 * level), legend=False, zorder=2 + lift,
            err_kws={"linewidth": 0, "alpha": 0.18, "zorder": 1}, **seaborn_looks([name]),
        )  # fmt: skip
        drew(ax, look, "simulated")
    ax.set(xlabel="", ylabel="")
    if label:
        label_from_schema(ax, x, y, shown)
