"""Tables of a notebook: errors in percent, quantities in the units people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tunbp.plots.figures import need
from tunbp.quantities import label_unit

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def error_table(
    data: pd.DataFrame,
    error: str = "error",
    *,
    caption: str = "",
    units: Mapping[str, tuple[str, str] | str] | None = None,
    limit: float | None = None,
) -> Styler:
    """Format a table for a notebook: every row, errors in percent, rows past the limit by a word and bold.

    Parameters
    ----------
    data
        One row per comparison; column `error` is a relative error (0.1 is 10 %), other columns SI.
    error
        Name of the column with the relative error.
    caption
        Caption above the table.
    units
        SI unit per column (or `(SI unit, unit to show)`); the head then names the unit shown.
    limit
        Relative error past which a row is marked.

    Returns
    -------
    pandas Styler
        Displays itself as the last line of a cell.

    Raises
    ------
    OutputError
        If the error column is missing.
    """
    need(data, error)
    table = data.reset_index(drop=True).copy()
    heads: dict[str, str] = {}
    for column, given in (units or {}).items():
        unit, shown = (given, None) if isinstance(given, str) else given
        name, size = label_unit(unit, shown)
        table[column] = pd.to_numeric(table[column]) / size
        heads[column] = f"{column} ({name})" if name else column
    table[error] = table[error] * 100
    heads[error] = f"{error} (%)"
    past = table[error].abs() > limit * 100 if limit is not None else pd.Series(False, index=table.index)
    if limit is not None:
        table["verdict"] = np.where(table[error].isna(), "no value", np.where(past, f"past {limit:.0%}", "within"))
    numbers = [c for c in table.columns if pd.api.types.is_float_dtype(table[c])]
    table = table.rename(columns=heads)
    shown_error = heads[error]
    styler = table.style.format(
        {heads.get(c, c): "{:+.1f}" if heads.get(c, c) == shown_error else "{:.4g}" for c in numbers},
        na_rep="missing",
    )
    styler = styler.set_uuid("errors").hide(axis="index")
    styler = styler.apply(lambda row: ["font-weight: bold" if past[row.name] else ""] * len(row), axis=1)
    return styler.set_caption(caption) if caption else styler
