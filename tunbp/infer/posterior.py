"""What a measured value says about draws: importance weights, their diagnostics, weighted quantiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def smoothed(log: Array) -> tuple[Array, float]:
    """Normalized importance weights with a smoothed tail, and the shape k of that tail.

    Parameters
    ----------
    log
        Logarithms of the importance ratios, one per draw.

    Returns
    -------
    weights, k
        Above 0.7 the weights' mean is unreliable: the few largest decide.

    Notes
    -----
    Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling", JMLR 25 (2024) 72.
    """
    raw = np.exp(log - log.max())
    plain = np.asarray(raw / raw.sum())
    if np.ptp(log) == 0.0:
        return plain, 0.0
    from arviz_stats.base.array import array_stats

    # a tail of weights that are all but zero has no shape: the few largest decide
    with np.errstate(all="ignore"):
        found, k = array_stats.psislw(-log)  # type: ignore[no-untyped-call]
        raw = np.exp(found - found.max())
    if not (np.isfinite(raw).all() and np.isfinite(k)):
        return plain, float("inf")
    return np.asarray(raw / raw.sum()), float(k)


def systematic(weight: Array, count: int) -> npt.NDArray[np.intp]:
    """Places of `count` draws chosen in proportion to their weights, evenly and without chance.

    Parameters
    ----------
    weight
        Weights of the draws, shape (draw,); they need not sum to one.
    count
        Draws that are wanted.

    Returns
    -------
    ndarray[np.intp]
        Places in `weight`, shape (count,); heavy draws come more than once.

    Examples
    --------
    >>> systematic(np.array([0.5, 0.25, 0.25]), 4).tolist()
    [0, 0, 1, 2]
    """
    places = np.searchsorted(np.cumsum(weight), (np.arange(count) + 0.5) / count)
    return np.minimum(places, weight.size - 1)


def effective(weight: Array) -> float:
    """Effective number of draws, (sum w)^2 / sum w^2.

    Parameters
    ----------
    weight
        Weights of the draws, shape (draw,).

    Returns
    -------
    float
        Between 1 and the number of draws.
    """
    return float(weight.sum() ** 2 / (weight**2).sum())


def quantiles(values: Array, weight: Array, at: tuple[float, ...]) -> Array:
    """Weighted quantiles (Hazen's positions) of `values`.

    Parameters
    ----------
    values
        One per draw.
    weight
        Weights of the draws.
    at
        Probabilities.

    Returns
    -------
    ndarray
        In the unit of `values`, one per probability.
    """
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weight[order])
    return np.asarray(np.interp(at, cumulative - 0.5 * weight[order], values[order]))


def share_of_variance(values: Array, outcome: Array, weight: Array, bins: int = 8) -> float:
    """First-order share of the variance of `outcome` that one constant explains (correlation ratio over bins).

    Chance alone explains ``(bins - 1) / n`` of it, which is taken off; never below zero.

    Parameters
    ----------
    values
        The constant, one value per draw.
    outcome
        What is predicted, one value per draw.
    weight
        Weights of the draws.
    bins
        Bins of equal weight over `values`.

    Returns
    -------
    float
        Between 0 and 1.
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
