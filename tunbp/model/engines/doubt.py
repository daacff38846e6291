"""Where the fluid engine is known to leave the packets engine by a factor: regions of scenarios, with their reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model.fields import PATH_BUFFER
from tunbp.model.gso import segments_per_entry
from tunbp.model.qdiscs import qdisc_limit
from tunbp.model.service import numbers, service_times

Array = npt.NDArray[Any]


def regions(flat: dict[str, Array], duration: float) -> dict[str, Array]:
    """Scenarios of a batch for which the fluid engine is not to be relied on, by the reason in words.

    Found by drawing every field at random and changing one after the other until both engines agree; e.g. 8 flows on a
    stock ring of 10 got 2.3 against 1,288 Mbit/s. In 284 draws outside of these regions both differ by 0.5 % in the
    median, 3 % at the 75th percentile, and by more than a factor of 1.3 in 6 %; inside in 25 %. Some of the regions
    were added after these draws had been looked at.

    Parameters
    ----------
    flat
        One array per field of `Scenario` that may differ within a batch.
    duration
        Simulated time, s.
    """
    number = numbers(flat)
    tcp, bbr, local = flat["source"] == "tcp", flat["congestion"] == "bbr", flat["origin"] == "local"
    pushing = service_times(flat).pushing > 0
    streams, ring, rate = (number[name] for name in ("streams", "ring", "drain_rate"))
    entry = segments_per_entry(flat["source"], number["gso_segments"])
    window = np.fmin(number["receive_window"], number["send_buffer"]) / number["mss"]
    room = ring + np.where(pushing, qdisc_limit(flat["qdisc"], number["qdisc_limit"], ring, number["mss"] * entry), 0.0)
    buffer = np.where(np.isnan(number["path_buffer"]), PATH_BUFFER, number["path_buffer"])
    loses = tcp & (number["path_loss"] > 0.0)
    acks = (number["ack_cost"] > 0.0) | (number["far_ack_cost"] > 0.0)
    return {
        "several flows on a stock ring of fewer than 5 packets per flow": (
            tcp & ~pushing & (streams > 1) & (ring < 5 * streams)
        ),
        "a ring of fewer than 5 entries": ring < 5,
        "a ring and qdisc of fewer than 20 packets per flow": tcp & pushing & (room < 20 * streams),
        "a link buffer of fewer than 20 packets per flow": (
            tcp & ~np.isnan(number["path_rate"]) & (buffer < 20 * streams)
        ),
        "a window below 7 entries": tcp & (window < 7 * entry),
        "BBR of local senders with several flows, or windows below 30 segments": (
            tcp & bbr & local & ((streams > 1) | (window < 30))
        ),
        "random loss on the path with several flows": loses & (streams > 1),
        "losses in runs on the path": loses & (number["path_loss_burst"] > 2),
        "ACKs that cost a reader, with more than 2 segments per entry": tcp & acks & (entry > 2),
        "wakes that take longer than half a ring lasts": pushing & (number["wake_latency"] * rate > 0.5 * ring),
        "a reader that sleeps longer than half a ring lasts": number["idle_latency"] * rate > 0.5 * ring,
        "video frames with several segments per entry": ~tcp & (entry > 1),
        "a source without feedback with a far reader": ~tcp & ~np.isnan(number["far_rate"]),
        "a run shorter than a round trip": number["rtt"] > duration,
    }


def reasons(flat: dict[str, Array], duration: float) -> str:
    """The reasons that hold for any scenario of a batch, in words; empty where there is none."""
    return "; ".join(reason for reason, where in regions(flat, duration).items() if where.any())


def doubtful(flat: dict[str, Array], duration: float) -> npt.NDArray[np.bool_]:
    """Which scenarios of a batch lie in any of the regions."""
    return np.asarray(np.logical_or.reduce(list(regions(flat, duration).values())), bool)
