"""Cost of the fluid engine over scenarios and over steps, written to `scaling.json` and `scaling.png`.

`python -m benchmarks.scaling` sweeps each axis alone on one thread and fits a line: what every call costs, and what
each further scenario or step does. The largest relative deviation from that line says how linear the cost is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.__main__ import machine, mixed, processor_time
from tunbp.model.simulate import simulate
from tunbp.plots.style import VARIANTS, figure

HERE = Path(__file__).parent
DT = 1e-4
SCENARIOS = (64, 256, 1024, 4096, 16384)
STEPS = (5_000, 20_000, 80_000, 320_000)
DURATION = 2.0
"""Simulated seconds of the sweep over scenarios."""
WIDTH = 64
"""Scenarios of the sweep over steps: one full tile."""


def seconds(scenarios: int, steps: int) -> float:
    """Processor time [s] of a batch, warm: CUBIC with pauses at 120 ms, half stock, half backpressure."""
    batch = mixed(scenarios, dt=DT, duration=steps * DT)
    return processor_time(lambda: simulate(batch, threads=1), 3)


def sweep(axis: str, sizes: list[int], times: list[float], fixed: str) -> dict[str, Any]:
    """One axis as it is written: its points, and the line with the smallest relative errors through them."""
    x, y = np.array(sizes, float), np.array(times)
    (start, each), *_ = np.linalg.lstsq(np.stack([1 / y, x / y], axis=1), np.ones_like(x), rcond=None)
    worst = float(np.abs((start + each * x) / y - 1.0).max())
    line = {"start": float(start), "each": float(each), "largest_deviation": worst}
    return {"axis": axis, "fixed": fixed, "sizes": sizes, "seconds": times, **line}


def measure(scenarios: list[int], steps: list[int]) -> list[dict[str, Any]]:
    """Both sweeps."""
    fixed = round(DURATION / DT)
    return [
        sweep("scenarios", scenarios, [seconds(n, fixed) for n in scenarios], f"{fixed:,} steps"),
        sweep("steps", steps, [seconds(WIDTH, n) for n in steps], f"{WIDTH} scenarios"),
    ]


def draw(result: dict[str, Any], file: Path) -> None:
    """Processor time over each axis, and its line."""
    page, panels = figure("text", cols=2)
    for panel, row in zip(panels, result["sweeps"], strict=True):
        sizes = np.geomspace(row["sizes"][0], row["sizes"][-1])
        line = f"{row['start'] * 1e3:.0f} ms + {row['each'] * 1e6:.3g} us each (within {row['largest_deviation']:.0%})"
        panel.loglog(sizes, row["start"] + row["each"] * sizes, "--", color=VARIANTS["noqueue"].color, label=line)
        panel.loglog(row["sizes"], row["seconds"], "o", color=VARIANTS["backpressure"].color, label="measured")
        panel.set_xlabel(f"{row['axis']} ({row['fixed']})")
        panel.set_ylabel("processor time (s)")
        panel.legend()
    page.savefig(file)


def main() -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=main.__doc__)
    parser.add_argument("--scenarios", type=int, nargs="+", default=list(SCENARIOS))
    parser.add_argument("--steps", type=int, nargs="+", default=list(STEPS))
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    result = {"machine": machine(), "dt": DT, "sweeps": measure(options.scenarios, options.steps)}
    (options.out / "scaling.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(result, options.out / "scaling.png")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
