"""Estimates with 95 % intervals from samples that are correlated in time.

Neighbouring packets share what the machine was doing, so a packet is no independent sample. Time is cut into
blocks, and blocks are what is resampled (Künsch 1989, "The jackknife and the bootstrap for general stationary
observations"), with percentiles widened for their number (Hesterberg 2015, "What teachers should know about the
bootstrap"). Quantiles come from the interval of the distribution function, turned round (Woodruff 1952). Counts of
rare events have at least the exact Poisson interval (Garwood 1936).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVEL = 0.95
RESAMPLES = 2000
FEWEST_BLOCKS = 8
"""Fewer blocks have no interval: of 4 and 5 it covers 87 to 90 %, of 8 93 to 95 %."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval (NaN where the sample is too small), and the number of samples behind it."""

    value: float
    low: float
    high: float
    count: int = 0

    def inverse(self) -> Estimate:
        """The same of 1/value: a rate from a time."""
        with np.errstate(divide="ignore"):
            value, low, high = 1 / np.array([self.value, self.high, self.low])
        return Estimate(float(value), float(low), float(high), self.count)

    def known(self) -> bool:
        """Whether value and interval are numbers."""
        return bool(np.isfinite([self.value, self.low, self.high]).all())


NOTHING = Estimate(np.nan, np.nan, np.nan)
"""What is said of an empty sample."""


def tail_probability(count: int, level: float = LEVEL) -> float:
    """Probability in each tail of the bootstrap's percentiles, widened for `count` resampled values.

    Hesterberg's expanded percentile interval: Phi(-sqrt(n / (n - 1)) t) instead of 2.5 %.
    """
    t = stats.t.ppf((1 + level) / 2, count - 1)
    return float(stats.norm.cdf(-np.sqrt(count / (count - 1)) * t))


def ratio(numerators: ArrayLike, denominators: ArrayLike, block: NDArray[np.int64]) -> Estimate:
    """Sum of numerators over sum of denominators, its interval by resampling blocks.

    Parameters
    ----------
    numerators, denominators : array_like
        One of each per sample; a mean has ones below.
    block : ndarray of int64
        Block of each sample.
    """
    over = np.asarray(numerators, float)
    under = np.broadcast_to(np.asarray(denominators, float), over.shape)
    if not over.size or not under.sum():
        return NOTHING
    names, place = np.unique(block, return_inverse=True)
    tops, bottoms = np.bincount(place, over), np.bincount(place, under)
    value = tops.sum() / bottoms.sum()
    if names.size < FEWEST_BLOCKS:
        return Estimate(float(value), np.nan, np.nan, over.size)
    picked = np.random.default_rng(1).multinomial(names.size, np.full(names.size, 1 / names.size), RESAMPLES)
    sums = picked @ bottoms
    values = (picked @ tops)[sums > 0] / sums[sums > 0]
    tail = tail_probability(names.size, LEVEL)
    low, high = np.quantile(values, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high), over.size)


def mean(values: ArrayLike, block: NDArray[np.int64]) -> Estimate:
    """Mean of samples with its interval."""
    return ratio(values, 1.0, block)


def quantile(values: ArrayLike, probability: float, block: NDArray[np.int64]) -> Estimate:
    """A quantile with its interval: the values at which the distribution function's own interval ends."""
    sample = np.sort(np.asarray(values, float))
    if not sample.size:
        return NOTHING
    value = float(np.quantile(sample, probability))
    inside = ratio(np.asarray(values) <= value, 1.0, block)
    if not inside.known():
        return Estimate(value, np.nan, np.nan, sample.size)
    # at least the width that independent samples would have
    independent = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(probability * (1 - probability) / sample.size)
    low = min(probability - (inside.value - inside.low), probability - independent)
    high = max(probability + (inside.high - inside.value), probability + independent)
    ends = np.quantile(sample, np.clip([low, high], 0, 1))
    return Estimate(value, float(ends[0]), float(ends[1]), sample.size)


def rate(count_in_block: ArrayLike, seconds: ArrayLike) -> Estimate:
    """Events per second, from the counts and the seconds of each block; at least as wide as a Poisson count's."""
    counts, spans = np.asarray(count_in_block, float), np.asarray(seconds, float)
    if not spans.sum():
        return NOTHING
    blocks = ratio(counts, spans, np.arange(counts.size))
    total = counts.sum()
    tail = (1 - LEVEL) / 2
    low = stats.chi2.ppf(tail, 2 * total) / 2 if total else 0.0
    high = stats.chi2.ppf(1 - tail, 2 * total + 2) / 2
    ends = np.array([low, high]) / spans.sum()
    return Estimate(
        blocks.value, float(np.nanmin([blocks.low, ends[0]])), float(np.nanmax([blocks.high, ends[1]])), int(total)
    )
