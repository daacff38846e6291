"""Figures of notebook 08: Sobol indices of gain and latency cost, and the map of the gain over RTT and ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr
from matplotlib.lines import Line2D

from tunbp.evidence.sensitivity import VM_RING, VPN_RING, hurts, ranges
from tunbp.plots import style
from tunbp.plots.legend import HALO, set_up
from tunbp.plots.maps import heat_map, place
from tunbp.plots.points import estimates
from tunbp.plots.texts import Text
from tunbp.quantities import show_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "sensitivity_indices": Text(
        "Which parameters decide gain and latency cost of backpressure",
        "The ring (txqueuelen) decides most of the gain, and by itself: its first-order index is nearly its total. Of "
        "the latency cost no parameter decides by itself: the totals (black diamonds, with all interactions) lie far "
        "right of the first-order indices (grey squares, alone). Sobol indices over the range of real paths, one flow: "
        "they say what decides within these ranges, and over narrower ones another parameter may. "
        "Bars: 95 %; the gain enters as the logarithm of the ratio of throughputs, the latency cost is how much "
        "longer the mean round trip gets. The qdisc decides nothing here, since a lone flow waits in any of them: it "
        "decides what a second, sparse flow waits. Simulated.",
        "Two panels of dots with intervals, one row per parameter; txqueuelen lies far right of all others for the "
        "gain, and several parameters share the latency cost.",
    ),
    "sensitivity_map": Text(
        "Gain of backpressure over round-trip time and txqueuelen",
        "Backpressure gains most where the round trip is long and the ring short (bright); above the line marked 1.1 "
        "it gains less than 10 %. Solid lines: 1.1, 2 and 10 times stock, smoothed over neighbouring cells; broken "
        "lines: the default rings of tun (500) and tap (1000). Circles: published values (S03) of OpenVPN in the "
        "paper's "
        "lab, "
        "filled with their ratio; diamonds: of its path Germany–USA, another host than the map's, which gains less at "
        "small rings than the map says. Crosses: it hurts, no gain but more than 1 ms of added delay (how much: in the "
        "legend), or less throughput; above them no ring fills, as the receive window is shorter. "
        "Throughput with backpressure over stock, OpenVPN host of the paper's lab (fitted), one flow, median of three "
        "seeds. Simulated.",
        "Heat map: the ratio grows to the lower right, toward small rings and long round trips, and is one in the "
        "upper left.",
    ),
}
"""Words of each figure, by its id."""

TITLES = {
    "gain": "Throughput gain: log (backpressure / stock)", "latency_cost": "Latency cost: added mean RTT",
}  # fmt: skip
INDICES = (
    ("total", -0.14, style.VariantStyle("total, with interactions", "black", "D", "-")),
    ("first", 0.14, style.VariantStyle("alone (first order)", "#999999", "s", "-")),
)
"""Column, place within the row and look of each index."""
CONTOURS = (1.1, 2.0, 10.0)
"""Ratios of throughput at the contour lines."""
PATHS = (("lab", "o", 0.94, "lab (the map's host)"), ("real", "D", 1.06, "Germany–USA"))
"""Published points by path: marker, factor that moves them aside (one place has both), words."""
SMOOTH = 0.8
"""Standard deviation of the Gaussian that contours are smoothed with, in cells."""
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
    fig, axes = style.figure("text", 3.6, cols=2, sharex=True)
    words = {known.label: f"{known.label}\n{known.words}" for known in ranges()}
    table = table.assign(parameter=table["parameter"].map(words))
    order = table["parameter"].drop_duplicates()  # of the first response, in both panels
    for ax, (response, part) in zip(axes, table.groupby("response", sort=False), strict=True):
        part = part.set_index("parameter").loc[order].reset_index()
        for column, shift, look in INDICES:
            ends = part.assign(low=part[column] - part[f"{column}_half"], high=part[column] + part[f"{column}_half"])
            estimates(ax, ends, "parameter", column, "low", "high", shift=shift, look=look)
        ax.axvline(0, color="black", linewidth=0.6)
        ax.set_title(TITLES[str(response)])
        ax.set_xlabel("Sobol index")
        ax.tick_params(axis="y", labelsize=6.5)
    marks = [
        Line2D([], [], marker=look.marker, color=look.color, linewidth=0.9, markersize=4, label=f"{look.label}, 95 %")
        for *_, look in INDICES
    ]
    fig.legend(handles=marks, loc="outside upper center", ncols=2)
    set_up(
        fig, "simulated, 1 TCP stream, CUBIC, parameters spread over the ranges below their names (by their "
        "logarithm)", "alone: share of the variance; totals count an interaction for each of its parameters",
    )  # fmt: skip
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
    known = points[points["rtt"].between(float(ratio["rtt"].min()), float(ratio["rtt"].max()))]
    cost = data["latency_cost"].where(hurts(ratio, data["latency_cost"]))
    hurt = cost.to_dataframe()["latency_cost"].dropna().reset_index()
    heat_map(ax, ratio, "rtt", "ring", "Throughput, backpressure / stock", log=True, levels=seen, ticks=ticks,
             smooth=SMOOTH)  # fmt: skip
    [crosses] = ax.plot(place(ratio["rtt"], hurt["rtt"]), place(ratio["ring"], hurt["ring"]), linestyle="none",
                        marker="x", color="black", markersize=2.5, markeredgewidth=0.7)  # fmt: skip
    crosses.set_path_effects(HALO)
    for ring in (VPN_RING, VM_RING):
        ax.axhline(float(place(ratio["ring"], ring)), color="white", linewidth=0.8)
        defaults = ax.axhline(float(place(ratio["ring"], ring)), color="black", linewidth=0.8, linestyle=(0, (2, 2)))
    mesh, names = ax.collections[0], {}
    for path, marker, beside, words in PATHS:
        part = known[known["table"] == path]
        at = place(ratio["rtt"], part["rtt"] * beside), place(ratio["ring"], part["ring"])
        ax.scatter(*at, c=part["ratio"], s=30, marker=marker, cmap=mesh.get_cmap(), norm=mesh.norm, edgecolors="black",
                   linewidths=0.9, zorder=4, clip_on=False).set_path_effects(HALO)  # fmt: skip
        names[f"published, {words}"] = Line2D([], [], linestyle="none", marker=marker, color="black", markersize=5,
                                              markerfacecolor="#BBBBBB")  # fmt: skip
    names |= {
        f"no gain, RTT {_cost(hurt['latency_cost'])} longer": crosses,
        f"defaults: tun {VPN_RING}, tap {VM_RING}": defaults,
    }
    fig.legend(list(names.values()), list(names), loc="outside upper center", ncols=2)
    set_up(fig, "simulated, OpenVPN host of the paper's lab (fitted)", "1 TCP stream, CUBIC", "median of 3 seeds")
    return fig


def _cost(added: pd.Series) -> str:
    """Least and most time added, rounded to milliseconds."""
    return show_range(float(added.min()), float(added.max()), "s", 2) if len(added) else "> 1 ms"


def _inside(axis: xr.DataArray, wanted: Sequence[float]) -> list[float]:
    return [value for value in wanted if float(axis.min()) <= value <= float(axis.max())]
