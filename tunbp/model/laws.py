"""Closed forms: wake-cycle law, burst law, loss laws and sawtooth, each with its source."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunbp.model.congestion import BETA_CUBIC, BETA_RENO, C_CUBIC

CUBIC_MEAN = (3.0 + BETA_CUBIC) / 4.0
"""Mean over peak of CUBIC's window between two losses: the integral of the cubic from beta to 1."""


def saturated_service_time(
    service: Any,
    overhead: Any,
    wake_cost: Any,
    per_cycle: Any,
    ring: Any,
    wake_latency: Any,
    alternating: Any,
) -> Any:
    """Wake-cycle law: seconds per packet of a reader whose ring is never empty under backpressure.

    s + o + c/k + starvation + contention: each of the k packets between two wakes carries its share of the
    wake's cost c, and of the time the reader waits when the first new packet takes longer to arrive than the
    N - k packets left in the ring last.

    Parameters
    ----------
    service, overhead, wake_cost, wake_latency
        s, o, c and the latency from wake to first packet, in seconds.
    per_cycle, ring
        k and N in packets.
    alternating
        Extra seconds per packet when packets of several senders alternate.

    Returns
    -------
    float or array
        Seconds per packet, broadcast over the arguments.
    """
    starving = np.maximum(wake_latency - (ring - per_cycle) * service, 0.0)
    return service + overhead + (wake_cost + starving) / per_cycle + alternating


def window_rate(window: Any, rtt: Any) -> Any:
    """Receive-window bound: bit/s of a window in bytes per round trip in seconds."""
    return 8.0 * window / rtt


def bandwidth_delay_product(rate: Any, rtt: Any) -> Any:
    """Bytes in flight that fill a path of `rate` bit/s and `rtt` seconds."""
    return rate * rtt / 8.0


def burst_window(ring: Any, drain_rate: Any, burst_rate: Any) -> Any:
    """Burst law: packets W* = N / (1 - mu/lambda) of the largest burst that the ring takes without a drop.

    Infinite where the sender is no faster than the reader. Arguments in packets and packets/s, broadcast.
    """
    ratio = np.minimum(np.asarray(drain_rate, float) / burst_rate, 1.0)
    with np.errstate(divide="ignore"):
        return ring / (1.0 - ratio)


def loss_window(loss: Any, rtt: Any, congestion: Any = "cubic") -> Any:
    """Mean congestion window in segments for a loss event every 1/p segments.

    CUBIC: the larger of (C (3 + beta) / (4 (1 - beta)))^(1/4) (RTT/p)^(3/4) and the Reno-friendly
    sqrt(3 / (2p)) (RFC 9438, sections 5.1 and 4.3); Reno: sqrt(3 / (2p)) (Mathis et al. 1997, equation 3,
    every segment acknowledged). BBR does not answer to loss: infinite, as for p = 0.

    Parameters
    ----------
    loss
        Loss events per segment, p.
    rtt
        Round-trip time, s.
    congestion
        "cubic", "reno" or "bbr".

    Returns
    -------
    float or array
        Segments, broadcast over the arguments.
    """
    with np.errstate(divide="ignore"):
        reno = np.sqrt(1.5 / np.asarray(loss, float))
        cubic = (C_CUBIC * (3.0 + BETA_CUBIC) / (4.0 * (1.0 - BETA_CUBIC))) ** 0.25 * (rtt / np.asarray(loss)) ** 0.75
    window = np.where(np.asarray(congestion) == "cubic", np.maximum(cubic, reno), reno)
    return np.where(np.asarray(congestion) == "bbr", np.inf, window)


def sawtooth_rate(peak: Any, pipe: Any, congestion: Any = "cubic", streams: Any = 1) -> Any:
    """Mean of min(window, pipe) while the window climbs back to `peak` after each loss, in their unit.

    Between two losses the window is peak (1 - d u^m) with u from 1 to 0: d = 1 - beta and m = 3 for CUBIC,
    d = 1/2 and m = 1 for Reno. Of several streams one reduces at a time: d over their number.

    Parameters
    ----------
    peak
        Window at the loss: what path, ring and qdisc hold.
    pipe
        Window that just fills the path.
    congestion
        "cubic", "reno" or "bbr" (which always fills the pipe).
    streams
        Number of flows.
    """
    cubic = np.asarray(congestion) == "cubic"
    depth = np.where(cubic, 1.0 - BETA_CUBIC, 1.0 - BETA_RENO) / streams
    power = np.where(cubic, 3.0, 1.0)
    full = np.clip((1.0 - pipe / np.asarray(peak, float)) / depth, 0.0, 1.0) ** (1.0 / power)
    below = (1.0 - full) - depth * (1.0 - full ** (power + 1.0)) / (power + 1.0)
    return np.where(np.asarray(congestion) == "bbr", pipe, full * pipe + peak * below)
