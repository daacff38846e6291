"""Plots of published, measured and simulated values, each kind drawn the same way everywhere.

Published values are open markers (or open bars), measured values filled markers, simulated values lines with
their interval. Every function takes tidy tables (a `DataFrame`, or a `Dataset` that becomes one) in SI units
and computes no physics; at most it takes quantiles over a dimension of repetitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.patheffects import AbstractPathEffect, withStroke

from tunbp import schema
from tunbp.errors import OutputError
from tunbp.plots.style import Kind, VariantStyle, label_axis, variant_style
from tunbp.quantities import label_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

    Table = pd.DataFrame | xr.Dataset | xr.DataArray

# what was drawn on each axes, in order, for `key`
_DRAWN: WeakKeyDictionary[Axes, dict[tuple[str, str], VariantStyle]] = WeakKeyDictionary()

# a broken line over a solid one, and its markers over the other's, leave both to be seen where they coincide
_LIFT = 0.5

# white edge of black marks, so that they are seen on dark colours too
_HALO: list[AbstractPathEffect] = [withStroke(linewidth=2.6, foreground="white")]

GAP_COLOR = "#B0B0B0"
"""Colour of the hatched gaps that stand for values nobody published."""


def rows(data: Table) -> pd.DataFrame:
    """Tidy table of a Dataset (one row per point, coordinates as columns); a DataFrame passes through.

    Raises
    ------
    OutputError
        If `data` is neither.
    """
    if isinstance(data, pd.DataFrame):
        return data.reset_index() if any(name is not None for name in data.index.names) else data
    if isinstance(data, xr.DataArray):
        data = data.to_dataset(name=data.name or "value")
    if isinstance(data, xr.Dataset):
        frame = data.to_dataframe()
        return frame.reset_index() if data.sizes else frame.reset_index(drop=True)
    raise OutputError(f"data of a plot: need a DataFrame, Dataset or DataArray, got {type(data).__name__}")


def published(ax: Axes, data: Table, x: str, y: str, variant: str = "variant", **options: Any) -> None:
    """Draw published values as open markers; see `against`."""
    against(ax, data, x, y, kind="published", variant=variant, **options)


def measured(ax: Axes, data: Table, x: str, y: str, variant: str = "variant", **options: Any) -> None:
    """Draw measured values as filled markers; see `against`."""
    against(ax, data, x, y, kind="measured", variant=variant, **options)


def simulated(ax: Axes, data: Table, x: str, y: str, variant: str = "variant", **options: Any) -> None:
    """Draw simulated values as lines with their interval; see `against`."""
    against(ax, data, x, y, kind="simulated", variant=variant, **options)


def against(
    ax: Axes,
    data: Table,
    x: str,
    y: str,
    *,
    kind: Kind,
    variant: str = "variant",
    low: str | None = None,
    high: str | None = None,
    over: str | None = None,
    level: float = 0.95,
    label: bool = True,
    shown: str | None = None,
) -> None:
    """Draw `y` against `x` of one kind, one series per variant, in the variant's colour.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Rows with columns (or coordinates and variables) `x`, `y`, SI units. Rows without a `y` are left out.
    kind
        `"published"` (open markers), `"measured"` (filled markers) or `"simulated"` (line and band).
    variant
        Column that names the variant of a row; when there is no such column, the one variant of all rows.
    low, high
        Columns with the ends of the interval of `y`, drawn as error bars or band.
    over
        Column (or dim) of repetitions, e.g. `"seed"`: draws the median and the central `level` interval over
        it, instead of `low` and `high`.
    level
        Probability inside the interval taken over `over`.
    label
        Label the axes from the schema when `x` and `y` are schema variables.
    shown
        Unit to show on the y axis, e.g. `"Gbit/s"`; default as in `tunbp.quantities.label_unit`.

    Raises
    ------
    OutputError
        If a column is missing, or `kind` or a variant is unknown.
    """
    if kind not in ("published", "measured", "simulated"):
        raise OutputError(f"kind {kind!r}: must be 'published', 'measured' or 'simulated'")
    table = rows(data)
    need(table, x, y, low, high, over)
    for name, part in _by_variant(table, variant):
        look = variant_style(name)
        part = part.dropna(subset=[y])
        if over is not None:
            part = interval_over(part, x, y, level)
        lower, upper = (f"{y}_low", f"{y}_high") if over is not None else (low, high)
        part = part.sort_values(x)
        if kind == "simulated":
            _draw_line(ax, part, x, y, lower, upper, look)
        else:
            _draw_points(ax, part, x, y, lower, upper, look, open_marker=kind == "published")
        _DRAWN.setdefault(ax, {})[(look.label, kind)] = look
    if label:
        _label_from_schema(ax, x, y, shown)


def interval_over(table: pd.DataFrame, x: str, y: str, level: float = 0.95) -> pd.DataFrame:
    """Median of `y` at each `x` and the central interval, as columns `y`, `y_low`, `y_high`."""
    tail = (1 - level) / 2
    groups = table.groupby(x, sort=True)[y]
    return pd.DataFrame(
        {y: groups.median(), f"{y}_low": groups.quantile(tail), f"{y}_high": groups.quantile(1 - tail)}
    ).reset_index()


def _draw_line(
    ax: Axes, part: pd.DataFrame, x: str, y: str, low: str | None, high: str | None, look: VariantStyle
) -> None:
    ax.plot(part[x], part[y], color=look.color, linestyle=look.linestyle, marker="", zorder=2 + _lift(look))
    if low is not None and high is not None:
        ax.fill_between(part[x], part[low], part[high], color=look.color, alpha=0.18, linewidth=0, zorder=1)


def _draw_points(
    ax: Axes,
    part: pd.DataFrame,
    x: str,
    y: str,
    low: str | None,
    high: str | None,
    look: VariantStyle,
    open_marker: bool,
) -> None:
    errors = None
    if low is not None and high is not None:
        errors = np.array([part[y] - part[low], part[high] - part[y]], float).clip(min=0)
    ax.errorbar(
        part[x],
        part[y],
        yerr=errors,
        linestyle="none",
        marker=look.marker,
        color=look.color,
        markerfacecolor="white" if open_marker else look.color,
        markeredgecolor=look.color if open_marker else "white",
        markeredgewidth=1.0 if open_marker else 0.4,
        elinewidth=0.8,
        zorder=3 + _lift(look),
    )


def _lift(look: VariantStyle) -> float:
    return 0.0 if look.linestyle == "-" else _LIFT


def bars(
    ax: Axes,
    data: Table,
    category: str,
    value: str,
    *,
    variant: str = "variant",
    kind: Kind = "published",
    low: str | None = None,
    high: str | None = None,
    model: str | None = None,
    model_low: str | None = None,
    model_high: str | None = None,
    missing: str = "not published",
    horizontal: bool = False,
    unit: str | None = None,
    shown: str | None = None,
) -> None:
    """Draw groups of bars, one per variant, e.g. for pktgen tables; a missing value is a hatched gap.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        One row per bar: `category` (order of appearance is kept), `variant`, `value` [SI]. A row whose value
        is missing stays in the table and is drawn as a gap labelled `missing`.
    kind
        `"published"`: open bars; `"measured"`: filled bars.
    low, high
        Columns with the ends of the interval of `value`.
    model, model_low, model_high
        Columns with the simulated value and its interval: a line across the bar.
    missing
        Words written into the gap.
    horizontal
        Categories on the y axis: for long names.
    unit
        SI unit of `value` for the axis label; default from the schema.
    shown
        Unit to show, e.g. `"Mpps"`.

    Raises
    ------
    OutputError
        If a column is missing or a variant is unknown.
    """
    table = rows(data)
    need(table, category, value, low, high, model, model_low, model_high)
    names = list(dict.fromkeys(table[category].astype(str)))
    variants = [name for name, _ in _by_variant(table, variant)]
    width = 0.8 / max(len(variants), 1)
    for number, (name, part) in enumerate(_by_variant(table, variant)):
        look = variant_style(name)
        part = part.assign(
            _at=[names.index(str(c)) + (number - (len(variants) - 1) / 2) * width for c in part[category]]
        )
        known = part.dropna(subset=[value])
        _draw_bars(ax, known, value, low, high, look, width, kind, horizontal)
        _DRAWN.setdefault(ax, {})[(look.label, f"{kind} bar")] = look
        if model is not None:
            _draw_model_marks(ax, part.dropna(subset=[model]), model, model_low, model_high, look, width, horizontal)
            _DRAWN[ax][(look.label, "simulated bar")] = look
        for at in part.loc[part[value].isna(), "_at"]:
            _draw_gap(ax, float(at), width, missing, horizontal)
    axis, values = (ax.yaxis, ax.xaxis) if horizontal else (ax.xaxis, ax.yaxis)
    axis.set_ticks(range(len(names)), names)
    axis.set_tick_params(length=0)
    axis.grid(False)
    if horizontal and not ax.yaxis_inverted():
        ax.invert_yaxis()
    known_unit = schema.VARIABLES.get(value)
    label_axis(
        values,
        (known_unit.long_name if known_unit else value.replace("_", " ")).capitalize(),
        unit if unit is not None else (known_unit.units if known_unit else ""),
        shown,
    )


def _draw_bars(
    ax: Axes,
    part: pd.DataFrame,
    value: str,
    low: str | None,
    high: str | None,
    look: VariantStyle,
    width: float,
    kind: str,
    horizontal: bool,
) -> None:
    errors = None
    if low is not None and high is not None:
        errors = np.nan_to_num(np.array([part[value] - part[low], part[high] - part[value]], float)).clip(min=0)
    open_bar = kind == "published"
    options: dict[str, Any] = {
        "facecolor": "white" if open_bar else look.color,
        "edgecolor": look.color if open_bar else "white",
        "hatch": look.hatch or ("" if not open_bar else None),
        "linewidth": 1.0 if open_bar else 0.4,
        "ecolor": "black",
        "zorder": 2,
    }
    if open_bar and not look.hatch:
        options["facecolor"] = _tint(look.color)
    if horizontal:
        ax.barh(part["_at"], part[value], height=width * 0.9, xerr=errors, **options)
    else:
        ax.bar(part["_at"], part[value], width=width * 0.9, yerr=errors, **options)


def _tint(color: str) -> tuple[float, float, float]:
    """Lighten a colour, so that an open bar without hatch is still seen as its variant."""
    from matplotlib.colors import to_rgb

    red, green, blue = (0.62 + 0.38 * part for part in to_rgb(color))
    return red, green, blue


def _draw_model_marks(
    ax: Axes,
    part: pd.DataFrame,
    model: str,
    low: str | None,
    high: str | None,
    look: VariantStyle,
    width: float,
    horizontal: bool,
) -> None:
    errors = None
    if low is not None and high is not None:
        errors = np.nan_to_num(np.array([part[model] - part[low], part[high] - part[model]], float)).clip(min=0)
    half = width * 0.5
    lines = ax.vlines if horizontal else ax.hlines
    marks = lines(part[model], part["_at"] - half, part["_at"] + half, color="black", linewidth=1.6, zorder=4)
    marks.set_path_effects(_HALO)
    if errors is not None:
        at = {"x": part[model], "y": part["_at"], "xerr": errors} if horizontal else {
            "x": part["_at"], "y": part[model], "yerr": errors}  # fmt: skip
        ax.errorbar(**at, linestyle="none", color="black", elinewidth=0.8, zorder=4)


def _draw_gap(ax: Axes, at: float, width: float, words: str, horizontal: bool) -> None:
    """Hatched box of fixed height in the place of a bar nobody published."""
    from matplotlib.patches import Rectangle

    start = at - width * 0.45
    if horizontal:
        transform, corner, size = ax.get_yaxis_transform(), (0.0, start), (0.45, width * 0.9)
        where, turn = (0.225, at), 0
    else:
        transform, corner, size = ax.get_xaxis_transform(), (start, 0.0), (width * 0.9, 0.62)
        where, turn = (at, 0.31), 90
    ax.add_patch(
        Rectangle(
            corner, *size, transform=transform, facecolor="none", edgecolor=GAP_COLOR, hatch="....",
            linewidth=0.6, linestyle=(0, (2, 2)), zorder=1,
        )
    )  # fmt: skip
    ax.text(
        *where, words, transform=transform, rotation=turn, ha="center", va="center", fontsize=6,
        color="#404040", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8}, zorder=5,
    )  # fmt: skip


def time_series(
    axes: Axes | Sequence[Axes] | np.ndarray[Any, Any],
    runs: Iterable[tuple[xr.Dataset, Kind, str]],
    variables: Sequence[str],
    shown: Mapping[str, str] | None = None,
) -> None:
    """Panels of time series, one per variable, measured as dots and simulated as lines.

    Parameters
    ----------
    axes
        One axes per variable; they share the x axis best (`style.figure(rows=n, sharex=True)`).
    runs
        `(dataset, kind, variant)`; the dataset has dim `time` [s] and the variables, SI. Several streams are
        drawn as their sum for rates and counts, each as itself otherwise.
    variables
        Schema names, top to bottom.
    shown
        Unit to show per variable, e.g. `{"cwnd": "MB"}`.

    Raises
    ------
    OutputError
        If a variable is missing from a dataset, or there are fewer axes than variables.
    """
    panels = list(np.atleast_1d(np.asarray(axes, dtype=object)).ravel())
    if len(panels) < len(variables):
        raise OutputError(f"time series of {len(variables)} variables need as many axes, got {len(panels)}")
    runs = list(runs)
    for ax, variable in zip(panels, variables, strict=False):
        for dataset, kind, variant in runs:
            if variable not in dataset:
                raise OutputError(f"time series of {variable!r}: the dataset has only {', '.join(map(str, dataset))}")
            _draw_series(ax, dataset[variable], kind, variant_style(variant))
        known = schema.VARIABLES[variable]
        label_axis(ax.yaxis, known.long_name.capitalize(), known.units, (shown or {}).get(variable))
        ax.margins(x=0.01)
        ax.set_ylim(bottom=0)
    panels[len(variables) - 1].set_xlabel("Time (s)")


def _draw_series(ax: Axes, series: xr.DataArray, kind: Kind, look: VariantStyle) -> None:
    if "stream" in series.dims and series.name in ("throughput", "retransmits"):
        series = series.sum("stream", min_count=1)
    lines = [series.isel(stream=i) for i in range(series.sizes["stream"])] if "stream" in series.dims else [series]
    for line in lines:
        if kind == "simulated":
            ax.plot(line["time"], line, color=look.color, linestyle=look.linestyle, linewidth=1.0, zorder=3)
        else:
            face = look.color if kind == "measured" else "white"
            ax.plot(
                line["time"], line, color=look.color, linestyle="none", marker=look.marker, markersize=2.0,
                markerfacecolor=face, markeredgewidth=0.5 * (kind == "published"), alpha=0.75, zorder=2,
            )  # fmt: skip
    _DRAWN.setdefault(ax, {})[(look.label, kind)] = look


def heat_map(
    ax: Axes,
    data: xr.DataArray,
    x: str,
    y: str,
    label: str,
    *,
    unit: str = "",
    shown: str | None = None,
    log: bool = False,
    levels: Sequence[float] = (),
    cmap: str = "cividis",
    center: float | None = None,
) -> None:
    """Map of a quantity over two parameters, with labelled contours so that it can be read in grey.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Dims `x` and `y` only, SI units; missing cells stay hatched.
    x, y
        The dims; an axis whose values span more than a decade becomes logarithmic.
    label
        Quantity at the colour bar.
    unit, shown
        SI unit of the data, and the one to show.
    log
        Logarithmic colours.
    levels
        Values [SI] of contour lines.
    cmap
        Colour map, even in lightness.
    center
        Value in the middle of the colours, e.g. 1 for a ratio (then give a diverging `cmap`).

    Raises
    ------
    OutputError
        If the dims are not exactly `x` and `y`.
    """
    from matplotlib.colors import CenteredNorm, LogNorm, Normalize

    if set(map(str, data.dims)) != {x, y}:
        raise OutputError(f"heat map over {x!r} and {y!r}: the data has dims {tuple(data.dims)}")
    data = data.transpose(y, x).sortby([x, y])
    values = np.ma.masked_invalid(data.to_numpy().astype(float))
    norm: Normalize = LogNorm() if log else Normalize()
    if center is not None:
        norm = CenteredNorm(center)
    ax.patch.set(facecolor="#f2f2f2", edgecolor=GAP_COLOR, hatch="xxx")
    for axis, dim in ((ax.xaxis, x), (ax.yaxis, y)):
        _scale_axis(axis, dim, data[dim].values)
    edges = [cell_edges(data[dim].values, axis.get_scale() == "log") for axis, dim in ((ax.xaxis, x), (ax.yaxis, y))]
    mesh = ax.pcolormesh(*edges, values, norm=norm, cmap=cmap, rasterized=True)
    _, size = label_unit(unit, shown)
    if levels:
        lines = ax.contour(data[x], data[y], values, levels=sorted(levels), colors="black", linewidths=0.8)
        texts = ax.clabel(lines, fmt=lambda value: f"{value / size:.4g}", fontsize=6.5, inline_spacing=1)
        for artist in (lines, *texts):
            artist.set_path_effects(_HALO)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
    label_axis(bar.ax.yaxis, label, unit, shown)
    ax.grid(False)


def cell_edges(centers: np.ndarray[Any, Any], log: bool) -> np.ndarray[Any, Any]:
    """Edges of the cells around sorted centres (one more than those), half way between them as the axis shows it."""
    at = np.log(centers.astype(float)) if log else centers.astype(float)
    half = np.diff(at) / 2 if at.size > 1 else np.array([0.5])
    edges = np.concatenate([at[:1] - half[:1], at[:-1] + half[: at.size - 1], at[-1:] + half[-1:]])
    return np.exp(edges) if log else edges


def _scale_axis(axis: Any, dim: str, values: np.ndarray[Any, Any]) -> None:
    positive = bool(np.all(values > 0))
    if positive and values.max() / values.min() > 10:
        axis._set_axes_scale("log")
    known = schema.VARIABLES.get(dim)
    if known:
        label_axis(axis, known.long_name.capitalize(), known.units)


def intervals(
    ax: Axes,
    data: Table,
    name: str,
    value: str,
    low: str,
    high: str,
    *,
    reference: float | None = None,
    variant: str | None = None,
    kind: Kind = "measured",
) -> None:
    """Draw estimates with their intervals, one row each: effects, sensitivities, bootstrap results.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Columns `name` (text at the y axis), `value`, `low`, `high`.
    reference
        Value of "no effect", drawn as a line.
    variant
        Column with the variant that gives the colour; without it all are black.
    kind
        Open or filled markers.

    Raises
    ------
    OutputError
        If a column is missing.
    """
    table = rows(data).reset_index(drop=True)
    need(table, name, value, low, high, variant)
    for at, (_, row) in enumerate(table.iterrows()):
        look = variant_style(str(row[variant])) if variant else VariantStyle("", "black", "o", "-", "")
        ax.errorbar(
            row[value], at, xerr=[[max(row[value] - row[low], 0)], [max(row[high] - row[value], 0)]],
            marker=look.marker, color=look.color, elinewidth=0.9, linestyle="none", zorder=3,
            markerfacecolor="white" if kind == "published" else look.color,
        )  # fmt: skip
        if variant:
            _DRAWN.setdefault(ax, {})[(look.label, kind)] = look
    if reference is not None:
        ax.axvline(reference, color="black", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    ax.set_yticks(range(len(table)), table[name].astype(str))
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)


def key(target: Axes | Figure, source: Axes | Sequence[Axes] | None = None, **options: Any) -> Legend:
    """Add a legend of what this module drew: variants by colour and shape, kinds by how they are drawn.

    Parameters
    ----------
    target
        Axes that holds the legend, or a figure (then e.g. `loc="outside upper center", ncols=4`).
    source
        Axes whose contents are explained; default `target`, or all axes of a figure.
    **options
        Passed to `legend`.

    Raises
    ------
    OutputError
        If nothing was drawn by this module.
    """
    from matplotlib.figure import FigureBase

    if source is None:
        source = list(target.axes) if isinstance(target, FigureBase) else [target]
    axes = list(np.atleast_1d(np.asarray(source, dtype=object)).ravel())
    drawn: dict[tuple[str, str], VariantStyle] = {}
    for ax in axes:
        drawn.update(_DRAWN.get(ax, {}))
    if not drawn:
        raise OutputError("key of a figure: nothing was drawn by tunbp.plots.figures on these axes")
    order = ("published", "measured", "simulated")
    kinds = sorted({kind for _, kind in drawn}, key=lambda kind: (order.index(kind.split()[0]), kind))
    looks = {label: look for (label, _), look in drawn.items() if label}
    handles = [_variant_handle(look, label, kinds) for label, look in looks.items()]
    if len(kinds) > 1:
        handles += [_kind_handle(kind) for kind in kinds]
    return target.legend(handles=handles, **options)


def _variant_handle(look: VariantStyle, label: str, kinds: Sequence[str]) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if any(kind.endswith("bar") for kind in kinds):
        filled = "measured bar" in kinds
        plain = look.color if filled else ("white" if look.hatch else _tint(look.color))
        return Patch(facecolor=plain, edgecolor="white" if filled else look.color, hatch=look.hatch, label=label)
    only = kinds[0] if len(kinds) == 1 else ""
    hollow = "published" in kinds and "measured" not in kinds
    return Line2D(
        [], [], color=look.color, label=label,
        linestyle="none" if only in ("published", "measured") else look.linestyle,
        marker="" if only == "simulated" else look.marker,
        markerfacecolor="white" if hollow else look.color, markeredgecolor=look.color, markersize=4,
    )  # fmt: skip


def _kind_handle(kind: str) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grey = "#555555"
    if kind == "simulated bar":
        return Line2D([], [], color="black", linewidth=1.6, label="simulated")
    if kind.endswith("bar"):
        face = "white" if kind == "published bar" else grey
        return Patch(facecolor=face, edgecolor=grey, label=kind.removesuffix(" bar"))
    if kind == "simulated":
        return Line2D([], [], color=grey, label=kind)
    return Line2D(
        [], [], linestyle="none", marker="o", color=grey, markersize=4, label=kind,
        markerfacecolor="white" if kind == "published" else grey,
    )  # fmt: skip


def need(table: pd.DataFrame, *columns: str | None) -> None:
    """Raise `OutputError` unless the table has all these columns; None is no column."""
    for column in columns:
        if column is not None and column not in table.columns:
            raise OutputError(f"column {column!r} is not in the data: it has {', '.join(map(str, table.columns))}")


def _by_variant(table: pd.DataFrame, variant: str) -> list[tuple[str, pd.DataFrame]]:
    """Rows of each variant in order of appearance; a name that is no column is the variant of all rows."""
    if variant not in table.columns:
        if variant == "variant":
            raise OutputError(f"column 'variant' is not in the data: it has {', '.join(map(str, table.columns))}")
        return [(variant, table)]
    return [(str(name), table[table[variant] == name]) for name in dict.fromkeys(table[variant])]


def _label_from_schema(ax: Axes, x: str, y: str, shown: str | None) -> None:
    for axis, name, unit in ((ax.xaxis, x, None), (ax.yaxis, y, shown)):
        known = schema.VARIABLES.get(name)
        if known:
            label_axis(axis, known.long_name.capitalize(), known.units, unit)
