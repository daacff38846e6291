"""Tables of a notebook: errors in percent, quantities in the units people read."""

from __future__ import annotations

import html
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tunbp.escape import printable
from tunbp.plots.tidy import need
from tunbp.quantities import label_unit, significant

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
    table, heads = in_shown_units(data, units or {})
    table[error] = table[error] * 100
    heads[error] = f"{error} (%)"
    past = table[error].abs() > limit * 100 if limit is not None else pd.Series(False, index=table.index)
    if limit is not None:
        table["verdict"] = np.where(table[error].isna(), "no value", np.where(past, f"past {limit:.0%}", "within"))
    styler = _styled(table, heads, caption, {error: _signed})
    return styler.apply(lambda row: ["font-weight: bold" if past[row.name] else ""] * len(row), axis=1)


def quantity_table(
    data: pd.DataFrame, units: Mapping[str, tuple[str, str] | str], *, caption: str = "", missing: str = "not printed"
) -> Styler:
    """Format a table for a notebook: every row, quantities in the units people read.

    Parameters
    ----------
    data
        The rows, SI units.
    units, caption
        As in `error_table`.
    missing
        Words in the place of a missing value.

    Returns
    -------
    Styler
        Shows as HTML in a notebook.
    """
    table, heads = in_shown_units(data, units)
    return _styled(table, heads, caption, {}, missing)


def in_shown_units(
    data: pd.DataFrame, units: Mapping[str, tuple[str, str] | str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The rows with quantities in the units to show, and the head of each of these columns.

    Parameters
    ----------
    data
        The rows, SI units.
    units
        SI unit per column, or `(SI unit, unit to show)`.

    Returns
    -------
    tuple[pd.DataFrame, dict[str, str]]
        Numbers in the shown units, and column to its head.
    """
    table = data.reset_index(drop=True).copy()
    heads: dict[str, str] = {}
    for column, given in units.items():
        unit, shown = (given, None) if isinstance(given, str) else given
        name, size = label_unit(unit, shown)
        table[column] = pd.to_numeric(table[column]) / size
        # a name that ends with its unit says it already
        heads[column] = column if not name or column.endswith(name) else f"{column} ({name})"
    return table, heads


def text_table(table: pd.DataFrame, caption: str = "") -> Styler:
    """Format a table of words for a notebook: no text is HTML, sentences begin at the left.

    Parameters
    ----------
    table
        The rows.
    caption
        Words above it.

    Returns
    -------
    pandas Styler
        Displays itself as the last line of a cell.
    """
    return _styled(table.reset_index(drop=True), {}, caption, {})


def _signed(value: float) -> str:
    """An error in percent, with its sign."""
    return f"{value:+.1f}" if abs(value) < 1e4 else f"{value:+,.0f}"


def _styled(
    table: pd.DataFrame,
    heads: Mapping[str, str],
    caption: str,
    formats: Mapping[str, Any],
    missing: str = "missing",
) -> Styler:
    """A Styler of the table, in which no text of a cell, a head or the caption is HTML."""
    columns = [str(column) for column in table if pd.api.types.is_float_dtype(table[column])]
    floats: dict[str, Any] = {column: formats.get(column, significant) for column in columns}
    shown = {column: printable(heads.get(str(column), str(column))) for column in table}
    texts = table.map(lambda value: printable(value) if isinstance(value, str) else value)
    styler = texts.rename(columns=shown).style.format(
        {shown[column]: text for column, text in floats.items()}, na_rep=missing, escape="html"
    )
    # a name of its own, the same in every run: the style of one table must not reach the next
    name = f"{zlib.crc32(repr([caption, *shown.values()]).encode()):08x}"
    styler = styler.format_index(escape="html", axis="columns").set_uuid(name).hide(axis="index")
    words = [number for number, column in enumerate(table) if not pd.api.types.is_numeric_dtype(table[column])]
    # notebooks set everything to the right, where sentences are hard to read
    left = ", ".join(f"th.col{number}, td.col{number}" for number in words)
    if left:
        styler = styler.set_table_styles([{"selector": left, "props": "text-align: left; vertical-align: top"}])
    return styler.set_caption(html.escape(printable(caption))) if caption else styler
