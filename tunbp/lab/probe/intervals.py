"""Estimates with 95 % intervals from samples that are correlated in time.

Neighbouring packets share what the machine was doing, so a packet is no independent sample. Time is cut into blocks,
and a ratio of sums is known from its blocks, which may share something too (`tunbp.statistics.ratio_interval`).
Quantiles come from the interval of the distribution function, turned round (Woodruff 1952), rates from the exact
interval of a Poisson count (Garwood 1936).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tunbp.statistics import LEVEL, ratio_interval


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval (NaN where the sample is too small), and the number of samples behind it."""

    value: float
    low: float
    high: float
    count: int = 0

    def inverse(self) -> Estimate:
        """The same of 1/value of what is positive: a rate from a time.

        Where so few blocks hold so much of the time that its interval reaches zero, the rate has no upper end.
        """
        with np.errstate(divide="ignore"):
            value, low, high = 1 / np.maximum([self.value, self.high, self.low], 0.0)
        return Estimate(float(value), float(low), float(high), self.count)

    def known(self) -> bool:
        """Whether value and interval are numbers."""
        return bool(np.isfinite([self.value, self.low, self.high]).all())


NOTHING = Estimate(np.nan, np.nan, np.nan)
"""What is said of an empty sample."""


def ratio(numerators: ArrayLike, denominators: ArrayLike, block: NDArray[np.int64]) -> Estimate:
    """Sum of numerators over sum of denominators, its interval from blocks of time.

    Parameters
    ----------
    numerators, denominators : array_like
        One of each per sample; a mean has ones below.
    block : ndarray of int64
        Block of each sample, numbered in order of time.
    """
    over = np.asarray(numerators, float)
    under = np.broadcast_to(np.asarray(denominators, float), over.shape)
    if not over.size or not under.sum():
        return NOTHING
    place = np.unique(block, return_inverse=True)[1]
    found = ratio_interval(np.bincount(place, over), np.bincount(place, under), LEVEL)
    return Estimate(found.estimate, found.low, found.high, over.size)


def mean(values: ArrayLike, block: NDArray[np.int64]) -> Estimate:
    """Mean of samples with its interval."""
    return ratio(values, 1.0, block)


def quantile(values: ArrayLike, probability: float, block: NDArray[np.int64]) -> Estimate:
    """A quantile with its interval: the values at which the distribution function's own interval ends.

    An end that would lie beyond the sample, as of a high quantile or of few blocks, is infinite.
    """
    sample = np.sort(np.asarray(values, float))
    if not sample.size:
        return NOTHING
    value = float(np.quantile(sample, probability))
    inside = ratio(np.asarray(values) <= value, 1.0, block)
    if not inside.known():
        return Estimate(value, np.nan, np.nan, sample.size)
    low, high = probability - (inside.value - inside.low), probability + (inside.high - inside.value)
    return Estimate(
        value,
        float(np.quantile(sample, low)) if low > 0 else -np.inf,
        float(np.quantile(sample, high)) if high < 1 else np.inf,
        sample.size,
    )


def rate(count_in_block: ArrayLike, seconds: ArrayLike) -> Estimate:
    """Events per second, from the counts and the seconds of each block.

    The interval is the exact one of a Poisson count of as many events as these are worth: of events that come in
    bunches, or of a rate that drifts, as many independent ones as would spread over blocks as much. It covers at
    least 95 %, but 89 % where there are fewer than ten bunches, and 85 % where a rate drifts for a fifth of the time.
    """
    counts, spans = np.asarray(count_in_block, float), np.asarray(seconds, float)
    if not spans.sum():
        return NOTHING
    blocks, total = ratio_interval(counts, spans, LEVEL), counts.sum()
    tail = (1 - LEVEL) / 2
    per_event, worth = 1 / spans.sum(), total
    if total and np.isfinite(reach := (blocks.high - blocks.low) / 2) and reach > 0:
        worth = min(total, (stats.norm.ppf(1 - tail) * blocks.estimate / reach) ** 2)
        per_event = blocks.estimate / worth
    low = stats.chi2.ppf(tail, 2 * worth) / 2 if total else 0.0
    high = stats.chi2.ppf(1 - tail, 2 * worth + 2) / 2
    return Estimate(blocks.estimate, float(low * per_event), float(high * per_event), int(total))
