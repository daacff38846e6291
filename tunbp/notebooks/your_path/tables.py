"""The path of the notebook's parameters, and its prediction as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tunbp.model.fields import FIELDS
from tunbp.prediction import Prediction
from tunbp.prediction.measured import read_run
from tunbp.prediction.path import Path
from tunbp.quantities import significant
from tunbp.traces import open_trace


def path_of(values: Mapping[str, Any]) -> Path:
    """What the parameters say of the path, as the options of `tunbp predict` would; null means not known.

    Parameters
    ----------
    values
        Parameters of the notebook by name.

    Returns
    -------
    Path
        To be predicted by its `predict`.

    Raises
    ------
    TraceError
        If the trace cannot be read.
    """
    path = Path(values["product"])
    given = {name: value for name, value in values.items() if name in FIELDS and value is not None and name != "seed"}
    if values.get("trace") is not None:
        told = read_run(open_trace(values["trace"]), given)
        path.take(given, "given")
        path.hear(told)
    else:
        path.take(given, "given")
    if values.get("measured_rate") is not None:
        path.carried(values["measured_rate"])
    return path


def table(found: Prediction) -> pd.DataFrame:
    """A prediction as a table for people, one row per txqueuelen: Mbit/s with the 90 % interval, ms of ping.

    Parameters
    ----------
    found
        The prediction.

    Returns
    -------
    pandas.DataFrame
        One row per txqueuelen.
    """
    rows = []
    for ring in map(int, found.draws["ring"].to_numpy()):
        row: dict[str, Any] = {"txqueuelen": ring}
        for variant in map(str, found.draws["variant"].to_numpy()):
            rate = found.quantiles("received_rate", ring, variant)
            for name, level in (("", "median"), (" low", "low90"), (" high", "high90")):
                row[f"{variant}{name} (Mbit/s)"] = rate[level] / 1e6
            row[f"{variant} ping (ms)"] = found.quantiles("latency", ring, variant)["median"] * 1e3
        rows.append(row)
    return pd.DataFrame(rows)


def printed(shown: pd.DataFrame) -> pd.DataFrame:
    """`table` for print: each rate with its interval in one column.

    Parameters
    ----------
    shown
        What `table` returned.

    Returns
    -------
    pandas.DataFrame
        For print.
    """
    found = {"txqueuelen": shown["txqueuelen"]}
    for variant in (name.removesuffix(" ping (ms)") for name in map(str, shown) if name.endswith(" ping (ms)")):
        rates = shown[[f"{variant}{part} (Mbit/s)" for part in ("", " low", " high")]].to_numpy(float)
        words = ["{} ({} to {})".format(*(significant(value, 3) for value in row)) for row in rates]
        found[f"{variant}, 90 % (Mbit/s)"] = pd.Series(words)
        found[f"{variant}, ping (ms)"] = shown[f"{variant} ping (ms)"].map(lambda value: significant(value, 3))
    return pd.DataFrame(found)


def unknowns(found: Prediction) -> pd.DataFrame:
    """What is not known, by the share of the spread that it causes, and what measures it.

    Parameters
    ----------
    found
        The prediction.

    Returns
    -------
    pandas.DataFrame
        One row per unknown, largest share first.
    """
    return pd.DataFrame(found.ranking()).rename(columns={"name": "constant"})
