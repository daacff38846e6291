"""Where the fluid engine is known to leave the packets engine by a factor: regions of scenarios, with their reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model.drivers import VHOST_NET_BATCH, Wake, driver, ring_batch, wake_threshold
from tunbp.model.gso import block_limits, segments_per_entry
from tunbp.model.laws import loss_window
from tunbp.model.pacing import paced
from tunbp.model.qdiscs import fact, qdisc_limit
from tunbp.model.service import numbers, path_buffer, service_times

Array = npt.NDArray[Any]

MUCH_SLOWER = 0.9
"""Part of what leaves a ring (to a reader with an ACK per packet, to a guest) below which a shaper keeps it empty."""

_COUNTING = (Wake.HALF, Wake.THREE_QUARTERS, Wake.SEVEN_EIGHTHS)
"""Rules that wake by a count alone: slots that ptr_ring has not freed yet can keep the ring from holding as many."""


def regions(flat: dict[str, Array], duration: float, dt: float | None = None) -> dict[str, Array]:
    """Scenarios of a batch for which the fluid engine is not to be relied on, by the reason in words.

    Found by drawing every field at random and changing one after the other until both engines agree. Of 2,000 draws
    over their whole range (`tests/model/batches.py`) 987 lie inside, of 1,000 usual paths 113. Of 1,661 draws 822 lie
    outside, where both engines differ by 0.02 % in the median of single runs, and by a factor of more than 1.3 in 14.

    Parameters
    ----------
    flat
        One array per field of `Scenario` that may differ within a batch.
    duration
        Simulated time, s.
    dt
        Time step that was asked for, s; None: automatic.
    """
    number = numbers(flat)
    tcp, bbr, local = flat["source"] == "tcp", flat["congestion"] == "bbr", flat["origin"] == "local"
    pushing = service_times(flat).pushing > 0
    at_a_pace = local & paced(flat)
    streams, ring, rate = (number[name] for name in ("streams", "ring", "drain_rate"))
    wakes = [driver(str(name)).wake for name in flat["driver"]]
    threshold = np.array([wake_threshold(wake, size) for wake, size in zip(wakes, ring, strict=True)])
    counts = np.array([wake in _COUNTING for wake in wakes], bool)  # also of an empty batch
    entry = segments_per_entry(flat["source"], number["gso_segments"], flat["qdisc"])
    window = np.fmin(number["receive_window"], number["send_buffer"]) / number["mss"]
    payload, shaped = number["mss"] * entry, number["qdisc_rate"]
    limit = qdisc_limit(flat["qdisc"], number["qdisc_limit"], ring, payload, shaped, streams)
    room = ring + np.where(pushing, limit, 0.0)
    buffer = path_buffer(number)
    asked = 0.0 if dt is None else dt
    block_time = block_limits(number["rtt"], number["mss"])[1] / number["burst_rate"]
    taken = np.fmin(1.0 / (1.0 / rate + number["ack_cost"]), number["guest_rate"])
    packets_of_a_full_ring = ring - np.array([float(ring_batch(size)) for size in ring]) + 1.0
    return {
        "a ring of fewer than 5 entries": (tcp | ~pushing) & (ring < 5),
        "a ring and qdisc of fewer than 20 packets, or 5 per flow": (
            tcp & pushing & (room < np.maximum(20, 5 * streams))
        ),
        "a stock ring of fewer than 5 packets per flow": tcp & ~pushing & (streams > 1) & (ring < 5 * streams),
        "a link buffer of fewer than 20 packets, or 5 blocks of a sender": (
            tcp & ~np.isnan(number["path_rate"]) & (buffer < np.maximum(20, 5 * entry))
        ),
        "a shaper's queue of fewer than 20 packets, or 5 per flow": (
            (shaped > 0) & (limit < np.maximum(20, 5 * streams))
        ),
        "a stock ring that vhost-net empties at once": ~pushing & (number["guest_rate"] > 0) & (ring < VHOST_NET_BATCH),
        "a time step longer than a full ring or link buffer lasts": (
            (number["path_rate"] * asked > buffer + 1.0) | (~tcp & (rate * asked > ring))
        ),
        "a wake that may not come: a full ring can hold fewer packets than it waits for": (
            pushing & counts & (threshold > packets_of_a_full_ring)
        ),
        "a window below 7 entries": tcp & (window < 7 * entry),
        "BBR of local senders with several flows, or windows below 30 segments": (
            tcp & bbr & local & ((streams > 1) | (window < 30))
        ),
        "BBR and ACKs that are held for longer than a round trip": (
            tcp & bbr & (np.fmin(number["ack_interval"], number["delayed_ack"]) > number["rtt"])
        ),
        "BBR of local senders, and a time step shorter than their blocks last": (
            tcp & bbr & local & (asked > 0.0) & (block_time > asked)
        ),
        "local senders at a pace, and a ring of fewer than 10 packets": at_a_pace & ~bbr & (ring < 10),
        "several local senders without a qdisc": tcp & local & (streams > 1) & ~fact(flat["qdisc"], "attached"),
        "random losses that leave a window of fewer than 7 segments, or less than an entry": (
            tcp & (loss_window(number["path_loss"], number["rtt"], "reno") < np.maximum(7.0, entry))
        ),
        "losses in runs on the path": tcp & (number["path_loss"] > 0.0) & (number["path_loss_burst"] > 2),
        "wakes that take longer than half a ring lasts": pushing & (number["wake_latency"] * rate > 0.5 * ring),
        "a reader that sleeps longer than half a ring lasts": number["idle_latency"] * rate > 0.5 * ring,
        "a stock ring that a shaper can fill": (
            ~pushing
            & (number["qdisc_rate"] * np.maximum(1.0, 3.0 * number["stall_mean"] * rate / ring) > MUCH_SLOWER * taken)
        ),
        "a run shorter than a round trip": number["rtt"] > duration,
    }


def reasons(flat: dict[str, Array], duration: float, dt: float | None = None) -> str:
    """The reasons that hold for any scenario of a batch, in words; empty where there is none."""
    return "; ".join(reason for reason, where in regions(flat, duration, dt).items() if where.any())


def doubtful(flat: dict[str, Array], duration: float, dt: float | None = None) -> npt.NDArray[np.bool_]:
    """Which scenarios of a batch lie in any of the regions."""
    return np.asarray(np.logical_or.reduce(list(regions(flat, duration, dt).values())), bool)
