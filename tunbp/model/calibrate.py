"""Least squares: which constants make the model meet given values best, with a warning where none do.

How sure they are is what `tunbp.infer` says.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.optimize import least_squares
from scipy.stats import qmc

from tunbp.errors import ScenarioError
from tunbp.model.fields import RANGES
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

Array = npt.NDArray[Any]
PRIOR = 0.05
"""Weight of the prior: a constant at the end of its range counts like a relative error of half of this."""
SEARCH_RADII = (0.5, 0.2, 0.07)
"""Half widths of the boxes searched, in the unit cube; the first is the whole cube."""
EDGE = 1e-3
"""Part of a range from its end in which a constant counts as at its bound."""
POOR = 0.1
"""Root mean square relative error of the fitted rows above which a fit is poor."""
STEP = 0.05
"""Relative step of the finite differences: wide enough to see past the noise of random stalls."""


@dataclass(frozen=True)
class Free:
    """One free constant: the range it may take, searched in its logarithm when `log`.

    The middle of the range is its prior, weakly held (`PRIOR`), so that few rows can still determine it.
    """

    low: float
    high: float
    log: bool = True

    def decode(self, x: Array) -> Array:
        """Values of the constant for positions `x` in [0, 1].

        Parameters
        ----------
        x
            Positions between the ends of the constant's range.

        Returns
        -------
        ndarray
            Values in the constant's unit, evenly spread in its logarithm if `log`.
        """
        if self.log:
            return np.asarray(np.exp(np.log(self.low) + x * (np.log(self.high) - np.log(self.low))))
        return self.low + x * (self.high - self.low)


@dataclass(frozen=True)
class Fit:
    """Result of `fit`.

    Attributes
    ----------
    values
        Estimated constants by name, SI units.
    model
        Model values of every row at the estimate, mean over seeds, same dims as the data.
    fitted, held_out
        Labels of the rows that were used and of those that were not.
    rms
        Root mean square relative error of the fitted rows.
    at_bound
        Constants that ended at an end of their range: the rows would have them beyond it, or say nothing of them.
    """

    values: dict[str, float]
    model: xr.DataArray
    fitted: tuple[str, ...]
    held_out: tuple[str, ...]
    rms: float
    at_bound: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Warn of what is no good fit."""
        if self.at_bound:
            warnings.warn(f"at an end of the range searched: {', '.join(self.at_bound)}", stacklevel=3)
        if self.rms > POOR:
            warnings.warn(f"the fitted rows are missed by {self.rms:.1%} (root mean square)", stacklevel=3)


def fit(
    scenario: Scenario,
    free: Mapping[str, Free],
    data: xr.DataArray,
    *,
    fitted: xr.DataArray | None = None,
    quantity: str = "received_rate",
    seeds: int = 8,
    screen: int = 128,
) -> Fit:
    """Estimate the free constants of a scenario by least squares on relative errors.

    Sobol samples of the ranges, then of boxes around the best point, are simulated in batches;
    `scipy.optimize.least_squares` starts from the best point. Every trial uses the same
    seeds (common random numbers), so that differences come from the constants.

    Parameters
    ----------
    scenario
        Batch over the dim `row`, all other constants set.
    free
        Free constants: names of Scenario fields and their ranges.
    data
        Measured values over `row`, with labels, in the units of `quantity`.
    fitted
        Which rows to use, boolean over `row`; the others are held out. None: all.
    quantity
        Schema variable that is compared.
    seeds
        Random streams that the model's mean is taken over.
    screen
        Points of the Sobol screening, a power of two.

    Returns
    -------
    Fit

    Raises
    ------
    ScenarioError
        If a free constant is not a numeric field, or no row is fitted.
    """
    for name in free:
        if name not in RANGES:
            raise ScenarioError(f"{name}: not a numeric field of Scenario; cannot be fitted")
    labels = [str(x) for x in np.atleast_1d(data["row"].values)]
    use = np.ones(len(labels), bool) if fitted is None else fitted.values.astype(bool)
    if not use.any():
        raise ScenarioError("no row is fitted; allowed: at least one of " + ", ".join(labels))
    target = (data.mean("sample") if "sample" in data.dims else data).values
    names = list(free)

    def residuals(points: Array) -> Array:
        """Relative errors, shape (trial, row, seed), at points of the unit cube."""
        return np.asarray(_simulate(scenario, free, points, quantity, seeds) / target[None, :, None] - 1.0)

    def cost(points: Array) -> Array:
        errors = residuals(points)[:, use].mean(-1)
        return np.asarray((errors**2).sum(1) + ((PRIOR * (points - 0.5)) ** 2).sum(1))

    start, least = _search(cost, len(names), screen)

    def mean_error(x: Array) -> Array:
        return np.concatenate([residuals(x[None])[0, use].mean(-1), PRIOR * (x - 0.5)])

    def jacobian(x: Array) -> Array:
        return np.concatenate([_jacobian(residuals, x)[use].mean(-1), PRIOR * np.eye(len(x))])

    found = least_squares(mean_error, start, jac=jacobian, bounds=(0.0, 1.0), xtol=1e-4, ftol=1e-4, max_nfev=25)
    best = found.x if 2 * found.cost <= least else start
    final = residuals(best[None])[0]
    values = {n: float(free[n].decode(best[j : j + 1])[0]) for j, n in enumerate(names)}
    return Fit(
        values=values,
        model=xr.DataArray((final.mean(-1) + 1.0) * target, dims="row", coords={"row": labels}),
        fitted=tuple(x for x, u in zip(labels, use, strict=True) if u),
        held_out=tuple(x for x, u in zip(labels, use, strict=True) if not u),
        rms=float(np.sqrt((final[use].mean(-1) ** 2).mean())),
        at_bound=tuple(n for n, x in zip(names, best, strict=True) if min(x, 1.0 - x) < EDGE),
    )


def _search(cost: Callable[[Array], Array], dims: int, points: int) -> tuple[Array, float]:
    """Best point of a Sobol sample of the unit cube, refined by samples of shrinking boxes around the best so far."""
    best, least = np.full(dims, 0.5), np.inf
    for radius in SEARCH_RADII:
        sample = qmc.Sobol(dims, seed=1).random(points)
        cube = np.clip(best + (2.0 * sample - 1.0) * radius, 0.0, 1.0)
        costs = cost(cube)
        if costs.min() < least:
            best, least = cube[int(np.argmin(costs))], float(costs.min())
    return best, least


def _simulate(scenario: Scenario, free: Mapping[str, Free], points: Array, quantity: str, seeds: int) -> Array:
    changes = {name: xr.DataArray(f.decode(points[:, j]), dims="trial") for j, (name, f) in enumerate(free.items())}
    batch = scenario.replace(**changes, seed=xr.DataArray(np.arange(seeds) + 1, dims="seed"))
    return np.asarray(simulate(batch)[quantity].transpose("trial", "row", "seed").values)


def _jacobian(residuals: Any, x: Array) -> Array:
    """Central differences in one batch, shape (row, seed-last axes, constant) -> (row, constant, seed)."""
    steps = np.eye(len(x)) * STEP
    high, low = np.clip(x + steps, 0.0, 1.0), np.clip(x - steps, 0.0, 1.0)
    errors = residuals(np.concatenate([high, low]))
    width = (high - low).sum(1)
    slope = (errors[: len(x)] - errors[len(x) :]) / width[:, None, None]
    return np.asarray(slope.transpose(1, 0, 2))
