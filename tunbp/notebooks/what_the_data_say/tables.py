"""Tables of notebook 09: every cell with its predictive interval."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tunbp.evidence.held_out import CALIBRATION, HELD_OUT, SOURCES, Cell
from tunbp.evidence.predictive import judged, predictive
from tunbp.model.fields import FIELDS
from tunbp.quantities import show, show_range
from tunbp.results.output import Shown

INTERVALS: dict[str, Shown] = {
    "name": "", "variant": "", **dict.fromkeys(("measured", "median", "low90", "high90"), "bit/s"),
}  # fmt: skip
"""Printed columns of configurations with their intervals."""
COVERAGE: dict[str, Shown] = {
    "cells": "", "inside 90 %": ("1", "%"), "inside 50 %": ("1", "%"), "width": "", "log ratio": "",
}  # fmt: skip
"""Printed columns of `evidence.predictive.coverage`, after its first."""


def predicted(sources: Sequence[str], draws: int, seed: int) -> tuple[list[Cell], pd.DataFrame]:
    """All cells of some sources, and each with its interval.

    Parameters
    ----------
    sources
        Names of `SOURCES`.
    draws
        Draws of the priors.
    seed
        Seed of the draws.

    Returns
    -------
    tuple[list[Cell], pd.DataFrame]
        Cells, and one row per cell with its interval in bit/s.
    """
    cells = [cell for name in sources for cell in SOURCES[name]()]
    return cells, judged(cells, predictive(cells, draws, seed))


def split(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that judge the intervals, and rows that the sizes of the model's error come from.

    Parameters
    ----------
    table
        What `predicted` returned.

    Returns
    -------
    tuple[pd.DataFrame, pd.DataFrame]
        Both parts, in the order of `table`.
    """
    return table[table["use"] == HELD_OUT], table[table["use"] == CALIBRATION]


def in_words(said: pd.DataFrame) -> pd.DataFrame:
    """`evidence.posteriors.contraction` with a column `90 %`: median and interval in the unit people use.

    Parameters
    ----------
    said
        What `contraction` returned.

    Returns
    -------
    pandas.DataFrame
        The same rows.
    """
    words = []
    for row in said.to_dict("records"):
        unit = FIELDS[row["constant"]].units
        words.append(f"{show(row['median'], unit, 3)} ({show_range(row['low90'], row['high90'], unit)})")
    return said.assign(**{"90 %": words})
