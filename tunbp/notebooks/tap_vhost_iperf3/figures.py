"""Figures of notebook 03: the raw iperf3 runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.lines import Line2D

from tunbp.plots.legend import GREY, HALO, fitted_handle, key, model_handle, set_up
from tunbp.plots.points import draw_measured, model_mark
from tunbp.plots.series import time_series
from tunbp.plots.style import figure, label_axis, label_field, variant_style
from tunbp.plots.texts import Text
from tunbp.quantities import show, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEVICES = {"tap": "TAP", "tap+vhost-net": "TAP + vhost-net"}

TEXTS = {
    "raw_runs": Text(
        "24 raw iperf3 runs against ring size and round-trip time",
        "Without added delay (left) stock needs a ring of about 100 packets with TAP; backpressure keeps its rate "
        "with 10 and half of it with a single one. Behind vhost-net both carry the same from 10 packets on. With "
        "delay (right) six of the eight runs lie on the dotted line or up to a quarter below it, which is what the "
        "receiver's window allows (another one for each device): they say nothing about drops. Only the two stock TAP "
        "runs lie far below. Filled markers: measured (files of S25), one run of 300 s each, with a 95 % interval "
        "over its seconds "
        "that knows nothing of other runs and is mostly smaller than the marker; a white dot inside: the model was "
        "fitted to that run; stock and backpressure are moved apart sideways. Short lines: simulated (the stock TAP "
        "run with a ring of one changes its state after 138 s, which the model does not). Two backpressure files are "
        "named after another delay than the round trip that was measured, at which they are drawn.",
        "Four panels. Left: rate against ring size, stock falls at small rings, backpressure hardly. Right: rate "
        "against round-trip time, most points on a falling curve set by the receive window.",
    ),
    "raw_series": Text(
        "Rate and window of one stock run and one with backpressure",
        "The window of the stock run saws at less than half of what backpressure keeps in flight, and the model "
        "follows in level and shape, but not in losses (numbers in the panels). Dots: measured (S25) each second at "
        "the sender; lines: simulated; the first 120 s, means without the first 10. Shown is the smaller of congestion "
        "and receive window: a congestion window beyond the receiver's is not used. The simulation is not shifted or "
        "started to match: losses fall at other moments; that its rate goes up and down each second with backpressure "
        "comes from whole round trips that fall into a second. The round trips differ (both files are named after "
        "120 ms), so the levels of the two columns cannot be compared.",
        "Two columns of two time series; stock saws at a low level, the run with backpressure stays at the receive "
        "window, measured with some scatter below it.",
    ),
}
"""Words of each figure, by its id."""

FACTOR = 2.0
"""Ratio of simulated and measured counts from which it is said."""


def raw_summary(table: pd.DataFrame) -> Figure:
    """Throughput of the raw runs against ring size (no added delay) and against RTT (ring of 1000).

    Parameters
    ----------
    table
        `evidence.iperf3_runs.compare`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    devices = [device for device in DEVICES if (table["device"] == device).any()]
    table = table.sort_values("variant", ascending=False, kind="stable")
    fig, axes = figure("text", 0.5 + 1.9 * len(devices), len(devices), 2, squeeze=False)
    for row, device in enumerate(devices):
        own = table[table["device"] == device]
        _raw_panel(axes[row, 0], own[own["label"] == 0], "ring")
        _raw_panel(axes[row, 1], own[own["ring"] == 1000], "base_rtt")
        axes[row, 0].set_title(f"{DEVICES[device]}, no added delay")
        axes[row, 1].set_title(f"{DEVICES[device]}, txqueuelen 1000")
        if row < len(devices) - 1:
            axes[row, 0].set_xlabel("")
            axes[row, 1].set_xlabel("")
    seconds = Line2D([], [], color=GREY, linewidth=0.8, label="95 % over seconds of the run")
    window = Line2D([], [], linestyle=":", color=GREY, label="receive window / round trip")
    model = model_handle(upright=False)
    key(fig, loc="outside upper center", ncols=4, handles=[fitted_handle("measured"), seconds, model, window])
    set_up(fig, "one iperf3 run of 300 s and one TCP stream per marker, i5-6300HQ", "two files are named after "
           "another delay than was measured: no pairs there")  # fmt: skip
    return fig


def _raw_panel(ax: Axes, own: pd.DataFrame, axis: str) -> None:
    ax.set_yscale("log")
    if axis == "ring":
        ax.set_xscale("log")
    # beside each other: where both carry the same, one would hide the other
    aside = np.where(own["variant"] == "stock", -1.0, 1.0)
    own = own.assign(place=own[axis] * 1.09**aside if axis == "ring" else own[axis] + 0.0016 * aside)
    draw_measured(ax, own, "place", "measured", low="low", high="high", fitted="role", label=False)
    for row in own.to_dict("records"):
        half = 0.16 * row["place"] if axis == "ring" else 0.0028
        model_mark(ax, row["place"], row["model"], half, upright=False)
    label_axis(ax.yaxis, "Throughput", "bit/s")
    if axis == "ring":
        label_field(ax.xaxis, "ring")
        return
    label_axis(ax.xaxis, "Round-trip time, as measured", "s")
    held = own[own["limit"].str.startswith("receive window")]
    times, window = np.geomspace(0.0002, 1.05 * float(own["base_rtt"].max()), 100), float(held["window"].median())
    ax.plot(times, 8 * window / times, linestyle=":", color=GREY, linewidth=1.0, zorder=1)
    if np.isfinite(window):
        ax.annotate(f"window {show(window, 'byte', 2)}", (0.024, 8 * window / 0.024), xytext=(4, 3), fontsize=6.5,
                    textcoords="offset points", color=GREY)  # fmt: skip
    ax.set_ylim(0.6 * float(own["measured"].min()), 2.0 * float(own["measured"].max()))
    for line in own[own["finding"].str.contains("the delay was another|another delay")].to_dict("records"):
        # beside its marker, where neither the window's curve nor the next marker is
        side, shift = ("right", (-7, -2)) if line["label"] < 0.1 else ("left", (7, -9))
        words = f"named {line['label'] * 1e3:.0f} ms"
        at = (line["place"], line["measured"])
        ax.annotate(words, at, xytext=shift, textcoords="offset points", fontsize=6.5, ha=side)


def raw_series(
    data: Sequence[tuple[xr.Dataset, str]], variants: Mapping[str, str], shape: pd.DataFrame, until: float = 120.0
) -> Figure:
    """Throughput and what was in flight second by second: measured dots, simulated lines, one column per run.

    Parameters
    ----------
    data
        `evidence.iperf3_runs.series` with `in_flight`, and the kind of each.
    variants
        Run -> ``"stock"`` or ``"patched"``.
    shape
        `evidence.iperf3_runs.sawtooth`: where level and losses of both differ.
    until
        End of the time shown [s].

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, axes = figure("text", 3.4, 2, len(variants), sharex=True, sharey="row", squeeze=False)
    for column, name in enumerate(variants):
        runs = [
            (series.sel(run=name).where(series["time"] <= until, drop=True), kind, variants[name])
            for series, kind in data
        ]
        time_series(axes[:, column], runs, ["throughput", "cwnd"], {"cwnd": "MB"})  # type: ignore[arg-type]
        measured = next(series for series, kind in data if kind == "measured").sel(run=name)
        axes[0, column].set_title(
            f"{variant_style(variants[name]).label}: {DEVICES[str(measured['device'].item())]}, txqueuelen "
            f"{int(measured['ring'])}, RTT {1e3 * float(measured['min_rtt']):.0f} ms"
        )
        for ax, words in zip(axes[:, column], _differences(shape[shape["run"] == name]), strict=True):
            # where the dots are not: below those of backpressure, above those of stock
            top = variants[name] == "stock"
            text = ax.text(0.98, 0.94 if top else 0.06, words, transform=ax.transAxes, ha="right",
                           va="top" if top else "bottom", fontsize=6.5)  # fmt: skip
            text.set_path_effects(HALO)
        axes[0, column].set_xlabel("")
        axes[1, column].set_ylabel("min(cwnd, window) (MB)")
        if column:
            axes[0, column].set_ylabel("")
            axes[1, column].set_ylabel("")
    for row in axes:
        row[0].set_ylim(0, 1.06 * max(float(np.nanmax(line.get_ydata())) for ax in row for line in ax.lines))
    key(fig, loc="outside upper center", ncols=4)
    set_up(
        fig,
        "iperf3, one TCP stream, i5-6300HQ",
        "one value a second",
        "means of 10 to 120 s",
        "RTTs differ: columns are no pair",
    )
    return fig


def _differences(shape: pd.DataFrame) -> tuple[str, str]:
    """Where level and losses differ, for the panels of rate and window."""
    one, two = (shape[shape["kind"] == kind].iloc[0] for kind in ("measured", "simulated"))
    rates = [show(float(row["throughput"]), "bit/s", 3) for row in (one, two)]
    change = f"{100 * (two['throughput'] / one['throughput'] - 1):+.0f} %".replace("-", "−")
    counts = [float(row["retransmits_per_minute"]) for row in (one, two)]
    lost = [significant(count, 2) for count in counts]
    off = max(counts) / max(min(counts), 1e-9)
    wrong = f" (a factor of {significant(off, 1)})" if min(counts) and off > FACTOR else ""
    return (
        f"measured {rates[0]}, simulated {rates[1]} ({change})",
        f"retransmits a minute: measured {lost[0]}, simulated {lost[1]}{wrong}",
    )
