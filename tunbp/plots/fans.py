"""Fan charts: median, 50 and 90 % of a distribution over txqueuelen, stock and backpressure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from tunbp.plots.bands import draw_doubt, draw_simulated
from tunbp.plots.legend import GREY, key
from tunbp.plots.style import figure, label_axis, label_field

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = (("received_rate", "Throughput", "bit/s"), ("latency", "Ping under load", "s"))
"""Variable, words and SI unit of each panel."""
BANDS = ((0.33, "50 % of draws"), (0.18, "90 % of draws"))
"""How dark the bands are, one over the other, and what they hold."""


def fans(draws: xr.Dataset, ring: int) -> Figure:
    """Rate and ping over txqueuelen, each with its 50 and 90 % interval.

    Parameters
    ----------
    draws
        `received_rate` [bit/s] and `latency` [s] over `draw`, `ring`, `variant`.
    ring
        The present txqueuelen, marked.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.patches import Patch

    data = draws[[name for name, *_ in PANELS]]
    drawn, axes = figure("text", height=2.7, cols=2, layout="constrained")
    for ax, (name, words, unit) in zip(axes, PANELS, strict=True):
        ax.set_xscale("log")
        draw_doubt(ax, data[[name]], "ring", name, level=0.9, darkness=BANDS[1][0])
        draw_simulated(ax, data[[name]], "ring", name, level=0.5, label=False)
        mark = ax.axvline(ring, color=GREY, linewidth=0.9, linestyle=":", zorder=0, label="present txqueuelen")
        label_field(ax.xaxis, "ring")
        label_axis(ax.yaxis, words, unit)
    for ax, (name, *_) in zip(axes, PANELS, strict=True):
        ax.set_ylim(*view(name, *ax.get_ylim()))
    bands = [Patch(color=GREY, alpha=alpha, linewidth=0, label=words) for alpha, words in BANDS]
    key(drawn, axes, loc="outside upper center", ncols=5, handles=[*bands, mark])
    return drawn


def view(name: str, low: float, high: float) -> tuple[float, float]:
    """Ends of a panel's axis for values between two: rates from zero on, pings near what the path's round trip is.

    A ping begins at the round trip: from zero on, what the queues add to it would not be seen.

    Parameters
    ----------
    name
        Variable of the panel.
    low, high
        Least and greatest value that it shows, SI.

    Returns
    -------
    low, high
        Ends of its axis, SI.
    """
    return (max(min(low, 0.9 * high), 0.0) if name == "latency" else 0.0), high
