"""The sizes of the model's own error that explain the calibration rows best: ``python -m tunbp.evidence.error_sizes``.

A reasoned size (`noise` of ``data/priors.yaml``) is checked against what these say; rows held out are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence.held_out import CALIBRATION, SOURCES, Cell
from tunbp.evidence.predictive import predictive
from tunbp.infer.discrepancy import Discrepancy, discrepancy, dropping

LOSSES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0)
"""Sizes that are tried."""

USED = ("paper", "wireguard_native", "pacing_native")
"""Sources that the size of `losses` comes from. The emulated machine is none: a flood says little of its TCP."""

SOURCES_SEEN = (*USED, "openvpn")


def log_score(cells: Sequence[Cell], draws: xr.Dataset, sizes: Discrepancy) -> float:
    """Logarithm of the predictive probability density of what was measured, summed over cells.

    Parameters
    ----------
    cells
        Configurations with their measured rates.
    draws
        What `tunbp.evidence.predictive.predictive` returned of them.
    sizes
        Sizes of the errors.

    Returns
    -------
    float
        Larger is better.
    """
    rate, ceiling, load = (
        draws[key].transpose("draw", "cell").to_numpy() for key in ("simulated_rate", "ceiling", "load")
    )
    measured = np.array([cell.measured for cell in cells])
    stock = np.array([cell.variant == "stock" for cell in cells])
    rings = dropping(np.array([cell.known["ring"] for cell in cells]), stock)
    each = sizes.log_run(measured, rate, ceiling, load, rings)
    top = each.max(axis=0)
    return float((top + np.log(np.exp(each - top).mean(axis=0))).sum())


def scores(cells: Sequence[Cell], draws: xr.Dataset) -> pd.DataFrame:
    """`log_score` of every pair of sizes: `losses`, `small_ring`, `score`, best first.

    Parameters
    ----------
    cells
        Calibration cells.
    draws
        Rates of the cells over draws of the priors.

    Returns
    -------
    pandas.DataFrame
        One row per pair.
    """
    lines = [
        {"losses": losses, "small_ring": small,
         "score": log_score(cells, draws, replace(discrepancy(), losses=losses, small_ring=small))}
        for losses in LOSSES
        for small in LOSSES
    ]  # fmt: skip
    return pd.DataFrame(lines).sort_values("score", ascending=False, ignore_index=True)


def main() -> None:
    """Print the sizes that explain the calibration rows of each source, and of all, best."""
    cells = [cell for make in SOURCES.values() for cell in make() if cell.use == CALIBRATION]
    draws = predictive(cells)
    for name, sources in {**{source: (source,) for source in SOURCES_SEEN}, "used": USED}.items():
        chosen = [place for place, cell in enumerate(cells) if cell.source in sources]
        print(f"{name}: {len(chosen)} cells")
        print(scores([cells[place] for place in chosen], draws.isel(cell=chosen)).head(5).to_string(index=False))


if __name__ == "__main__":
    main()
