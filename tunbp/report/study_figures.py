"""Figures of the studies: the paper's tables, pktgen and its wake rules, and the raw iperf3 runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.report import figures
from tunbp.report.style import figure, label_axis, variant_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PATHS = {"lab": "lab, emulated delay", "real": "Germany–USA, about 120 ms"}
DEVICES = {"tap": "TAP", "tap+vhost-net": "TAP + vhost-net"}
UNREAD, UNPRINTED = "table not read", "not printed"


TEXTS: dict[str, tuple[str, str]] = {
    "openvpn_throughput": (
        "TCP throughput through OpenVPN and wireguard-go, stock and backpressure",
        "Throughput of one TCP connection over the round-trip time in the lab (left) and over the queue "
        "length of the TUN device on a path of about 120 ms (right). Open markers: published (one value each, "
        "no spread). Lines: simulated, mean over seeds with the central 95 %. Constants are fitted to some of "
        "the rows, see the table of errors.",
    ),
    "openvpn_36_percent": (
        "What the 36 % means",
        "OpenVPN over about 120 ms with a queue of 500 packets, published: the difference is 57 % of stock "
        "and 36 % of backpressure.",
    ),
    "pktgen_transmitted": (
        "pktgen: packets transmitted, stock and backpressure",
        "Packets per second that the reader took. Bars: published means; per cent: published change against "
        "the own stock row; black marks: the model. A stock row gives its own reader's speed, so its mark "
        "lies on it. With several threads it is their sum. Dotted: tables that exist and could not be read.",
    ),
    "pktgen_lost": (
        "pktgen: packets lost, stock and backpressure",
        "Packets per second dropped because the ring was full. Bars: published; black marks: the model. "
        "Backpressure loses none; v5 calls the losses of stock numerous without a number. What stock loses is "
        "set by what pktgen offers: both numbers of a stock row are inputs of the model, not predictions.",
    ),
    "pktgen_wake_threshold": (
        "pktgen: throughput against the wake threshold",
        "Packets per second over the share of the ring that is drained before the queue is woken, ring of "
        "1000, Ryzen 5 5600X. Markers: published (S13, S14); line: wake-cycle law. With vhost-net the guest "
        "hides the wake work; late rules cost 2 to 4 % there, which the law does not show: the reader may run "
        "empty before the woken sender delivers.",
    ),
    "raw_runs": (
        "24 raw iperf3 runs against ring size and round-trip time",
        "Received rate of one TCP connection from host to guest, 300 s each. Filled markers: measured, with a "
        "95 % bootstrap interval over blocks of seconds (mostly smaller than the marker; it knows nothing of "
        "other runs). Lines join simulated runs. Two patched files say another delay in their name and "
        "stand at the round trip that was measured.",
    ),
    "raw_series": (
        "Throughput and congestion window of one stock and one patched run",
        "Dots: measured each second at the sender; lines: simulated. The first 120 s. The simulation is not "
        "shifted or started to match: losses fall at other moments, shape and level are what to compare.",
    ),
}
"""Title and caption of each figure, by its id."""

# ------------------------------------------------------------------------------------------------ the paper


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


# ------------------------------------------------------------------------------------------------ pktgen


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


# ------------------------------------------------------------------------------------------------ raw runs


def raw_summary(table: pd.DataFrame) -> Figure:
    """Throughput of the raw runs against ring size (no added delay) and against RTT (ring of 1000).

    Parameters
    ----------
    table
        `evidence.iperf3_runs.compare`.
    """
    devices = [device for device in DEVICES if (table["device"] == device).any()]
    table = table.sort_values("variant", ascending=False, kind="stable")
    fig, axes = figure("text", 0.5 + 1.9 * len(devices), len(devices), 2, squeeze=False)
    for row, device in enumerate(devices):
        own = table[table["device"] == device]
        _raw_panel(axes[row, 0], own[own["label"] == 0], "ring")
        _raw_panel(axes[row, 1], own[own["ring"] == 1000], "base_rtt")
        axes[row, 0].set_title(f"{DEVICES[device]}, no added delay")
        axes[row, 1].set_title(f"{DEVICES[device]}, ring of 1000 packets")
        if row < len(devices) - 1:
            axes[row, 0].set_xlabel("")
            axes[row, 1].set_xlabel("")
    figures.key(fig, loc="outside upper center", ncols=4)
    return fig


def _raw_panel(ax: Axes, own: pd.DataFrame, axis: str) -> None:
    ax.set_yscale("log")
    if axis == "ring":
        ax.set_xscale("log")
    figures.simulated(ax, own, axis, "model", label=False)
    figures.measured(ax, own, axis, "measured", low="low", high="high", label=False)
    label_axis(ax.yaxis, "Throughput", "bit/s")
    if axis == "ring":
        label_axis(ax.xaxis, "Ring size", "packet")
        return
    label_axis(ax.xaxis, "Round-trip time, as measured", "s")
    for line in own[own["finding"].str.contains("the delay was another|another delay")].to_dict("records"):
        words = f"file says {line['label'] * 1e3:.0f} ms"
        ax.annotate(
            words, (line["base_rtt"], line["measured"]), xytext=(4, 5), textcoords="offset points", fontsize=6.5
        )


def raw_series(
    measured: xr.Dataset, simulated: xr.Dataset, variants: Mapping[str, str], until: float = 120.0
) -> Figure:
    """Throughput and congestion window second by second: measured dots, simulated lines, one column per run.

    Parameters
    ----------
    measured, simulated
        `evidence.iperf3_runs.series`.
    variants
        Run -> ``"stock"`` or ``"patched"``.
    until
        End of the time shown [s].
    """
    names: Sequence[str] = list(variants)
    fig, axes = figure("text", 3.4, 2, len(names), sharex=True, squeeze=False)
    for column, name in enumerate(names):
        pair = [(data.sel(run=name).where(data["time"] <= until, drop=True), kind)
                for data, kind in ((measured, "measured"), (simulated, "simulated"))]  # fmt: skip
        runs = [(data, kind, variants[name]) for data, kind in pair]
        figures.time_series(axes[:, column], runs, ["throughput", "cwnd"], {"cwnd": "MB"})  # type: ignore[arg-type]
        axes[0, column].set_title(name)
        axes[0, column].set_xlabel("")
    for row in axes:
        top = max(float(np.nanmax(line.get_ydata())) for ax in row for line in ax.lines)
        for ax in row:
            ax.set_ylim(0, 1.06 * top)
    figures.key(fig, loc="outside upper center", ncols=4)
    return fig
