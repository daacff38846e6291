"""Figures of notebook 04: latency over ring size, the shaped tun, a video's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tunbp.evidence import latency
from tunbp.model.drivers import DEFAULT_RING
from tunbp.plots import style
from tunbp.plots.bands import draw_simulated
from tunbp.plots.legend import GREY, key, set_up
from tunbp.plots.texts import Text
from tunbp.quantities import percent, show, show_range

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS = {
    "qdisc_latency": Text(
        "Throughput and latency over ring size, stock and backpressure",
        "A small ring is enough with backpressure: at the star a bulk flow (left) has 98 % of its best rate or more, "
        "and behind fq_codel a sparse flow beside it (right) waits for what is in the ring alone. Stock needs a far "
        "larger ring for the same rate, and pfifo behind a stopped ring (middle) only moves the queue into itself. "
        "Stock waits the same behind both qdiscs, which never hold its packets, and its short waits are those of the "
        "packets that the ring did not drop. "
        "Lines: simulated, median of the seeds; bands: where one more falls (of fewer than 39 their whole "
        "range). Dotted: a ring that is always full.",
        "Three panels over txqueuelen. With backpressure the rate is nearly full from small rings on, with stock from "
        "large ones on; the wait of a sparse flow grows with the ring behind fq_codel and is some milliseconds at "
        "every ring behind pfifo.",
    ),
    "tun_shaped": Text(
        "Ping through a tun device that is read at 8 Mbit/s, by driver and txqueuelen",
        "The ring makes the ping, with either driver: to read a full ring of 500 packets takes 750 ms, and 670 to 770 "
        "ms were reported by a user with any qdisc (black bar; unix.stackexchange 762935). Backpressure with fq_codel "
        "shortens the ping by a fifth at most, as no qdisc sorts what is in the ring: only a smaller ring does. Stock "
        "pays for that with losses, backpressure does not. Lines: simulated, 20 TCP streams, mean; the path's own "
        "round trip of 5 ms "
        "is assumed.",
        "Two rising lines on logarithmic axes that lie close to each other, from tens of milliseconds at 10 packets to "
        "hundreds at 500, where a bar shows what was reported.",
    ),
    "video_loss": Text(
        "Loss of a video in a stock ring of 25 packets, over the size of its frames",
        "The 29 % of the paper, as the first mail of the series quotes it (S01, dotted), is possible: a ring of 25 "
        "drops what of a frame exceeds it, and "
        "frames somewhat above 30 packets, or of 30 with I-frames of more than 200, lose that much. The reader's speed "
        "hardly matters (2 to 60 Kpps). Simulated; 30 frames per second, one I-frame in 30. All sizes are "
        "assumed: this shows what is possible, not what the paper's video was. With backpressure the ring drops "
        "nothing.",
        "Three rising lines, one per size of the other frames: 40 packets lie above the dotted line of 29 per cent, "
        "20 below, 30 reach it at large I-frames.",
    ),
}
"""Words of each figure, by its id."""

GREYS = ("#000000", "#5a5a5a", "#9a9a9a")
"""Colours of readers: neither stock nor backpressure."""


def over_rings(bulk: pd.DataFrame, *facts: str) -> Figure:
    """Throughput over ring size, and a sparse flow's wait in one panel per qdisc; the ring that has both is marked.

    Parameters
    ----------
    bulk
        `evidence.latency.over_rings`.
    *facts
        What was simulated, for the line of the set-up (`tables.simulated`).

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    qdiscs = list(dict.fromkeys(bulk["qdisc"]))
    fig, axes = style.figure("text", 2.9, cols=1 + len(qdiscs), sharex=True)
    best = latency.sweet_spot(bulk)
    last = bulk[bulk["qdisc"] == best["qdisc"]]
    draw_simulated(axes[0], last, "ring", "received_rate", label=False)
    style.label_axis(axes[0].yaxis, "Throughput", "bit/s")
    axes[0].set(ylim=(0, None), title=f"Bulk flow, {best['qdisc']}")
    for ax, qdisc in zip(axes[1:], qdiscs, strict=True):
        _wait_panel(ax, bulk[bulk["qdisc"] == qdisc])
        ax.set_title(f"Sparse flow, {qdisc}")
        ax.set_ylim(max(bulk["wait"][bulk["wait"] > 0].min() * 0.5, 1e-6), 3 * bulk["wait"].max())
    for ax in axes:
        ax.set_xscale("log")
        style.label_field(ax.xaxis, "ring")
    axes[1].text(0.97, 0.04, "stock: alike behind any qdisc,\nof packets not dropped", ha="right", fontsize=6.5,
                 transform=axes[1].transAxes, color=style.variant_style("stock").color)  # fmt: skip
    panels = [(axes[0], "received_rate")]
    panels += [(ax, "wait") for ax, qdisc in zip(axes[1:], qdiscs, strict=True) if qdisc == best["qdisc"]]
    for ax, value in panels:
        ax.axvline(best["ring"], color="black", linewidth=0.7, zorder=1)
        ax.plot(
            [best["ring"]], [best[value]], marker="*", markersize=8, color="black", markeredgecolor="white", zorder=5
        )
    rate, wait = show(best["received_rate"], "bit/s", 2), show(best["wait"], "s", 2)
    star = Line2D([], [], color="black", linewidth=0.7, marker="*", markersize=8, markeredgecolor="white",
                  label=f"smallest with 98 % of the rate: {best['ring']:.0f} ({rate}, wait {wait})")  # fmt: skip
    full = Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label="a full ring: txqueuelen / reader's speed")
    band = Patch(color=GREY, alpha=0.18, linewidth=0, label=f"range of {bulk['seed'].nunique()} seeds")
    key(fig, loc="outside upper center", ncols=3, handles=[band, full, star])
    set_up(fig, *facts, "waits are those of packets that were not dropped")
    return fig


def _wait_panel(ax: Axes, part: pd.DataFrame) -> None:
    ax.set_yscale("log")
    draw_simulated(ax, part, "ring", "wait", label=False)
    full = part.drop_duplicates("ring").sort_values("ring")
    ax.plot(full["ring"], full["full_ring"], color=GREY, linestyle=":", linewidth=0.9, zorder=1)
    style.label_axis(ax.yaxis, "Wait of a sparse flow", "s")


def shaped(table: pd.DataFrame) -> Figure:
    """Ping behind a tun read at 8 Mbit/s over txqueuelen, both drivers, and the range that was reported at one ring.

    Parameters
    ----------
    table
        `evidence.latency.shaped_tun`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, ax = style.figure("column", 2.7)
    ax.set(xscale="log", yscale="log")
    draw_simulated(ax, table, "ring", "rtt", label=False)
    low, high = latency.shaped_published()
    ring, rings = DEFAULT_RING["tun"], np.array(sorted(set(table["ring"])))
    ax.plot(rings, rings / latency.SHAPED_RATE, color=GREY, linestyle=":", linewidth=0.9, zorder=1)
    ax.errorbar([1.13 * ring], [(low + high) / 2], yerr=(high - low) / 2, color="black", capsize=3, linestyle="none")
    said = f"{1e3 * low:.0f} to {show(high, 's')}, reported at {ring}"
    bars = [
        Line2D([], [], color="black", marker="|", markersize=7, linestyle="none", label=said),
        Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label="a full ring: txqueuelen / reader's speed"),
    ]
    ax.set_xlim(None, 1.4 * ring)
    style.label_field(ax.xaxis, "ring")
    style.label_axis(ax.yaxis, "Ping", "s")
    key(fig, loc="outside upper center", ncols=2, handles=bars)
    set_up(fig, "lines simulated: tun read at 8 Mbit/s, 20 TCP streams, stock pfifo_fast, backpressure fq_codel, "
           "path of 5 ms")  # fmt: skip
    return fig


def video(frames: pd.DataFrame, ring: int = latency.VIDEO_PUBLISHED[0]) -> Figure:
    """Loss of a video over the size of its I-frames, a line per size of the other frames, and the paper's value.

    Parameters
    ----------
    frames
        `evidence.latency.video`.
    ring
        The ring to show.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, ax = style.figure("column")
    part = frames[frames["ring"] == ring]
    sizes = sorted(set(part["frame"]))
    sns.lineplot(
        part, x="iframe", y="loss", hue="frame", style="frame", palette=dict(zip(sizes, GREYS, strict=True)),
        estimator="median", errorbar=None, legend=False, ax=ax,
    )  # fmt: skip
    middle = part.groupby(["frame", "iframe"])["loss"].median()
    last = part["iframe"].max()
    for size in sizes:
        ax.annotate(f"{size} packets", (last, middle[size, last]), xytext=(4, 0), textcoords="offset points",
                    va="center", fontsize=6.5)  # fmt: skip
    ax.annotate("other frames:", (last, middle[sizes[-1], last]), xytext=(4, 9), textcoords="offset points",
                va="center", fontsize=6.5)  # fmt: skip
    ax.set_xlim(None, 1.3 * last)
    ax.set_xticks([size for size in ax.get_xticks() if 0 < size <= last])
    stock = style.variant_style("stock").color
    _, lost = latency.VIDEO_PUBLISHED
    ax.plot([part["iframe"].min(), last], [lost, lost], color=stock, linestyle=":", linewidth=1.0)
    ax.annotate(f"the paper, quoted in S01: up to {100 * lost:.0f} %", (part["iframe"].min(), lost), xytext=(0, 2),
                textcoords="offset points", fontsize=6.5, color=stock)  # fmt: skip
    ax.set_ylim(0, 1.15 * float(part["loss"].max()))
    ax.set_xlabel("Packets of an I-frame")
    style.label_axis(ax.yaxis, "Packets lost", "1", "%")
    slow, fast = float(part["reader"].min()), float(part["reader"].max())
    apart = float(part.groupby(["frame", "iframe"])["loss"].agg(np.ptp).max())
    set_up(
        fig, f"simulated, stock driver, txqueuelen {ring}, 30 frames a second, each at once, one I-frame in 30",
        "all frame sizes assumed",
        f"readers of {show_range(slow, fast, 'packet/s')}: median, at most {percent(apart, 1)} apart",
    )  # fmt: skip
    return fig
