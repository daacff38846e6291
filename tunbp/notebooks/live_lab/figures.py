"""Figures of notebook 07: a live kernel's measurements beside the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.lines import Line2D

from tunbp.plots import style
from tunbp.plots.legend import HALO, key
from tunbp.plots.points import APART, draw_measured, runs
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS = {
    "live_openvpn": Text(
        "TCP through OpenVPN on a live kernel: throughput and ping",
        "Backpressure carries many times as much through small rings, and a ping beside the transfer pays for it. "
        "Small dots: single runs; large markers: their median with its exact interval; black lines: the model's "
        "prediction from the reader's speed and the burst rate alone.",
        "Two panels with one row per path and ring: on the left backpressure lies far right of stock where the ring "
        "is small, on the right its ping is two to three times that of stock.",
    ),
    "live_ring_bursts": Text(
        "Bursts into a ring on a live kernel",
        "Of a burst that meets a slower reader, stock drops what does not fit into the ring, as the burst law "
        "(black lines) predicts; backpressure lets the sender wait and drops next to nothing at any ring. Bursts of "
        "600 packets on a live kernel; dropped by ring and qdisc.",
        "Stock falls from 87 per cent at a ring of 25 to zero at 1000, as the burst law; backpressure lies at zero.",
    ),
}
"""Words of each figure, by its id."""

BESIDE = 0.08
"""How far both drivers are drawn from the middle of a ring."""
MODEL = Line2D([], [], color="black", linestyle="-", linewidth=1.4, label="predicted")


def tunnel(measurements: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """TCP through the tunnel: every run and the prediction on the left, the ping beside it on the right.

    Parameters
    ----------
    measurements
        One row per run: `setup`, `variant`, `received_rate`, `ping_mean_rtt`.
    table
        `evidence.live.compare`: the predictions.
    """
    fig, axes = style.figure("text", 0.9 + 0.42 * table["setup"].nunique(), cols=2, sharey=True)
    for ax, value, words, unit in zip(
        axes, ("received_rate", "ping_mean_rtt"), ("Throughput", "Ping beside it"), ("bit/s", "s"), strict=True
    ):
        ax.set_xscale("log")
        runs(ax, measurements, "setup", value, horizontal=True)
        style.label_axis(ax.xaxis, words, unit)
        ax.set_ylabel("")
        ax.grid(axis="y", visible=False)
    _predictions(axes[0], table, list(dict.fromkeys(measurements["setup"])))
    key(fig, axes[0], loc="outside upper center", ncols=3, handles=[MODEL])
    return fig


def _predictions(ax: Axes, table: pd.DataFrame, setups: list[str]) -> None:
    variants = list(dict.fromkeys(table["variant"]))
    for row in table.dropna(subset=["model"]).to_dict("records"):
        # where `runs` draws this variant within its row
        at = setups.index(row["setup"]) + APART * (variants.index(row["variant"]) / max(len(variants) - 1, 1) - 0.5)
        line = ax.plot(
            [row["model"]] * 2, [at - 0.15, at + 0.15], color="black", linestyle="-", linewidth=1.4, zorder=4
        )
        line[0].set_path_effects(HALO)


def bursts(found: pd.DataFrame, law: pd.DataFrame) -> Figure:
    """Dropped share of bursts over ring size: measured, and the burst law for the stock driver."""
    fig, ax = style.figure()
    sizes = sorted(set(found["ring"]))
    for variant, shift in (("stock", -BESIDE), ("backpressure", BESIDE)):
        part = found[found["variant"] == variant]
        at = part["ring"].map(sizes.index) + shift
        draw_measured(ax, part.assign(at=at), "at", "drop_fraction", low="low", high="high", label=False)
    at = law["ring"].map(sizes.index) - BESIDE
    ax.plot(at, law["drop_fraction"], linestyle="none", marker="_", color="black", markersize=14, zorder=2)
    style.label_field(ax.xaxis, "ring")
    style.label_axis(ax.yaxis, "Dropped by ring and qdisc", "1", "%")
    ax.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    key(ax, handles=[Line2D([], [], color="black", linestyle="none", marker="_", markersize=9, label="burst law")])
    return fig
