"""Intervals that say what they are: of a median, a mean, a series' mean, a ratio or change of series, or the next run.

Each reaches the level it states; `tests/test_statistics.py` shows it by simulation, on normal, log-normal and
autocorrelated data. Where too few values allow the wished level, the interval carries the level that it does reach;
where nothing can be said, its ends are NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq

Array = NDArray[np.float64]

LEVEL = 0.95
FEWEST_RUNS = 3
"""Fewer independent values have no interval."""
FEWEST_STEPS = 20
"""A series with fewer steps tells too little of its own autocorrelation to have an interval (coverage 77 % at 5)."""
BLOCKS = 30
"""Blocks that a long series is averaged into."""
FEWEST_BLOCKS = 12
"""Fewer blocks of time, each longer than what follows from one sample to the next, have no interval."""
_UNBOUNDED = 1e9
"""A ratio of means further away than this, in standard errors, counts as infinite."""
_PHI = 0.999 * (np.arange(200) - 99.5) / 100
"""Autocorrelations that intervals of series average over, equally likely beforehand."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes
    ----------
    estimate, low, high
        In the unit of the values; `low` and `high` are NaN where the values allow no interval.
    level
        Probability with which the interval covers, as far as the values allow: 0.75 for the median of three values,
        whatever was wished for. NaN without interval.
    count
        Values behind it (steps, for a series).
    kind
        What it is an interval of, in words.
    """

    estimate: float
    low: float
    high: float
    level: float
    count: int
    kind: str

    @property
    def words(self) -> str:
        """What the interval is, for captions: ``"94 % interval of the median, 5 values"``."""
        if np.isnan(self.level):
            return f"no interval: {self.count} values are too few"
        return f"{100 * self.level:.3g} % interval of {self.kind}, {self.count} values"


def _finite(values: ArrayLike) -> Array:
    sample: Array = np.asarray(values, float).ravel()
    return sample[np.isfinite(sample)]


def _unknown(estimate: float, count: int, kind: str) -> Interval:
    return Interval(estimate, np.nan, np.nan, np.nan, count, kind)


def median_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Median of independent values with its exact interval between two order statistics.

    Parameters
    ----------
    values
        Independent repetitions, any shape; NaNs are left out.
    level
        Probability wished for.

    Returns
    -------
    Interval
        From the k-th smallest to the k-th largest value, k as large as `level` allows. Its own `level` is exact,
        P(k <= B <= n - k) with B binomial(n, 1/2), for any continuous distribution: 0.75 for 3 values, 0.9375 for 5,
        0.969 for 6. Below 6 values that is less than 0.95. Fewer than 3 values have none.

    Notes
    -----
    David and Nagaraja, "Order Statistics", 3rd edition, 2003, section 7.1.

    Examples
    --------
    >>> found = median_interval([9.0, 10.0, 12.0])
    >>> found.low, found.estimate, found.high, found.level
    (9.0, 10.0, 12.0, 0.75)
    """
    sample = np.sort(_finite(values))
    n, kind = sample.size, "the median"
    median = float(np.median(sample)) if n else np.nan
    if n < FEWEST_RUNS:
        return _unknown(median, n, kind)
    from scipy.stats import binom  # half a second to import, which intervals of other kinds do not need

    ranks = np.arange(1, n // 2 + 1)
    levels = 1 - 2 * binom.cdf(ranks - 1, n, 0.5)
    k = int(ranks[levels >= level].max(initial=1))
    return Interval(median, float(sample[k - 1]), float(sample[n - k]), float(levels[k - 1]), n, kind)


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of independent values with Student's t interval.

    Parameters
    ----------
    values
        Independent repetitions, about normal (means and differences of runs are; a heavy tail needs
        `median_interval`); NaNs are left out.
    level
        Probability.

    Returns
    -------
    Interval
        In the unit of `values`; its ends are NaN below three values.

    Examples
    --------
    >>> found = mean_interval([9.0, 10.0, 11.0])
    >>> round(found.low, 2), found.estimate, round(found.high, 2)
    (7.52, 10.0, 12.48)
    """
    sample = _finite(values)
    n, kind = sample.size, "the mean"
    mean = float(sample.mean()) if n else np.nan
    if n < FEWEST_RUNS:
        return _unknown(mean, n, kind)
    reach = float(special.stdtrit(n - 1, (1 + level) / 2) * (sample.std(ddof=1) / n**0.5))
    return Interval(mean, mean - reach, mean + reach, level, n, kind)


def paired_interval(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of the differences `second` - `first` of pairs, with Student's t interval.

    What both of a pair share (a drift of the machine) cancels.

    Parameters
    ----------
    first, second
        One value per pair each, same length; a pair with a NaN is left out.
    level
        Probability.

    Returns
    -------
    Interval
        In the unit of the values; its ends are NaN below three pairs.

    Examples
    --------
    >>> round(paired_interval([10, 110, 210], [20, 121, 219]).low, 1)
    7.5
    """
    found = mean_interval(np.asarray(second, float) - np.asarray(first, float), level)
    return Interval(found.estimate, found.low, found.high, found.level, found.count, "the mean difference of pairs")


def next_run_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Where the next run falls: the central part of independent runs, e.g. of a simulation's seeds.

    Parameters
    ----------
    values
        Runs, any shape; NaNs are left out.
    level
        Probability wished for.

    Returns
    -------
    Interval
        Quantiles at p (n + 1) (Weibull's positions), which cover one further run with probability `level` whatever
        the distribution. Fewer than 39 runs cannot reach 0.95: the interval is then their whole range, at the level
        (n - 1) / (n + 1), e.g. 0.71 for 6 runs. `estimate` is the median.

    Notes
    -----
    Wilks, "Determination of sample sizes for setting tolerance limits", 1941.
    """
    sample = _finite(values)
    n, kind = sample.size, "a single run"
    median = float(np.median(sample)) if n else np.nan
    if n < FEWEST_RUNS:
        return _unknown(median, n, kind)
    reached = min(level, (n - 1) / (n + 1))
    low, high = np.quantile(sample, ((1 - reached) / 2, (1 + reached) / 2), method="weibull")
    return Interval(median, float(low), float(high), float(reached), n, kind)


# ------------------------------------------------------------------------------------------------ autocorrelated series


@dataclass(frozen=True)
class _MeanOfSeries:
    """What a series tells about its mean: a mixture of Student's t, one part per autocorrelation."""

    weights: Array
    centres: Array
    scales: Array
    freedom: int

    def below(self, x: float) -> float:
        """Probability that the mean is below `x`."""
        return float(self.weights @ special.stdtr(self.freedom, (x - self.centres) / self.scales))

    def quantiles(self, probabilities: ArrayLike) -> Array:
        wide = np.max(np.abs(special.stdtrit(self.freedom, 1e-6)) * self.scales)
        ends = float(self.centres.min() - wide), float(self.centres.max() + wide)
        if ends[0] == ends[1]:
            return np.full(np.shape(probabilities), ends[0])
        return np.array([brentq(lambda x, p=p: self.below(x) - p, *ends) for p in np.atleast_1d(probabilities)])


def _mean_of_series(steps: Array) -> _MeanOfSeries:
    """What is known of the mean of a series of several steps, see `series_interval`."""
    n, mean = steps.size, float(steps.mean())
    length = max(1, n // BLOCKS)
    x = steps[: n // length * length].reshape(-1, length).mean(axis=1) - mean
    # precision of x given phi, times 1 - phi^2: ends 1, inside 1 + phi^2, beside the diagonal -phi
    b = x.size
    squares = (1 - _PHI**2) + (b - 1) * (1 - _PHI) ** 2
    mixed = (1 - _PHI**2) * x[0] + (1 - _PHI) * (x[1:].sum() - _PHI * x[:-1].sum())
    total = (1 - _PHI**2) * x[0] ** 2 + x[1:] @ x[1:] - 2 * _PHI * (x[1:] @ x[:-1]) + _PHI**2 * (x[:-1] @ x[:-1])
    residual = np.maximum(total - mixed**2 / squares, np.finfo(float).tiny)
    logs = 0.5 * np.log1p(-(_PHI**2)) - 0.5 * np.log(squares) - (b - 1) / 2 * np.log(residual)
    weights = np.exp(logs - logs.max())
    scales = np.sqrt(residual / ((b - 1) * squares))
    return _MeanOfSeries(weights / weights.sum(), mean + mixed / squares, scales, b - 1)


def series_interval(series: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of one run's series, e.g. the throughput of each second, with an interval that knows its autocorrelation.

    Parameters
    ----------
    series
        Values at equal steps; NaNs are left out.
    level
        Probability.

    Returns
    -------
    Interval
        None (NaN) below 20 steps: so few do not tell how much follows from one to the next. It knows what varies
        within the run, not what differs from run to run.

    Notes
    -----
    The series is averaged into 30 blocks (if it is that long), which keeps what follows within a block; the block means
    are taken as a first-order autoregression x[t] - m = phi (x[t-1] - m) + e[t]. Given phi, m has Student's t
    distribution around its generalized least squares estimate; phi, which so few values do not fix, is averaged
    over with its likelihood times a flat prior on (-1, 1) (Zellner, "An Introduction to Bayesian Inference in
    Econometrics", 1971, section 7.1).

    Examples
    --------
    >>> import numpy as np
    >>> seconds = np.tile([98.0, 99.0, 101.0, 102.0], 75)
    >>> series_interval(seconds).level
    0.95
    """
    steps = _finite(series)
    n, kind = steps.size, "the mean of one run"
    mean = float(steps.mean()) if n else np.nan
    if n < FEWEST_STEPS:
        return _unknown(mean, n, kind)
    low, high = _mean_of_series(steps).quantiles(((1 - level) / 2, (1 + level) / 2))
    return Interval(mean, float(low), float(high), level, n, kind)


def change_interval(before: ArrayLike, after: ArrayLike, level: float = LEVEL) -> Interval:
    """Relative change between the means of two runs' series, see `series_interval`.

    Parameters
    ----------
    before, after
        Series at equal steps, of positive mean; the change is mean(after) / mean(before) - 1.
    level
        Probability.

    Returns
    -------
    Interval
        NaN where one of the series is shorter than 20 steps (the longer one is cut to the shorter); without an upper
        end (infinite) where the mean of `before` may be 0. An interval without 0 is a test of "no change" at
        1 - `level`.

    Notes
    -----
    A ratio r belongs to the interval if the series after - r before, step by step, may have the mean 0 (Fieller, "Some
    problems in interval estimation", 1954): it is a series like its parts, and what `series_interval` knows of
    autocorrelation holds for it.

    Examples
    --------
    >>> import numpy as np
    >>> seconds = np.tile([98.0, 99.0, 101.0, 102.0], 75)
    >>> found = change_interval(seconds, 1.1 * seconds[::-1])
    >>> found.low < 0.1 < found.high
    True
    """
    first, second = _finite(before), _finite(after)
    n, kind = min(first.size, second.size), "the change between two runs"
    ratio = second.mean() / first.mean() if n and first.mean() > 0 else np.nan
    if n < FEWEST_STEPS or np.isnan(ratio):
        return _unknown(float(ratio - 1), n, kind)
    low, high = _ratio_ends(second[:n], first[:n], level)
    return Interval(float(ratio - 1), low - 1, high - 1, level, n, kind)


def ratio_interval(numerators: ArrayLike, denominators: ArrayLike, level: float = LEVEL) -> Interval:
    """Sum of numerators over sum of denominators of neighbouring blocks of time, e.g. a mean of correlated samples.

    Parameters
    ----------
    numerators, denominators
        One of each per block, in order of time: sums of samples and their number, events and seconds. Blocks in which
        the denominator is 0 are left out.
    level
        Probability.

    Returns
    -------
    Interval
        NaN where fewer than 12 blocks are left. Samples may share something over a block's length and more
        (`tests/lab/probe/test_intervals.py`), not over the whole time.

    Notes
    -----
    As `change_interval`, with blocks for steps.

    Examples
    --------
    >>> found = ratio_interval([19, 21, 20, 20, 22, 18] * 2, [10] * 12)
    >>> found.estimate, found.low < 2 < found.high
    (2.0, True)
    """
    over, under = np.asarray(numerators, float).ravel(), np.asarray(denominators, float).ravel()
    over, under = over[under > 0], under[under > 0]
    n, kind = over.size, "the ratio of two sums"
    ratio = float(over.sum() / under.sum()) if n else np.nan
    if n < FEWEST_BLOCKS:
        return _unknown(ratio, n, kind)
    return Interval(ratio, *_ratio_ends(over, under, level), level, n, kind)


def _ratio_ends(over: Array, under: Array, level: float) -> tuple[float, float]:
    """Ends of the interval of mean(over) / mean(under) of two series at the same steps, see `change_interval`."""
    ratio = over.sum() / under.sum()

    def excess(r: float, wanted: float) -> float:
        """How far the probability that `r` is too large exceeds the one wanted."""
        return _mean_of_series(over - r * under).below(0.0) - wanted

    tail, ends = (1 - level) / 2, []
    error = float(np.sqrt(np.sum((over - ratio * under) ** 2)) / under.sum())
    for side, wanted in ((-1, tail), (1, 1 - tail)):
        if not error or side * excess(ratio, wanted) >= 0:
            ends.append(ratio)
            continue
        reach = 2 * error
        while (outside := side * excess(ratio + side * reach, wanted)) < 0 and reach < _UNBOUNDED * error:
            reach *= 2
        far = ratio + side * reach
        ends.append(side * np.inf if outside < 0 else brentq(excess, ratio, far, args=(wanted,), xtol=1e-6 * error))
    return float(ends[0]), float(ends[1])
