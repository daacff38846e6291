"""Closed-form bounds on throughput, and which of them binds a simulated or measured point."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunbp.model.congestion import BETA_CUBIC, C_CUBIC

CUBIC_MEAN = (3.0 + BETA_CUBIC) / 4.0
"""Mean over peak of CUBIC's window between two losses: the integral of the cubic from beta to 1."""


def saturated_service_time(
    service: Any, overhead: Any, wake_cost: Any, per_cycle: Any, ring: Any, wake_latency: Any, alternating: Any
) -> Any:
    """Wake-cycle law: seconds per packet of a reader that never finds its ring empty under backpressure.

    s + o + c/k + starvation + contention: each of the k packets between two wakes carries its share of the wake's
    cost c, and of the time the reader waits when the first new packet takes longer to arrive than the N - k packets
    left in the ring last.

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
