"""A batch of draws in seconds: what its scenarios cost, how long each takes, and in how many steps a round trip."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from tunbp.model.engines import flattened
from tunbp.model.engines.doubt import doubtful
from tunbp.model.engines.fluid.batch import STEPS_PER_RING, emptying, round_trip_slots
from tunbp.model.scenario import Scenario
from tunbp.model.service import numbers
from tunbp.model.simulate import simulate

Array = npt.NDArray[np.float64]

LONG = 0.02
"""RTT from which a prediction takes at most four seconds, s; fifteen below."""

STEPS, STEPS_SHORT = 1e8, 5e8
"""Scenario-steps, times streams, that a prediction may take from `LONG` on and below: durations shrink to it."""

SHORTEST = 200.0
"""Round trips that a prediction simulates at least."""

ROUGH = 30.0
"""The same of a rough one."""

COARSE = (None, 128, 64)
"""Fewest steps per round trip, tried in this order where a duration cannot shrink further; None: the engine's own.

Rings and link buffers that are short keep the steps that they ask for. With 64 or 128 the medians of a table's rates
differ from those with the engine's own 256 by up to 3 % (8 flows at 20 ms, one at 50 ms), the other quantiles by up to
7 %, once 12 %, and probabilities of a gain by 0.02: far below what the model errs by.
"""

STEADY_RTT, STEADY = 1e-3, 5.0
"""Longest RTT, s, of a path that is steady after so many seconds: as many more are counted, however long was asked.

Of six paths of 0.1 and 1 ms (OpenVPN, wireguard-go; loss, a slow link, four flows, the flag) medians and ends of the
intervals of rates differed from those of 60 s by up to 1.3 %, of the ping by up to 6 %.
"""

PACKET, ALONE = 8.0, 1e5
"""Steps that take as long as a packet of the packets engine with a path behind it, and as preparing one run of it.

Measured by turns on one machine: 10 ns a step, 90 ns a packet, 2 ms a run.
"""

KEPT = ("received_rate", "dropped_ring", "sent", "drop_fraction", "sparse_latency")
"""What is kept of a simulation."""


def asked(values: dict[str, npt.NDArray[Any]]) -> Array:
    """Steps per round trip that short rings and link buffers ask for.

    Parameters
    ----------
    values
        What `tunbp.model.engines.flattened` returned.

    Returns
    -------
    ndarray
        Shape (scenario,).
    """
    number = numbers(values)
    wanted: Array = STEPS_PER_RING * number["rtt"] / emptying(number)
    return wanted


def cost(
    values: dict[str, npt.NDArray[Any]], duration: float, dt: float | None, least: int | None
) -> tuple[float, float]:
    """What a batch costs per simulated second and beside that, in steps of one flow.

    Parameters
    ----------
    values
        What `tunbp.model.engines.flattened` returned.
    duration
        Simulated time, s.
    dt
        Time step that was asked for, s.
    least
        Fewest steps per round trip; None: the engine's own.

    Returns
    -------
    per_second, once : float
        Steps per second, and steps.
    """
    exact, wanted = doubtful(values, duration, dt), asked(values)
    number = numbers(values)
    rtt, rate = number["rtt"], number["path_rate"]
    slots = round_trip_slots(rtt, dt, emptying(number)).astype(float)
    if least is not None:
        slots = np.where(wanted <= least, np.minimum(slots, least), slots)
    by_packet = PACKET * np.fmin(number["drain_rate"], rate)
    return float(np.where(exact, by_packet, number["streams"] * slots / rtt).sum()), ALONE * float(exact.sum())


class Lasting(NamedTuple):
    """How long each scenario of a batch is simulated.

    Attributes
    ----------
    duration, warmup
        s; at most those that were asked for.
    least
        Fewest steps per round trip; None: the engine's own.
    """

    duration: float
    warmup: float
    least: int | None


def lasting(base: Scenario, batch: Scenario, steps: float | None) -> Lasting:
    """How long each scenario of a batch is simulated, and in how few steps per round trip at least.

    Parameters
    ----------
    base
        What its scenarios share.
    batch
        All of it.
    steps
        Scenario-steps to spend, for a rough picture; None: a few seconds.

    Returns
    -------
    Lasting
        Where it is shorter, the warm-up keeps its share; of a path that is steady soon, it is half.
    """
    rtt, values = float(base.rtt), flattened(batch.broadcast())
    rough = steps is not None
    budget = steps if steps is not None else STEPS if rtt >= LONG else STEPS_SHORT
    shortest = (ROUGH if rough else SHORTEST) * rtt
    same = rough or base.dt is not None or base.source != "tcp"
    least: int | None = None
    affordable = 0.0
    for least in COARSE[:1] if same else COARSE:
        per_second, once = cost(values, base.duration, base.dt, least)
        affordable = (budget - (0.0 if rough else once)) / per_second
        if affordable >= min(shortest, base.duration):
            break
    steady = not rough and base.source == "tcp" and rtt <= STEADY_RTT and float(base.warmup) >= STEADY
    most = min(base.duration, 2.0 * STEADY) if steady else base.duration
    duration = min(max(affordable, shortest), most)
    part = 0.5 if steady and duration < base.duration else float(base.warmup) / base.duration
    return Lasting(duration, part * duration, least)


def simulated(batch: Scenario, least: int | None) -> xr.Dataset:
    """Simulate a batch, with at least so many steps per round trip where neither ring nor link buffer asks for more.

    Parameters
    ----------
    batch
        Draws, rings and variants.
    least
        What `lasting` returned.

    Returns
    -------
    xr.Dataset
        `KEPT`, over the batch's dims.
    """
    if least is None:
        return simulate(batch, engine="auto")
    fields = batch.broadcast()
    values, template = flattened(fields), fields["ring"]
    few = (asked(values) <= least) & ~doubtful(values, batch.duration, batch.dt)
    few &= round_trip_slots(values["rtt"].astype(float), None) > least
    varying = [name for name, value in batch.parameters().items() if isinstance(value, xr.DataArray)]
    found = {name: np.empty(few.size) for name in KEPT}
    for these, dt in ((few, float(batch.rtt) / least), (~few, batch.dt)):
        if not these.any():
            continue
        part = {name: xr.DataArray(values[name][these], dims="scenario") for name in varying}
        result = simulate(batch.replace(**part, dt=dt), engine="auto")
        for name, whole in found.items():
            whole[these] = result[name].to_numpy()
    return xr.Dataset(
        {name: (template.dims, whole.reshape(template.shape)) for name, whole in found.items()}, template.coords
    )
