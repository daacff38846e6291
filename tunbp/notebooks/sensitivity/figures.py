"""Figures of notebook 08: Sobol indices of gain and latency cost, and the map of the gain over RTT and ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence.sensitivity import hurts
from tunbp.plots import figures, style
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS = {
    "sensitivity_indices": Text(
        "Which parameters decide gain and latency cost of backpressure",
        "Sobol indices of throughput gain (log ratio) and growth of the mean RTT over the range of real paths, "
        "one flow: total (black diamonds) and first order (grey squares), 95 % intervals. Simulated.",
    ),
    "sensitivity_map": Text(
        "Gain of backpressure over RTT and ring size",
        "Throughput with backpressure over stock, one flow, OpenVPN host of the paper's lab (fitted), median of "
        "three seeds. Crosses: no gain but more than 1 ms of added delay, or less throughput. Simulated.",
    ),
}
"""Words of each figure, by its id."""

TITLES = {"gain": "Throughput gain", "latency_cost": "Latency cost"}
INDICES = (("total", "total", -0.14, "D", "black"), ("first", "alone (first order)", 0.14, "s", "#999999"))
"""Column, words, place within the row, marker and colour of each index."""
CONTOURS = (1.1, 2.0, 10.0, 50.0)
"""Ratios of throughput at the contour lines."""


def sobol(table: pd.DataFrame) -> Figure:
    """First-order and total indices with their intervals, one panel per response."""
    fig, axes = style.figure("text", 2.6, cols=2, sharex=True)
    for ax, (response, part) in zip(axes, table.groupby("response", sort=False), strict=True):
        _panel(ax, part)
        ax.set_title(TITLES[str(response)])
        ax.set_xlabel("Share of the variance")
    ends = [sign * table[f"{column}_half"] + table[column] for column, *_ in INDICES for sign in (-1, 1)]
    axes[0].set_xlim(min(-0.1, np.min(ends) - 0.02), max(1.1, np.max(ends) + 0.02))
    for _, words, _, marker, color in INDICES:
        axes[0].plot([], [], linestyle="none", marker=marker, color=color, label=words)
    axes[0].legend(loc="lower right")
    return fig


def _panel(ax: Axes, part: pd.DataFrame) -> None:
    at = np.arange(len(part))
    for column, _, shift, marker, color in INDICES:
        ax.errorbar(part[column], at + shift, xerr=part[f"{column}_half"], marker=marker, color=color,
                    linestyle="none", elinewidth=0.9)  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.6)
    ax.set_yticks(at, part["parameter"])
    ax.set_ylim(len(part) - 0.5, -0.5)


def gain_map(data: xr.Dataset) -> Figure:
    """Ratio of throughputs over RTT and ring; where backpressure hurts, the cells are crossed."""
    fig, ax = style.figure("column", 2.8)
    ratio = data["ratio"]
    seen = [level for level in CONTOURS if float(ratio.min()) < level < float(ratio.max())]
    figures.heat_map(ax, ratio, "rtt", "ring", "Throughput, backpressure / stock", log=True, levels=seen)
    hurt = ratio.where(hurts(ratio, data["latency_cost"])).to_dataframe()["ratio"].dropna().reset_index()
    ax.plot(hurt["rtt"], hurt["ring"], linestyle="none", marker="x", color="white", markersize=4,
            markeredgewidth=1.2)  # fmt: skip
    if len(hurt):
        ax.set_title(r"$\times$: hurts (no gain, more delay, or less throughput)", fontsize=7)
    style.label_axis(ax.xaxis, "RTT", "s")
    style.label_axis(ax.yaxis, "txqueuelen", "packet")
    return fig
