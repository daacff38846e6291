"""What tracing costs: traced windows against the untraced ones beside them, on the same traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from tunbp.lab.probe.intervals import NOTHING, Estimate
from tunbp.lab.probe.record import Usage
from tunbp.statistics import LEVEL

FEWEST_PAIRS = 3
"""Fewer pairs have no interval."""


def rate_change(traced: Sequence[Usage], untraced: Sequence[Usage]) -> Estimate:
    """Relative change of the packets read per second, by tracing [1]."""
    return change(traced, untraced, lambda usage: usage.read / usage.seconds if usage.seconds else 0.0)


def cost_change(traced: Sequence[Usage], untraced: Sequence[Usage]) -> Estimate:
    """Relative change of the reader's processor time per packet, by tracing [1]."""
    return change(traced, untraced, lambda usage: usage.cpu_seconds / usage.read if usage.read else 0.0)


def change(traced: Sequence[Usage], untraced: Sequence[Usage], measure: Callable[[Usage], float]) -> Estimate:
    """Relative change of a measure: mean log ratio of each traced window to the untraced ones before and after it.

    The interval is Student's over the windows.
    """
    values = []
    for i, usage in enumerate(traced):
        beside = [measure(other) for other in untraced[max(i - 1, 0) : i + 1]]
        mine = measure(usage)
        if beside and mine > 0 and min(beside) > 0:
            values.append(np.log(mine) - np.mean(np.log(beside)))
    if not values:
        return NOTHING
    middle = float(np.mean(values))
    if len(values) < FEWEST_PAIRS:
        return Estimate(float(np.expm1(middle)), np.nan, np.nan, len(values))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values))
    low, value, high = np.expm1([middle - reach, middle, middle + reach])
    return Estimate(float(value), float(low), float(high), len(values))
