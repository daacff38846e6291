"""Medians with intervals, and stock against backpressure compared in pairs: cells of a measurement as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.lab.schedule import BACKPRESSURE, STOCK
from tunbp.statistics import Interval, median_interval, paired_interval

PARAMETERS = (
    "mode", "ring", "qdisc", "added_rtt", "congestion", "windows", "pacing", "path", "streams", "xmit_mode", "threads",
    "set_duration", "warmup", "reader_rate", "offered_rate", "burst",
)  # fmt: skip
"""Coordinates of a cell that tables carry along."""


@dataclass(frozen=True)
class Comparison:
    """One cell: median of both variants, and the mean difference backpressure - stock of its pairs.

    A median's interval reaches 75 % with three repetitions and 94 % with five, see
    `tunbp.statistics.median_interval`; the difference's is Student's at 95 %.
    """

    cell: str
    stock: Interval
    backpressure: Interval
    difference: Interval

    @property
    def verdict(self) -> str:
        """Is it "higher" or "lower" with backpressure; "undecided" when the 95 % interval includes zero."""
        if self.difference.low > 0:
            return "higher"
        return "lower" if self.difference.high < 0 else "undecided"


def compare(runs: xr.Dataset, variable: str) -> Iterator[Comparison]:
    """Stock against backpressure for one variable, cell by cell; a pair is one repetition of both.

    Parameters
    ----------
    runs
        A Dataset of `tunbp.lab.collect.collect`, dim run.
    variable
        Name of a total with the only dim run.

    Yields
    ------
    Comparison
        One comparison per cell in which both variants ran at least once each.
    """
    table = runs[[variable]].to_dataframe().reset_index()
    for cell, rows in table.groupby("cell", sort=False):
        wide = rows.pivot_table(index="repetition", columns="variant", values=variable)
        wide = wide.reindex(columns=[STOCK, BACKPRESSURE])
        yield Comparison(
            str(cell),
            median_interval(wide[STOCK]),
            median_interval(wide[BACKPRESSURE]),
            paired_interval(wide[STOCK], wide[BACKPRESSURE]),
        )


def medians(runs: xr.Dataset, variable: str) -> pd.DataFrame:
    """One row per cell and variant: median of `variable`, low, high, level, count and the cell's parameters.

    Parameters
    ----------
    runs
        A Dataset of `tunbp.lab.collect.collect`, dim run.
    variable
        Name of a total with the only dim run.

    Returns
    -------
    pd.DataFrame
        In the unit of `variable`.
    """
    rows = []
    for comparison in compare(runs, variable):
        first = runs.isel(run=int(np.argmax(runs["cell"].to_numpy() == comparison.cell)))
        parameters = {name: first[name].item() for name in PARAMETERS if name in first.coords}
        for variant, found in ((STOCK, comparison.stock), (BACKPRESSURE, comparison.backpressure)):
            if found.count:
                measured = {
                    variable: found.estimate,
                    "low": found.low,
                    "high": found.high,
                    "level": found.level,
                    "count": found.count,
                }
                rows.append({"cell": comparison.cell, "variant": variant, **measured, **parameters})
    return pd.DataFrame(rows)


def interval_words(table: pd.DataFrame) -> str:
    """What the intervals of `medians` are, for captions: the level that the fewest repetitions reach.

    Parameters
    ----------
    table
        What `medians` returned.

    Returns
    -------
    str
        Half a sentence.
    """
    known = table[table["level"].notna()]
    if known.empty:
        return "too few repetitions for intervals"
    fewest = known.iloc[int(known["count"].argmin())]
    return f"{100 * fewest['level']:.3g} % intervals of the medians, {fewest['count']} repetitions or more"


def verdicts(runs: xr.Dataset, variables: Sequence[str]) -> pd.DataFrame:
    """One row per cell and variable in both variants: medians, mean difference of pairs, 95 % interval, verdict.

    Parameters
    ----------
    runs
        A Dataset of `tunbp.lab.collect.collect`, dim run.
    variables
        Names of totals.

    Returns
    -------
    pd.DataFrame
        Values in the units of the variables, column `units`.
    """
    rows = []
    for variable in variables:
        for found in compare(runs, variable):
            if found.difference.count:
                difference = found.difference
                row = {
                    "cell": found.cell,
                    "quantity": runs[variable].attrs.get("long_name", variable),
                    "units": runs[variable].attrs.get("units", ""),
                    "stock": found.stock.estimate,
                    "backpressure": found.backpressure.estimate,
                    "difference": difference.estimate,
                    "low": difference.low,
                    "high": difference.high,
                    "pairs": difference.count,
                    "with backpressure": found.verdict,
                }
                rows.append(row)
    return pd.DataFrame(rows)


def machine_verdicts(measurements: Iterable[xr.Dataset], variables: Sequence[str]) -> pd.DataFrame:
    """`verdicts` of one experiment on several machines, the number of their processors in front of each cell.

    Parameters
    ----------
    measurements
        Datasets of `tunbp.lab.collect.collect`, one per machine.
    variables
        Names of totals.

    Returns
    -------
    pd.DataFrame
        Rows of all, one machine after the other.
    """
    parts = []
    for runs in measurements:
        count = int(json.loads(str(runs.attrs["facts"]))["cpus"])
        found = verdicts(runs, variables)
        if len(found):  # a measurement of one variant has no pairs
            parts.append(found.assign(cell=f"{count} processor{'s' * (count > 1)}-" + found["cell"]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
