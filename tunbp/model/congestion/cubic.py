"""CUBIC (RFC 9438; Linux net/ipv4/tcp_cubic.c), with HyStart at the end of slow start."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunbp.model.congestion import reno
from tunbp.model.congestion.control import MIN_WINDOW, Control

BETA = 717 / 1024
"""Multiplicative decrease (Linux, ``beta = 717``; RFC 9438: 0.7)."""

C = 0.4
"""Scaling constant in segments/s^3 (RFC 9438, section 5; Linux ``bic_scale = 41`` gives 0.4)."""

RENO_FRIENDLY = 3 * (1 - BETA) / (1 + BETA)
"""Segments per RTT of the Reno-friendly region (RFC 9438, section 4.3)."""

UNSEEN_GROWTH = 1 / 20
"""Segments per acknowledged one, at least, as long as no loss has shown a largest window: 5 % per RTT
(net/ipv4/tcp_cubic.c, ``bictcp_update``: "increase cwnd 5% per RTT"; RFC 9438 has no such rule)."""


def growth(cwnd: float, west: float, acked: float, since_epoch: float, k: float, wmax: float) -> tuple[float, float]:
    """CUBIC's window after `acked` segments in congestion avoidance (RFC 9438, sections 4.2 to 4.5).

    `since_epoch` is the time since the last reduction plus one RTT, `k` the time at which the cubic passes `wmax`,
    `west` the window of the Reno-friendly estimate. Growth is at most one segment per two acknowledged (Linux), and at
    least 5 % per RTT while no largest window is known (`k` negative).
    """
    per_ack = acked / cwnd
    x = since_epoch - max(k, 0.0)
    target = C * x * x * x + wmax
    least = UNSEEN_GROWTH * acked if k < 0.0 else 0.01 * per_ack
    grown = cwnd + min(max((target - cwnd) * per_ack, least), 0.5 * acked)
    west = west + RENO_FRIENDLY * per_ack
    return max(grown, west), west


def loss(cwnd: float, wmax: float) -> tuple[float, float, float]:
    """CUBIC's new window, remembered maximum and K after a loss, with fast convergence (RFC 9438, 4.6 and 4.7)."""
    last = cwnd if cwnd >= wmax else cwnd * (1.0 + BETA) / 2.0
    reduced = max(cwnd * BETA, MIN_WINDOW)
    return reduced, last, (max(last - reduced, 0.0) / C) ** (1.0 / 3.0)


def loss_window(loss: Any, rtt: Any) -> Any:
    """The larger of (C (3 + beta) / (4 (1 - beta)))^(1/4) (RTT/p)^(3/4) and Reno's (RFC 9438, sections 5.1 and 4.3)."""
    with np.errstate(divide="ignore"):
        own = (C * (3.0 + BETA) / (4.0 * (1.0 - BETA))) ** 0.25 * (rtt / np.asarray(loss)) ** 0.75
    return np.maximum(own, reno.loss_window(loss, rtt))


CONTROL = Control("cubic", "CUBIC", loss_window, growth, loss, beta=BETA, power=3.0, hystart=True)
