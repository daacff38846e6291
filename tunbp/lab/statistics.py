"""Medians with intervals, and stock against backpressure compared in pairs.

Repetitions are few, so the percentile bootstrap is widened for small samples (Hesterberg 2015, "What teachers
should know about the bootstrap", expanded percentile interval): the tail probability is
Phi(-sqrt(n/(n-1)) t) instead of 2.5 %. It cannot reach beyond the sample, and 3 differences have one sign
by chance in a quarter of all cases; so a paired difference's interval is in addition at least Student's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tunbp.lab.schedule import BACKPRESSURE, STOCK

RESAMPLES = 20_000
PARAMETERS = (
    "mode", "ring", "qdisc", "added_rtt", "congestion", "streams", "xmit_mode", "threads", "set_duration",
    "warmup", "reader_rate", "offered_rate", "burst",
)  # fmt: skip
"""Coordinates of a cell that tables carry along."""
FEWEST = 3
"""Fewer repetitions have no interval."""


@dataclass(frozen=True)
class Interval:
    """Median of a sample with its 95 % interval; the bounds are NaN when there are fewer than 3 values."""

    median: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Comparison:
    """One cell: both variants, and the paired difference backpressure - stock."""

    cell: str
    stock: Interval
    backpressure: Interval
    difference: Interval

    @property
    def verdict(self) -> str:
        """Is it "higher" or "lower" with backpressure; "undecided" when the interval includes zero."""
        if self.difference.low > 0:
            return "higher"
        return "lower" if self.difference.high < 0 else "undecided"


def tail_probability(count: int, level: float = 0.95) -> float:
    """Probability in each tail of the expanded percentile bootstrap for `count` values."""
    t = stats.t.ppf((1 + level) / 2, count - 1)
    return float(stats.norm.cdf(-np.sqrt(count / (count - 1)) * t))


def median_interval(values: ArrayLike, level: float = 0.95, seed: int = 1) -> Interval:
    """Median of `values` and its bootstrap interval; NaNs are left out."""
    sample: NDArray[np.float64] = np.asarray(values, dtype=float)
    sample = sample[~np.isnan(sample)]
    median = float(np.median(sample)) if sample.size else np.nan
    if sample.size < FEWEST:
        return Interval(median, np.nan, np.nan, sample.size)
    generator = np.random.default_rng(seed)
    medians = np.median(generator.choice(sample, (RESAMPLES, sample.size)), axis=1)
    tail = tail_probability(sample.size, level)
    low, high = np.quantile(medians, [tail, 1 - tail])
    return Interval(median, float(low), float(high), sample.size)


def paired_interval(differences: ArrayLike, level: float = 0.95) -> Interval:
    """Median of paired differences; interval: `median_interval`, at least Student's t of the mean."""
    sample: NDArray[np.float64] = np.asarray(differences, dtype=float)
    found = median_interval(sample, level)
    if sample.size < FEWEST:
        return found
    reach = stats.t.ppf((1 + level) / 2, sample.size - 1) * stats.sem(sample)
    low, high = float(sample.mean() - reach), float(sample.mean() + reach)
    return Interval(found.median, min(found.low, low), max(found.high, high), found.count)


def compare(runs: xr.Dataset, variable: str) -> Iterator[Comparison]:
    """Stock against backpressure for one variable, cell by cell; a pair is one repetition of both.

    Parameters
    ----------
    runs
        A Dataset of `tunbp.lab.collect.collect`, dim run.
    variable
        Name of a total with the only dim run.
    """
    table = runs[[variable]].to_dataframe().reset_index()
    for cell, rows in table.groupby("cell", sort=False):
        wide = rows.pivot_table(index="repetition", columns="variant", values=variable)
        wide = wide.reindex(columns=[STOCK, BACKPRESSURE])
        paired = (wide[BACKPRESSURE] - wide[STOCK]).dropna()
        yield Comparison(
            str(cell),
            median_interval(wide[STOCK]),
            median_interval(wide[BACKPRESSURE]),
            paired_interval(paired),
        )


def medians(runs: xr.Dataset, variable: str) -> pd.DataFrame:
    """One row per cell and variant: `variable`, low, high, count and the cell's parameters; for figures."""
    rows = []
    for comparison in compare(runs, variable):
        first = runs.isel(run=int(np.argmax(runs["cell"].to_numpy() == comparison.cell)))
        parameters = {name: first[name].item() for name in PARAMETERS if name in first.coords}
        for variant, found in ((STOCK, comparison.stock), (BACKPRESSURE, comparison.backpressure)):
            if found.count:
                measured = {
                    variable: found.median,
                    "low": found.low,
                    "high": found.high,
                    "count": found.count,
                }
                rows.append({"cell": comparison.cell, "variant": variant, **measured, **parameters})
    return pd.DataFrame(rows)


def verdicts(runs: xr.Dataset, variables: Sequence[str]) -> pd.DataFrame:
    """One row per cell and variable measured in both variants: medians, difference, interval, verdict."""
    rows = []
    for variable in variables:
        for found in compare(runs, variable):
            if found.difference.count:
                difference = found.difference
                row = {
                    "cell": found.cell,
                    "quantity": runs[variable].attrs.get("long_name", variable),
                    "units": runs[variable].attrs.get("units", ""),
                    "stock": found.stock.median,
                    "backpressure": found.backpressure.median,
                    "difference": difference.median,
                    "low": difference.low,
                    "high": difference.high,
                    "pairs": difference.count,
                    "with backpressure": found.verdict,
                }
                rows.append(row)
    return pd.DataFrame(rows)
