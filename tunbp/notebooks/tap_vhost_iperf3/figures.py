"""Figures of notebook 03: the raw iperf3 runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.plots import figures
from tunbp.plots.style import figure, label_axis
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEVICES = {"tap": "TAP", "tap+vhost-net": "TAP + vhost-net"}

TEXTS = {
    "raw_runs": Text(
        "24 raw iperf3 runs against ring size and round-trip time",
        "Received rate of one TCP connection from host to guest, 300 s each. Filled markers: measured, with a "
        "95 % bootstrap interval over blocks of seconds (mostly smaller than the marker; it knows nothing of "
        "other runs). Lines join simulated runs. Two patched files say another delay in their name and "
        "stand at the round trip that was measured.",
    ),
    "raw_series": Text(
        "Throughput and congestion window of one stock and one patched run",
        "Dots: measured each second at the sender; lines: simulated. The first 120 s. The simulation is not "
        "shifted or started to match: losses fall at other moments, shape and level are what to compare.",
    ),
}
"""Words of each figure, by its id."""


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
