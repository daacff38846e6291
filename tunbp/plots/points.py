"""Published and measured values: open and filled markers with their intervals, single runs as small dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns

from tunbp.plots.legend import HALO, drew
from tunbp.plots.style import Kind, VariantStyle, label_from_schema, variant_style
from tunbp.plots.tidy import Table, by_variant, need, rows
from tunbp.statistics import median_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


APART = 0.46
"""Distance of the outer variants within a category."""
LANE = 0.17
"""How far beside their median single runs are drawn, in categories."""


def draw_published(
    ax: Axes, data: Table, x: str, y: str, variant: str = "variant", *, fitted: str | None = None, label: bool = True
) -> None:
    """Draw published values as open markers; those that a model was fitted to have a dot inside (`dot_inside`).

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Rows with columns `x`, `y`, SI units. Rows without a `y` are left out: what nobody published stays open.
    x, y
        Names of the columns (or of coordinate and variable).
    variant
        Column that names the variant of a row; when there is no such column, the one variant of all rows.
    fitted
        Column that is true (or the text "fitted") where a model was fitted to the row.
    label
        Label the axes from the schema when `x` and `y` are schema variables.

    Raises
    ------
    OutputError
        If a column is missing, or a variant is unknown.
    """
    table = rows(data)
    need(table, x, y, fitted)
    for name, part in by_variant(table, variant):
        look, part = variant_style(name), part.dropna(subset=[y])
        _markers(ax, part, x, y, look, "published")
        if fitted is not None:
            dot_inside(ax, part, x, y, fitted)
        drew(ax, look, "published")
    if label:
        label_from_schema(ax, x, y)


def dot_inside(ax: Axes, part: pd.DataFrame, x: str, y: str, fitted: str, kind: Kind = "published") -> None:
    """Put a dot into the markers of values that a model was fitted to, the same in every figure.

    Parameters
    ----------
    ax
        Axes that hold the markers.
    part
        The values.
    x, y
        Columns of the places.
    fitted
        Column that is true (or the text "fitted") where a model was fitted to the value.
    kind
        Of the markers: open ones get a black dot, filled ones a white one.
    """
    inside = part[part[fitted].isin([True, "fitted"])]
    ax.plot(inside[x], inside[y], linestyle="none", marker="o", markersize=1.6, markeredgewidth=0,
            color="black" if kind == "published" else "white", zorder=4)  # fmt: skip


def draw_measured(
    ax: Axes,
    data: Table,
    x: str,
    y: str,
    variant: str = "variant",
    *,
    low: str | None = None,
    high: str | None = None,
    fitted: str | None = None,
    label: bool = True,
) -> None:
    """Draw measured values as filled markers, with intervals that the data carry; see `runs` for repeated runs.

    Parameters
    ----------
    ax, data, x, y, variant, fitted, label
        As in `draw_published`.
    low, high
        Columns with the ends of the interval of `y`.

    Raises
    ------
    OutputError
        If a column is missing, or a variant is unknown.
    """
    table = rows(data)
    need(table, x, y, low, high, fitted)
    for name, part in by_variant(table, variant):
        look, part = variant_style(name), part.dropna(subset=[y])
        if low is not None and high is not None:
            _intervals(ax, part, x, y, low, high, look)
        _markers(ax, part, x, y, look, "measured")
        if fitted is not None:
            dot_inside(ax, part, x, y, fitted, "measured")
        drew(ax, look, "measured")
    if label:
        label_from_schema(ax, x, y)


def _markers(ax: Axes, part: pd.DataFrame, x: str, y: str, look: VariantStyle, kind: Kind) -> None:
    hollow = kind == "published"
    ax.plot(
        part[x], part[y], linestyle="none", marker=look.marker, color=look.color,
        markerfacecolor="white" if hollow else look.color, markeredgecolor=look.color if hollow else "white",
        markeredgewidth=1.0 if hollow else 0.4, zorder=3 + (look.linestyle != "-") / 2,
    )  # fmt: skip


def _intervals(ax: Axes, part: pd.DataFrame, x: str, y: str, low: str, high: str, look: VariantStyle) -> None:
    ends = np.array([part[y] - part[low], part[high] - part[y]], float).clip(min=0)
    ax.errorbar(part[x], part[y], yerr=ends, linestyle="none", color=look.color, elinewidth=0.8, zorder=2.9)


def runs(ax: Axes, data: Table, x: str, y: str, variant: str = "variant", *, horizontal: bool = False) -> None:
    """Draw repeated runs of each category: every run as a short line beside, their median with its exact interval.

    Parameters
    ----------
    ax
        Axes to draw on; the axis of `x` becomes one of categories in order of appearance.
    data
        One row per run: `x` (category), `y` [SI], the variant.
    x, y
        Names of the columns (or of coordinate and variable).
    variant
        Column that names the variant of a row.
    horizontal
        Categories on the y axis, for long names.

    Raises
    ------
    OutputError
        If a column is missing, or a variant is unknown.
    """
    table = rows(data).dropna(subset=[y])
    need(table, x, y)
    parts = by_variant(table, variant)
    order = list(dict.fromkeys(table[x].astype(str)))
    looks = {name: variant_style(name) for name, _ in parts}
    across = (y, x) if horizontal else (x, y)
    common = {
        "data": table.assign(**{x: table[x].astype(str)}), "x": across[0], "y": across[1], "hue": variant,
        "order": order, "palette": {name: look.color for name, look in looks.items()}, "ax": ax, "legend": False,
    }  # fmt: skip
    # seaborn spreads `dodge` over the variants: the outer ones lie APART from each other
    sns.pointplot(
        **common, dodge=APART if len(parts) > 1 else False, linestyles="none",
        markers=[look.marker for look in looks.values()], markersize=4,
        estimator="median", errorbar=_order_statistics, err_kws={"linewidth": 0.9, "linestyle": "-"}, zorder=3,
    )  # fmt: skip
    for number, (name, part) in enumerate(parts):
        beside = [order.index(value) + _place(number, len(parts)) - LANE for value in part[x].astype(str)]
        along = part[y].to_numpy(float)
        places, mark = ((along, beside), "|") if horizontal else ((beside, along), "_")
        ax.plot(*places, linestyle="none", marker=mark, markersize=4, markeredgewidth=0.7, color=looks[name].color,
                zorder=2)  # fmt: skip
        drew(ax, looks[name], "measured")


def _place(number: int, variants: int) -> float:
    """Where within its category a variant is drawn."""
    return APART * (number / max(variants - 1, 1) - 0.5) if variants > 1 else 0.0


def _order_statistics(values: np.ndarray) -> tuple[float, float]:
    found = median_interval(values)
    return found.low, found.high


def estimates(
    ax: Axes,
    data: Table,
    name: str,
    value: str,
    low: str | None = None,
    high: str | None = None,
    *,
    variant: str | None = None,
    kind: Kind = "measured",
    model: str | None = None,
    fitted: str | None = None,
    reference: float | None = None,
    shift: float = 0.0,
    look: VariantStyle | None = None,
) -> None:
    """Draw estimates with their intervals, one row each: effects, changes, sensitivities.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Columns `name` (text at the y axis), `value`, `low`, `high`.
    name, value, low, high
        Names of the columns; None: without interval.
    variant
        Column with the variant that gives colour and marker; without it `look`, or black.
    kind
        Open or filled markers.
    model
        Column with a simulated value: a short line across the row.
    fitted
        As in `draw_published`.
    reference
        Value of "no effect", drawn as a line.
    shift
        How far below its row a mark is drawn, for several marks in a row.
    look
        Style of all rows where `variant` is None.

    Raises
    ------
    OutputError
        If a column is missing.
    """
    table = rows(data).reset_index(drop=True)
    need(table, name, value, low, high, variant, model, fitted)
    plain = look or VariantStyle("", "black", "o", "-")
    for at, (_, row) in enumerate(table.iterrows()):
        drawn = variant_style(str(row[variant])) if variant else plain
        if model is not None:
            model_mark(ax, row[model], at + shift, 0.3)
        ends = None
        if low is not None and high is not None:
            ends = [[max(row[value] - row[low], 0)], [max(row[high] - row[value], 0)]]
        ax.errorbar(
            row[value], at + shift, xerr=ends, marker=drawn.marker, color=drawn.color, elinewidth=0.9,
            linestyle="none", zorder=3, markerfacecolor="white" if kind == "published" else drawn.color,
        )  # fmt: skip
        if variant:
            drew(ax, drawn, kind)
    if fitted is not None:
        dot_inside(ax, table.assign(at=np.arange(len(table)) + shift), value, "at", fitted, kind)
    if reference is not None:
        # grey: the model's marks are black
        ax.axvline(reference, color="#808080", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    ax.set_yticks(range(len(table)), table[name].astype(str))
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)


def model_mark(ax: Axes, x: float, y: float, half: float, *, upright: bool = True) -> None:
    """Draw the model's value as a short black line across the mark of what it is compared with.

    Parameters
    ----------
    ax
        Axes to draw on.
    x, y
        Its place; nothing is drawn where it is not finite.
    half
        Half the length of the line along the axis of categories.
    upright
        Across a row (value along x); False: across a column.
    """
    if not (np.isfinite(x) and np.isfinite(y)):
        return
    places = ([x, x], [y - half, y + half]) if upright else ([x - half, x + half], [y, y])
    line = ax.plot(*places, color="black", linestyle="-", linewidth=1.4, zorder=2.5)
    line[0].set_path_effects(HALO)
