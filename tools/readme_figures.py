"""Draw the figures of the model in README and docs into docs/ (`make figures`)."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tunbp.evidence import openvpn
from tunbp.evidence.datasets import published
from tunbp.evidence.picture import bursts, stages, wakes
from tunbp.model.drivers import ring_batch
from tunbp.model.hosts import host
from tunbp.notebooks.openvpn_throughput.figures import gain_by_queue
from tunbp.plots import style
from tunbp.plots.legend import HALO, set_up
from tunbp.quantities import show

DOCS = Path(__file__).resolve().parents[1] / "docs"
RING = 1000
CYCLES = {"batch": ring_batch(RING), "half": RING / 2, "seven_eighths": RING * 7 / 8, "empty": RING}
ROWS = {"batch": "freed_batch"}
"""Wake rules that the published table calls otherwise."""
WIDTHS = {100: 0.7, 500: 1.5}
"""Width of lines by ring [points]."""
PATH = "#777777"
"""Colour of the path."""


def draw_model() -> Path:
    """Why bursts decide and what a wake costs: write docs/model.png and return its path."""
    figure, (left, right) = style.figure("text", 2.6, 1, 2)
    result = bursts()
    for driver, variant in (("v3", "backpressure"), ("stock", "stock")):
        for ring in WIDTHS:
            rate = result["received_rate"].sel(driver=driver, ring=ring)
            _line(left, rate["bunch"], rate, variant, ring)
    left.set(xscale="log", ylim=(0, 230e6), title="Bursts decide (OpenVPN, lab, 120 ms)")
    style.label_axis(left.xaxis, "ACK interval over $N/\\mu$, in which a full ring is read", "1")
    style.label_axis(left.yaxis, "Throughput", "bit/s")
    _name(left, "backpressure, ring 100", "backpressure", (10, 196e6))
    _name(left, "backpressure, ring 500", "backpressure", (10, 146e6), "top")
    _name(left, "stock, ring 500", "stock", (10, 41e6))
    _name(left, "stock, ring 100", "stock", (10, 10e6))
    law, table = wakes(), published("pktgen")["transmitted_rate"]
    right.plot(law["cycle"], law["transmitted_rate"], color=style.variant_style("backpressure").color)
    for rule, cycle in CYCLES.items():
        look = style.variant_style(f"wake_{rule}")
        right.plot([cycle], [table[f"wake-tap-{ROWS.get(rule, rule).replace('_', '-')}"]], marker=look.marker,
                   markerfacecolor="white", color=look.color, linestyle="none")  # fmt: skip
    stock = style.variant_style("stock")
    right.axhline(table["wake-tap-stock"], color=stock.color, linestyle=stock.linestyle)
    right.set(xscale="log", ylim=(0, 1.5e6), title="What a wake costs (pktgen, TAP, ring 1000)")
    style.label_axis(right.xaxis, "Packets read from the stop to the wake, $k$", "1")
    style.label_axis(right.yaxis, "Transmitted", "packet/s", "Mpps")
    _name(right, "stock", "stock", (1.6, table["wake-tap-stock"]), side="left")
    _name(right, "woken at each freed batch (16)", "wake_batch", (22, 0.95e6), "top", "left")
    _name(right, "at half, 7/8, empty", "wake_half", (1100, 1.17e6), "top")
    drain = host("lab-openvpn")["drain_rate"]
    times = " and ".join(f"{show(ring / drain, 's', 2)} (ring {ring})" for ring in WIDTHS)
    set_up(figure, "left: simulated, 1 TCP stream, fitted host of the paper's lab", f"N/µ: {times}",
           "right: published (S13, S14), and the wake-cycle law, fitted at 16 and 500 packets")  # fmt: skip
    return _save(figure, "model.png")


def _line(ax: Axes, x: xr.DataArray, y: xr.DataArray, variant: str, ring: int) -> None:
    """A simulated line: driver by colour and dashes, ring by width."""
    look = style.variant_style(variant)
    ax.plot(x, y, color=look.color, linestyle=look.linestyle, linewidth=WIDTHS[ring])


def _name(
    ax: Axes, words: str, variant: str, at: tuple[float, float], height: str = "bottom", side: str = "right"
) -> None:
    """Words beside a line, in its colour."""
    text = ax.text(*at, words, color=style.variant_style(variant).color, fontsize=6.5, ha=side, va=height)
    text.set_path_effects(HALO)


def draw_gain() -> Path:
    """What was published of OpenVPN at each queue length, stock and backpressure: docs/gain.png; return its path."""
    return _save(gain_by_queue(openvpn.gains(openvpn.compare("real"))), "gain.png")


def _save(figure: Figure, name: str) -> Path:
    """Write a figure into docs/ and return its path."""
    DOCS.mkdir(exist_ok=True)
    path = DOCS / name
    figure.savefig(path, dpi=200)
    return path


def draw_stages() -> Path:
    """Which stage sets the clock, and when the ring decides: write docs/stages.png and return its path."""
    figure, (left, right) = style.figure("text", 2.6, 1, 2)
    result, reader = stages(), host("lab-openvpn")
    full = reader["drain_rate"] * reader["mss"] * 8
    share = result["share"]
    left.plot(share, share.clip(max=1), color=PATH, linewidth=1, linestyle=":")
    for driver, variant in (("v3", "backpressure"), ("stock", "stock")):
        for ring in WIDTHS:
            _line(left, share, result["received_rate"].sel(driver=driver, ring=ring) / full, variant, ring)
    left.set(xscale="log", ylim=(0, 1.15), title="Which stage sets the clock (60 ms)")
    style.label_axis(left.yaxis, "Throughput / rate of the reader", "1")
    _name(left, "slower of path and reader", "noqueue", (10, 1.01))
    _name(left, "backpressure, both rings: receive window", "backpressure", (10, 0.79))
    last = result.sel(driver="stock").isel(share=-1)
    for ring in WIDTHS:
        _name(left, f"stock, ring {ring}", "stock", (10, float(last["received_rate"].sel(ring=ring)) / full + 0.02))
        _line(right, share, 1e4 * result["dropped_ring"].sel(driver="stock", ring=ring), "stock", ring)
        _name(
            right, f"in a stock ring of {ring}", "stock", (10, 1e4 * float(last["dropped_ring"].sel(ring=ring)) + 0.15)
        )
    path = 1e4 * result["dropped_path"].sel(driver="stock", ring=max(WIDTHS))
    right.plot(share, path, linestyle="-.", color=PATH)
    right.set(xscale="log", ylim=(0, None), title="Where packets are dropped")
    style.label_axis(right.yaxis, "Dropped per 10,000 sent", "1")
    _name(right, "in the buffer of the path", "noqueue", (0.13, 3.0), side="left")
    for ax in (left, right):
        style.label_axis(ax.xaxis, "Rate of the path / rate of the reader", "1")
    set_up(figure, "simulated, 1 TCP stream, fitted host of the paper's lab, whose path buffers 1000 packets")
    return _save(figure, "stages.png")


if __name__ == "__main__":
    print(draw_gain(), draw_model(), draw_stages())
