"""Fan charts: median, 50 and 90 % of a distribution over txqueuelen, stock and backpressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from tunbp.plots.bands import draw_doubt, draw_simulated
from tunbp.plots.legend import GREY, key, set_up
from tunbp.plots.style import figure, label_axis, label_field
from tunbp.quantities import show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = (("received_rate", "Throughput", "bit/s"), ("latency", "Ping under load", "s"))
"""Variable, words and SI unit of each panel."""
BANDS = ((0.24, "50 % of draws"), (0.06, "90 % of draws"))
"""How dark the bands are, one over the other, and what they hold."""


def fans(draws: xr.Dataset, ring: int, used: Mapping[str, Mapping[str, Any]] | None = None) -> Figure:
    """Rate and ping over txqueuelen, each with its 50 and 90 % interval.

    Parameters
    ----------
    draws
        `received_rate` [bit/s] and `latency` [s] over `draw`, `ring`, `variant`.
    ring
        The present txqueuelen, marked.
    used
        Field -> its `value` (`Prediction.used`), for the line of the set-up and the path's round trip.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.patches import Patch

    data = draws[[name for name, *_ in PANELS]]
    drawn, axes = figure("text", height=2.9, cols=2, layout="constrained")
    for ax, (name, words, unit) in zip(axes, PANELS, strict=True):
        ax.set_xscale("log")
        draw_doubt(ax, data[[name]], "ring", name, level=0.9, darkness=BANDS[1][0])
        draw_simulated(ax, data[[name]], "ring", name, level=0.5, label=False)
        mark = ax.axvline(ring, color=GREY, linewidth=0.9, linestyle=":", zorder=0, label=f"txqueuelen now: {ring}")
        label_field(ax.xaxis, "ring")
        label_axis(ax.yaxis, words, unit)
    known = {name: entry["value"] for name, entry in (used or {}).items()}
    marks = [mark]
    if "rtt" in known:
        marks += [axes[1].axhline(known["rtt"], color=GREY, linewidth=0.9, linestyle="-.", zorder=0,
                                  label="round trip of the idle path")]  # fmt: skip
    for ax, (name, *_) in zip(axes, PANELS, strict=True):
        ax.set_ylim(*view(name, *ax.get_ylim()))
    (dark, half), (light, most) = BANDS
    bands = [
        Patch(facecolor=(GREY, dark), linewidth=0, label=half),
        Patch(facecolor=(GREY, light), edgecolor=GREY, linewidth=0.7, label=most),
    ]
    key(drawn, axes, loc="outside upper center", ncols=6, handles=[*bands, *marks])
    size = f"{draws.sizes['draw']} draws of what is not known of the path and its programs"
    set_up(drawn, "predicted", *_facts(known), size)
    return drawn


def _facts(known: Mapping[str, Any]) -> list[str]:
    """Words for the path, as far as it is known."""
    if not known:
        return []
    flows = "1 TCP stream" if known["streams"] == 1 else f"{known['streams']} TCP streams"
    return [
        f"RTT {show(known['rtt'], 's', 3)}",
        f"qdisc {known['qdisc']}",
        f"{flows} ({str(known['congestion']).upper()})",
    ]


def view(name: str, low: float, high: float) -> tuple[float, float]:
    """Ends of a panel's axis for values between two: rates from zero on, pings near what the path's round trip is.

    A ping begins at the round trip: from zero on, what the queues add to it would not be seen.

    Parameters
    ----------
    name
        Variable of the panel.
    low, high
        Least and greatest value that it shows, SI.

    Returns
    -------
    low, high
        Ends of its axis, SI.
    """
    return (max(min(low, 0.9 * high), 0.0) if name == "latency" else 0.0), high
