"""Figures and tables of notebook 07: a live kernel's measurements beside the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tunbp.plots import figures, style
from tunbp.quantities import label_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas.io.formats.style import Styler


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


def verdict_table(table: pd.DataFrame, caption: str) -> Styler:
    """Rows of `tunbp.lab.statistics.verdicts` in readable units, the difference with its interval in one column.

    Rows whose variants are equal in every pair (nothing dropped by either) are left out.
    """
    lines = []
    for row in table[(table["low"] != 0) | (table["high"] != 0)].to_dict("records"):
        unit, size = label_unit(row["units"], "%" if row["units"] == "1" else None)
        stock, patched, change, low, high = (
            f"{row[name] / size:.4g}" for name in ("stock", "backpressure", "difference", "low", "high")
        )
        line = {
            "cell": row["cell"],
            "quantity": f"{row['quantity']} ({unit})",
            "stock": stock,
            "backpressure": patched,
            "difference": f"{change} ({low} to {high})",
            "pairs": row["pairs"],
            "with backpressure": row["with backpressure"],
        }
        lines.append(line)
    return pd.DataFrame(lines).style.hide(axis="index").set_caption(caption).set_uuid("verdicts")
