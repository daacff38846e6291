"""Figures of notebook 05: several streams, and what contention and wakes cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from tunbp.evidence.repetition import same_code, same_code_difference
from tunbp.plots import style
from tunbp.plots.bands import draw_simulated
from tunbp.plots.legend import GREY, HALO, fitted_handle, kind_handle, model_handle, name_lines, set_up
from tunbp.plots.points import draw_published, estimates
from tunbp.plots.texts import Text
from tunbp.quantities import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "senders_streams": Text(
        "iperf3 through TAP with several streams, three wake rules and stock",
        "With one stream backpressure is faster than stock, with 8 it is 21 to 32 % slower, whatever the wake rule: "
        "in the model packets of senders that alternate cost more, and only a queue that stops makes them alternate "
        "(our own "
        "runs, live_senders, do not decide it). Open "
        "markers: published, one run of 10 s each (S19, S21); the same code gave 9.13 and 9.83 Gbit/s on two days "
        "(both drawn; S19 as S20 and S22 quote it), and each bar is as long as they are apart: the only spread that is "
        "known, and more than the wake rules are apart. A dot inside: the model was fitted to that run. "
        "Lines: simulated, without anything random.",
        "Four lines over 1 to 16 streams: stock is flat, the three backpressure lines start above it and fall below "
        "it from two streams on.",
    ),
    "senders_costs": Text(
        "What a packet costs with 8 streams, and what another wake rule would change",
        "Left: contention, not the wake, is what 8 streams pay for backpressure, more than its reader saves (without "
        "contention a packet would cost less than with stock, as with one stream); time per packet by part, in the "
        "model as it was fitted to the markers of senders_streams: nothing on the left was measured. "
        "Published: S13, S14, S21. "
        "Right: an earlier wake helps 8 streams and hurts a single pktgen sender, a later one the other way round. "
        "Open markers: published rate over that of the merged rule (half), a dot inside where the model was fitted to "
        "it; bars: how far equal code scatters, between sessions for pktgen (95 %), between two days for iperf3 (one "
        "repetition): only the loss of the early wake in pktgen is established. Black lines: simulated.",
        "Left, stacked bars: contention makes the backpressure bars longer than stock. Right, four rows of dots "
        "around one: pktgen with freed batch lies at 0.81, the other three within ten per cent of one.",
    ),
}
"""Words of each figure, by its id."""

CPU = "a Ryzen 9 9950X (inferred), txqueuelen 1000"
"""Set-up of the regression report (S19, S21)."""
BESIDE = {"wake_batch": 0.94, "wake_empty": 1.06}
"""By which factor markers of a wake rule are moved aside: with one stream two of them coincide."""
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
    beside = rows["streams"] * rows["variant"].map(BESIDE).fillna(1.0)
    draw_published(ax, rows.assign(beside=beside), "beside", "published", fitted="role", label=False)
    ticks = sorted(set(model["streams"]))
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.set_xlabel("Parallel TCP streams")
    style.label_axis(ax.yaxis, "Throughput", "bit/s", "Gbit/s")
    both = [*rows["published"], *model["received_rate"]]
    ax.set_ylim(1e9 * np.floor(0.9e-9 * min(both)), 1.1 * max(both))
    ax.set_xlim(None, 3.5 * max(ticks))
    middle = model.groupby(["variant", "streams"])["received_rate"].median()
    for name in dict.fromkeys(model["variant"]):
        name_lines(ax, {name: (ticks[-1], float(middle[name, ticks[-1]]))}, (12, 0))
    look = style.variant_style("wake_half")
    ax.plot([8], [same_code()[0]], marker=look.marker, color=look.color, markerfacecolor="white", zorder=3)
    apart = same_code_difference()
    for name, part in rows.assign(beside=beside).groupby("variant"):
        ax.errorbar(part["beside"], part["published"], yerr=apart * part["published"], linestyle="none",
                    color=style.variant_style(str(name)).color, elinewidth=0.6, capsize=0, zorder=2.9)  # fmt: skip
    bar = Line2D([], [], color=GREY, linewidth=0.6, label=f"±{percent(apart, 1)}: equal code on two days")
    handles = [kind_handle("published"), fitted_handle(), kind_handle("simulated"), bar]
    fig.legend(handles=handles, loc="outside upper center", ncols=2)
    set_up(fig, f"iperf3 through TAP, {CPU}, no emulated delay, one run of 10 s per marker, wake: backpressure by its "
           f"wake rule, rates from {ax.get_ylim()[0] / 1e9:.0f} Gbit/s on")  # fmt: skip
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
    left.set_ylim(len(variants) - 0.4, -0.6)
    left.grid(axis="y", visible=False)
    style.label_axis(left.xaxis, "Time per packet, 8 streams, model (fitted)", "s", "µs")
    rows = rules.assign(
        name=rules["case"] + ",\nwake: " + rules["rule"],
        variant=np.where(rules["rule"] == "freed batch", "wake_batch", "wake_empty"),
    )
    estimates(right, rows, "name", "published", "low", "high", variant="variant", kind="published", model="model",
              fitted="role", reference=1.0)  # fmt: skip
    right.set_ylim(len(rules) - 0.4, -0.9)
    right.set_xlabel("Rate relative to wake at half")
    for words, side, shift in (("slower", "right", -5), ("faster", "left", 5)):
        text = right.annotate(words, (1.0, -0.65), xytext=(shift, 0), textcoords="offset points", ha=side, va="center",
                              fontsize=6.5, style="italic")  # fmt: skip
        text.set_path_effects(HALO)
    bar = Line2D([], [], color=GREY, linewidth=0.9, label="how far equal code differed")
    handles = [*left.get_legend_handles_labels()[0], kind_handle("published"), fitted_handle(), bar, model_handle()]
    fig.legend(handles=handles, loc="outside upper center", ncols=4)
    set_up(fig, f"TAP, iperf3 on {CPU}", "pktgen on a Ryzen 5 5600X",
           "reader: as fitted to one stream, which backpressure carries faster",
           "contention: of senders that alternate at a full ring")  # fmt: skip
    return fig
