"""Tidy tables for plots: one row per point, SI units, a column that names the variant."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from tunbp.errors import OutputError

Table = pd.DataFrame | xr.Dataset | xr.DataArray


def rows(data: Table) -> pd.DataFrame:
    """Tidy table of a Dataset (one row per point, coordinates as columns); a DataFrame passes through.

    Parameters
    ----------
    data
        A Dataset, or a table that is one row per point already.

    Returns
    -------
    pandas.DataFrame
        One row per point.

    Raises
    ------
    OutputError
        If `data` is neither.
    """
    if isinstance(data, pd.DataFrame):
        return data.reset_index() if any(name is not None for name in data.index.names) else data
    if isinstance(data, xr.DataArray):
        data = data.to_dataset(name=data.name or "value")
    if isinstance(data, xr.Dataset):
        return (data if data.sizes else data.expand_dims(point=1)).to_dataframe().reset_index(drop=not data.sizes)
    raise OutputError(f"data of a plot: need a DataFrame, Dataset or DataArray, got {type(data).__name__}")


def need(table: pd.DataFrame, *columns: str | None) -> None:
    """Raise `OutputError` unless the table has all these columns; None is no column.

    Parameters
    ----------
    table
        Table to look at.
    *columns
        Names of columns; None is none.
    """
    for column in columns:
        if column is not None and column not in table.columns:
            raise OutputError(f"column {column!r} is not in the data: it has {', '.join(map(str, table.columns))}")


def by_variant(table: pd.DataFrame, variant: str) -> list[tuple[str, pd.DataFrame]]:
    """Rows of each variant in order of appearance; a name that is no column is the variant of all rows.

    Parameters
    ----------
    table
        One row per point.
    variant
        Column of the variants, or the one variant's name.

    Returns
    -------
    list[tuple[str, pd.DataFrame]]
        Name and rows of each variant.
    """
    if variant not in table.columns:
        if variant == "variant":
            raise OutputError(f"column 'variant' is not in the data: it has {', '.join(map(str, table.columns))}")
        return [(variant, table)]
    return [(str(name), table[table[variant] == name]) for name in dict.fromkeys(table[variant])]
