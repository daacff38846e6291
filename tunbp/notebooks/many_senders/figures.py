"""Figures of notebook 05: several streams, and what contention and wakes cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from tunbp.plots import style
from tunbp.plots.bands import draw_simulated
from tunbp.plots.legend import HALO, fitted_handle, kind_handle, name_lines
from tunbp.plots.points import draw_published, estimates
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "senders_streams": Text(
        "iperf3 through TAP with several streams, three wake rules and stock",
        "With one stream backpressure is faster than stock, with 8 it is 21 to 32 % slower, whatever the wake rule: "
        "packets of senders that alternate cost more, and only a queue that stops makes senders alternate. Open "
        "markers: published, one run of 10 s each (S19, S21); the same code gave 9.13 and 9.83 Gbit/s on two days. A "
        "dot inside: fitted. Lines: simulated.",
        "Four lines over 1 to 16 streams: stock is flat, the three backpressure lines start above it and fall below "
        "it from two streams on.",
    ),
    "senders_costs": Text(
        "What a packet costs with 8 streams, and what another wake rule would change",
        "Left: contention, not the wake, is what 8 streams pay for backpressure, more than its reader saves (without "
        "contention a packet would cost less than with stock, as with one stream); fitted time per packet by part. "
        "Right: an earlier wake helps 8 streams and hurts a single pktgen sender, a later one the other way round. "
        "Open markers: published rate over that of the merged rule (half); bars: how far equal code scatters, between "
        "sessions for pktgen, between two days for iperf3: only the loss of the early wake in pktgen is established. "
        "Black lines: simulated.",
        "Left, stacked bars: contention makes the backpressure bars longer than stock. Right, four rows of dots "
        "around one: pktgen with freed batch lies at 0.81, the other three within ten per cent of one.",
    ),
}
"""Words of each figure, by its id."""

PARTS = (("#E8E8E8", ""), ("#BDBDBD", "...."), ("#8A8A8A", "////"), ("#555555", "xxxx"))
"""Fill and hatch of the parts of a packet's cost, from light to dark."""


def streams(rows: pd.DataFrame, model: pd.DataFrame) -> Figure:
    """Throughput over the number of streams: published as open markers, simulated as lines.

    Parameters
    ----------
    rows, model
        `evidence.senders.librecast`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, ax = style.figure("column", 3.0)
    ax.set_xscale("log", base=2)
    draw_simulated(ax, model, "streams", "received_rate", label=False)
    draw_published(ax, rows, "streams", "published", fitted="role", label=False)
    ticks = sorted(set(model["streams"]))
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.set_xlabel("Parallel TCP streams")
    style.label_axis(ax.yaxis, "Throughput", "bit/s", "Gbit/s")
    both = [*rows["published"], *model["received_rate"]]
    ax.set_ylim(0.94 * min(both), 1.04 * max(both))
    ax.set_xlim(None, 2.4 * max(ticks))
    middle = model.groupby(["variant", "streams"])["received_rate"].median()
    for name in dict.fromkeys(model["variant"]):
        name_lines(ax, {name: (ticks[-1], float(middle[name, ticks[-1]]))}, (6, 0))
    handles = [kind_handle("published"), fitted_handle(), kind_handle("simulated")]
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
    return fig


def costs(parts: pd.DataFrame, rules: pd.DataFrame) -> Figure:
    """Left: cost per packet by part. Right: rate of other wake rules over that of wake at half, with its scatter.

    Parameters
    ----------
    parts, rules
        `evidence.senders.cost_parts` and `wake_rules`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, (left, right) = style.figure("text", 2.6, cols=2)
    variants = list(dict.fromkeys(parts["variant"]))
    start = np.zeros(len(variants))
    for part, (color, hatch) in zip(dict.fromkeys(parts["part"]), PARTS, strict=True):
        size = parts[parts["part"] == part].set_index("variant")["seconds"].reindex(variants).to_numpy()
        left.barh(range(len(variants)), size, left=start, color=color, hatch=hatch, edgecolor="black",
                  linewidth=0.4, height=0.6, label=part)  # fmt: skip
        start = start + size
    for place, whole in enumerate(start):
        left.annotate(f"{whole * 1e6:.2f}", (whole, place), xytext=(3, 0), textcoords="offset points", va="center",
                      fontsize=6.5)  # fmt: skip
    left.set_xlim(0, 1.12 * float(start.max()))
    left.set_yticks(range(len(variants)), [style.variant_style(name).label for name in variants])
    left.set_ylim(len(variants) - 0.4, -1.9)
    left.grid(axis="y", visible=False)
    style.label_axis(left.xaxis, "Cost per packet, 8 streams", "s", "µs")
    left.legend(loc="upper left", ncols=2, fontsize=6)
    rows = rules.assign(
        name=rules["case"] + ",\nwake: " + rules["rule"],
        variant=np.where(rules["rule"] == "freed batch", "wake_batch", "wake_empty"),
    )
    estimates(right, rows, "name", "published", "low", "high", variant="variant", kind="published", model="model",
              reference=1.0)  # fmt: skip
    right.set_ylim(len(rules) - 0.4, -1.6)
    right.set_xlabel("Rate relative to wake at half")
    for words, side, shift in (("slower", "right", -5), ("faster", "left", 5)):
        text = right.annotate(words, (1.0, -0.75), xytext=(shift, 0), textcoords="offset points", ha=side, va="center",
                              fontsize=6.5, style="italic")  # fmt: skip
        text.set_path_effects(HALO)
    handles = [
        Line2D([], [], linestyle="none", marker="o", color="#555555", markerfacecolor="white", label="published"),
        Line2D([], [], color="black", linestyle="-", linewidth=1.4, label="simulated"),
    ]
    right.legend(handles=handles, loc="upper left", ncols=2)
    return fig
