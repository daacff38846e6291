"""Predictions as distributions: draws of what is not known, simulated as one batch, over txqueuelen and variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import ndtr, ndtri

from tunbp.errors import ParamsError
from tunbp.infer import posterior
from tunbp.infer.ceilings import busy, ceilings
from tunbp.infer.discrepancy import Discrepancy, discrepancy
from tunbp.infer.priors import ERRORS, Prior, draws
from tunbp.infer.sobol import sobol
from tunbp.model.drivers import COMPARED
from tunbp.model.engines.cost import PACKET
from tunbp.model.engines.doubt import doubtful
from tunbp.model.engines.fluid.batch import round_trip_slots
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.prediction.unknown import acting, unknown_of

Array = npt.NDArray[np.float64]

VARIANTS = tuple(COMPARED)
LEVELS = {"median": 0.5, "low50": 0.25, "high50": 0.75, "low90": 0.05, "high90": 0.95}
"""Names of the quantiles that a prediction states."""

WORTH = 0.10
"""Gain in throughput from which backpressure is worth setting."""

CANDIDATES = 8
"""Draws tried for each one kept, where a measured run chooses among them."""

ERRORS_TRIED = 32
"""Errors of the model tried with each of those draws."""

TAIL = 0.01
"""Probability beforehand of a rate as far out as the measured one, below which the model does not hold the path."""

FEW = 2.0
"""Effective draws below which a measured run is not reproduced."""

SEED = "seed"
"""Key of the seeds among the draws that a measured run chose."""

LONG = 0.02
"""RTT from which a prediction takes at most four seconds, s; fifteen below."""

STEPS, STEPS_SHORT = 1.2e8, 5e8
"""Scenario-steps, times streams, that a prediction may take from `LONG` on and below: durations shrink to it."""

SHORTEST = 200.0
"""Round trips that a prediction simulates at least."""

ROUGH = 30.0
"""The same of a rough one."""


@dataclass(frozen=True)
class Fit:
    """How well the model reproduces a measured run.

    Attributes
    ----------
    observed
        What was measured: `received_rate` [bit/s], `drop_fraction`, `queueing` [s].
    effective
        Effective number of the draws tried.
    pareto_k
        Shape of the tail of their weights; above 0.7 the few best draws decide.
    below
        Probability beforehand, with the noise of one run, of a smaller rate.
    """

    observed: dict[str, float]
    effective: float
    pareto_k: float
    below: float

    @property
    def reproduced(self) -> bool:
        """Whether likely constants give this run."""
        return TAIL <= self.below <= 1.0 - TAIL and self.effective >= FEW


@dataclass(frozen=True)
class Prediction:
    """What came of a prediction.

    Attributes
    ----------
    draws
        Over `draw`, `ring`, `variant`: `received_rate` (of one run), `expected_rate` (the mean of its repeats),
        `simulated_rate` (the model's own), `drop_fraction`, `ring_share` (lost in the ring, as simulated), `latency`.
        `ceiling` over `stage` and `draw`, the drawn constants over `draw`. All draws count the same.
    used
        Field -> value and where it comes from: given, trace, host, default, prior.
    unknown
        Constants that were drawn, with their priors.
    ring
        The present txqueuelen.
    duration
        Seconds simulated (shorter than asked for on short paths).
    fit
        How a measured run was reproduced; None without one.
    """

    draws: xr.Dataset
    used: dict[str, dict[str, Any]]
    unknown: dict[str, Prior]
    ring: int
    duration: float
    fit: Fit | None = None
    notes: tuple[str, ...] = field(default=())

    def quantiles(self, name: str, ring: int, variant: str) -> dict[str, float]:
        """Median, 50 and 90 % interval of a variable at one ring and variant.

        Parameters
        ----------
        name
            A variable of the prediction, e.g. ``"received_rate"``.
        ring
            txqueuelen in packets.
        variant
            ``"stock"`` or ``"backpressure"``.

        Returns
        -------
        dict[str, float]
            ``low90``, ``low50``, ``median``, ``high50``, ``high90`` in the variable's SI unit.
        """
        return _quantiles(self.draws[name].sel(ring=ring, variant=variant).to_numpy())

    def gains(self, ring: int | None = None) -> Array:
        """Relative gain of backpressure over stock at one ring (the present one), one value per draw.

        Parameters
        ----------
        ring
            txqueuelen in packets; None: the present one.

        Returns
        -------
        ndarray
            Relative, shape (draw,).
        """
        expected = self.draws["expected_rate"].sel(ring=self.ring if ring is None else ring)
        stock, pushed = (expected.sel(variant=name).to_numpy() for name in VARIANTS)
        return np.asarray(pushed / np.maximum(stock, 1.0) - 1.0)

    def gain(self, ring: int | None = None) -> dict[str, float]:
        """Quantiles of `gains` and the probability of more than a tenth.

        Parameters
        ----------
        ring
            txqueuelen in packets; None: the present one.

        Returns
        -------
        dict[str, float]
            Quantiles by name, and the probability.
        """
        gains = self.gains(ring)
        return {"probability_above_10_percent": float((gains > WORTH).mean()), **_quantiles(gains)}

    def ranking(self) -> list[dict[str, Any]]:
        """Unknown constants by the share of the variance of stock's rate at the present ring that they cause."""
        rate = np.log(np.maximum(self.draws["expected_rate"].sel(ring=self.ring, variant="stock").to_numpy(), 1.0))
        equal = np.full(rate.size, 1.0 / rate.size)
        rows = [
            {
                "name": name,
                "share": posterior.share_of_variance(self.draws[name].to_numpy(), rate, equal),
                "measure": prior.measure,
            }
            for name, prior in self.unknown.items()
        ]
        return sorted(rows, key=lambda row: -float(row["share"]))

    def record(self) -> dict[str, Any]:
        """The prediction as JSON: schema 1, bit/s and seconds."""
        rows = [
            {"ring": int(ring), "variant": variant}
            | {name: self.quantiles(name, ring, variant) for name in ("received_rate", "drop_fraction", "latency")}
            for ring in self.draws["ring"].to_numpy()
            for variant in VARIANTS
        ]
        fit = None
        if self.fit is not None:
            fit = {
                "observed": self.fit.observed,
                "effective_draws": self.fit.effective,
                "pareto_k": self.fit.pareto_k if np.isfinite(self.fit.pareto_k) else None,
                "reproduced": self.fit.reproduced,
            }
        return {
            "schema": 1,
            "rows": rows,
            "gain": {"ring": self.ring, **self.gain()},
            "unknown": self.ranking(),
            "used": self.used,
            "fit": fit,
            "draws": int(self.draws.sizes["draw"]),
            "duration": self.duration,
            "notes": list(self.notes),
        }


def _quantiles(values: Array) -> dict[str, float]:
    found = np.quantile(values, tuple(LEVELS.values()), method="hazen")
    return dict(zip(LEVELS, map(float, found), strict=True))


def predict(
    given: Mapping[str, Any],
    rings: Sequence[int],
    *,
    product: str = "openvpn",
    sources: Mapping[str, str] | None = None,
    observed: Mapping[str, float] | None = None,
    count: int = 128,
    seed: int = 0,
    steps: float | None = None,
    variants: Sequence[str] = VARIANTS,
) -> Prediction:
    """Predict a path over txqueuelen, stock and with backpressure, from what is given and priors for the rest.

    Parameters
    ----------
    given
        Fields of `Scenario` that are known; their priors are not used.
    rings
        Ring sizes in packets; the given one is added.
    product
        Program that reads the device (`tunbp.infer.priors.products`).
    sources
        Where each given field comes from; "given" where it says nothing.
    observed
        What a stock run of this path with its present ring measured: `received_rate` [bit/s], and where known
        `drop_fraction` of the ring and `queueing` (mean RTT less the smallest) [s]. Draws are chosen by how well they
        reproduce it.
    count
        Draws, a power of two.
    seed
        Seed of the draws and of the simulation: the same seed, the same bits.
    steps
        Scenario-steps to spend, for a rough picture; None: a few seconds.
    variants
        Those to simulate, of `VARIANTS`; what one is does not depend on the others.

    Returns
    -------
    Prediction

    Raises
    ------
    ScenarioError
        If a given value is not allowed.

    Examples
    --------
    >>> from tunbp.prediction import predict
    >>> known = {"rtt": 0.08, "ring": 500, "drain_rate": 70e3, "path_rate": 45e3, "duration": 2.0}
    >>> found = predict(known, [100, 1000], count=16)
    >>> [int(ring) for ring in found.draws.ring]
    [100, 500, 1000]
    """
    if count & (count - 1) or count < 8:
        raise ParamsError(f"draws: {count}; allowed: powers of two from 8 on")
    base = Scenario().replace(**{"driver": "backpressure", **given})
    unknown = unknown_of(product, base, given, sources or {})
    sizes = sorted({int(n) for n in (*rings, int(base.ring))})
    sizing = discrepancy()
    fit = None
    drawn = draws(unknown, base.parameters(), count, seed)
    speeds = drawn.get("drain_rate", np.full(count, float(base.drain_rate)))
    base, notes = _shortened(base, speeds, sizes, steps)
    if observed:
        drawn, fit = _conditioned(base, unknown, observed, count, seed, sizing)
    drivers = {"stock": "stock", "backpressure": str(base.driver)}
    result = simulate(
        base.replace(
            **acting(base, unknown, drawn),
            driver=xr.DataArray([drivers[v] for v in variants], dims="variant", coords={"variant": list(variants)}),
            ring=xr.DataArray(sizes, dims="ring", coords={"ring": sizes}),
            seed=xr.DataArray(drawn.get(SEED, np.arange(count) + seed).astype(int), dims="draw"),
        ),
        engine="auto",
    )
    used = {
        name: {"value": value, "source": (sources or {}).get(name, "given" if name in given else "default")}
        for name, value in base.parameters().items()
        if value is not None and name not in unknown
    }
    used |= {
        name: {"value": float(np.median(drawn[name])), "source": "prior"}
        for name in unknown
        if name in base.parameters()
    }
    kept = _with_errors(result, base, unknown, drawn, sizing)
    return Prediction(kept, used, unknown, int(base.ring), float(base.duration), fit, notes)


def _stages(base: Scenario, unknown: Mapping[str, Prior], drawn: Mapping[str, Array]) -> dict[str, Array]:
    values = {**base.parameters(), **acting(base, unknown, drawn)}
    return ceilings(values, len(drawn[ERRORS[0]]))


def _with_errors(
    result: xr.Dataset, base: Scenario, unknown: Mapping[str, Prior], drawn: Mapping[str, Array], sizing: Discrepancy
) -> xr.Dataset:
    """What is kept of a batch: simulated values with the model's errors and the noise of one run."""
    stages = _stages(base, unknown, drawn)
    ceiling = np.stack(list(stages.values()))
    lowest, load = ceiling.min(axis=0)[:, None, None], busy(stages)[:, None, None]
    order = ("draw", "ring", "variant")
    simulated = result["received_rate"].transpose(*order)
    capacity, losses, waits = (ndtri(drawn[name])[:, None, None] for name in ERRORS[:3])
    load = simulated.to_numpy() / load
    rings = result["ring"].to_numpy()[None, :, None]
    expected = sizing.expected(simulated.to_numpy(), lowest, load, rings, capacity, losses)
    if base.source != "tcp":
        expected = np.minimum(expected, stages["offered"][:, None, None])
    if base.source == "tcp":
        drops = np.minimum(result["drop_fraction"].transpose(*order).to_numpy() * np.exp(sizing.drops * waits), 1.0)
    else:  # what does not arrive
        drops = 1.0 - np.minimum(expected / stages["offered"][:, None, None], 1.0)
    waiting = result["sparse_latency"].transpose(*order) * np.exp(sizing.queue * waits)
    return xr.Dataset(
        {
            "received_rate": (order, sizing.run(expected, load, drawn["repeat"][:, None, None])),
            "expected_rate": (order, expected),
            "simulated_rate": simulated,
            "drop_fraction": (order, drops),
            "ring_share": (result["dropped_ring"] / np.maximum(result["sent"], 1.0)).transpose(*order),
            "latency": waiting + base.rtt,
            "ceiling": (("stage", "draw"), ceiling),
            **{name: ("draw", drawn[name]) for name in unknown},
        },
        coords={"stage": list(stages), "ring": result["ring"], "variant": result["variant"]},
    )


def _conditioned(
    base: Scenario,
    unknown: Mapping[str, Prior],
    observed: Mapping[str, float],
    count: int,
    seed: int,
    sizing: Discrepancy,
) -> tuple[dict[str, Array], Fit]:
    """Draws chosen by how well they reproduce a measured stock run with the present ring."""
    tried = count * CANDIDATES
    drawn = draws(unknown, base.parameters(), tried, seed)
    batch = base.replace(
        **acting(base, unknown, drawn),
        driver="stock",
        seed=xr.DataArray(np.arange(tried) + seed, dims="draw"),
    )
    result = simulate(batch, engine="auto")
    stages = _stages(base, unknown, drawn)
    rate, ceiling = result["received_rate"].to_numpy()[:, None], np.min(list(stages.values()), axis=0)[:, None]
    load = rate / busy(stages)[:, None]
    # the model's own error on this path is as unknown as its constants, and costs no simulation: many for each draw
    errors = ndtri(sobol(2, ERRORS_TRIED, seed))
    expected = sizing.expected(rate, ceiling, load, int(base.ring), errors[:, 0], errors[:, 1])
    log = np.zeros(expected.shape)
    if "received_rate" in observed:
        log += sizing.log_rate(observed["received_rate"], expected, load)
    if "drop_fraction" in observed:
        dropped = result["drop_fraction"].to_numpy()[:, None]
        log += sizing.log_other("drop_fraction", observed["drop_fraction"], dropped)
    if "queueing" in observed:
        waited = result["mean_rtt"].to_numpy()[:, None] - float(base.rtt)
        log += sizing.log_other("queueing", observed["queueing"], waited)
    before = sizing.run(expected, load, drawn["repeat"][:, None])
    below = float((before < observed["received_rate"]).mean()) if "received_rate" in observed else 0.5
    weight, pareto_k = posterior.smoothed(log.ravel())
    chosen, pair = np.unravel_index(posterior.systematic(weight, count), log.shape)
    # the same seeds again: a draw that reproduces the run does so with its own pauses
    kept = {name: values[chosen] for name, values in drawn.items()} | {SEED: (chosen + seed).astype(float)}
    kept |= {name: ndtr(errors[pair, i]) for i, name in enumerate(ERRORS[:2])}
    # a measured run says nothing of the noise of the next
    kept["repeat"] = draws(unknown, base.parameters(), count, seed)["repeat"]
    effective = posterior.effective(weight.reshape(log.shape).sum(axis=1))
    return kept, Fit(dict(observed), effective, pareto_k, below)


def _shortened(
    base: Scenario, drain_rate: Array, sizes: Sequence[int], steps: float | None
) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario with a duration that can be afforded, and a note where that is shorter than asked for."""
    rtt = float(base.rtt)
    batch = base.replace(
        driver=xr.DataArray(["stock", str(base.driver)], dims="variant"),
        ring=xr.DataArray(list(sizes), dims="ring"),
        drain_rate=xr.DataArray(drain_rate, dims="draw"),
    )
    flat = {name: field.values.ravel() for name, field in batch.broadcast().items()}
    slots = round_trip_slots(flat["rtt"], None, flat["ring"] / flat["drain_rate"])
    by_packet = PACKET * flat["drain_rate"]
    per_second = float(np.where(doubtful(flat, base.duration), by_packet, float(base.streams) * slots / rtt).sum())
    if steps is None:
        affordable = max((STEPS if rtt >= LONG else STEPS_SHORT) / per_second, SHORTEST * rtt)
    else:
        affordable = max(steps / per_second, ROUGH * rtt)
    if affordable >= base.duration:
        return base, ()
    warmup = affordable * float(base.warmup) / base.duration
    note = f"simulated {affordable:.2g} s instead of {base.duration:g} s: this path needs many steps"
    return base.replace(duration=affordable, warmup=warmup), (note,)
