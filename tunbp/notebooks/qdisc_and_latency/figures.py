"""Figures of notebook 04: latency over ring size, the shaped tun, a video's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import seaborn as sns

from tunbp.evidence import latency
from tunbp.plots import style
from tunbp.plots.bands import draw_simulated
from tunbp.plots.legend import GREY, HALO, key
from tunbp.plots.points import estimates
from tunbp.plots.texts import Text
from tunbp.quantities import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS = {
    "qdisc_latency": Text(
        "Throughput and latency over ring size, stock and backpressure",
        "Only backpressure with fq_codel has both: at the marked ring a bulk flow carries 98 % of its best rate and a "
        "sparse flow beside it waits well below a millisecond. Stock trades one for the other; pfifo behind a stopped "
        "ring only moves the queue. Left: throughput of the bulk flow. Middle and right: what a sparse flow waits in "
        "ring and qdisc. Simulated: median of the seeds and where one more falls (of fewer than 39 their whole "
        "range); base round-trip time and reader as in the "
        "parameters. Dotted: a ring that is always full, N over the reader's speed.",
        "Three panels over ring size. Backpressure reaches the full rate at small rings, where the wait behind "
        "fq_codel is small; with pfifo its wait is large at every ring.",
    ),
    "tun_shaped": Text(
        "Ping through a tun device that is read at 8 Mbit/s, by driver and txqueuelen",
        "A full ring of 500 packets explains the 670 to 770 ms that were reported with any qdisc "
        "(unix.stackexchange 762935, grey band). Backpressure with fq_codel alone does not help: what is in the ring "
        "no qdisc sorts. A ring of 10 to 50 packets does, and only with backpressure is it not paid by losses. "
        "Simulated: 20 TCP streams; the path's own round trip of 5 ms is assumed.",
        "Dot plot on a logarithmic axis: at 500 packets both drivers lie at or near the reported band, at 10 packets "
        "both at about 20 ms.",
    ),
    "video_loss": Text(
        "Loss of a video in a stock ring of 25 packets, over the size of its frames",
        "The 29 % of the paper's abstract (dotted) is what a ring of 25 does to frames of about 30 packets: a frame "
        "arrives at once, and what of it exceeds the ring is dropped. The reader's speed hardly matters (bands: 2 to "
        "60 Kpps). 30 frames per second, one I-frame in 30; all sizes are assumed, so this shows what is possible, not "
        "what the paper's video was. With backpressure the ring drops nothing.",
        "Three rising lines, one per size of the other frames; those of 30 packets cross the dotted line of 29 per "
        "cent.",
    ),
}
"""Words of each figure, by its id."""

GREYS = ("#000000", "#5a5a5a", "#9a9a9a")
"""Colours of readers: neither stock nor backpressure."""


def over_rings(bulk: pd.DataFrame) -> Figure:
    """Throughput over ring size, and a sparse flow's wait in one panel per qdisc; the ring that has both is marked.

    Parameters
    ----------
    bulk
        `evidence.latency.over_rings`.
    """
    qdiscs = list(dict.fromkeys(bulk["qdisc"]))
    fig, axes = style.figure("text", 2.7, cols=1 + len(qdiscs), sharex=True)
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
    panels = [(axes[0], "received_rate")]
    panels += [(ax, "wait") for ax, qdisc in zip(axes[1:], qdiscs, strict=True) if qdisc == best["qdisc"]]
    for ax, value in panels:
        ax.axvline(best["ring"], color="black", linewidth=0.7, zorder=1)
        ax.plot(
            [best["ring"]], [best[value]], marker="*", markersize=8, color="black", markeredgecolor="white", zorder=5
        )
    ax = panels[-1][0]
    text = ax.annotate(
        f"ring of {best['ring']:.0f}:\n{show(best['received_rate'], 'bit/s', 2)},\nwait {show(best['wait'], 's', 2)}",
        (best["ring"], best["wait"]), xytext=(7, -6), textcoords="offset points", va="top", fontsize=6.5,
    )  # fmt: skip
    text.set_path_effects(HALO)
    key(fig, loc="outside upper center", ncols=2)
    return fig


def _wait_panel(ax: Axes, part: pd.DataFrame) -> None:
    ax.set_yscale("log")
    draw_simulated(ax, part, "ring", "wait", label=False)
    full = part.drop_duplicates("ring").sort_values("ring")
    ax.plot(full["ring"], full["full_ring"], color=GREY, linestyle=":", linewidth=0.9, zorder=1)
    start = full.iloc[len(full) // 2]
    text = ax.annotate("full ring: $N/\\mu$", (start["ring"], start["full_ring"]), va="top", xytext=(2, -2),
                       textcoords="offset points", fontsize=6.5, color=GREY)  # fmt: skip
    text.set_visible(part["qdisc"].iloc[0] != "fq_codel")  # there it lies on the line of backpressure
    style.label_axis(ax.yaxis, "Wait of a sparse flow", "s")


def shaped(table: pd.DataFrame) -> Figure:
    """Ping behind a tun read at 8 Mbit/s, a row per driver and ring, over the band that was reported.

    Parameters
    ----------
    table
        `evidence.latency.shaped_tun`.
    """
    rings = [ring for ring in (500, 100, 50, 10) if ring in set(table["ring"])]
    rows = [("stock", ring) for ring in rings[:1]] + [("backpressure", ring) for ring in rings]
    qdiscs = {"stock": "stock, any qdisc", "backpressure": "backpressure, fq_codel"}
    known = table.set_index(["variant", "ring"])["rtt"]
    lines = pd.DataFrame(
        {"name": [f"{qdiscs[variant]}, {ring}" for variant, ring in rows], "variant": [variant for variant, _ in rows],
         "rtt": [known[row] for row in rows]}
    )  # fmt: skip
    fig, ax = style.figure("column", 0.7 + 0.24 * len(lines))
    low, high = latency.shaped_published()
    ax.axvspan(low, high, color="#BBBBBB", alpha=0.7, linewidth=0)
    ax.set_xscale("log")
    estimates(ax, lines, "name", "rtt", variant="variant")
    ax.set_ylim(len(lines) - 0.4, -1.0)
    ax.annotate("reported, any qdisc, 500", (low, -0.72), xytext=(-3, 0), textcoords="offset points", fontsize=6.5,
                ha="right", va="center")  # fmt: skip
    style.label_axis(ax.xaxis, "Ping", "s")
    return fig


def video(frames: pd.DataFrame, ring: int = 25) -> Figure:
    """Loss of a video over the size of its I-frames, a line per size of the other frames, and the paper's value.

    Parameters
    ----------
    frames
        `evidence.latency.video`.
    ring
        The ring to show.
    """
    fig, ax = style.figure("column")
    part = frames[frames["ring"] == ring]
    sizes = sorted(set(part["frame"]))
    sns.lineplot(
        part, x="iframe", y="loss", hue="frame", style="frame", palette=dict(zip(sizes, GREYS, strict=True)),
        estimator="median", errorbar=("pi", 100), err_kws={"linewidth": 0, "alpha": 0.25}, legend=False, ax=ax,
    )  # fmt: skip
    middle = part.groupby(["frame", "iframe"])["loss"].median()
    at = sorted(set(part["iframe"]))[4]
    for size in sizes:
        text = ax.annotate(f"other frames of {size} packets", (at, middle[size, at]), ha="center", va="center",
                           fontsize=6.5)  # fmt: skip
        text.set_path_effects(HALO)
    stock = style.variant_style("stock").color
    _, lost = latency.VIDEO_PUBLISHED
    ax.axhline(lost, color=stock, linestyle=":", linewidth=1.0)
    ax.annotate("paper: up to 29 %", (part["iframe"].min(), lost), xytext=(0, 2), textcoords="offset points",
                fontsize=6.5, color=stock)  # fmt: skip
    ax.set_ylim(0, 1.15 * float(part["loss"].max()))
    ax.set_xlabel("Packets of an I-frame")
    style.label_axis(ax.yaxis, "Packets lost", "1", "%")
    return fig
