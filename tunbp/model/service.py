"""What reader and driver make of a scenario: seconds per ring entry, and whether a full ring stops the queue."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tunbp.model.drivers import Wake, counts_from_stop, driver, packets_per_wake, pushes_back
from tunbp.model.fields import CHOICES, PATH_BUFFER
from tunbp.model.laws import saturated_service_time, wake_cycle

Array = npt.NDArray[Any]


class Service(NamedTuple):
    """Reader and driver of each scenario of a batch.

    Attributes
    ----------
    free, full
        Seconds per ring entry of a reader that keeps up, and of a saturated one under the wake-cycle law.
    pushing
        1.0 where a full ring stops the queue.
    per_stop, per_cycle
        Packets from a stop to the wake (k; 1 for stock, whose ring moves by one), and from one wake to the next
        (infinite where there is none).
    """

    free: Array
    full: Array
    pushing: Array
    per_stop: Array
    per_cycle: Array


def numbers(flat: dict[str, Array]) -> dict[str, Array]:
    """The numeric fields of a flattened batch as floats.

    Parameters
    ----------
    flat
        One array per field, all of one length.

    Returns
    -------
    dict[str, Array]
        Fields that are no text, as float64; None is NaN.
    """
    return {name: values.astype(float) for name, values in flat.items() if name not in CHOICES}


def path_buffer(number: dict[str, Array]) -> Array:
    """Packets that wait in front of the path's link at most.

    Parameters
    ----------
    number
        What `numbers` returned.

    Returns
    -------
    Array
        Packets; the default where none was given.
    """
    buffer: Array = np.where(np.isnan(number["path_buffer"]), PATH_BUFFER, number["path_buffer"])
    return buffer


def service_times(flat: dict[str, Array]) -> Service:
    """Seconds per ring entry with and without a standing queue, whether the ring pushes back, and the wake cycle.

    Parameters
    ----------
    flat
        One flat array per scenario field.

    Returns
    -------
    Service
        Named arrays, one value per scenario.
    """
    number = numbers(flat)
    rules = [driver(str(name)) for name in flat["driver"]]
    stock = np.array([rule.wake is Wake.NEVER for rule in rules])
    pushing = np.array([pushes_back(r, str(q)) for r, q in zip(rules, flat["qdisc"], strict=True)], dtype=float)
    guest = np.where(np.isnan(number["guest_rate"]), 0.0, 1.0 / number["guest_rate"])
    k = np.array([packets_per_wake(r, n, g > 0) for r, n, g in zip(rules, number["ring"], guest, strict=True)])
    service = 1.0 / number["drain_rate"]
    overhead = np.where(stock, 0.0, number["patch_overhead"])
    share = 1.0 - 1.0 / number["streams"]
    waiting = np.where(stock, 0.0, k / number["ring"])
    alternating = share * (number["contention"] + number["contention_wait"] * waiting)
    k = np.where(stock, 1.0, k)
    free = np.maximum(service + overhead, guest)
    counting = np.array([counts_from_stop(rule.wake) for rule in rules])
    cycle = np.where(counting, wake_cycle(k, 1.0 / free, _refill_rate(flat, number)), k)
    full = saturated_service_time(
        service, overhead, number["wake_cost"], cycle, number["ring"], number["wake_latency"], alternating, k
    )
    full = np.where(pushing > 0, np.maximum(full, guest), free)
    return Service(free, full, pushing, k, np.where(stock, np.inf, cycle))


def _refill_rate(flat: dict[str, Array], number: dict[str, Array]) -> Array:
    """Packets/s at which the ring fills after a wake: a burst from the qdisc, or what pktgen offers past it."""
    offered = np.where(np.isnan(number["offered_rate"]), np.inf, number["offered_rate"]) * number["streams"]
    bypassing = (flat["source"] == "pktgen") | (flat["qdisc"] == "noqueue") & (flat["source"] == "open")
    return np.where(bypassing, np.minimum(offered, number["burst_rate"]), number["burst_rate"])
