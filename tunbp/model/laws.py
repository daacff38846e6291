"""Closed forms: wake-cycle law, burst law, loss laws and sawtooth, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tunbp.model.congestion import CONTROLS
from tunbp.model.fields import FIELDS

DEFAULT = FIELDS["congestion"].default


def by_control(congestion: Any, facts: Mapping[str, Any]) -> Any:
    """A fact of each congestion control over an array of their names.

    Parameters
    ----------
    congestion
        Names of congestion controls, one or an array.
    facts
        Value of each control by its name.

    Returns
    -------
    float or array
        Values in the shape of `congestion`.
    """
    names = np.asarray(congestion)
    return np.select([names == name for name in facts], list(facts.values()), np.nan)


def saturated_service_time(
    service: Any,
    overhead: Any,
    wake_cost: Any,
    per_cycle: Any,
    ring: Any,
    wake_latency: Any,
    alternating: Any,
    per_stop: Any = None,
) -> Any:
    """Wake-cycle law: seconds per packet of a reader whose ring is never empty under backpressure.

    s + o + c/K + starvation + contention: each of the K packets between two wakes carries its share of the
    wake's cost c, and of the time the reader waits when the first new packet takes longer to arrive than the
    N - k packets left in the ring last.

    Parameters
    ----------
    service, overhead, wake_cost, wake_latency
        s, o, c and the latency from wake to first packet, in seconds.
    per_cycle, ring
        K (`wake_cycle`) and N in packets.
    alternating
        Extra seconds per packet when packets of several senders alternate.
    per_stop
        k, packets consumed from the stop to the wake; None: as `per_cycle`, for a sender that refills in no time.

    Returns
    -------
    float or array
        Seconds per packet, broadcast over the arguments.
    """
    per_stop = per_cycle if per_stop is None else per_stop
    starving = np.maximum(wake_latency - (ring - per_stop) * service, 0.0)
    return service + overhead + (wake_cost + starving) / per_cycle + alternating


def wake_cycle(per_stop: Any, drain_rate: Any, burst_rate: Any) -> Any:
    """Packets K = k / (1 - mu/lambda) from one wake to the next, where k are counted from the stop to the wake.

    Where a share of the ring must be consumed (half, seven eighths, all), the kernel counts from the stop on. From a
    wake to the next stop the k free slots fill again at lambda while the reader goes on at mu, as a burst fills an
    empty ring of k entries (`burst_window`). Infinite where the sender is no faster than the reader: the queue is not
    stopped again. Freed slots appear in batches, so K holds to within one of them. A wake by each freed batch comes at
    the ends of batches wherever the stop was: there K = k, the batch. Arguments in packets and packets/s.

    Parameters
    ----------
    per_stop
        k, packets consumed from the stop to the wake.
    drain_rate
        mu, packets/s that the reader takes.
    burst_rate
        lambda, packets/s at which the queue refills the ring.

    Returns
    -------
    float or array
        K in packets, broadcast; infinite where the sender is no faster than the reader.

    Examples
    --------
    >>> round(float(wake_cycle(500, 195e3, 1.81e6)))
    560
    """
    return burst_window(per_stop, drain_rate, burst_rate)


def window_rate(window: Any, rtt: Any) -> Any:
    """Receive-window bound: bit/s of a window in bytes per round trip in seconds.

    Parameters
    ----------
    window
        Receive window in bytes.
    rtt
        Round-trip time in seconds.

    Returns
    -------
    float or array
        bit/s, broadcast.
    """
    return 8.0 * window / rtt


def bandwidth_delay_product(rate: Any, rtt: Any) -> Any:
    """Bytes in flight that fill a path of `rate` bit/s and `rtt` seconds.

    Parameters
    ----------
    rate
        bit/s.
    rtt
        Round-trip time in seconds.

    Returns
    -------
    float or array
        Bytes, broadcast.
    """
    return rate * rtt / 8.0


def burst_window(ring: Any, drain_rate: Any, burst_rate: Any) -> Any:
    """Burst law: packets W* = N / (1 - mu/lambda) of the largest burst that the ring takes without a drop.

    Infinite where the sender is no faster than the reader. Arguments in packets and packets/s, broadcast.

    Parameters
    ----------
    ring
        Ring size N in packets.
    drain_rate
        mu, packets/s.
    burst_rate
        lambda, packets/s.

    Returns
    -------
    float or array
        W* in packets.
    """
    ratio = np.minimum(np.asarray(drain_rate, float) / burst_rate, 1.0)
    with np.errstate(divide="ignore"):
        return ring / (1.0 - ratio)


def loss_window(loss: Any, rtt: Any, congestion: Any = DEFAULT) -> Any:
    """Mean congestion window in segments for a loss event every 1/p segments, by the control's own law.

    Infinite for p = 0 and for a control that does not answer to loss (`tunbp.model.congestion`).

    Parameters
    ----------
    loss
        Loss events per segment, p.
    rtt
        Round-trip time, s.
    congestion
        Names of controls, one or an array.

    Returns
    -------
    float or array
        Segments, broadcast over the arguments.
    """
    return by_control(congestion, {name: row.loss_window(loss, rtt) for name, row in CONTROLS.items()})


def sawtooth_rate(peak: Any, pipe: Any, congestion: Any = DEFAULT, streams: Any = 1) -> Any:
    """Mean of min(window, pipe) while the window climbs back to `peak` after each loss, in their unit.

    Between two losses the window is peak (1 - d u^m) with u from 1 to 0: d = 1 - beta and m are the control's. Of
    several streams one reduces at a time: d over their number.

    Parameters
    ----------
    peak
        Window at the loss: what path, ring and qdisc hold.
    pipe
        Window that just fills the path.
    congestion
        Names of controls, one or an array; one without a sawtooth always fills the pipe.
    streams
        Number of flows.

    Returns
    -------
    float or array
        Mean in the unit of `peak` and `pipe`, broadcast.
    """
    beta = by_control(congestion, {name: row.beta for name, row in CONTROLS.items()})
    power = by_control(congestion, {name: row.power for name, row in CONTROLS.items()})
    depth = np.where(beta < 1.0, 1.0 - beta, 1.0) / streams
    full = np.clip((1.0 - pipe / np.asarray(peak, float)) / depth, 0.0, 1.0) ** (1.0 / power)
    below = (1.0 - full) - depth * (1.0 - full ** (power + 1.0)) / (power + 1.0)
    return np.where(beta < 1.0, full * pipe + peak * below, pipe)
