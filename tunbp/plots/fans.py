"""Fan charts of a prediction over txqueuelen: rate and ping of stock and backpressure, and the gain draw by draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from tunbp.plots.bands import draw_doubt, draw_simulated
from tunbp.plots.legend import GREY, key, set_up
from tunbp.plots.style import figure, label_axis, label_field
from tunbp.quantities import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = (("received_rate", "Throughput", "bit/s"), ("latency", "Ping under load", "s"))
"""Variable, words and SI unit of each panel."""
BANDS = ((0.3, "50 % of draws"), (0.1, "90 % of draws"))
"""How dark the bands are, one over the other, and what they hold."""
ENDS = ((0.25, 0.75), (0.05, 0.95))
"""Quantiles at the ends of the bands."""


def fans(draws: xr.Dataset, ring: int, used: Mapping[str, Mapping[str, Any]] | None = None) -> Figure:
    """Rate, gain and ping over txqueuelen.

    The bands of stock and backpressure overlap where what is not known moves both: the gain of each draw does not.

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
    drawn, (rates, gains, pings) = figure("text", height=2.9, cols=3, layout="constrained")
    for ax in (rates, gains, pings):
        ax.set_xscale("log")
        mark = ax.axvline(ring, color=GREY, linewidth=0.9, linestyle=":", zorder=0, label=f"txqueuelen now: {ring}")
    for ax, (name, words, unit) in zip((rates, pings), PANELS, strict=True):
        draw_doubt(ax, data[[name]], "ring", name, level=0.9, darkness=BANDS[1][0])
        draw_simulated(ax, data[[name]].median("draw"), "ring", name, label=False)
        label_axis(ax.yaxis, words, unit)
    _gain(gains, data["received_rate"])
    for ax in (rates, gains, pings):
        label_field(ax.xaxis, "ring")
    known = {name: entry["value"] for name, entry in (used or {}).items()}
    marks = [mark]
    if "rtt" in known:
        marks += [pings.axhline(known["rtt"], color=GREY, linewidth=0.9, linestyle="-.", zorder=0,
                                  label="round trip of the idle path")]  # fmt: skip
    for ax, (name, *_) in zip((rates, pings), PANELS, strict=True):
        ax.set_ylim(*view(name, *ax.get_ylim()))
    (dark, half), (light, most) = BANDS
    bands = [
        Patch(facecolor=(GREY, dark), linewidth=0, label=half),
        Patch(facecolor=(GREY, light), edgecolor=GREY, linewidth=0.7, label=most),
    ]
    key(drawn, [rates, pings], loc="outside upper center", ncols=6, handles=[*bands, *marks])
    size = f"{draws.sizes['draw']} draws of what is not known of the path and its programs"
    set_up(drawn, "predicted", *_facts(known), size)
    return drawn


def _gain(ax: Axes, rate: xr.DataArray) -> None:
    """Throughput with backpressure over that of stock in the same draw: median and bands."""
    gain = rate.sel(variant="backpressure") / rate.sel(variant="stock")
    for (low, high), (darkness, _), edge in zip(ENDS, BANDS, (0.0, 0.7), strict=True):
        ends = gain.quantile([low, high], "draw")
        ax.fill_between(gain["ring"], *ends.transpose("quantile", "ring"), facecolor=(GREY, darkness), edgecolor=GREY,
                        linewidth=edge, zorder=0.5)  # fmt: skip
    ax.plot(gain["ring"], gain.median("draw"), color="black", linestyle="-")
    ax.axhline(1.0, color="black", linewidth=0.6, zorder=1)
    ax.set_yscale("log")
    label_axis(ax.yaxis, "Gain, draw by draw: backpressure / stock", "1")


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
