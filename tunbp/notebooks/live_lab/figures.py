"""Figures of notebook 07: a live kernel's measurements beside the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from tunbp.plots import style
from tunbp.plots.legend import GREY, drew, key, model_handle, set_up
from tunbp.plots.points import APART, draw_measured, model_mark, runs
from tunbp.plots.predictive import draw_predictive, predictive_handles
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS = {
    "live_openvpn": Text(
        "TCP through OpenVPN on a live kernel: throughput and ping",
        "With CUBIC backpressure carries many times as much through small rings, and a ping beside the transfer pays "
        "for it; with BBR the ping stays and the gain is small. "
        "Thin ticks: single runs; markers: their median with its exact interval; black lines: the model's "
        "prediction from the reader's speed and the burst rate alone. It is one value without an interval: its seeds "
        "agree, and what else is not known is not in it. There is no prediction of the ping.",
        "Two panels with one row per path and ring: on the left backpressure lies far right of stock where the ring "
        "is small, on the right its ping is two to four times that of stock with CUBIC and the same with BBR.",
    ),
    "live_ring_bursts": Text(
        "Bursts into a ring on a live kernel",
        "Of a burst that meets a slower reader, stock drops what does not fit into the ring, as the burst law "
        "(black lines) predicts: of B packets that come at λ while the reader takes μ, B(1 − μ/λ) − N find no room in "
        "N. Backpressure lets the sender wait, and drops next to nothing at any ring. Ring sizes stand side by side, "
        "not to scale.",
        "Stock falls from 87 per cent at a ring of 25 to zero at 1000, as the burst law; backpressure lies at zero.",
    ),
    "live_native": Text(
        "OpenVPN at native speed: measured, and predicted without a fit",
        "On stock tun a ring of 25 packets costs CUBIC most of its rate at 60 and 120 ms, and next to nothing without "
        "delay; default buffers cap it from 100 packets on. The predictions follow, and are widest where the ring is "
        "small. Markers: median of the runs with their range. Right of each: the predictive interval (90 % thin, 50 % "
        "thick, bar: median) from the floods' constants and priors; nothing was fitted to these runs. Without a mark: "
        "not measured. Ring sizes stand side by side, not to scale.",
        "Six panels by congestion control, buffers and added RTT, rates on a logarithmic axis, one place for each ring "
        "size; at 0 ms all rates are alike, at 60 and 120 ms they rise with the ring, as the intervals do.",
    ),
    "live_experiments_ratio": Text(
        "The other experiments: measured beside predicted",
        "Rates, times and counts of the other experiments, each over its prediction: what shares a processor with "
        "its senders carries less than the model says, a slow uplink and a veth what it says. "
        "Markers: median of a cell's runs, with their range. Shares of dropped packets are in the table alone.",
        "Dots in one row per measurement on a logarithmic axis around a line at one: those of the slow uplink, of "
        "veth and of native senders lie near it, those of wireguard-go and of one emulated processor left of it.",
    ),
}
"""Words of each figure, by its id."""

BESIDE = 0.1
"""How far two marks are drawn from the middle of a ring, in rings."""


def tunnel(measurements: pd.DataFrame, table: pd.DataFrame, where: str = "") -> Figure:
    """TCP through the tunnel: every run and the prediction on the left, the ping beside it on the right.

    Parameters
    ----------
    measurements
        One row per run: `setup`, `variant`, `received_rate`, `ping_mean_rtt`.
    table
        `evidence.live.compare`: the predictions.
    where
        Kernel and machine in words.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, axes = style.figure("text", 0.9 + 0.42 * table["setup"].nunique(), cols=2, sharey=True)
    for ax, value, words, unit in zip(
        axes, ("received_rate", "ping_mean_rtt"), ("Throughput", "Ping under load"), ("bit/s", "s"), strict=True
    ):
        ax.set_xscale("log")
        runs(ax, measurements, "setup", value, horizontal=True)
        style.label_axis(ax.xaxis, words, unit)
        ax.set_ylabel("")
        ax.grid(axis="y", visible=False)
    _predictions(axes[0], table, list(dict.fromkeys(measurements["setup"])))
    rows = dict.fromkeys(measurements["setup"])
    axes[0].set_yticks(range(len(rows)), [row.replace("ring ", "txqueuelen ") for row in rows])
    marks = [
        Line2D([], [], color=GREY, linestyle="none", marker="|", markersize=4, markeredgewidth=0.7, label="single run"),
        Line2D([], [], color=GREY, marker="o", markersize=4, linewidth=0.9, label="their median, interval"),
    ]
    key(fig, axes[0], loc="outside upper center", ncols=5, handles=[*marks, model_handle("predicted, nothing fitted")])
    flows = f"TCP streams: {words_of(table['streams'])}"
    repeated = f"{words_of(table['count'])} runs of {words_of(table['set_duration'])} s each"
    set_up(fig, where, "OpenVPN", f"qdisc {words_of(table['qdisc'])}", flows, repeated)
    return fig


def words_of(column: pd.Series) -> str:
    """The different values of a column, or its least and greatest where numbers differ.

    Parameters
    ----------
    column
        Values of a setting.

    Returns
    -------
    str
        Words for the line of a set-up.

    Examples
    --------
    >>> words_of(pd.Series([5, 5])), words_of(pd.Series([3, 6, 4])), words_of(pd.Series(["fq", "pfifo"]))
    ('5', '3 to 6', 'fq and pfifo')
    """
    known = sorted(set(column.dropna()))
    if len(known) > 1 and pd.api.types.is_numeric_dtype(column):
        return f"{known[0]:g} to {known[-1]:g}"
    return " and ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in known)


def _predictions(ax: Axes, table: pd.DataFrame, setups: list[str]) -> None:
    variants = list(dict.fromkeys(table["variant"]))
    for row in table.dropna(subset=["model"]).to_dict("records"):
        # where `runs` draws this variant within its row
        at = setups.index(row["setup"]) + APART * (variants.index(row["variant"]) / max(len(variants) - 1, 1) - 0.5)
        model_mark(ax, row["model"], at, 0.2)


SENDERS = {
    "CUBIC": "CUBIC, buffers of 32 MB", "CUBIC, default windows": "CUBIC, default buffers",
    "BBR": "BBR, buffers of 32 MB",
}  # fmt: skip
"""Words for congestion control and TCP buffers of each sender of the native runs, in the order of the panels."""


def native(table: pd.DataFrame) -> Figure:
    """Measured points with their range beside predictive intervals over ring size, a panel per sender and added RTT.

    Parameters
    ----------
    table
        `tunbp.evidence.blind.blind`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    sizes = sorted(set(table["ring"]))
    found = {
        (sender, delay): table[(table["sender"] == sender) & (table["added_rtt"] == delay)]
        for sender in SENDERS for delay in sorted(set(table["added_rtt"]))
    }  # fmt: skip
    panels = {where: part for where, part in found.items() if len(part)}
    cols = min(3, len(panels))
    rows = -(-len(panels) // cols)
    fig, axes = style.figure("text", 1.0 + 1.75 * rows, rows, cols, sharex=True, sharey=True, squeeze=False)
    for ax, ((sender, delay), part) in zip(axes.flat, panels.items(), strict=False):
        _native_panel(ax, part, sizes)
        ax.set_title(f"{SENDERS[sender]}, {1e3 * delay:.0f} ms added")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        style.label_axis(ax.yaxis, "Throughput", "bit/s")
    for ax in axes[-1]:
        style.label_field(ax.xaxis, "ring")
        ax.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    measured = Line2D([], [], color=GREY, marker="o", markersize=4, linewidth=0.9,
                      label="measured: median, range of runs")  # fmt: skip
    key(fig, loc="outside upper center", ncols=5, handles=[measured, *predictive_handles(horizontal=False)])
    set_up(fig, "OpenVPN at native speed, unchanged tun driver", "1 TCP stream", f"{words_of(table['runs'])} runs each")
    return fig


def _native_panel(ax: Axes, part: pd.DataFrame, sizes: list[int]) -> None:
    """One sender at one delay: a measured point at each ring, and right of it the interval."""
    at = part["ring"].map(sizes.index)
    part = part.assign(left=at - BESIDE, right=at + BESIDE)
    draw_predictive(ax, part, "right", median="predicted", horizontal=False)
    draw_measured(ax, part, "left", "measured", low="least", high="most", label=False)
    for place in sorted(set(range(len(sizes))) - set(at)):
        ax.text(place, 0.04, "not run", color=GREY, fontsize=6.5, ha="center", va="bottom", style="italic",
                transform=ax.get_xaxis_transform())  # fmt: skip
    ax.set(yscale="log", xlim=(-0.5, len(sizes) - 0.5))
    ax.grid(axis="x", visible=False)


def experiments(table: pd.DataFrame) -> Figure:
    """Measured over predicted, one row per measurement and a mark with the runs' range per cell, variant and quantity.

    Parameters
    ----------
    table
        `tunbp.evidence.experiments.rated`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    names = list(dict.fromkeys(table["measurement"]))
    fig, ax = style.figure("text", 0.8 + 0.3 * len(names))
    for name, part in table.groupby("measurement", sort=False):
        places = names.index(name) + np.linspace(-0.3, 0.3, len(part) + 2)[1:-1]
        for at, row in zip(places, part.to_dict("records"), strict=True):
            look = style.variant_style(row["variant"])
            ends = np.abs(np.array([[row["least"]], [row["most"]]]) / row["predicted"] - row["ratio"])
            ax.errorbar(row["ratio"], at, xerr=ends, marker=look.marker, color=look.color, linestyle="none",
                        elinewidth=0.8, markersize=3.5, markeredgecolor="white", markeredgewidth=0.3)  # fmt: skip
            drew(ax, look, "measured")
    ax.axvline(1.0, color="black", linewidth=0.9, zorder=1)
    ax.set(xscale="log", yticks=range(len(names)), yticklabels=[name.replace("_", " ") for name in names])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    style.label_axis(ax.xaxis, "Measured over predicted (median and range of runs)", "1")
    key(ax)
    return fig


def bursts(found: pd.DataFrame, law: pd.DataFrame, where: str = "") -> Figure:
    """Dropped share of bursts over ring size: measured, and the burst law for the stock driver.

    Parameters
    ----------
    found
        Measured shares by ring and variant.
    law
        What `tunbp.evidence.live.predict_bursts` returned.
    where
        Kernel and machine in words.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, ax = style.figure()
    sizes = sorted(set(found["ring"]))
    for variant, shift in (("stock", -BESIDE), ("backpressure", BESIDE)):
        part = found[found["variant"] == variant]
        at = part["ring"].map(sizes.index) + shift
        draw_measured(ax, part.assign(at=at), "at", "drop_fraction", low="low", high="high", label=False)
    for row in law.to_dict("records"):
        model_mark(ax, sizes.index(row["ring"]) - BESIDE, row["drop_fraction"], 0.18, upright=False)
    style.label_field(ax.xaxis, "ring")
    style.label_axis(ax.yaxis, "Dropped by ring and qdisc", "1", "%")
    ax.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    key(ax, handles=[model_handle("predicted: burst law", upright=False)])
    burst = f"bursts of {words_of(found['burst'])} packets into a reader of {words_of(found['reader_rate'])} packets/s"
    repeated = f"median and interval of {words_of(found['count'])} runs"
    set_up(fig, where, burst, f"qdisc {words_of(found['qdisc'])}", repeated)
    return fig
