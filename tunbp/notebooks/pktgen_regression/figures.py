"""Figures of notebook 02: pktgen tables and wake rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tunbp.plots import figures
from tunbp.plots.style import figure, label_axis, variant_style
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEVICES = {"tap": "TAP", "tap+vhost-net": "TAP + vhost-net"}
UNREAD, UNPRINTED = "table not read", "not printed"

TEXTS = {
    "pktgen_transmitted": Text(
        "pktgen: packets transmitted, stock and backpressure",
        "Packets per second that the reader took. Bars: published means; per cent: published change against "
        "the own stock row; black marks: the model. A stock row gives its own reader's speed, so its mark "
        "lies on it. With several threads it is their sum. Dotted: tables that exist and could not be read.",
    ),
    "pktgen_lost": Text(
        "pktgen: packets lost, stock and backpressure",
        "Packets per second dropped because the ring was full. Bars: published; black marks: the model. "
        "Backpressure loses none; v5 calls the losses of stock numerous without a number. What stock loses is "
        "set by what pktgen offers: both numbers of a stock row are inputs of the model, not predictions.",
    ),
    "pktgen_wake_threshold": Text(
        "pktgen: throughput against the wake threshold",
        "Packets per second over the share of the ring that is drained before the queue is woken, ring of "
        "1000, Ryzen 5 5600X. Markers: published (S13, S14); line: wake-cycle law. With vhost-net the guest "
        "hides the wake work; late rules cost 2 to 4 % there, which the law does not show: the reader may run "
        "empty before the woken sender delivers.",
    ),
}
"""Words of each figure, by its id."""


def pktgen(table: pd.DataFrame, gaps: pd.DataFrame, quantity: str = "transmitted_rate") -> Figure:
    """Stock against patched for every configuration: published bars, model marks, a hatched gap per unread table.

    Parameters
    ----------
    table, gaps
        `evidence.pktgen.groups` and `evidence.pktgen.unread`.
    quantity
        ``"transmitted_rate"`` or ``"lost_rate"``, for the axis.
    """
    both = pd.concat([table, gaps], ignore_index=True)
    hosts = [cpu for cpu in ("i5-6300HQ", "Ryzen 5 5600X") if (both["cpu"] == cpu).any()]
    devices = [device for device in DEVICES if (both["device"] == device).any()]
    counts = [max(_categories(both, cpu, device) for device in devices) for cpu in hosts]
    fig, axes = figure("text", 0.75 + 0.29 * sum(counts) + 0.25 * len(hosts), len(hosts), len(devices), squeeze=False,
                       gridspec_kw={"height_ratios": counts})  # fmt: skip
    words = "Transmitted" if quantity == "transmitted_rate" else "Lost in the ring"
    for i, cpu in enumerate(hosts):
        for j, device in enumerate(devices):
            part = both[(both["cpu"] == cpu) & (both["device"] == device)]
            hidden = UNREAD if (gaps["cpu"] == cpu).any() else UNPRINTED
            _pktgen_panel(axes[i, j], part, f"{DEVICES[device]}, {cpu}", words, hidden)
    figures.key(fig, [ax for ax in axes.ravel() if ax.get_visible()], loc="outside upper center", ncols=4)
    return fig


def _categories(both: pd.DataFrame, cpu: str, device: str) -> int:
    return max(1, both[(both["cpu"] == cpu) & (both["device"] == device)]["configuration"].nunique())


def _pktgen_panel(ax: Axes, part: pd.DataFrame, title: str, words: str, hidden: str) -> None:
    if part.empty:
        ax.set_visible(False)
        return
    figures.bars(
        ax, part, "configuration", "published", model="model", horizontal=True, unit="packet/s", missing=hidden
    )
    ax.set_title(title)
    label_axis(ax.xaxis, words, "packet/s", "Kpps")
    names = list(dict.fromkeys(part["configuration"]))
    top = float(part[["published", "model"]].max().max())
    ax.set_xlim(0, top * 1.2 if np.isfinite(top) and top > 0 else 1)
    for row in part[part["variant"] == "patched"].to_dict("records"):
        _annotate(ax, names.index(row["configuration"]) + 0.2, row, top)


def _annotate(ax: Axes, at: float, row: Mapping[Any, Any], top: float) -> None:
    """The change against the own stock row beside a bar; a zero where nothing was lost."""
    if np.isfinite(row["change"]):
        end = max(row["published"], row["model"])
        text = f"{100 * row['change']:+.1f} %".replace("-", "−")
        ax.text(end + 0.02 * top, at, text, va="center", ha="left", fontsize=6.5)
    elif row["published"] == 0:
        ax.text(0.02 * top, at, "0", va="center", ha="left", fontsize=6.5)


def wake_threshold(rules: pd.DataFrame, laws: Mapping[str, pd.DataFrame]) -> Figure:
    """Rate against the share of the ring that is drained before the wake: published rules and the wake-cycle law.

    Parameters
    ----------
    rules
        `evidence.pktgen.wake_rules`.
    laws
        `evidence.pktgen.wake_law` by device.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    fig, axes = figure("column", 0.6 + 1.55 * len(laws), len(laws), 1, sharex=True, squeeze=False)
    for ax, (device, law) in zip(axes.ravel(), laws.items(), strict=True):
        own = rules[rules["device"] == device]
        figures.simulated(ax, law, "share", "transmitted_rate", "backpressure", label=False)
        for variant, part in own.groupby("variant", sort=False):
            figures.published(ax, part, "share", "published", str(variant), label=False)
        stock = variant_style("stock")
        ax.axhline(own["stock"].iloc[0], color=stock.color, linestyle=stock.linestyle, linewidth=1.0, zorder=2.5)
        ax.set_title(f"{DEVICES[device]}, Ryzen 5 5600X")
        ax.set_xscale("log")
        label_axis(ax.yaxis, "Transmitted", "packet/s", "Mpps")
        ax.set_ylim(0, 1.1 * own["stock"].iloc[0])
    last = axes.ravel()[-1]
    last.set_xticks([0.01, 0.1, 1], ["1", "10", "100"])
    last.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    last.xaxis.set_minor_formatter(NullFormatter())
    last.set_xlabel("Share of the ring drained before the wake, k/N (%)")
    fig.legend(handles=_wake_handles(rules), loc="outside upper center", ncols=3)
    return fig


def _wake_handles(rules: pd.DataFrame) -> list[Any]:
    from matplotlib.lines import Line2D

    stock, law = variant_style("stock"), variant_style("backpressure")
    looks = [variant_style(name) for name in dict.fromkeys(rules.sort_values("share")["variant"])]
    return [
        Line2D([], [], color=stock.color, linestyle=stock.linestyle, label="stock"),
        Line2D([], [], color=law.color, linestyle=law.linestyle, label="wake-cycle law"),
        *(Line2D([], [], linestyle="none", marker=look.marker, color=look.color, markerfacecolor="white",
                 label=look.label) for look in looks),
    ]  # fmt: skip
