"""The posterior of a host's constants, by sequential Monte Carlo: from the prior to all rows, tempered.

Draws live in the space where each prior is a standard normal. The first stage chooses from a pool of the prior that is
many times as large. A stage raises the power of the likelihood as far as half of the draws stay effective, chooses
draws by their weights, and moves each by Metropolis steps that simulate it anew. Everything follows from the seed; a
state file that is there is continued.

Notes
-----
Del Moral, Doucet, Jasra, "Sequential Monte Carlo samplers", J. R. Stat. Soc. B 68 (2006) 411.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from tunbp.atomic import replacing
from tunbp.infer import posterior
from tunbp.infer.ceilings import busy, ceilings
from tunbp.infer.discrepancy import Discrepancy, discrepancy, dropping
from tunbp.infer.priors import Prior, at, in_order
from tunbp.infer.sobol import sobol
from tunbp.model.fields import FIELDS
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

Array = npt.NDArray[np.float64]

KEPT = 0.5
"""Part of the draws that stay effective in a stage."""

MOVES = 2
LAST_MOVES = 8
"""Pairs of Metropolis steps of a stage, and of the last one."""

FEWEST = 0.2
"""Part of the steps accepted below which steps get shorter; of twice as many they get longer."""

POOL = 32
"""Draws of the prior for each draw of the posterior, from which they are chosen at first."""

BLOCK = 3
"""Most constants that a step draws anew from their priors."""

MOST_STAGES = 40
"""Stages after which a posterior is given up: the rows contradict the model."""


@dataclass(frozen=True)
class Rows:
    """What was measured on one host.

    Attributes
    ----------
    names
        Labels of the rows.
    known
        Fields of `tunbp.Scenario` known of each.
    measured
        Received rates, bit/s.
    unknown
        Priors of the constants that all rows share.
    """

    names: Sequence[str]
    known: Sequence[Mapping[str, Any]]
    measured: Array
    unknown: Mapping[str, Prior]

    @property
    def rings(self) -> npt.NDArray[np.int64]:
        """Packets that the ring of each row holds, as its losses count."""
        rings, drops = zip(*((int(row["ring"]), row["driver"] == "stock") for row in self.known), strict=True)
        return dropping(np.array(rings), np.array(drops))


@dataclass(frozen=True)
class Simulated:
    """Rates, smallest ceilings and loads of draws over rows, shape (draw, row)."""

    rate: Array
    ceiling: Array
    load: Array


def constants(rows: Rows, normal: Array) -> dict[str, Array]:
    """Constants at places of the standard normal space, shape (draw, constant).

    Parameters
    ----------
    rows
        The rows and their free constants.
    normal
        Places, shape (draw, constant).

    Returns
    -------
    dict[str, Array]
        Field name to values in SI units, one per draw.
    """
    shared = {**Scenario().parameters(), **rows.known[0]}
    return at(rows.unknown, shared, ndtr(normal))


def simulated(rows: Rows, values: Mapping[str, Array], seed: int = 0) -> Simulated:
    """Every row with every draw of the constants.

    Parameters
    ----------
    rows
        The rows and their free constants.
    values
        Constants by field, one value per draw.
    seed
        Seed of the first draw.

    Returns
    -------
    Simulated
        Rates and ceilings in bit/s and loads, shape (draw, row).
    """
    count = len(next(iter(values.values())))
    rate, ceiling, load = (np.empty((count, len(rows.known))) for _ in range(3))
    drawn = {name: xr.DataArray(values[name], dims="draw") for name in rows.unknown}
    drawn = {name: c.astype(int) if FIELDS[name].integer else c for name, c in drawn.items()}
    for group in _alike(rows.known):
        row = rows.known[group[0]]
        fields = {name: value for name, value in row.items() if name not in ("ring", "driver")}
        several = {
            name: xr.DataArray([rows.known[place][name] for place in group], dims="row") for name in ("ring", "driver")
        }
        seeds = xr.DataArray(np.arange(count) + seed, dims="draw")
        batch = Scenario().replace(**fields, **several, **drawn, seed=seeds)
        rate[:, group] = simulate(batch)["received_rate"].transpose("draw", "row").to_numpy()
        stages = ceilings({**Scenario().parameters(), **fields, **values}, count)
        ceiling[:, group] = np.min(list(stages.values()), axis=0)[:, None]
        load[:, group] = rate[:, group] / busy(stages)[:, None]
    return Simulated(rate, ceiling, load)


def _alike(known: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Places of rows that differ in ring and driver alone: one batch simulates them."""
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(known):
        key = repr(sorted((name, value) for name, value in row.items() if name not in ("ring", "driver")))
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def log_likelihood(rows: Rows, found: Simulated, sizes: Discrepancy) -> Array:
    """Of all rows, one value per draw; rows are independent given the constants.

    Parameters
    ----------
    rows
        The rows with what was measured.
    found
        What `simulated` returned.
    sizes
        Sizes of the model's own errors.

    Returns
    -------
    ndarray
        Shape (draw,).
    """
    return np.asarray(sizes.log_run(rows.measured, found.rate, found.ceiling, found.load, rows.rings).sum(axis=1))


LogLikelihood = Callable[[Array, int], Array]
"""Logarithm of the likelihood of draws at places of the standard normal space, simulated with a seed."""


def sample(
    rows: Rows,
    count: int = 512,
    seed: int = 0,
    state: Path | None = None,
    report: Callable[[int, float, float], None] = lambda *_: None,
    pool: int = POOL,
) -> xr.Dataset:
    """Draws of the posterior.

    Parameters
    ----------
    rows
        What was measured.
    count
        Draws, a power of two.
    seed
        The same seed, the same bits.
    state
        File that holds the stage reached; written after each stage, continued if it is there.
    report
        Called after each stage with its number, the power of the likelihood and the effective draws.
    pool
        Draws of the prior for each draw of the posterior, a power of two.

    Returns
    -------
    xarray.Dataset
        As `tempered`, with the names of the rows.
    """
    sizes = discrepancy()

    def log_of(place: Array, seed: int) -> Array:
        return log_likelihood(rows, simulated(rows, constants(rows, place), seed), sizes)

    place, told = tempered(in_order(rows.unknown), log_of, count, seed, state, report, pool)
    values = {name: ("draw", drawn) for name, drawn in constants(rows, place).items()}
    return told.assign(values).assign_attrs(rows=list(rows.names), seed=seed)


def _of_the_prior(constants: int, log_of: LogLikelihood, count: int, seed: int) -> tuple[Array, Array]:
    """Places of draws of the prior in the standard normal space, and the logarithms of their likelihoods."""
    place = ndtri(np.clip(sobol(constants, count, seed), 1e-9, 1.0 - 1e-9))
    return place, log_of(place, seed)


def tempered(
    names: Sequence[str],
    log_of: LogLikelihood,
    count: int,
    seed: int,
    state: Path | None = None,
    report: Callable[[int, float, float], None] = lambda *_: None,
    pool: int = POOL,
) -> tuple[Array, xr.Dataset]:
    """Places of the posterior's draws in the standard normal space, and how they were reached.

    Parameters
    ----------
    names
        Constants, the columns of the places.
    log_of
        Logarithm of the likelihood.
    count, seed, state, report, pool
        As for `sample`.

    Returns
    -------
    place : array, shape (draw, constant)
        All draws count the same.
    told : xarray.Dataset
        `place` of each constant in the space where its prior is a standard normal, `contraction` over `constant`
        (1 - variance of the places, over that of the prior), `power`, `effective` and `accepted` over `stage`;
        `pareto_k` of a single step from the prior.
    """
    history: list[tuple[float, float, float]] = []
    if state is not None and state.exists():
        with np.load(state) as kept:
            place, log, history = kept["place"], kept["log"], [tuple(line) for line in kept["history"]]
            pareto_k = float(kept["pareto_k"])
    else:
        place, log = _of_the_prior(len(names), log_of, pool * count, seed)
        pareto_k = posterior.smoothed(log)[1]
    power = history[-1][0] if history else 0.0
    while power < 1.0 and len(history) < MOST_STAGES:
        rng = np.random.default_rng([seed, len(history)])
        step = _next_power(log, power, KEPT * count)
        weight = _normalized((step - power) * log)
        effective, power = posterior.effective(weight), step
        chosen = posterior.systematic(weight, count)
        place, log = place[chosen], log[chosen]
        accepted = 0.0
        moves = LAST_MOVES if power == 1.0 else MOVES
        for move in range(moves):
            place, log, share = _moved(log_of, place, log, power, rng, seed + move + 1, _reach(history))
            accepted += share / moves
        history.append((power, effective, accepted))
        report(len(history), power, effective)
        if state is not None:
            with replacing(state) as part, part.open("wb") as file:
                np.savez(file, place=place, log=log, history=np.array(history), pareto_k=pareto_k)
    powers, effectives, accepts = np.array(history).T
    told = xr.Dataset(
        {
            "place": (("draw", "constant"), place),
            "contraction": ("constant", 1.0 - place.var(axis=0)),
            "power": ("stage", powers),
            "effective": ("stage", effectives),
            "accepted": ("stage", accepts),
            "pareto_k": pareto_k,
        },
        coords={"constant": list(names)},
    )
    return place, told


def _reach(history: Sequence[tuple[float, float, float]]) -> float:
    """Length of a step against the usual one: shorter where few were accepted, longer where most were."""
    changes = [0.6 if accepted < FEWEST else 1.4 if accepted > 2 * FEWEST else 1.0 for *_, accepted in history]
    return float(np.clip(np.prod(changes), 0.1, 2.0))


def _next_power(log: Array, power: float, kept: float) -> float:
    """Largest power at which `kept` draws stay effective."""

    def excess(step: float) -> float:
        return posterior.effective(_normalized((step - power) * log)) - kept

    return 1.0 if excess(1.0) >= 0.0 else float(brentq(excess, power, 1.0, xtol=1e-6))


def _normalized(log: Array) -> Array:
    raw = np.exp(log - log.max())
    return np.asarray(raw / raw.sum())


def _moved(
    log_of: LogLikelihood,
    place: Array,
    log: Array,
    power: float,
    rng: np.random.Generator,
    seed: int,
    reach: float,
) -> tuple[Array, Array, float]:
    """Two Metropolis steps of every draw, and the part of the first that was accepted; the prior is a standard normal.

    The first is as long and as wide as the draws lie apart. The second draws one to three constants anew from their
    priors, others for each draw: what the rows say nothing of is taken as a rule.
    """
    count, size = place.shape
    spread = np.linalg.cholesky(np.atleast_2d(np.cov(place.T)) + 1e-6 * np.eye(size))
    proposed = place + reach * 2.38 / np.sqrt(size) * rng.normal(size=place.shape) @ spread.T
    prior = 0.5 * ((place**2).sum(axis=1) - (proposed**2).sum(axis=1))
    place, log, accepted = _taken(place, log, proposed, log_of(proposed, seed), power, prior, rng)
    anew = rng.random(place.shape).argsort(axis=1) < rng.integers(1, BLOCK + 1, size=(count, 1))
    proposed = np.where(anew, rng.normal(size=place.shape), place)
    place, log, _ = _taken(place, log, proposed, log_of(proposed, seed), power, np.zeros(count), rng)
    return place, log, accepted


def _taken(
    place: Array, log: Array, proposed: Array, there: Array, power: float, prior: Array, rng: np.random.Generator
) -> tuple[Array, Array, float]:
    """What a Metropolis step leaves; `prior` is the logarithm of the prior's ratio, where the step does not keep it."""
    ratio = power * (there - log) + prior
    taken = np.log(rng.uniform(size=log.size)) < ratio
    return np.where(taken[:, None], proposed, place), np.where(taken, there, log), float(taken.mean())
