"""Tables of notebook 09: every cell with its predictive interval, and what must hold of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tunbp.evidence.external_predictions import committed
from tunbp.evidence.held_out import CALIBRATION, HELD_OUT, SOURCES, Cell, others
from tunbp.evidence.predictive import judged, predictive

COVERED = (0.80, 0.97)
"""Lowest and highest share of runs that 90 % intervals may hold."""

BOUNDS = {
    "held-out runs inside their 90 % interval": COVERED,
    "held-out runs inside their 50 % interval": (0.40, 0.62),
    "median absolute log ratio, native and external": (0.0, 0.20),
    "median width of 90 % intervals, stock, reader measured": (1.0, 3.0),
    "runs of others inside the 90 % interval that was stored before they were compared": COVERED,
}
"""What the project promises of its predictions: lowest and highest value."""


def predicted(sources: Sequence[str], draws: int, seed: int) -> tuple[list[Cell], pd.DataFrame]:
    """All cells of some sources, and each with its interval."""
    cells = [cell for name in sources for cell in SOURCES[name]()]
    return cells, judged(cells, predictive(cells, draws, seed))


def split(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that judge the intervals, and rows that the sizes of the model's error come from."""
    return table[table["use"] == HELD_OUT], table[table["use"] == CALIBRATION]


def external_check() -> pd.DataFrame:
    """The committed predictions of external runs beside what was measured.

    Returns
    -------
    pandas.DataFrame
        `run`, `source_id`, `measured`, `median`, `low90`, `high90` [bit/s], `inside`, `log_ratio`.
    """
    before = committed()
    lines = []
    for cell in others():
        row = before.loc[cell.name]
        lines.append(
            {
                "run": cell.name,
                "source_id": cell.extra["source_id"],
                "measured": cell.measured,
                **row[["median", "low90", "high90"]].to_dict(),
                "inside": bool(row["low90"] <= cell.measured <= row["high90"]),
                "log_ratio": float(np.log(row["median"] / cell.measured)),
            }
        )
    return pd.DataFrame(lines)


def bounds(table: pd.DataFrame) -> pd.DataFrame:
    """The project's promises on predictions, each with its value and whether it is met.

    Parameters
    ----------
    table
        What `predicted` returned; only rows that nothing was calibrated on count.
    """
    judges, _ = split(table)
    blind = judges[judges["source"].isin(["openvpn_native", "external"])]
    known = judges[(judges["source"] == "openvpn_native") & (judges["variant"] == "stock")]
    before = external_check()
    values = (
        judges["inside90"].mean(),
        judges["inside50"].mean(),
        blind["log_ratio"].abs().median(),
        (known["high90"] / known["low90"]).median(),
        before["inside"].mean(),
    )
    counts = (len(judges), len(judges), len(blind), len(known), len(before))
    lines = [
        {"bound": words, "cells": count, "value": value, "low": low, "high": high, "met": low <= value <= high}
        for (words, (low, high)), value, count in zip(BOUNDS.items(), values, counts, strict=True)
    ]
    return pd.DataFrame(lines)
