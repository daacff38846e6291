"""Figures of notebook 04: latency over ring size, the shaped tun, a video's loss, the ring's own delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tunbp.evidence import latency
from tunbp.plots import figures, style
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "qdisc_latency": Text(
        "Throughput and latency over ring size, stock and backpressure",
        "One bulk TCP flow through a tun ring: throughput, and what a sparse flow beside it waits. Median and "
        "range over seeds. Simulated; base round-trip time and reader as in the parameters.",
    ),
    "tun_shaped": Text(
        "Ping behind a tun ring read at 8 Mbit/s",
        "unix.stackexchange 762935: ping takes 670 to 770 ms (band) whatever the qdisc. Simulated: 20 TCP "
        "streams, ring of 500 and smaller. RTT of the path without the ring: 5 ms, assumed.",
    ),
    "video_loss": Text(
        "Loss of a video over ring size for plausible frames and readers",
        "Packets dropped by the ring of a stock tun device; line and band: median and range over assumed frame "
        "sizes; marker: the paper's 29 % at 25 packets. With backpressure nothing is dropped in the ring.",
    ),
    "ring_delay": Text(
        "What waits in a full ring, in front of any qdisc",
        "Time a full ring takes to drain, N / mu, for three readers (lines), and published ping times on veth "
        "(256 entries) with backpressure alone and with byte queue limits (open markers).",
    ),
}
"""Words of each figure, by its id."""

GREYS = (("#000000", "-"), ("#666666", "--"), ("#999999", "-."))
"""Colour and line of the readers: neither stock nor backpressure."""


def over_rings(bulk: pd.DataFrame) -> Figure:
    """Throughput over ring size, and a sparse flow's wait in one panel per qdisc."""
    qdiscs = list(dict.fromkeys(bulk["qdisc"]))
    fig, axes = style.figure("text", 2.5, cols=1 + len(qdiscs))
    last = bulk[bulk["qdisc"] == qdiscs[-1]]
    figures.simulated(axes[0], last, "ring", "received_rate", over="seed", label=False)
    style.label_axis(axes[0].yaxis, "Throughput", "bit/s")
    axes[0].set_ylim(bottom=0)
    axes[0].set_title(f"Bulk flow, {qdiscs[-1]}")
    for ax, qdisc in zip(axes[1:], qdiscs, strict=True):
        part = bulk[bulk["qdisc"] == qdisc]
        figures.simulated(ax, part, "ring", "wait", over="seed", label=False)
        full = part.drop_duplicates("ring").sort_values("ring")
        ax.plot(full["ring"], full["full_ring"], color="#666666", linestyle=":", linewidth=0.9, zorder=1)
        start = full.iloc[len(full) // 4]
        ax.annotate("full ring: $N/\\mu$", (start["ring"], start["full_ring"]), ha="left", va="top",
                    xytext=(3, -3), textcoords="offset points", fontsize=6.5)  # fmt: skip
        ax.set_yscale("log")
        style.label_axis(ax.yaxis, "Wait of a sparse flow", "s")
        ax.set_title(f"Sparse flow, {qdisc}")
        low = bulk["wait"][bulk["wait"] > 0].min() * 0.5
        ax.set_ylim(max(low, 1e-6), 3 * bulk["wait"].max())
    for ax in axes:
        ax.set_xscale("log")
        style.label_axis(ax.xaxis, "txqueuelen", "packet")
    figures.key(axes[0], loc="lower right")
    return fig


def shaped(table: pd.DataFrame) -> Figure:
    """Ping over ring size behind a tun read at 8 Mbit/s, with what was reported."""
    fig, ax = style.figure("column")
    low, high = latency.shaped_published()
    ax.axhspan(low, high, color="#BBBBBB", alpha=0.6, linewidth=0)
    ax.annotate("reported, any qdisc", (10, high), va="bottom", fontsize=6.5, xytext=(2, 1),
                textcoords="offset points")  # fmt: skip
    figures.simulated(ax, table, "ring", "rtt", label=False)
    rings = sorted(set(table["ring"]))
    ax.plot(rings, [ring / latency.SHAPED_RATE for ring in rings], color="#666666", linestyle=":", linewidth=0.9)
    start = rings[0] * 1.2
    ax.annotate("full ring: $N/\\mu$", (start, start / latency.SHAPED_RATE), ha="left", va="bottom", fontsize=6.5,
                xytext=(-2, 26), textcoords="offset points",
                arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#666666", "shrinkB": 1})  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    style.label_axis(ax.xaxis, "txqueuelen", "packet")
    style.label_axis(ax.yaxis, "Ping", "s")
    figures.key(ax, loc="lower right")
    return fig


def video(frames: pd.DataFrame) -> Figure:
    """Loss of a video over ring size: one line and range per reader, the paper's value as a marker."""
    fig, ax = style.figure("column")
    for (reader, part), (color, line) in zip(frames.groupby("reader"), GREYS, strict=True):
        loss = part.groupby("ring")["loss"]
        middle = loss.median()
        ax.plot(middle.index, middle, color=color, linestyle=line, label=f"{float(str(reader)) / 1e3:.0f} k packets/s")
        ax.fill_between(middle.index, loss.min(), loss.max(), color=color, alpha=0.13, linewidth=0)
    ring, lost = latency.VIDEO_PUBLISHED
    ax.plot([ring], [lost], marker="o", color=style.variant_style("stock").color, markerfacecolor="white",
            linestyle="none", label="paper: up to 29 %", zorder=4)  # fmt: skip
    ax.set_xscale("log")
    ax.set_ylim(0, 1)
    style.label_axis(ax.xaxis, "txqueuelen", "packet")
    style.label_axis(ax.yaxis, "Packets lost", "1", "%")
    ax.legend(title="stock, reader of", loc="upper right")
    return fig


def ring_delay(table: pd.DataFrame) -> Figure:
    """Time a full ring takes, for three readers, with the published pings on veth."""
    fig, ax = style.figure("column")
    for (reader, part), (color, line) in zip(table.groupby("reader"), GREYS, strict=True):
        speed = float(str(reader))
        words = "8 Mbit/s (667 packets/s)" if speed < 1000 else f"{speed / 1e3:.0f} k packets/s"
        ax.plot(part["ring"], part["delay"], color=color, linestyle=line, label=words)
    for (_, row), marker in zip(latency.veth().iterrows(), ("s", "D"), strict=True):
        ax.plot([row["ring"]], [row["delay"]], marker=marker, linestyle="none", markerfacecolor="white",
                color=style.variant_style("backpressure").color, label=f"{row['words']} (ping)")  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    style.label_axis(ax.xaxis, "Ring size", "packet")
    style.label_axis(ax.yaxis, "Time in a full ring", "s")
    ax.legend(loc="upper left", fontsize=6)
    ax.set_ylim(top=table["delay"].max() * 60)
    return fig
