"""Draws chosen by how well they reproduce measured runs: what each carried, the ring and driver it had."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import ndtr, ndtri

from tunbp.infer import posterior
from tunbp.infer.ceilings import busy, ceilings
from tunbp.infer.discrepancy import Discrepancy, dropping
from tunbp.infer.priors import ERRORS, Prior
from tunbp.infer.sobol import sobol
from tunbp.model.drivers import COMPARED
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.prediction.unknown import acting

Array = npt.NDArray[np.float64]

CANDIDATES = 8
"""Draws tried for each one kept, where measured runs choose among them; fewer where these have many configurations."""

ERRORS_TRIED = 32
"""Errors of the model tried with each of those draws."""

TAIL = 0.01
"""Probability beforehand of a rate as far out as a measured one, below which the model does not hold the path."""

FEW = 2.0
"""Effective draws below which measured runs are not reproduced."""

SEED = "seed"
"""Key of the seeds among the draws that measured runs chose."""

ALL_SENT = 0.98
"""Part of what is sent from which a source without feedback was held by nothing."""

ENDS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Observation:
    """One measured run.

    Attributes
    ----------
    values
        What it carried: `received_rate` [bit/s], and where known `drop_fraction` of the ring, `resent` (segments sent
        again per segment), `queueing` (mean RTT less the smallest) [s], and `reader_cost` (processor time of the
        program for a packet and its part of an ACK) [s].
    variant
        stock or backpressure.
    ring
        Its txqueuelen; None: that of the prediction.
    """

    values: Mapping[str, float]
    variant: str = "stock"
    ring: int | None = None


@dataclass(frozen=True)
class Reproduced:
    """Runs of one ring and variant, and what the model says of one of them.

    Attributes
    ----------
    ring, variant
        Their txqueuelen and driver.
    rates
        What they carried, bit/s.
    model
        5, 50 and 95 % of the rate of one such run after conditioning, bit/s.
    before
        The same without the measured runs.
    below
        Probability beforehand, with the noise of one run, of a smaller rate than the median of `rates`.
    lost
        Largest share of their packets that the ring was seen to drop.
    """

    ring: int
    variant: str
    rates: tuple[float, ...]
    model: tuple[float, float, float]
    before: tuple[float, float, float]
    below: float
    lost: float = 0.0


@dataclass(frozen=True)
class Fit:
    """How well the model reproduces measured runs.

    Attributes
    ----------
    runs
        Them, by ring and variant.
    effective
        Effective number of the draws tried.
    pareto_k
        Shape of the tail of their weights; above 0.7 the few best draws decide.
    """

    runs: tuple[Reproduced, ...]
    effective: float
    pareto_k: float

    @property
    def reproduced(self) -> bool:
        """Whether likely constants give these runs."""
        least = TAIL / len(self.runs) if self.runs else 0.0
        return self.effective >= FEW and all(least <= run.below <= 1.0 - least for run in self.runs)


@dataclass(frozen=True)
class Configuration:
    """Runs that the model cannot tell apart."""

    ring: int
    variant: str
    runs: list[Mapping[str, float]] = field(default_factory=list)


def configurations(base: Scenario, runs: Sequence[Observation]) -> list[Configuration]:
    """Measured runs by ring and variant, in the order they come.

    Parameters
    ----------
    base
        The path, with the ring of runs that do not say theirs.
    runs
        What was measured.

    Returns
    -------
    list[Configuration]
        Each with its runs.
    """
    found: dict[str, Configuration] = {}
    for run in runs:
        ring = int(base.ring) if run.ring is None else run.ring
        kept = found.setdefault(json.dumps([ring, run.variant]), Configuration(ring, run.variant))
        kept.runs.append(run.values)
    return list(found.values())


@dataclass(frozen=True)
class Simulated:
    """What the draws tried give of each configuration: shapes (configuration, draw), stages by name (draw)."""

    rate: Array
    ring_share: Array
    lost: Array
    queueing: Array
    reader_cost: Array
    stages: dict[str, Array]


def simulated(
    base: Scenario, unknown: Mapping[str, Prior], drawn: Mapping[str, Array], seed: int, wanted: Sequence[Configuration]
) -> Simulated:
    """Every configuration with every draw.

    Parameters
    ----------
    base, unknown
        The path, and what is not known of it.
    drawn
        Draws of it, one value per draw.
    seed
        Seed of the simulation.
    wanted
        Configurations of measured runs.

    Returns
    -------
    Simulated
        Rates [bit/s], shares and times [s].
    """
    count = len(drawn[ERRORS[0]])
    drivers = {name: str(base.driver) if name != "stock" else COMPARED["stock"] for name in COMPARED}
    acts = acting(base, unknown, drawn)
    result = simulate(
        base.replace(
            **acts,
            driver=xr.DataArray([drivers[c.variant] for c in wanted], dims="configuration"),
            ring=xr.DataArray([c.ring for c in wanted], dims="configuration"),
            seed=xr.DataArray(np.arange(count) + seed, dims="draw"),
        ),
        engine="auto",
    ).transpose("configuration", "draw", ...)
    reached = np.maximum(result["sent"] - result["dropped_qdisc"], 1.0)
    stages = ceilings({**base.parameters(), **acts}, count)
    return Simulated(
        result["received_rate"].to_numpy(),
        (result["dropped_ring"] / reached).to_numpy(),
        result["drop_fraction"].to_numpy(),
        result["mean_rtt"].to_numpy() - float(base.rtt),
        np.broadcast_to(8.0 * float(base.mss) / stages["reader"], result["received_rate"].shape),
        stages,
    )


def expected_rates(
    sizing: Discrepancy, stages: Mapping[str, Array], rate: Array, ring: Any, capacity: Array, losses: Array
) -> tuple[Array, Array]:
    """Mean rates of a path with the model's errors, and the load of its programs.

    Parameters
    ----------
    sizing
        Sizes of the errors.
    stages
        What `tunbp.infer.ceilings.ceilings` returned, in the shape of `rate` or one that broadcasts.
    rate
        Simulated rates.
    ring
        Packets that the ring holds.
    capacity, losses
        Standard normal draws of the two errors.

    Returns
    -------
    expected, load
        A source without feedback is not capped by what it sends: see `as_sent`.
    """
    feedback = bool(np.isinf(stages["offered"]).all())
    lowest = np.min(np.broadcast_arrays(*(stage for name, stage in stages.items() if name != "offered")), axis=0)
    if not feedback:  # what does not arrive is not simulated where all does: its stages say what could
        rate = np.where(rate >= ALL_SENT * stages["offered"], lowest, rate)
    load = rate / busy(stages)
    return sizing.expected(rate, lowest, load, ring, capacity, losses), load


def as_sent(rate: Array, stages: Mapping[str, Array]) -> Array:
    """Rates that a source without feedback cannot exceed.

    Parameters
    ----------
    rate
        bit/s.
    stages
        What `tunbp.infer.ceilings.ceilings` returned.

    Returns
    -------
    ndarray
        bit/s, in the shape of `rate`.
    """
    return np.asarray(np.minimum(rate, stages["offered"]))


def conditioned(
    base: Scenario,
    unknown: Mapping[str, Prior],
    runs: Sequence[Observation],
    draw: Callable[[int], dict[str, Array]],
    count: int,
    seed: int,
    sizing: Discrepancy,
    at_most: float = np.inf,
) -> tuple[dict[str, Array], Fit]:
    """Draws chosen by how well they reproduce measured runs.

    Parameters
    ----------
    base, unknown
        The path, and what is not known of it.
    runs
        What was measured.
    draw
        Makes a number of draws of it, see `tunbp.prediction.unknown.drawing`.
    count
        Draws to keep.
    seed
        Seed of the simulation.
    sizing
        Sizes of the model's errors.
    at_most
        Rate that no run passes, bit/s.

    Returns
    -------
    drawn, fit
        Draws as `tunbp.infer.priors.draws` gives them, with `SEED`; all count the same.
    """
    wanted = configurations(base, runs)
    tried = count * max(CANDIDATES // (1 << (len(wanted) - 1).bit_length()), 2)
    drawn = draw(tried)
    found = simulated(base, unknown, drawn, seed, wanted)
    # the model's own error on this path is as unknown as its constants, and costs no simulation: many for each draw
    errors = ndtri(sobol(2, ERRORS_TRIED, seed))
    stages = {name: stage[:, None] for name, stage in found.stages.items()}
    log, expected, loads = np.zeros((tried, ERRORS_TRIED)), [], []
    several_threads = base.reader_policy == "separate"  # their processor time is not that of the one that reads
    for place, configuration in enumerate(wanted):
        rate = found.rate[place][:, None]
        share = found.ring_share[place][:, None]
        ring = dropping(configuration.ring, (share >= base.path_loss) & (configuration.variant == "stock"))
        mean, load = expected_rates(sizing, stages, rate, ring, errors[:, 0], errors[:, 1])
        expected.append(mean)
        loads.append(np.broadcast_to(load, mean.shape))
        for values in configuration.runs:
            log += _log_run(sizing, values, mean, load, stages["offered"])
            for name, model in (
                ("drop_fraction", found.ring_share),
                ("resent", found.lost),
                ("queueing", found.queueing),
                ("reader_cost", found.reader_cost),
            ):
                if name in values and not (name == "reader_cost" and several_threads):
                    log += sizing.log_other(name, values[name], model[place][:, None])
    weight, pareto_k = posterior.smoothed(log.ravel())
    chosen, pair = np.unravel_index(posterior.systematic(weight, count), log.shape)
    # the same seeds again: a draw that reproduces a run does so with its own pauses
    kept = {name: values[chosen] for name, values in drawn.items()} | {SEED: (chosen + seed).astype(float)}
    kept |= {name: ndtr(errors[pair, i]) for i, name in enumerate(ERRORS[:2])}
    # a measured run says nothing of the noise of the next
    kept["repeat"] = draw(count)["repeat"]

    def told(place: int, configuration: Configuration) -> Reproduced:
        rates = tuple(values["received_rate"] for values in configuration.runs if "received_rate" in values)
        before = np.minimum(sizing.run(expected[place], loads[place], drawn["repeat"][:, None]), at_most)
        before = as_sent(before, stages)
        after = sizing.run(expected[place][chosen, pair], loads[place][chosen, pair], kept["repeat"])
        after = np.minimum(np.minimum(after, at_most), found.stages["offered"][chosen])
        below = _below(before, float(np.median(rates)), stages["offered"]) if rates else 0.5
        lost = max((values.get("drop_fraction", 0.0) for values in configuration.runs), default=0.0)
        return Reproduced(configuration.ring, configuration.variant, rates, _ends(after), _ends(before), below, lost)

    effective = posterior.effective(weight.reshape(log.shape).sum(axis=1))
    return kept, Fit(tuple(told(i, c) for i, c in enumerate(wanted)), effective, pareto_k)


def _ends(rates: Array) -> tuple[float, float, float]:
    low, middle, high = map(float, np.quantile(rates, ENDS, method="hazen"))
    return low, middle, high


def _below(rates: Array, measured: float, offered: Array) -> float:
    """Probability of a smaller rate; where all that is sent arrives, half of it."""
    if np.isfinite(offered).any() and measured >= ALL_SENT * float(np.min(offered)):
        return float((rates < ALL_SENT * offered).mean()) / 2.0
    return float((rates < measured).mean())


def _log_run(sizing: Discrepancy, values: Mapping[str, float], expected: Array, load: Array, offered: Array) -> Array:
    """Logarithm of the probability density of one run's rate."""
    if "received_rate" not in values:
        return np.zeros(expected.shape)
    measured = values["received_rate"]
    if np.isfinite(offered).any() and measured >= ALL_SENT * float(np.min(offered)):
        # all of it arrived: what could have is at least that
        return np.asarray(sizing.log_at_least(ALL_SENT * offered, expected, load))
    return sizing.log_rate(measured, expected, load)
