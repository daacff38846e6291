"""Time series of runs, measured as dots and simulated as lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from tunbp import schema
from tunbp.errors import OutputError
from tunbp.plots.legend import drew
from tunbp.plots.style import Kind, VariantStyle, label_axis, variant_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    drew(ax, look, kind)
