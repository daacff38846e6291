"""Draw the figures of the model in README and docs into docs/ (`make figures`)."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.figure import Figure

from tunbp.evidence import openvpn
from tunbp.evidence.datasets import published
from tunbp.evidence.picture import bursts, stages, wakes
from tunbp.model.drivers import ring_batch
from tunbp.model.hosts import host
from tunbp.notebooks.openvpn_throughput.figures import gain_by_queue
from tunbp.plots import style

DOCS = Path(__file__).resolve().parents[1] / "docs"
RING = 1000
CYCLES = {"freed_batch": ring_batch(RING), "half": RING / 2, "seven_eighths": RING * 7 / 8, "empty": RING}
LOOKS = {100: "--", 500: "-"}


def draw_model() -> Path:
    """Why bursts decide and what a wake costs: write docs/model.png and return its path."""
    figure, (left, right) = style.figure("text", 2.5, 1, 2)
    result = bursts()
    for driver, variant in (("stock", "stock"), ("v3", "backpressure")):
        look = style.variant_style(variant)
        for ring, line in LOOKS.items():
            rate = result["received_rate"].sel(driver=driver, ring=ring) / 1e6
            left.plot(rate["bunch"], rate, line, color=look.color, label=f"{look.label}, ring {ring}")
    left.set(
        xscale="log",
        ylim=(0, None),
        xlabel="ACKs bunched for (in units of $N/\\mu$)",
        ylabel="Throughput (Mbit/s)",
        title="Bursts decide (OpenVPN, lab, 120 ms)",
    )
    left.legend(fontsize=6.5, loc=(0.53, 0.27))
    look = style.variant_style("backpressure")
    law = wakes() / 1e6
    right.plot(law["cycle"], law["transmitted_rate"], color=look.color, label="wake-cycle law")
    table = published("pktgen")["transmitted_rate"] / 1e6
    rows = [(k, table[f"wake-tap-{rule.replace('_', '-')}"]) for rule, k in CYCLES.items()]
    right.plot(*zip(*rows, strict=True), "o", mfc="white", color=look.color, label="published")
    right.axhline(table["wake-tap-stock"], color=style.variant_style("stock").color, ls="--", label="stock, published")
    right.set(
        xscale="log",
        ylim=(0, 1.45),
        xlabel="Packets per stop/wake cycle $k$",
        ylabel="Transmitted (Mpps)",
        title="What a wake costs (pktgen, TAP)",
    )
    right.legend(fontsize=6.5, loc="lower right")
    return _save(figure, "model.png")


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
    share, stock = result["share"], style.variant_style("stock")
    left.plot(share, share.clip(max=1), color="#777777", lw=1, ls=":")
    left.annotate("path", (0.13, 0.22), fontsize=7, color="#444444")
    left.annotate("receive window", (2.4, 0.74), fontsize=7, color="#444444")
    left.annotate("ring", (2.4, 0.34), fontsize=7, color=stock.color)
    for driver, look in (("v3", style.variant_style("backpressure")), ("stock", stock)):
        for ring, line in LOOKS.items():
            rate = result["received_rate"].sel(driver=driver, ring=ring) / full
            left.plot(share, rate, line, color=look.color, label=f"{look.label}, ring {ring}")
    left.set(
        xscale="log",
        ylim=(0, 1.1),
        xlabel="Rate of the path / rate of the reader",
        ylabel="Throughput / rate of the reader",
        title="Which stage sets the clock (60 ms)",
    )
    left.legend(fontsize=6, loc="upper left")
    for ring, line in LOOKS.items():
        part = result.sel(driver="stock", ring=ring)
        right.plot(share, 1e4 * part["dropped_ring"], line, color=stock.color, label=f"in a stock ring of {ring}")
    right.plot(share, 1e4 * part["dropped_path"], "-.", color="#777777", label="in the buffer of the path")
    right.set(
        xscale="log",
        ylim=(0, None),
        xlabel="Rate of the path / rate of the reader",
        ylabel="Dropped per 10,000 sent",
        title="Where packets are dropped",
    )
    right.legend(fontsize=6.5, loc="upper right")
    return _save(figure, "stages.png")


if __name__ == "__main__":
    print(draw_gain(), draw_model(), draw_stages())
