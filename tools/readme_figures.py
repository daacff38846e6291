"""Draw README's figure of the model's two laws into docs/ (`make docs`)."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from tunbp.evidence.datasets import published
from tunbp.evidence.picture import bursts, wakes
from tunbp.model.drivers import ring_batch
from tunbp.plots import style

DOCS = Path(__file__).resolve().parents[1] / "docs"
RING = 1000
CYCLES = {"freed_batch": ring_batch(RING), "half": RING / 2, "seven_eighths": RING * 7 / 8, "empty": RING}
LOOKS = {100: "--", 500: "-"}


def draw() -> Path:
    """Draw both panels, write docs/model.png and return its path."""
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
    DOCS.mkdir(exist_ok=True)
    path = DOCS / "model.png"
    figure.savefig(path, dpi=200)
    return path


if __name__ == "__main__":
    print(draw())
