"""Tables of notebook 09: every cell with its predictive interval."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tunbp.evidence.held_out import CALIBRATION, HELD_OUT, SOURCES, Cell
from tunbp.evidence.predictive import judged, predictive


def predicted(sources: Sequence[str], draws: int, seed: int) -> tuple[list[Cell], pd.DataFrame]:
    """All cells of some sources, and each with its interval."""
    cells = [cell for name in sources for cell in SOURCES[name]()]
    return cells, judged(cells, predictive(cells, draws, seed))


def split(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that judge the intervals, and rows that the sizes of the model's error come from."""
    return table[table["use"] == HELD_OUT], table[table["use"] == CALIBRATION]
