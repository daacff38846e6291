"""Figures of notebook 01: the paper's two tables, and what its 36 % mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from tunbp.plots import figures
from tunbp.plots.style import figure, label_axis
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PATHS = {"lab": "lab, emulated delay", "real": "Germany–USA, about 120 ms"}

TEXTS = {
    "openvpn_throughput": Text(
        "TCP throughput through OpenVPN and wireguard-go, stock and backpressure",
        "Throughput of one TCP connection over the round-trip time in the lab (left) and over the queue "
        "length of the TUN device on a path of about 120 ms (right). Open markers: published (one value each, "
        "no spread). Lines: simulated, mean over seeds with the central 95 %. Constants are fitted to some of "
        "the rows, see the table of errors.",
    ),
    "openvpn_36_percent": Text(
        "What the 36 % means",
        "OpenVPN over about 120 ms with a queue of 500 packets, published: the difference is 57 % of stock "
        "and 36 % of backpressure.",
    ),
}
"""Words of each figure, by its id."""


def paper(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Throughput of each tunnel over RTT and over queue length: published markers, simulated lines.

    Parameters
    ----------
    tables
        `evidence.openvpn.compare` by path (``"lab"``, ``"real"``).
    """
    tunnels = list(dict.fromkeys(name for table in tables.values() for name in table["tunnel"]))
    fig, axes = figure("text" if len(tables) > 1 else "column", 0.5 + 1.75 * len(tunnels), len(tunnels),
                       len(tables), squeeze=False)  # fmt: skip
    for column, (path, table) in enumerate(tables.items()):
        for row, tunnel in enumerate(tunnels):
            _paper_panel(axes[row, column], table[table["tunnel"] == tunnel], path)
            axes[row, column].set_title(f"{tunnel}: {PATHS[path]}")
            if row < len(tunnels) - 1:
                axes[row, column].set_xlabel("")
    figures.key(fig, loc="outside upper center", ncols=4)
    return fig


def _paper_panel(ax: Axes, table: pd.DataFrame, path: str) -> None:
    axis = "rtt" if path == "lab" else "ring"
    if path == "real":
        ax.set_xscale("log")
        ax.set_yscale("log")
    figures.simulated(ax, table, axis, "model", low="low", high="high", label=False)
    figures.published(ax, table, axis, "published", label=False)
    label_axis(ax.yaxis, "Throughput", "bit/s")
    if path == "lab":
        label_axis(ax.xaxis, "Round-trip time", "s")
        ax.set_ylim(bottom=0)
        ax.set_xlim(left=0)
    else:
        label_axis(ax.xaxis, "Queue length", "packet")
        ax.set_ylim(1e6, 1.5 * float(table[["published", "model"]].max().max()))


def percentages(stock: float, patched: float, gain: float, deficit: float) -> Figure:
    """Two bars and the two percentages that lie between them: what the 36 % means.

    Parameters
    ----------
    stock, patched
        Throughputs [bit/s].
    gain, deficit
        patched / stock - 1 and 1 - stock / patched.
    """
    fig, ax = figure("column", 1.7)
    table = pd.DataFrame({"name": ["OpenVPN, 500 packets"] * 2, "variant": ["stock", "patched"],
                          "throughput": [stock, patched]})  # fmt: skip
    figures.bars(ax, table, "name", "throughput", horizontal=True)
    ax.set_yticks([-0.2, 0.2], ["stock", "backpressure"])
    ax.axvline(stock, color="black", linewidth=0.7, linestyle=(0, (2, 2)))
    ax.axvline(patched, color="black", linewidth=0.7, linestyle=(0, (2, 2)))
    ax.annotate("", (patched, -0.2), (stock, -0.2), arrowprops={"arrowstyle": "<->", "linewidth": 0.8, "shrinkA": 0,
                                                               "shrinkB": 0})  # fmt: skip
    words = f"+{100 * gain:.1f} % of stock\n−{100 * deficit:.1f} % of backpressure".replace("-", "−")
    ax.text(patched * 1.02, -0.2, words, va="center", ha="left", fontsize=7)
    ax.set_xlim(0, patched * 1.6)
    return fig
