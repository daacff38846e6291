"""Figures of notebook 01: the paper's two tables beside the model, and what 36 % of it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from tunbp.notebooks.openvpn_throughput.tables import DOUBT
from tunbp.plots.bands import draw_doubt, draw_simulated
from tunbp.plots.legend import GREY, fitted_handle, key, name_lines, set_up
from tunbp.plots.points import draw_published
from tunbp.plots.style import figure, format_tick, label_axis, label_field, variant_style
from tunbp.plots.texts import Text
from tunbp.quantities import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARKNESS = 0.1
"""Of the bands."""
PATHS = {"lab": "lab, txqueuelen {ring:.0f}", "real": "Germany–USA, RTT of about {rtt:.0f} ms"}
"""Words for what is the same in all of a path's values; `ring` [packets], `rtt` [ms]."""

TEXTS = {
    "openvpn_throughput": Text(
        "TCP throughput through OpenVPN and wireguard-go, stock and backpressure",
        "Stock falls off a cliff where a burst of the window no longer fits into the ring: in the lab between 30 "
        "and 40 ms for OpenVPN (left), on the path of about 120 ms below some hundred packets of queue (right). "
        "Backpressure carries what the reader and the receive window per round trip allow, at any ring. Open markers: "
        "published (S03), one value each, without a spread; a dot inside: the model was fitted to that row. Lines: "
        "simulated "
        "with the constants that meet those rows best, median of the seeds. Bands (their edges dashed as the line): "
        "90 % of runs whose constants are draws of the posterior, all that the same few rows and the prior allow; a "
        "line "
        "can lie at the edge of its band, as the rows alone drew it there.",
        "Four panels with logarithmic rates, two tunnels by two paths. In the lab both lines fall with the round trip, "
        "stock of OpenVPN far below backpressure from 40 ms on and that of wireguard-go a little below; on the path "
        "backpressure is flat over all queue lengths and stock falls by two orders of magnitude toward 10 packets.",
    ),
    "openvpn_gain_by_queue": Text(
        "What the 36 % means: each queue length, stock and backpressure",
        "OpenVPN over about 120 ms, published. Left ends: stock, which needs a queue of 1000 packets to reach what "
        "the receive window allows; right ends: backpressure, which reaches it with 10. At the default queue of "
        "500 packets backpressure is 57 % above stock; stock is 36 % below backpressure, which is the number of the "
        "cover letters (S04, S07). All values: table of v3 (S03).",
        "Slope chart with one line per queue length: the shorter the queue, the steeper the rise from stock to "
        "backpressure, and all lines end at about 184 Mbit/s.",
    ),
}
"""Words of each figure, by its id."""


def paper(
    curves: Mapping[str, pd.DataFrame], doubts: Mapping[str, pd.DataFrame], rows: Mapping[str, pd.DataFrame]
) -> Figure:
    """Throughput of each tunnel over RTT and over queue length: published markers, simulated lines with bands.

    Parameters
    ----------
    curves, doubts, rows
        `evidence.openvpn.curves`, `doubted` and `compare` by path (``"lab"``, ``"real"``).

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    tunnels = list(dict.fromkeys(name for table in rows.values() for name in table["tunnel"]))
    fig, axes = figure("text" if len(rows) > 1 else "column", 0.5 + 1.75 * len(tunnels), len(tunnels), len(rows),
                       squeeze=False)  # fmt: skip
    for column, path in enumerate(rows):
        for row, tunnel in enumerate(tunnels):
            ax = axes[row, column]
            one, two, three = (t[path][t[path]["tunnel"] == tunnel] for t in (curves, doubts, rows))
            _paper_panel(ax, one, two, three, path)
            same = {"ring": three["ring"].median(), "rtt": 1e3 * three["rtt"].median()}
            ax.set_title(f"{tunnel}: {PATHS[path].format(**same)}")
            if row < len(tunnels) - 1:
                ax.set_xlabel("")
    seeds = next(iter(curves.values()))["seed"].nunique()
    band = Patch(facecolor=(GREY, DARKNESS), edgecolor=GREY, linewidth=0.7, label="90 % of runs, constants drawn")
    key(fig, loc="outside upper center", ncols=6, handles=[fitted_handle(), band])
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    set_up(fig, "published: iperf3, v3 of the series (S03)", f"simulated: 1 TCP stream, CUBIC, median of {seeds} seeds")
    return fig


def _paper_panel(ax: Axes, curve: pd.DataFrame, doubt: pd.DataFrame, table: pd.DataFrame, path: str) -> None:
    axis = "rtt" if path == "lab" else "ring"
    ax.set(yscale="log", xscale="log" if path == "real" else "linear")
    draw_doubt(ax, doubt, axis, "received_rate", level=DOUBT, darkness=DARKNESS)
    middles = curve.groupby(["variant", axis], sort=False)["received_rate"].median().reset_index()
    draw_simulated(ax, middles, axis, "received_rate", label=False)
    draw_published(ax, table, axis, "published", fitted="role", label=False)
    label_axis(ax.yaxis, "Throughput", "bit/s")
    label_field(ax.xaxis, axis)
    middle = curve.groupby(["variant", axis])["received_rate"].median()
    values = np.array(sorted(set(curve[axis])), float)
    if path == "lab":
        ax.set_xlim(0, None)
        ax.set_ylim(0.8 * ax.get_ylim()[0], None)  # room for the name below its line
        at = {"stock": (0.1, (-14, -8)), "patched": (0.07, (4, 7))}
    else:
        ax.set_ylim(1e6, 1.6 * float(curve["received_rate"].max()))
        at = {"stock": (25, (8, -8)), "patched": (10, (6, -9))}
    for name, (x, offset) in at.items():
        there = float(values[np.abs(values - x).argmin()])
        name_lines(ax, {name: (there, float(middle[name, there]))}, offset)


LEADER = {"arrowstyle": "-", "color": "#9a9a9a", "linewidth": 0.5, "shrinkA": 1, "shrinkB": 3}
"""Thin line from a name to its marker."""


ALIKE, ASIDE = 0.15, 0.1
"""Ratio of two values (its logarithm) below which their markers coincide, and how far aside the second one stands."""


def gain_by_queue(pairs: pd.DataFrame, tunnel: str = "OpenVPN") -> Figure:
    """Slopes from stock to backpressure, one per queue length of the real path; the default of 500 stands out.

    Parameters
    ----------
    pairs
        `evidence.openvpn.gains`.
    tunnel
        The tunnel to show.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, ax = figure("column", 2.7)
    shown = pairs[(pairs["path"] == "real") & (pairs["tunnel"] == tunnel)].sort_values("stock")
    stock, patched = variant_style("stock"), variant_style("patched")
    logs = np.log(shown["stock"].to_numpy(float))
    # a marker that would hide the one before it stands beside it
    beside = ASIDE * (np.diff(logs, prepend=-np.inf) < ALIKE)
    for row, at, left in zip(shown.to_dict("records"), _apart(logs, 0.36), beside, strict=True):
        default = row["ring"] == 500
        ends = [row["stock"], row["patched"]]
        ax.plot([left, 1], ends, color="black" if default else "#9a9a9a", linestyle="-",
                linewidth=1.6 if default else 0.8, zorder=2 + default)  # fmt: skip
        for x, y, look in zip((left, 1), ends, (stock, patched), strict=True):
            ax.plot([x], [y], marker=look.marker, color=look.color, markerfacecolor="white", zorder=4)
        step = f"×{significant(1 + row['gain'], 3)}"
        name = f"{row['ring']:.0f} (default)" if default else f"{row['ring']:.0f}"
        words = f"{name}: {format_tick(round(row['stock'] / 1e6, 1))} ({step})"
        ax.annotate(words, (left, row["stock"]), xytext=(-0.14, np.exp(at)), textcoords="data", ha="right", va="center",
                    fontsize=7, weight="bold" if default else "normal", arrowprops=LEADER)  # fmt: skip
        if default:
            one, two = (format_tick(round(end / 1e6, 1)) for end in ends)
            deficit = f"{100 * row['deficit']:.0f} % = ({two} − {one}) / {two}"
            gain = f"at {row['ring']:.0f}: {step}; the cover letters'\n{deficit}"
            ax.text(1.32, 0.05, gain, ha="right", va="bottom", fontsize=7,
                    transform=ax.get_xaxis_transform())  # fmt: skip
    least, most = (format_tick(round(end / 1e6, 1)) for end in (shown["patched"].min(), shown["patched"].max()))
    ax.text(1.06, shown["patched"].median(), f"{least} to\n{most}", va="center", fontsize=7)
    ax.set(yscale="log", xlim=(-1.2, 1.35), xticks=[0, 1], xticklabels=["stock", "backpressure"])
    ax.set_ylim(float(shown["stock"].min()) / 1.6, float(shown["patched"].max()) * 2.6)
    ax.text(0.02, 0.98, "txqueuelen: stock (factor)", fontsize=7, va="top", style="italic", transform=ax.transAxes)
    label_axis(ax.yaxis, "Throughput", "bit/s")
    ax.grid(axis="x", visible=False)
    set_up(fig, f"{tunnel}, Germany–USA, RTT of about 120 ms", "all values published")
    return fig


def _apart(places: np.ndarray, least: float) -> np.ndarray:
    """Ascending places of labels, moved up where two would lie closer than `least`."""
    moved = places.copy()
    for i in range(1, moved.size):
        moved[i] = max(moved[i], moved[i - 1] + least)
    return moved
