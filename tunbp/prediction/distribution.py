"""Predictions as distributions: draws of what is not known, simulated as one batch, over txqueuelen and variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import ndtri

from tunbp.errors import ParamsError
from tunbp.infer.ceilings import ceilings
from tunbp.infer.discrepancy import Discrepancy, discrepancy, dropping
from tunbp.infer.posterior import share_of_variance
from tunbp.infer.priors import ERRORS, Prior
from tunbp.model.drivers import COMPARED
from tunbp.model.scenario import Scenario
from tunbp.prediction.conditioning import SEED, Fit, Observation, as_sent, conditioned, expected_rates
from tunbp.prediction.steps import Lasting, lasting, simulated
from tunbp.prediction.unknown import acting, drawing, inferred, segments_of, unknown_of

Array = npt.NDArray[np.float64]

VARIANTS = tuple(COMPARED)
LEVELS = {"median": 0.5, "low50": 0.25, "high50": 0.75, "low90": 0.05, "high90": 0.95}
"""Names of the quantiles that a prediction states."""

WORTH = 0.10
"""Gain in throughput from which backpressure is worth setting."""

CALM = 0.02
"""RTT with which a source that waits for no answer is simulated at least, s: short ones take many steps for nothing."""


@dataclass(frozen=True)
class Start:
    """What a batch is made of, so that another one can be made of the same draws.

    Attributes
    ----------
    base
        The path as it is simulated; `rtt` is as it was asked for.
    constants
        One value per draw of each unknown, of the model's errors and of the seed.
    product
        Program that reads the device.
    rtt
        As it was asked for, s.
    seed
        Of draws and simulation.
    least
        Fewest steps per round trip, see `tunbp.prediction.steps.lasting`.
    """

    base: Scenario
    constants: Mapping[str, Array]
    product: str
    rtt: float
    seed: int
    least: int | None = None


@dataclass(frozen=True)
class Prediction:
    """What came of a prediction.

    Attributes
    ----------
    draws
        Over `draw`, `ring`, `variant`: `received_rate` (of one run), `expected_rate` (the mean of its repeats),
        `simulated_rate` (the model's own), `drop_fraction`, `dropped` (packets after the warm-up), `ring_share` (lost
        in the ring, as simulated), `latency`.
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
        How measured runs were reproduced; None without any.
    notes
        What has to be said of it.
    variant
        How the path is now, one of `VARIANTS`.
    at_most
        Rate that the path cannot pass, as somebody stated it, bit/s.
    start
        What the batch was made of; None: nothing else can be asked of the same draws.
    """

    draws: xr.Dataset
    used: dict[str, dict[str, Any]]
    unknown: dict[str, Prior]
    ring: int
    duration: float
    fit: Fit | None = None
    notes: tuple[str, ...] = field(default=())
    variant: str = "stock"
    at_most: float = np.inf
    start: Start | None = None

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
        """Unknown constants by the share of the variance of today's rate at the present ring that they cause.

        What they cause is seen in what was simulated; the model's own errors, which no measurement narrows, are in the
        variance that it is a share of.
        """
        here = self.draws.sel(ring=self.ring, variant=self.variant)
        own, whole = (np.log(np.maximum(here[name].to_numpy(), 1.0)) for name in ("simulated_rate", "expected_rate"))
        part = min(float(own.var() / max(whole.var(), 1e-12)), 1.0)
        equal = np.full(own.size, 1.0 / own.size)
        rows = [
            {
                "name": name,
                "share": part * share_of_variance(self.draws[name].to_numpy(), own, equal),
                "measure": prior.measure,
            }
            for name, prior in self.unknown.items()
        ]
        return sorted(rows, key=lambda row: -float(row["share"]))


def _quantiles(values: Array) -> dict[str, float]:
    found = np.quantile(values, tuple(LEVELS.values()), method="hazen")
    return dict(zip(LEVELS, map(float, found), strict=True))


def predict(
    given: Mapping[str, Any],
    rings: Sequence[int],
    *,
    product: str = "openvpn",
    sources: Mapping[str, str] | None = None,
    observed: Sequence[Observation] = (),
    variant: str = "stock",
    posterior: Mapping[str, Array] | None = None,
    count: int = 128,
    seed: int = 0,
    steps: float | None = None,
    variants: Sequence[str] = VARIANTS,
    at_most: float = np.inf,
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
        Measured runs of this path. Draws are chosen by how well they reproduce them.
    variant
        How the path is now: stock or backpressure.
    posterior
        Draws of a known host's constants (`tunbp.model.hosts.draws`): nothing else of it has a prior.
    count
        Draws, a power of two.
    seed
        Seed of the draws and of the simulation: the same seed, the same bits.
    steps
        Scenario-steps to spend, for a rough picture; None: a few seconds.
    variants
        Those to simulate, of `VARIANTS`; what one is does not depend on the others.
    at_most
        Rate that the path cannot pass, bit/s: that of a program that fills its processor.

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
    posterior = {name: values for name, values in (posterior or {}).items() if name not in given}
    unknown = inferred(product, posterior) if posterior else unknown_of(product, base, given, sources or {})
    sizes = sorted({int(n) for n in (*rings, int(base.ring))})
    rtt = float(base.rtt)
    if base.source != "tcp":
        base = base.replace(rtt=max(rtt, CALM))
    fit = None
    draw = drawing(unknown, posterior, base, seed)
    drawn = draw(count)
    time = lasting(base, _drawn(base, unknown, drawn, sizes, variants), steps)
    base, notes = _shortened(base, time)
    if observed:
        drawn, fit = conditioned(base, unknown, observed, draw, count, seed, discrepancy(), at_most)
    known = {**base.parameters(), "rtt": rtt}
    used = {
        name: {"value": value, "source": (sources or {}).get(name, "given" if name in given else "default")}
        for name, value in known.items()
        if value is not None and name not in unknown
    }
    used |= {
        name: {"value": float(np.median(drawn[name])), "source": "host" if posterior else "prior"}
        for name in unknown
        if name in base.parameters()
    }
    start = Start(base, drawn, product, rtt, seed, time.least)
    kept = batch(start, unknown, sizes, variants, at_most)
    return Prediction(kept, used, unknown, int(base.ring), float(base.duration), fit, notes, variant, at_most, start)


def batch(
    start: Start, unknown: Mapping[str, Prior], rings: Sequence[int], variants: Sequence[str], at_most: float = np.inf
) -> xr.Dataset:
    """Simulate draws of a path over txqueuelen and variant.

    Parameters
    ----------
    start
        The path and its draws.
    unknown
        Constants that were drawn.
    rings
        txqueuelen values, packets.
    variants
        Of `VARIANTS`.
    at_most
        Rate that the path cannot pass, bit/s.

    Returns
    -------
    xr.Dataset
        `draws` of a `Prediction`.
    """
    base, drawn = start.base, start.constants
    seeds = drawn.get(SEED, np.arange(len(drawn[ERRORS[0]])) + start.seed)
    scenario = _drawn(base, unknown, drawn, rings, variants)
    result = simulated(scenario.replace(seed=xr.DataArray(seeds.astype(int), dims="draw")), start.least)
    kept = _with_errors(result, base, unknown, drawn, discrepancy())
    kept["latency"] = kept["latency"] + start.rtt
    for name in ("received_rate", "expected_rate"):
        kept[name] = np.minimum(kept[name], at_most)
    return kept


def _drawn(
    base: Scenario,
    unknown: Mapping[str, Prior],
    drawn: Mapping[str, Array],
    rings: Sequence[int],
    variants: Sequence[str],
) -> Scenario:
    """The path with its draws, over `draw`, `ring` and `variant`."""
    drivers = {"stock": "stock", "backpressure": str(base.driver)}
    return base.replace(
        **acting(base, unknown, drawn),
        driver=xr.DataArray([drivers[v] for v in variants], dims="variant", coords={"variant": list(variants)}),
        ring=xr.DataArray(list(rings), dims="ring", coords={"ring": list(rings)}),
    )


def _with_errors(
    result: xr.Dataset, base: Scenario, unknown: Mapping[str, Prior], drawn: Mapping[str, Array], sizing: Discrepancy
) -> xr.Dataset:
    """What is kept of a batch, with the model's errors and the noise of one run; `latency` is of the queues alone."""
    order = ("draw", "ring", "variant")
    simulated = result["received_rate"].transpose(*order)
    found = ceilings({**base.parameters(), **acting(base, unknown, drawn)}, len(drawn[ERRORS[0]]))
    stages = {name: stage[:, None, None] for name, stage in found.items()}
    capacity, losses, waits = (ndtri(drawn[name])[:, None, None] for name in ERRORS[:3])
    share = (result["dropped_ring"] / np.maximum(result["sent"], 1.0)).transpose(*order)
    # what the model knows least is what a small ring loses; where the path loses more, that is known better
    stock = result["variant"].to_numpy() == "stock"
    rings = dropping(result["ring"].to_numpy()[None, :, None], stock & (share >= base.path_loss))
    expected, load = expected_rates(sizing, stages, simulated.to_numpy(), rings, capacity, losses)
    one = as_sent(sizing.run(expected, load, drawn["repeat"][:, None, None]), stages)
    expected = as_sent(expected, stages)
    if base.source == "tcp":
        drops = np.minimum(result["drop_fraction"].transpose(*order).to_numpy() * np.exp(sizing.drops * waits), 1.0)
    else:  # what does not arrive
        drops = 1.0 - expected / stages["offered"]
    packets = expected * (base.duration - base.warmup) / (8.0 * base.mss * segments_of(base))
    waiting = result["sparse_latency"].transpose(*order) * np.exp(sizing.queue * waits)
    return xr.Dataset(
        {
            "received_rate": (order, one),
            "expected_rate": (order, expected),
            "simulated_rate": simulated,
            "drop_fraction": (order, drops),
            "dropped": (order, packets * drops / np.maximum(1.0 - drops, 1e-3)),
            "ring_share": share,
            "latency": waiting,
            "ceiling": (("stage", "draw"), np.stack(list(found.values()))),
            **{name: ("draw", drawn[name]) for name in unknown},
        },
        coords={"stage": list(found), "ring": result["ring"], "variant": result["variant"]},
    )


def _shortened(base: Scenario, time: Lasting) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario with a duration that all of its batch can be given, and a note where that is shorter, or coarser."""
    steps = "" if time.least is None else f" in {time.least} steps per round trip"
    note = f"each draw simulates {time.duration:.2g} s instead of {base.duration:g} s{steps}"
    if time.duration >= base.duration:
        return base, ((f"each draw is simulated{steps}",) if steps else ())
    return base.replace(duration=time.duration, warmup=time.warmup), (note,)
