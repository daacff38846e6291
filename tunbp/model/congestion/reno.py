"""Reno (RFC 5681): one segment more per round trip, half of the window after a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunbp.model.congestion.control import MIN_WINDOW, Control

BETA = 0.5


def growth(cwnd: float, west: float, acked: float, since_epoch: float, k: float, wmax: float) -> tuple[float, float]:
    """Reno's window after `acked` segments in congestion avoidance (RFC 5681, section 3.1)."""
    return cwnd + acked / cwnd, west


def loss(cwnd: float, wmax: float) -> tuple[float, float, float]:
    """Reno's window after a loss (RFC 5681, equation 4)."""
    return max(cwnd * BETA, MIN_WINDOW), wmax, 0.0


def loss_window(loss: Any, rtt: Any) -> Any:
    """sqrt(3 / (2p)) (Mathis et al. 1997, equation 3, every segment acknowledged)."""
    with np.errstate(divide="ignore"):
        return np.sqrt(1.5 / np.asarray(loss, float))


CONTROL = Control("reno", "Reno", loss_window, growth, loss, beta=BETA)
