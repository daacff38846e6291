"""Figures of notebook 07: a live kernel's measurements beside the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tunbp.plots import figures, style
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "live_openvpn": Text(
        "TCP through OpenVPN on a live kernel",
        "TCP through OpenVPN over a delayed path on a live kernel: medians and intervals over repetitions, and "
        "the model's prediction from the reader's speed and the burst rate alone.",
    ),
    "live_ring_bursts": Text(
        "Bursts into a ring on a live kernel",
        "Share of packets dropped by ring and qdisc when bursts of 600 packets meet a slower reader, on a live "
        "kernel (medians and intervals over repetitions), and the burst law for the stock driver.",
    ),
}
"""Words of each figure, by its id."""


def tunnel(table: pd.DataFrame) -> Figure:
    """TCP through the tunnel: a measured bar per cell and variant, the prediction as a line across it."""
    fig, ax = style.figure(height=0.9 + 0.5 * table["setup"].nunique())
    figures.bars(
        ax, table, "setup", "received_rate", kind="measured", low="low", high="high", horizontal=True,
        model="model", model_low="model_low", model_high="model_high",
    )  # fmt: skip
    figures.key(fig, loc="outside upper center", ncols=3)
    return fig


def bursts(measured: pd.DataFrame, law: pd.DataFrame) -> Figure:
    """Dropped share of bursts over ring size: measured, and the burst law for the stock driver."""
    fig, ax = style.figure()
    figures.measured(ax, measured, "ring", "drop_fraction", low="low", high="high")
    figures.simulated(ax, law, "ring", "drop_fraction")
    sizes = sorted(set(measured["ring"]))
    ax.set(xscale="log")
    style.label_axis(ax.xaxis, "txqueuelen", "packet")
    style.label_axis(ax.yaxis, "Dropped by ring and qdisc", "1", "%")
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    figures.key(ax)
    return fig
