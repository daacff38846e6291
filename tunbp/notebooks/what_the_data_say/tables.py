"""Tables of notebook 09: every cell with its predictive interval."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tunbp.evidence.held_out import CALIBRATION, HELD_OUT, SOURCES, Cell
from tunbp.evidence.predictive import judged, predictive
from tunbp.model.fields import FIELDS
from tunbp.notebooks.words import host_name, named
from tunbp.quantities import show, show_range, significant
from tunbp.results.output import Shown

SOURCE_NAMES = {
    "openvpn_native": "our OpenVPN runs",
    "external": "runs of others",
    "paper": "the paper's other rows",
    "openvpn": "our OpenVPN runs, emulated",
    "wireguard_native": "our wireguard-go runs",
}
"""What figures and tables call a source."""
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


def sourced(table: pd.DataFrame) -> pd.DataFrame:
    """A table by source with the sources in words, to be printed.

    Parameters
    ----------
    table
        Rows with a column `source`.

    Returns
    -------
    pandas.DataFrame
        The same rows.
    """
    return table.assign(source=[SOURCE_NAMES.get(name, name) for name in table["source"]])


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


def constant_name(row: Mapping[Hashable, Any]) -> str:
    """A constant of `evidence.posteriors.contraction` as it is read; a factor is said to be relative.

    Parameters
    ----------
    row
        One row of `contraction`.

    Returns
    -------
    str
        Its name.
    """
    name = str(row["constant"])
    words = FIELDS[name].long_name if name in FIELDS else name.replace("_", " ")
    return f"{words} (relative)" if row["relative"] else words


def prior_words(row: Mapping[Hashable, Any]) -> str:
    """90 % of the prior of a constant as it is read: in its unit, as a factor, or that it is a yes or no.

    Parameters
    ----------
    row
        One row of `evidence.posteriors.contraction`.

    Returns
    -------
    str
        A range.
    """
    low, high = row["prior_low90"], row["prior_high90"]
    if not np.isfinite(low):
        return "yes or no"
    if row["relative"]:
        return f"{significant(low, 2)} to {significant(high, 2)} ×"
    return show_range(low, high, FIELDS[str(row["constant"])].units)


def in_words(said: pd.DataFrame) -> pd.DataFrame:
    """`evidence.posteriors.contraction` as it is read: names in words, median and interval in the unit people use.

    Parameters
    ----------
    said
        What `contraction` returned.

    Returns
    -------
    pandas.DataFrame
        One row per constant.
    """
    lines = []
    for row in said.to_dict("records"):
        field = FIELDS[row["constant"]]
        middle, ends = show(row["median"], field.units, 3), show_range(row["low90"], row["high90"], field.units)
        line = {"host": host_name(row["host"]), "constant": constant_name(row), "median (90 %)": f"{middle} ({ends})"}
        quantiles = f"{100 * row['place_low90']:.0f} to {100 * row['place_high90']:.0f} %"
        lines.append(line | {"as quantiles of the prior": quantiles, "the rows say": row["says"]})
    return pd.DataFrame(lines)


def hosts_in_words(said: pd.DataFrame) -> pd.DataFrame:
    """`evidence.posteriors.inferred` as it is read: the value that meets the rows best, and the posterior's 90 %.

    Parameters
    ----------
    said
        What `inferred` returned.

    Returns
    -------
    pandas.DataFrame
        One row per host and constant.
    """
    lines = []
    for row in said.to_dict("records"):
        field = FIELDS[row["constant"]]
        ends = show_range(row["low90"], row["high90"], field.units)
        lines.append(
            {"host": row["host"], "constant": field.long_name, "best": show(row["value"], field.units, 3), "90 %": ends,
             "the rows say": row["says"]}
        )  # fmt: skip
    return pd.DataFrame(lines)


def missed(judges: pd.DataFrame) -> pd.DataFrame:
    """Configurations whose 90 % interval misses, as they are read: rates in Mbit/s.

    Parameters
    ----------
    judges
        Held-out rows of `evidence.predictive.judged`.

    Returns
    -------
    pandas.DataFrame
        For print.
    """
    out = judges[~judges["inside90"].astype(bool)]
    ends = [
        f"{significant(low / 1e6, 3)} to {significant(high / 1e6, 3)}"
        for low, high in out[["low90", "high90"]].to_numpy()
    ]
    return pd.DataFrame(
        {
            "configuration": [named(name) for name in out["name"]],
            "runs": [SOURCE_NAMES[source] for source in out["source"]],
            "measured (Mbit/s)": [significant(value / 1e6, 3) for value in out["measured"]],
            "predicted, 90 % (Mbit/s)": ends,
        }
    )
