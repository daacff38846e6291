"""Figures of notebook 05: several streams, pktgen threads, what contention and wakes cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tunbp.plots import figures, style
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "senders_streams": Text(
        "iperf3 through TAP with several streams, three wake rules and stock",
        "Published (open markers, one run of 10 s each, S19 and S21) and simulated (lines). Six of the rows are "
        "fitted, the others held out.",
    ),
    "senders_pktgen": Text(
        "pktgen with one and four threads, published and simulated",
        "Transmitted packets/s of all threads on the i5-6300HQ, v7 (S07, S08); lines across the bars: simulated.",
    ),
    "senders_costs": Text(
        "Cost per packet with 8 streams, and what another wake rule changes",
        "Left: fitted cost per packet. Right: rate relative to the merged rule (wake at half) for TAP pktgen on "
        "the 5600X (one sender) and 8 iperf3 streams; open: published, lines: simulated.",
    ),
}
"""Words of each figure, by its id."""

PARTS = (("#E8E8E8", ""), ("#BDBDBD", "...."), ("#8A8A8A", "////"), ("#555555", "xxxx"))
"""Fill and hatch of the parts of a packet's cost, from light to dark."""


def streams(rows: pd.DataFrame, model: pd.DataFrame) -> Figure:
    """Throughput over the number of streams: published as open markers, simulated as lines."""
    fig, ax = style.figure("column", 2.7)
    figures.simulated(ax, model, "streams", "received_rate", label=False)
    figures.published(ax, rows, "streams", "published", label=False)
    ax.set_xscale("log", base=2)
    ticks = sorted(set(model["streams"]))
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.set_xlabel("Parallel TCP streams")
    style.label_axis(ax.yaxis, "Throughput", "bit/s", "Gbit/s")
    ax.set_ylim(0, 1.25 * max(rows["published"].max(), model["received_rate"].max()))
    figures.key(ax, loc="lower left", ncols=2)
    return fig


def pktgen(table: pd.DataFrame) -> Figure:
    """Bars of published rates, stock and patched, with the simulated rate across each."""
    fig, ax = style.figure("text", 2.4)
    table = table.assign(case=table["case"].str.replace(", ", ",\n"))
    figures.bars(ax, table, "case", "published", model="model", unit="packet/s")
    ax.set_ylabel("Transmitted, all threads (Kpps)")
    ax.set_ylim(top=1.25 * float(np.nanmax(table[["published", "model"]].to_numpy())))
    figures.key(ax, loc="upper left", ncols=4)
    return fig


def costs(parts: pd.DataFrame, rules: pd.DataFrame) -> Figure:
    """Left: cost per packet by part. Right: rate of other wake rules over that of wake at half."""
    fig, (left, right) = style.figure("text", 2.6, cols=2)
    variants = list(dict.fromkeys(parts["variant"]))
    labels = [style.variant_style(name).label for name in variants]
    start = np.zeros(len(variants))
    for part, (color, hatch) in zip(dict.fromkeys(parts["part"]), PARTS, strict=True):
        size = parts[parts["part"] == part].set_index("variant")["seconds"].reindex(variants).to_numpy()
        left.barh(range(len(variants)), size, left=start, color=color, hatch=hatch, edgecolor="black",
                  linewidth=0.4, height=0.6, label=part)  # fmt: skip
        start = start + size
    left.set_yticks(range(len(variants)), labels)
    left.set_ylim(len(variants) - 0.4, -1.9)
    left.grid(axis="y", visible=False)
    style.label_axis(left.xaxis, "Cost per packet, 8 streams", "s", "µs")
    left.legend(loc="upper left", ncols=2, fontsize=6)
    words = [f"{row.case},\nwoken: {row.rule}" for row in rules.itertuples()]
    at = np.arange(len(rules))
    right.axvline(1.0, color="black", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    for i, row in enumerate(rules.itertuples()):
        look = style.variant_style("wake_batch" if row.rule == "freed batch" else "wake_empty")
        right.plot([row.published], [i], marker=look.marker, color=look.color, markerfacecolor="white",
                   linestyle="none", zorder=3)  # fmt: skip
        right.plot([row.model] * 2, [i - 0.25, i + 0.25], color="black", linestyle="-", linewidth=1.6, zorder=2)
    right.plot([], [], marker="o", color="#555555", markerfacecolor="white", linestyle="none", label="published")
    right.plot([], [], color="black", linestyle="-", linewidth=1.6, label="simulated")
    right.set_yticks(at, words)
    right.set_ylim(len(rules) - 0.4, -1.1)
    right.grid(axis="y", visible=False)
    right.set_xlabel("Rate relative to wake at half")
    right.legend(loc="upper left", ncols=2)
    return fig
