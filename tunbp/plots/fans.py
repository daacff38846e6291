"""Fan charts: median, 50 and 90 % of a distribution over txqueuelen, stock and backpressure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from tunbp.plots.bands import draw_simulated
from tunbp.plots.style import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = ("received_rate", "latency")


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
    data = draws[list(PANELS)]
    drawn, axes = figure("text", height=2.7, cols=2, layout="constrained")
    for ax, name in zip(np.ravel(axes), PANELS, strict=True):
        ax.set_xscale("log")
        for level in (0.9, 0.5):
            draw_simulated(ax, data[[name]], "ring", name, level=level)
        ax.axvline(ring, color="0.6", linewidth=0.7, zorder=0)
        ax.set_ylim(0.0, 1.05 * ax.get_ylim()[1])
    handles = np.ravel(axes)[0].get_lines()[:2]
    np.ravel(axes)[0].legend(handles, ("stock", "backpressure"), title="median, 50 and 90 %", loc="best")
    return drawn
