"""Figures of notebook 07: a live kernel's measurements beside the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from tunbp.notebooks.words import named
from tunbp.plots import style
from tunbp.plots.legend import GREY, drew, key, model_handle, set_up
from tunbp.plots.points import APART, draw_measured, model_mark, runs
from tunbp.plots.predictive import GREY as INTERVAL
from tunbp.plots.predictive import draw_predictive, predictive_handles
from tunbp.plots.texts import Text
from tunbp.quantities import percent, show
from tunbp.statistics import median_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS = {
    "live_openvpn": Text(
        "TCP through OpenVPN on a live kernel: throughput and ping",
        "With CUBIC backpressure carries many times as much through small rings, and a ping beside the transfer pays "
        "for it; with BBR the ping stays and the gain is small. "
        "Thin ticks: single runs; markers: their median with its exact interval; below each: the predictive interval "
        "(90 % thin, 50 % thick, bar: median) from the reader's speed, the burst rate and priors.",
        "Two panels with one row per path and ring: on the left backpressure lies far right of stock where the ring "
        "is small, on the right its ping is two to four times that of stock with CUBIC and the same with BBR. "
        "Predictive intervals lie between the two drivers at small rings.",
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
        "small. Dashes: single runs; markers: their median. Right of each: the predictive interval (90 % thin, 50 % "
        "thick, bar: median) from the floods' constants and priors; nothing was fitted to these runs. Without a mark: "
        "not measured. Ring sizes stand side by side, not to scale.",
        "Six panels by congestion control, buffers and added RTT, rates on a logarithmic axis, one place for each ring "
        "size; at 0 ms all rates are alike, at 60 and 120 ms they rise with the ring, as the intervals do.",
    ),
    "live_pacing": Text(
        "CUBIC paced and plain through the same tunnel: measured, and predicted without a fit",
        "What a short stock ring carries is decided by the sender: paced CUBIC (as on a host whose default is BBR) "
        "gets many times as much through 25 and 100 packets as plain CUBIC, whose windows come in bursts. Through 5000 "
        "both carry what the reader can. Dashes: single runs; markers: their median. Right of each: the predictive "
        "interval (90 % thin, 50 % thick, bar: median) from the floods' constants and priors. Ring sizes stand side by "
        "side, not to scale.",
        "Four panels by sender and added RTT, rates on a logarithmic axis, one place for each ring size: plain CUBIC "
        "rises steeply with the ring from a few Mbit/s, paced CUBIC is nearly level.",
    ),
    "live_experiments_ratio": Text(
        "The other experiments: measured beside predicted",
        "Predictions of rates, times and counts of the other experiments, each over what was measured: right of the "
        "line it was predicted too high. What shares a processor with its senders carries less than the model says, a "
        "slow uplink and a veth what it says. "
        "Markers: median of a configuration's runs, with their range; one without a line was run once, or alike. "
        "Shares of dropped packets are in the table alone.",
        "Dots in one row per configuration on a logarithmic axis around a line at one: those of the slow uplink, of "
        "veth and of native senders lie near it, those of wireguard-go and of one emulated processor right of it.",
    ),
}
"""Words of each figure, by its id."""

MARK = 0.03
"""Height of a marker in the panel of dropped shares."""
BELOW = 0.13
"""How far below its runs a predictive interval is drawn, in rows."""
FIELD = "#e6e6e6"
"""Colour of fields and lines between rows."""
BESIDE = 0.1
"""How far two marks are drawn from the middle of a ring, in rings."""


PANELS = {"received_rate": ("Throughput", "bit/s"), "ping_mean_rtt": ("Ping under load", "s")}
"""Quantities of the tunnel's figure: words and SI unit."""


def tunnel(measurements: pd.DataFrame, table: pd.DataFrame, predicted: pd.DataFrame, where: str = "") -> Figure:
    """TCP through the tunnel: throughput on the left, the ping beside it on the right; runs and predictive intervals.

    Parameters
    ----------
    measurements
        One row per run: `setup`, `variant`, `received_rate`, `ping_mean_rtt`.
    table
        `evidence.live.compare`: the cells' settings.
    predicted
        `evidence.blind.rates_and_pings` of the same cells.
    where
        Kernel and machine in words.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    rows = list(dict.fromkeys(measurements["setup"]))
    fig, axes = style.figure("text", 0.9 + 0.56 * len(rows), cols=2, sharey=True)
    for ax, (quantity, (words, unit)) in zip(axes, PANELS.items(), strict=True):
        ax.set_xscale("log")
        runs(ax, measurements, "setup", quantity, horizontal=True)
        _predictions(ax, predicted[predicted["quantity"] == quantity], table, rows)
        style.label_axis(ax.xaxis, words, unit)
        ax.set(ylabel="", ylim=(len(rows) - 0.4, -0.6))
        ax.grid(axis="y", visible=False)
        for at in range(1, len(rows)):
            ax.axhline(at - 0.5, color=FIELD, linewidth=0.6, zorder=0)
    axes[0].set_title("Throughput")
    axes[1].set_title("Ping: its price")
    axes[0].set_yticks(range(len(rows)), [row.replace("ring ", "txqueuelen ") for row in rows])
    held = percent(median_interval(np.arange(table["count"].min())).level, 2)
    marks = [
        Line2D([], [], color=GREY, linestyle="none", marker="|", markersize=4, markeredgewidth=0.7, label="single run"),
        Line2D([], [], color=GREY, marker="o", markersize=4, linewidth=0.9, label=f"their median, {held} interval"),
    ]
    key(fig, axes[0], loc="outside upper center", ncols=7, handles=[*marks, *predictive_handles()])
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


def _predictions(ax: Axes, predicted: pd.DataFrame, table: pd.DataFrame, rows: list[str]) -> None:
    """Predictive intervals of one quantity, below the marks of the runs of their variant."""
    variants = list(dict.fromkeys(table["variant"]))
    setups = table.drop_duplicates("cell").set_index("cell")["setup"]
    # where `runs` draws this variant within its row
    beside = {name: APART * (number / max(len(variants) - 1, 1) - 0.5) for number, name in enumerate(variants)}
    at = predicted["cell"].map(setups).map(rows.index) + predicted["variant"].map(beside) + BELOW
    draw_predictive(ax, predicted.assign(at=at), "at")


SENDERS = {
    "CUBIC": "Plain CUBIC, buffers of 32 MB", "paced CUBIC": "Paced CUBIC, buffers of 32 MB",
    "paced CUBIC, default windows": "Paced CUBIC, default buffers", "BBR": "BBR, buffers of 32 MB",
}  # fmt: skip
"""Words for congestion control and TCP buffers of each sender of the native runs, in the order of the panels."""


def native(table: pd.DataFrame) -> Figure:
    """Single runs and their median beside predictive intervals over ring size, a panel per sender and added RTT.

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
    cols = min(table["added_rtt"].nunique(), len(panels))
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
    look = style.variant_style("stock")
    measured = Line2D([], [], color=look.color, linestyle="none", marker=look.marker, label="measured: median of runs")
    run = Line2D([], [], color=look.color, linestyle="none", marker="_", markersize=5, markeredgewidth=0.7,
                 label="single run")  # fmt: skip
    missed = Line2D([], [], color="black", linestyle="none", marker="|", markersize=9, label="90 % misses the median")
    handles = [measured, run, *predictive_handles(horizontal=False), missed]
    fig.legend(handles=handles, loc="outside upper center", ncols=6)
    set_up(fig, "OpenVPN at native speed, unchanged tun driver", "1 TCP stream", f"{words_of(table['runs'])} runs each")
    return fig


def _native_panel(ax: Axes, part: pd.DataFrame, sizes: list[int]) -> None:
    """One sender at one delay: a measured point at each ring, and right of it the interval."""
    at = part["ring"].map(sizes.index)
    part = part.assign(left=at - BESIDE, right=at + BESIDE)
    colors = np.where(part["inside90"], INTERVAL, "black")
    draw_predictive(ax, part, "right", median="predicted", horizontal=False, color=colors)
    draw_measured(ax, part, "left", "measured", label=False)
    for row in part.to_dict("records"):
        ax.plot([row["left"] - 2 * BESIDE] * len(row["rates"]), row["rates"], linestyle="none", marker="_",
                markersize=5, markeredgewidth=0.7, color=style.variant_style("stock").color)  # fmt: skip
    for place in sorted(set(range(len(sizes))) - set(at)):
        ax.text(place, 0.04, "not run", color=GREY, fontsize=6.5, ha="center", va="bottom", style="italic",
                transform=ax.get_xaxis_transform())  # fmt: skip
    ax.set(yscale="log", xlim=(-0.5, len(sizes) - 0.5))
    ax.grid(axis="x", visible=False)


MEASUREMENTS = {
    "shaped": "OpenVPN over 8 Mbit/s", "vhost": "vhost-net", "wireguard": "wireguard-go",
    "wireguard_sockets": "wireguard-go, two sizes of sockets",
    "senders_wake_at_eighth": "senders, woken at an eighth", "senders_wake_when_empty": "senders, woken when empty",
}  # fmt: skip
"""Measurements in words, where their name does not say it."""
RATED = {"transmitted_rate": "rate", "received_rate": "rate", "ping_mean_rtt": "ping", "per_stop": "packets per stop"}
"""Words of the quantities that are compared."""


def experiments(table: pd.DataFrame) -> Figure:
    """Predicted over measured, a row per cell and quantity below its measurement's name; marks with the runs' range.

    Parameters
    ----------
    table
        `tunbp.evidence.experiments.rated`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    groups = {str(name): _cells(part) for name, part in table.groupby("measurement", sort=False)}
    lines = [line for name, cells in groups.items() for line in (_title(name), *cells)]
    fig, ax = style.figure("text", 0.9 + 0.112 * len(lines))
    at = -1
    for cells in groups.values():
        at += 1
        ax.axhline(at, color=FIELD, linewidth=7, zorder=0)
        for rows in cells.values():
            at += 1
            for row in rows.to_dict("records"):
                look = style.variant_style(row["variant"])
                over = row["predicted"] / np.array([row["most"], row["measured"], row["least"]])
                ends = np.abs(over[[[0], [2]]] - over[1])
                ax.errorbar(over[1], at + ASIDE[row["variant"]], xerr=ends, marker=look.marker, color=look.color,
                            linestyle="none", elinewidth=0.8, markersize=3.5, markeredgecolor="white",
                            markeredgewidth=0.3)  # fmt: skip
                drew(ax, look, "measured")
    ax.axvline(1.0, color="black", linewidth=0.9, zorder=1)
    ax.set_xscale("log")
    ax.set_yticks(range(len(lines)), lines, fontsize=6.5)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(lines) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    style.label_axis(ax.xaxis, "Predicted over measured", "1")
    span = Line2D([], [], color=GREY, marker="o", markersize=3.5, linewidth=0.8, label="median, range of runs")
    key(fig, loc="outside upper center", ncols=3, handles=[span])
    set_up(fig, "Linux 7.3.4 in an emulated machine of one processor, where it does not say native", "nothing fitted")
    return fig


ASIDE = {"stock": -0.17, "backpressure": 0.17}
"""How far from the middle of its row a variant's mark is drawn, in rows."""


def _title(measurement: str) -> str:
    """A measurement in words."""
    experiment = measurement.removesuffix("_native")
    return MEASUREMENTS.get(experiment, experiment.replace("_", " ")) + ", native" * (experiment != measurement)


def _cells(part: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of one measurement by cell and quantity; what all its cells have in common is not said."""
    words = {cell: named(cell.replace("_guest", " guest")).split(", ") for cell in dict.fromkeys(part["cell"])}
    common = set.intersection(*map(set, words.values())) if len(words) > 1 else set()
    found = {}
    for (cell, variable), rows in part.groupby(["cell", "variable"], sort=False):
        own = [word for word in words[cell] if word not in common] or ["pfifo_fast"]  # which `named` leaves out
        told = re.sub(r"guest(\d+)pps", r"guest of \1/s", ", ".join(own)).replace("ring ", "txqueuelen ")
        told = told.replace("tcp", "TCP").replace("udp", "UDP")
        found[f"{told}: {RATED.get(str(variable), variable)}"] = rows
    return found


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
    key(ax, handles=[model_handle("predicted for stock: 1 − μ/λ − N/B", upright=False)])
    pushed = show(float(law["burst_rate"].median()), "packet/s", 2)
    burst = f"bursts of B = {words_of(found['burst'])} packets at λ = {pushed}"
    reader = f"a reader of μ = {words_of(found['reader_rate'])} packets/s"
    unseen = ", whose intervals are smaller than the marks" * bool((found["high"] - found["low"]).max() < MARK)
    repeated = f"medians of {words_of(found['count'])} runs{unseen}"
    set_up(fig, where, f"{burst} into {reader}", f"qdisc {words_of(found['qdisc'])}", repeated)
    return fig
