"""What a measured value says about draws: importance weights, their diagnostics, weighted quantiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def weights(simulated: Array, measured: float, sigma: float) -> Array:
    """Normalized importance weights of draws whose model value is `simulated`, given a measured one.

    Parameters
    ----------
    simulated
        Model values, one per draw.
    measured
        The measured value, in the same unit.
    sigma
        Standard deviation of the logarithm of a measured value around the model's.
    """
    with np.errstate(divide="ignore"):
        away = np.log(np.maximum(simulated, 1e-300) / measured) / sigma
    log = -0.5 * away**2
    raw = np.exp(log - log.max())
    return np.asarray(raw / raw.sum())


def effective(weight: Array) -> float:
    """Effective number of draws, (sum w)^2 / sum w^2."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def quantiles(values: Array, weight: Array, at: tuple[float, ...]) -> Array:
    """Weighted quantiles (Hazen's positions) of `values`."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weight[order])
    return np.asarray(np.interp(at, cumulative - 0.5 * weight[order], values[order]))


def share_of_variance(values: Array, outcome: Array, weight: Array, bins: int = 8) -> float:
    """First-order share of the variance of `outcome` that one constant explains (correlation ratio over bins).

    Chance alone explains ``(bins - 1) / n`` of it, which is taken off; never below zero.
    """
    mean = float(np.average(outcome, weights=weight))
    total = float(np.average((outcome - mean) ** 2, weights=weight))
    if total <= 0.0 or np.ptp(values) == 0.0:
        return 0.0
    edges = np.quantile(values, np.linspace(0.0, 1.0, bins + 1)[1:-1])
    place = np.searchsorted(edges, values)
    between = 0.0
    for b in range(bins):
        inside = weight * (place == b)
        if inside.sum() > 0.0:
            between += inside.sum() * (float(np.average(outcome, weights=inside)) - mean) ** 2
    n = effective(weight)
    share = between / total
    return max(0.0, (share - (bins - 1) / n) / (1.0 - (bins - 1) / n)) if n > bins else 0.0
