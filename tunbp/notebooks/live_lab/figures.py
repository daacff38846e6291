"""Figures of notebook 07: a live kernel's measurements beside the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from tunbp.plots import style
from tunbp.plots.legend import GREY, HALO, drew, key
from tunbp.plots.points import APART, draw_measured, runs
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
        "prediction from the reader's speed and the burst rate alone.",
        "Two panels with one row per path and ring: on the left backpressure lies far right of stock where the ring "
        "is small, on the right its ping is two to four times that of stock with CUBIC and the same with BBR.",
    ),
    "live_ring_bursts": Text(
        "Bursts into a ring on a live kernel",
        "Of a burst that meets a slower reader, stock drops what does not fit into the ring, as the burst law "
        "(black lines) predicts; backpressure lets the sender wait and drops next to nothing at any ring. Bursts of "
        "600 packets on a live kernel; dropped by ring and qdisc.",
        "Stock falls from 87 per cent at a ring of 25 to zero at 1000, as the burst law; backpressure lies at zero.",
    ),
    "live_native": Text(
        "OpenVPN at native speed: measured, and predicted without a fit",
        "On stock tun a ring of 25 packets costs CUBIC most of its rate at 60 and 120 ms, and next to nothing without "
        "delay; a default window caps it from 100 packets on. The predictions follow, and are widest where the ring is "
        "small. Markers: median of the runs with their range. Right of each: the predictive interval (90 % thin, 50 % "
        "thick, bar: median) from the floods' constants and priors. All on the stock driver.",
        "Three panels by added RTT, rates on a logarithmic axis, one place for each ring size; at 0 ms all rates are "
        "alike, at 60 and 120 ms they rise with the ring, as the intervals do.",
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

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
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
    one = Line2D(
        [], [], color=GREY, linestyle="none", marker="|", markersize=4, markeredgewidth=0.7, label="single run"
    )
    key(fig, axes[0], loc="outside upper center", ncols=4, handles=[one, MODEL])
    return fig


def _predictions(ax: Axes, table: pd.DataFrame, setups: list[str]) -> None:
    variants = list(dict.fromkeys(table["variant"]))
    for row in table.dropna(subset=["model"]).to_dict("records"):
        # where `runs` draws this variant within its row
        at = setups.index(row["setup"]) + APART * (variants.index(row["variant"]) / max(len(variants) - 1, 1) - 0.5)
        line = ax.plot(
            [row["model"]] * 2, [at - 0.2, at + 0.2], color="black", linestyle="-", linewidth=1.4, zorder=2.5
        )
        line[0].set_path_effects(HALO)


SENDERS = {"CUBIC": ("black", "o"), "CUBIC, default windows": ("#8C8C8C", "D"), "BBR": ("#AA3377", "^")}
"""Colour and marker of each sender of the native runs, none of a driver's: dark, light and middle in grey."""
STEP = 0.14
"""Distance of two marks at one ring, of that of two rings."""


def native(table: pd.DataFrame) -> Figure:
    """Measured points with their range beside predictive intervals over ring size, one panel per added RTT.

    Parameters
    ----------
    table
        `tunbp.evidence.blind.blind`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    delays, sizes = sorted(set(table["added_rtt"])), sorted(set(table["ring"]))
    fig, axes = style.figure("text", 2.9, cols=len(delays), sharey=True)
    for ax, delay in zip(np.atleast_1d(axes), delays, strict=True):
        part = table[table["added_rtt"] == delay]
        for ring, rows in part.groupby("ring"):
            here = [name for name in SENDERS if name in set(rows["sender"])]
            for place, name in enumerate(here):
                at = sizes.index(ring) + STEP * (2 * place - len(here) + 0.5)
                _beside(ax, rows[rows["sender"] == name], at, SENDERS[name])
        ax.set(yscale="log", title=f"{1e3 * delay:.0f} ms added", xlim=(-0.5, len(sizes) - 0.5))
        style.label_field(ax.xaxis, "ring")
        ax.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        ax.grid(axis="x", visible=False)
    style.label_axis(np.atleast_1d(axes)[0].yaxis, "Throughput", "bit/s")
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="none", label=name)
        for name, (color, marker) in SENDERS.items() if name in set(table["sender"])
    ]  # fmt: skip
    handles.append(Line2D([], [], color="0.3", linewidth=2.6, label="predicted: 50 %, 90 %"))
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return fig


def _beside(ax: Axes, rows: pd.DataFrame, place: float, look: tuple[str, str]) -> None:
    """One sender at one ring: the measured point, and right of it the interval."""
    color, marker = look
    at = np.full(len(rows), place)
    ends = np.array([rows["measured"] - rows["least"], rows["most"] - rows["measured"]])
    ax.errorbar(at, rows["measured"], yerr=ends, linestyle="none", marker=marker, markersize=3.5, color=color,
                markeredgecolor="white", markeredgewidth=0.4, elinewidth=0.8, zorder=3)  # fmt: skip
    for low, high, width, strength in (("low90", "high90", 0.8, 0.9), ("low50", "high50", 3.0, 0.45)):
        ax.vlines(at + STEP, rows[low], rows[high], color=color, linewidth=width, alpha=strength, zorder=2)
    ax.plot(at + STEP, rows["predicted"], linestyle="none", marker="_", markersize=5, color="black", zorder=2.5)


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
    style.label_axis(ax.xaxis, "Measured over predicted", "1")
    key(ax)
    return fig


def bursts(found: pd.DataFrame, law: pd.DataFrame) -> Figure:
    """Dropped share of bursts over ring size: measured, and the burst law for the stock driver.

    Parameters
    ----------
    found
        Measured shares by ring and variant.
    law
        What `tunbp.evidence.live.predict_bursts` returned.

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
    at = law["ring"].map(sizes.index) - BESIDE
    ax.plot(at, law["drop_fraction"], linestyle="none", marker="_", color="black", markersize=14, zorder=2)
    style.label_field(ax.xaxis, "ring")
    style.label_axis(ax.yaxis, "Dropped by ring and qdisc", "1", "%")
    ax.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    key(ax, handles=[Line2D([], [], color="black", linestyle="none", marker="_", markersize=9, label="burst law")])
    return fig
