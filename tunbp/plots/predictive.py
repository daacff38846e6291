"""Predictive intervals: 90 % as a thin bar, 50 % as a thick one, the median as a tick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from tunbp.plots.tidy import need

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GREY = "#8A8A8A"
"""Colour of intervals: a prediction is no variant of a driver."""
BARS = (("low90", "high90", 0.9, "90 %"), ("low50", "high50", 3.0, "50 %"))
"""Columns of the ends, width of the bar [points], and what it holds."""


def draw_predictive(
    ax: Axes, data: pd.DataFrame, at: str, *, median: str = "median", horizontal: bool = True, color: Any = GREY
) -> None:
    """Draw predictive intervals, one per row of a table.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Columns `low90`, `low50`, `high50`, `high90`, `median` and `at`.
    at
        Column with the place across the bars.
    median
        Column with the median.
    horizontal
        Values along x; False: along y.
    color
        Of the bars, one or one per row.

    Raises
    ------
    OutputError
        If a column is missing.
    """
    need(data, at, median, *(name for low, high, *_ in BARS for name in (low, high)))
    draw = ax.hlines if horizontal else ax.vlines
    for low, high, width, _ in BARS:
        draw(data[at], data[low], data[high], color=color, linewidth=width, zorder=2)
    places = (data[median], data[at]) if horizontal else (data[at], data[median])
    ax.plot(*map(np.asarray, places), linestyle="none", marker="|" if horizontal else "_", color="black",
            markersize=5, zorder=2.5)  # fmt: skip


def predictive_handles(horizontal: bool = True) -> list[Line2D]:
    """Entries of a legend for what `draw_predictive` draws.

    Parameters
    ----------
    horizontal
        As there.

    Returns
    -------
    list[Line2D]
        Median, 50 % and 90 %.
    """
    mark = "|" if horizontal else "_"
    middle = Line2D([], [], color="black", linestyle="none", marker=mark, markersize=6, label="predicted: median")
    across: Any = {"marker": "" if horizontal else "|", "linestyle": "-" if horizontal else "none", "markersize": 9}
    bars = [
        Line2D([], [], color=GREY, linewidth=width, markeredgewidth=width, label=held, **across)
        for *_, width, held in reversed(BARS)
    ]
    return [middle, *bars]
