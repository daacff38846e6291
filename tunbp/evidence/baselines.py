"""What a prediction must beat: one-line formulas and the median of known hosts, each as wide as its own errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import norm

from tunbp.evidence.held_out import CALIBRATION, Cell
from tunbp.model.laws import loss_window, window_rate

WINDOW = 3.0e6
"""Window where none is known: half of the 6 MiB that Linux allows by default, byte."""

ENSEMBLE = 128
"""Members that stand for a baseline's distribution."""

FEWEST = 3
"""Calibration cells that a baseline's spread needs."""


def window_over_rtt(cell: Cell, known: Sequence[Cell]) -> float:
    """Receive window over RTT, bit/s.

    Parameters
    ----------
    cell
        A held-out configuration.
    known
        Cells that may be learnt from; not used.

    Returns
    -------
    float
        bit/s, with `WINDOW` where none is known.
    """
    return float(window_rate(cell.known.get("receive_window", WINDOW), cell.known["rtt"]))


def ring_over_rtt(cell: Cell, known: Sequence[Cell]) -> float:
    """A ring of segments per RTT, bit/s.

    Parameters
    ----------
    cell
        A held-out configuration.
    known
        Cells that may be learnt from; not used.

    Returns
    -------
    float
        bit/s.
    """
    return 8.0 * float(cell.known["ring"]) * float(cell.known.get("mss", 1448.0)) / float(cell.known["rtt"])


def loss_law(cell: Cell, known: Sequence[Cell]) -> float:
    """Mathis' law, where the loss of the path is known; NaN elsewhere.

    Parameters
    ----------
    cell
        A held-out configuration.
    known
        Cells that may be learnt from; not used.

    Returns
    -------
    float
        bit/s, or NaN.
    """
    loss = float(cell.known.get("path_loss", 0.0))
    if not loss > 0.0:
        return float("nan")
    window = float(loss_window(np.array(loss), np.array(cell.known["rtt"]), np.array("reno")))
    return 8.0 * window * float(cell.known.get("mss", 1448.0)) / float(cell.known["rtt"])


def known_hosts(cell: Cell, known: Sequence[Cell]) -> float:
    """Median rate of the calibration cells of the same program; of all, where it has none.

    Parameters
    ----------
    cell
        A held-out configuration.
    known
        Calibration cells.

    Returns
    -------
    float
        bit/s.
    """
    same = [other.measured for other in known if other.product == cell.product]
    return float(np.median(same or [other.measured for other in known]))


BASELINES: dict[str, Callable[[Cell, Sequence[Cell]], float]] = {
    "window / RTT": window_over_rtt,
    "ring / RTT": ring_over_rtt,
    "loss law": loss_law,
    "median of known hosts": known_hosts,
}
"""Baselines by name."""


def baseline_crps(cells: Sequence[Cell], calibration: Sequence[Cell]) -> pd.DataFrame:
    """CRPS of every baseline on every cell, in the logarithm of the rate.

    A baseline is log-normal around its formula with the root mean square of its own errors over the calibration cells;
    its bias is left in, as nobody who uses the formula removes it.

    Parameters
    ----------
    cells
        Cells that are judged.
    calibration
        Cells that the spreads come from.

    Returns
    -------
    pandas.DataFrame
        One row per cell in their order, one column per baseline; NaN where it does not apply.
    """
    from scores.probability import crps_for_ensemble

    known = [cell for cell in calibration if cell.use == CALIBRATION]
    places = norm.ppf((np.arange(ENSEMBLE) + 0.5) / ENSEMBLE)
    columns = {}
    for name, formula in BASELINES.items():
        errors = np.array([np.log(formula(cell, known) / cell.measured) for cell in known])
        errors = errors[np.isfinite(errors)]
        spread = float(np.sqrt(np.mean(errors**2))) if errors.size >= FEWEST else 1.0
        middle = np.log([formula(cell, known) for cell in cells])
        members = xr.DataArray(middle[:, None] + spread * places, dims=("cell", "member"))
        truth = xr.DataArray(np.log([cell.measured for cell in cells]), dims="cell")
        columns[name] = crps_for_ensemble(members, truth, "member", preserve_dims="cell", method="fair").to_numpy()
    return pd.DataFrame(columns, index=pd.Index([cell.name for cell in cells], name="name"))


def against_baselines(judged: pd.DataFrame, baselines: pd.DataFrame) -> pd.DataFrame:
    """Mean CRPS by source of the prediction and, on the cells to which each applies, of every baseline.

    Parameters
    ----------
    judged
        What `tunbp.evidence.predictive.judged` returned.
    baselines
        What `baseline_crps` returned of the same cells.

    Returns
    -------
    pandas.DataFrame
        `source`, `baseline`, `cells`, `crps` of the baseline, `prediction` on the same cells, `better`.
    """
    lines = []
    for source, part in judged.groupby("source", sort=False):
        for name in baselines:
            there = baselines[name].to_numpy()[part.index]
            applies = np.isfinite(there)
            if applies.any():
                own = float(part["crps"].to_numpy()[applies].mean())
                theirs = float(there[applies].mean())
                lines.append(
                    {"source": source, "baseline": name, "cells": int(applies.sum()), "crps": theirs, "prediction": own,
                     "better": own < theirs}
                )  # fmt: skip
    return pd.DataFrame(lines)
