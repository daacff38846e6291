"""Figures of notebook 08: Sobol indices of gain and latency cost, and the map of the gain over RTT and ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from tunbp.evidence.sensitivity import VM_RING, VPN_RING, hurts
from tunbp.plots import style
from tunbp.plots.legend import HALO
from tunbp.plots.maps import heat_map, place
from tunbp.plots.points import estimates
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "sensitivity_indices": Text(
        "Which parameters decide gain and latency cost of backpressure",
        "The ring (txqueuelen) decides most of the gain, and by itself: its first-order index is nearly its total. Of "
        "the latency cost no parameter decides by itself: the totals (black diamonds, with all interactions) lie far "
        "right of the first-order indices (grey squares, alone). Sobol indices over the range of real paths, one flow, "
        "95 % intervals; the gain enters as the logarithm of the ratio of throughputs, the latency cost is how much "
        "longer the mean round trip gets. Simulated.",
        "Two panels of dots with intervals, one row per parameter; txqueuelen lies far right of all others for the "
        "gain, and several parameters share the latency cost.",
    ),
    "sensitivity_map": Text(
        "Gain of backpressure over round-trip time and txqueuelen",
        "Backpressure gains most where the round trip is long and the ring short (bright); above the line marked 1.1 "
        "it gains less than 10 %. Solid lines: 1.1, 2 and 10 times stock; broken lines: the default rings of tun (500) "
        "and tap (1000). Circles: where the paper has OpenVPN values, in its lab and on its path. Crosses: it hurts, "
        "no gain but more than 1 ms of added delay, or less throughput. Throughput with backpressure over stock, "
        "OpenVPN host of the paper's lab (fitted), one flow, median of three seeds. Simulated.",
        "Heat map: the ratio grows to the lower right, toward small rings and long round trips, and is one in the "
        "upper left.",
    ),
}
"""Words of each figure, by its id."""

TITLES = {"gain": "Throughput gain", "latency_cost": "Latency cost"}
INDICES = (
    ("total", -0.14, style.VariantStyle("total", "black", "D", "-")),
    ("first", 0.14, style.VariantStyle("alone (first order)", "#999999", "s", "-")),
)
"""Column, place within the row and look of each index."""
CONTOURS = (1.1, 2.0, 10.0)
"""Ratios of throughput at the contour lines."""
TICKS = ((0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1), (10, 20, 50, 100, 200, 500, 1000, 2000, 5000))
"""Round-trip times [s] and rings marked on the axes of the map."""


def sobol(table: pd.DataFrame) -> Figure:
    """First-order and total indices with their intervals, one panel per response.

    Parameters
    ----------
    table
        `evidence.sensitivity.indices`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, axes = style.figure("text", 2.6, cols=2, sharex=True)
    for ax, (response, part) in zip(axes, table.groupby("response", sort=False), strict=True):
        for column, shift, look in INDICES:
            ends = part.assign(low=part[column] - part[f"{column}_half"], high=part[column] + part[f"{column}_half"])
            estimates(ax, ends, "parameter", column, "low", "high", shift=shift, look=look)
        ax.axvline(0, color="black", linewidth=0.6)
        ax.set_title(TITLES[str(response)])
        ax.set_xlabel("Share of the variance")
    for _, _, look in INDICES:
        axes[0].plot([], [], linestyle="none", marker=look.marker, color=look.color, label=look.label)
    axes[0].legend(loc="lower right")
    return fig


def gain_map(data: xr.Dataset, points: pd.DataFrame) -> Figure:
    """Ratio of throughputs over RTT and ring, with the paper's points; where backpressure hurts, a cross.

    Parameters
    ----------
    data, points
        `evidence.sensitivity.gain_map` and `paper_points`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, ax = style.figure("column", 3.0)
    ratio = data["ratio"]
    seen = [level for level in CONTOURS if float(ratio.min()) < level < float(ratio.max())]
    ticks = _inside(ratio["rtt"], TICKS[0]), _inside(ratio["ring"], TICKS[1])
    heat_map(ax, ratio, "rtt", "ring", "Throughput, backpressure / stock", log=True, levels=seen, ticks=ticks)
    hurt = ratio.where(hurts(ratio, data["latency_cost"])).to_dataframe()["ratio"].dropna().reset_index()
    ax.plot(place(ratio["rtt"], hurt["rtt"]), place(ratio["ring"], hurt["ring"]), linestyle="none", marker="x",
            color="white", markersize=2.5, markeredgewidth=0.8)  # fmt: skip
    for ring in (VPN_RING, VM_RING):
        ax.axhline(float(place(ratio["ring"], ring)), color="white", linewidth=0.8)
        ax.axhline(float(place(ratio["ring"], ring)), color="black", linewidth=0.8, linestyle=(0, (2, 2)))
    known = points[points["rtt"].between(float(ratio["rtt"].min()), float(ratio["rtt"].max()))]
    at = place(ratio["rtt"], known["rtt"]), place(ratio["ring"], known["ring"])
    marks = ax.plot(*at, linestyle="none", marker="o", color="black", markerfacecolor="white", markersize=4)
    marks[0].set_path_effects(HALO)
    handles = [*marks, *ax.plot([], [], linestyle="none", marker="x", color="#555555", markersize=4)]
    handles += ax.plot([], [], linestyle=(0, (2, 2)), color="black", linewidth=0.8)
    names = ["the paper's values", "backpressure hurts", f"defaults: tun {VPN_RING}, tap {VM_RING}"]
    fig.legend(handles, names, loc="outside upper center", ncols=2)
    return fig


def _inside(axis: xr.DataArray, wanted: Sequence[float]) -> list[float]:
    return [value for value in wanted if float(axis.min()) <= value <= float(axis.max())]
