"""What reader and driver make of a scenario: seconds per ring entry, and whether a full ring stops the queue."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model.drivers import Wake, driver, pushes_back, wake_threshold
from tunbp.model.fields import CHOICES
from tunbp.model.laws import saturated_service_time

Array = npt.NDArray[Any]


def numbers(flat: dict[str, Array]) -> dict[str, Array]:
    """The numeric fields of a flattened batch as floats."""
    return {name: values.astype(float) for name, values in flat.items() if name not in CHOICES}


def service_times(flat: dict[str, Array]) -> tuple[Array, Array, Array, Array]:
    """Seconds per ring entry with and without a standing queue, whether the ring pushes back, and k.

    Parameters
    ----------
    flat
        One flat array per scenario field.

    Returns
    -------
    free, full, pushing, per_cycle
        Service time of a reader that keeps up, of a saturated one under the wake-cycle law, 1.0 where a full ring
        stops the queue, and packets per stop/wake cycle.
    """
    number = numbers(flat)
    rules = [driver(str(name)) for name in flat["driver"]]
    stock = np.array([rule.wake is Wake.NEVER for rule in rules])
    pushing = np.array([pushes_back(r, str(q)) for r, q in zip(rules, flat["qdisc"], strict=True)], dtype=float)
    k = np.array([wake_threshold(r.wake, n) for r, n in zip(rules, number["ring"], strict=True)])
    service = 1.0 / number["drain_rate"]
    overhead = np.where(stock, 0.0, number["patch_overhead"])
    share = 1.0 - 1.0 / number["streams"]
    waiting = np.where(stock, 0.0, k / number["ring"])
    alternating = share * (number["contention"] + number["contention_wait"] * waiting)
    k = np.where(np.isinf(k), 1.0, k)
    full = saturated_service_time(
        service, overhead, number["wake_cost"], k, number["ring"], number["wake_latency"], alternating
    )
    free = service + overhead
    guest = np.where(np.isnan(number["guest_rate"]), 0.0, 1.0 / number["guest_rate"])
    free, full = np.maximum(free, guest), np.maximum(np.where(pushing > 0, full, free), guest)
    return free, full, pushing, k
