"""Predictions as distributions: draws of what is not known, simulated as one batch, over txqueuelen and variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from tunbp.errors import ParamsError
from tunbp.infer import posterior
from tunbp.infer.priors import Prior, draws, noise, priors
from tunbp.model.drivers import COMPARED
from tunbp.model.fields import FIELDS
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

VARIANTS = tuple(COMPARED)
LEVELS = {"median": 0.5, "low50": 0.25, "high50": 0.75, "low90": 0.05, "high90": 0.95}
"""Names of the quantiles that a prediction states."""

WORTH = 0.10
"""Gain in throughput from which backpressure is worth setting."""

FEW = 12.0
"""Effective draws below which a measured value says that the model does not hold the path."""

STEPS = 1.5e9
"""Scenario-steps that a prediction may take (a few seconds on two cores): durations shrink to it on short paths."""

SHORTEST = 200.0
"""Round trips that a prediction simulates at least."""


@dataclass(frozen=True)
class Prediction:
    """What came of a prediction.

    Attributes
    ----------
    draws
        `received_rate` (with the noise of one run), `expected_rate` (without), `drop_fraction`, `latency` over
        `draw`, `ring`, `variant`; the drawn constants over `draw`; `weight` over `draw`.
    used
        Field -> value and where it comes from: given, trace, host, default, prior.
    unknown
        Constants that were drawn, with their priors.
    ring
        The present txqueuelen.
    duration
        Seconds simulated (shorter than asked for on short paths).
    measured
        Measured rate that the draws are weighted by, bit/s, or None.
    """

    draws: xr.Dataset
    used: dict[str, dict[str, Any]]
    unknown: dict[str, Prior]
    ring: int
    duration: float
    measured: float | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def effective(self) -> float:
        """Effective number of draws."""
        return posterior.effective(self.draws["weight"].to_numpy())

    def quantiles(self, name: str, ring: int, variant: str) -> dict[str, float]:
        """Median, 50 and 90 % interval of a variable at one ring and variant."""
        values = self.draws[name].sel(ring=ring, variant=variant).to_numpy()
        found = posterior.quantiles(values, self.draws["weight"].to_numpy(), tuple(LEVELS.values()))
        return dict(zip(LEVELS, map(float, found), strict=True))

    def gain(self, ring: int | None = None) -> dict[str, float]:
        """Relative gain of backpressure over stock: quantiles and the probability of more than a tenth."""
        expected = self.draws["expected_rate"].sel(ring=ring or self.ring)
        stock, pushed = (expected.sel(variant=name).to_numpy() for name in VARIANTS)
        gain = pushed / np.maximum(stock, 1.0) - 1.0
        weight = self.draws["weight"].to_numpy()
        found = posterior.quantiles(gain, weight, tuple(LEVELS.values()))
        likely = float(weight[gain > WORTH].sum())
        return {"probability_above_10_percent": likely, **dict(zip(LEVELS, map(float, found), strict=True))}

    def ranking(self) -> list[dict[str, Any]]:
        """Unknown constants by the share of the variance of stock's rate at the present ring that they cause."""
        rate = np.log(np.maximum(self.draws["expected_rate"].sel(ring=self.ring, variant="stock").to_numpy(), 1.0))
        weight = self.draws["weight"].to_numpy()
        rows = [
            {
                "name": name,
                "share": posterior.share_of_variance(self.draws[name].to_numpy(), rate, weight),
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
        return {
            "schema": 1,
            "rows": rows,
            "gain": {"ring": self.ring, **self.gain()},
            "unknown": self.ranking(),
            "used": self.used,
            "measured": self.measured,
            "draws": int(self.draws.sizes["draw"]),
            "effective_draws": self.effective,
            "duration": self.duration,
            "notes": list(self.notes),
        }


def predict(
    given: Mapping[str, Any],
    rings: Sequence[int],
    *,
    product: str = "openvpn",
    sources: Mapping[str, str] | None = None,
    measured: float | None = None,
    count: int = 128,
    seed: int = 0,
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
    measured
        Rate of a run of this path with its present ring and stock, bit/s: draws are weighted by how well they
        reproduce it.
    count
        Draws, a power of two.
    seed
        Seed of the draws and of the simulation: the same seed, the same bits.

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
    unknown = {name: prior for name, prior in priors(product).items() if name not in given}
    drawn = draws(unknown, base.parameters(), count, seed)
    sizes = sorted({int(n) for n in (*rings, int(base.ring))})
    duration, notes = _duration(base, drawn, len(sizes) * 2 * count)
    constants = {name: xr.DataArray(drawn[name], dims="draw") for name in unknown}
    constants = {n: c.astype(int) if FIELDS[n].integer else c for n, c in constants.items()}
    batch = base.replace(
        **constants,
        driver=xr.DataArray(["stock", str(base.driver)], dims="variant", coords={"variant": list(VARIANTS)}),
        ring=xr.DataArray(sizes, dims="ring", coords={"ring": sizes}),
        duration=duration,
        warmup=duration * float(base.warmup) / base.duration,
        seed=xr.DataArray(np.arange(count) + seed, dims="draw"),
    )
    result = simulate(batch)
    expected = result["received_rate"].transpose("draw", "ring", "variant")
    sigma = noise()
    weight = np.full(count, 1.0 / count)
    if measured is not None:
        weight = posterior.weights(expected.sel(ring=int(base.ring), variant="stock").to_numpy(), measured, sigma)
    jitter = xr.DataArray(np.exp(sigma * drawn["noise"]), dims="draw")
    kept = xr.Dataset(
        {
            "received_rate": expected * jitter,
            "expected_rate": expected,
            "drop_fraction": result["drop_fraction"],
            "latency": result["sparse_latency"] + batch.rtt,
            "weight": ("draw", weight),
            **constants,
        }
    )
    used = {
        name: {"value": value, "source": (sources or {}).get(name, "given" if name in given else "default")}
        for name, value in base.parameters().items()
        if value is not None and name not in unknown
    }
    used |= {name: {"value": float(np.median(drawn[name])), "source": "prior"} for name in unknown}
    return Prediction(kept, used, unknown, int(base.ring), duration, measured, notes)


def _duration(base: Scenario, drawn: Mapping[str, Any], scenarios: int) -> tuple[float, tuple[str, ...]]:
    """How long to simulate, and a note where that is shorter than asked for."""
    steps_per_second = 40.0 / float(base.rtt) * float(base.streams)
    affordable = max(STEPS / (scenarios * steps_per_second), SHORTEST * float(base.rtt))
    if affordable >= base.duration:
        return float(base.duration), ()
    return affordable, (f"simulated {affordable:.2g} s instead of {base.duration:g} s: the path is short",)
