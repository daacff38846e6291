"""What a congestion control is to the model: one row of rules and facts. Windows are in segments, maybe fractional."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

INITIAL_WINDOW = 10.0
"""Segments, RFC 6928."""

MIN_WINDOW = 2.0
"""Smallest ssthresh in segments (RFC 5681, equation 4)."""

UNSEEN = -1.0
"""`k` of a flow that leaves slow start without having lost anything: no largest window is known to return to."""


def _grows(cwnd: float, west: float, acked: float, since_epoch: float, k: float, wmax: float) -> tuple[float, float]:
    return cwnd, west


def _loses(cwnd: float, wmax: float) -> tuple[float, float, float]:
    return cwnd, wmax, 0.0


def _starts(state: Any, base: int, stride: int, rtt: float) -> float:
    return 0.0


def _goes_round(
    state: Any, base: int, stride: int, bw: float, rtt: float, flight: float, now: float
) -> tuple[float, float]:
    return 0.0, 0.0


@dataclass(frozen=True)
class Control:
    """One congestion control: rules that both engines compile, and facts that closed forms and lists read.

    Rules are plain functions of numbers that numba can compile; helpers of their own need `numba.njit`. `growth` runs
    on many scenarios per instruction: it is free of branches on data (`min`, `max` and conditional expressions).

    Attributes
    ----------
    name, label
        In scenarios and in lists.
    loss_window
        ``(loss, rtt) -> window``: mean window in segments at p loss events per segment, arrays; infinite where losses
        are not answered.
    growth
        ``(cwnd, west, acked, since_epoch, k, wmax) -> (cwnd, west)`` after `acked` segments in congestion avoidance.
        `since_epoch` is the time since the last reduction plus one RTT in seconds; `west`, `k` and `wmax` are the
        control's own (`k` is `UNSEEN` before the first loss and after a timeout).
    loss
        ``(cwnd, wmax) -> (cwnd, wmax, k)``: the window after a loss or mark, and what is remembered.
    beta, power
        Shape of the sawtooth between two losses, peak (1 - (1 - beta) u^power) with u from 1 to 0; a beta of one: it
        has none.
    hystart
        Whether Linux ends its slow start by HyStart.
    round_trip
        ``(state, base, stride, bw, rtt, flight, now) -> (cwnd, pace)`` for a control that paces and is asked once per
        round trip instead of at every ACK and loss; its flow's state lies at ``state[base + j * stride]``.
    start, state
        ``(state, base, stride, rtt) -> pace`` before the first packet, and how many numbers a flow's state has.
    """

    name: str
    label: str
    loss_window: Callable[..., Any]
    growth: Callable[..., tuple[float, float]] = _grows
    loss: Callable[..., tuple[float, float, float]] = _loses
    beta: float = 1.0
    power: float = 1.0
    hystart: bool = False
    start: Callable[..., float] = _starts
    round_trip: Callable[..., tuple[float, float]] = _goes_round
    state: int = 0

    @property
    def paced(self) -> bool:
        """Whether it sets a rate once per round trip."""
        return self.round_trip is not _goes_round

    @property
    def mean(self) -> float:
        """Mean over peak of the window between two losses."""
        return 1.0 - (1.0 - self.beta) / (self.power + 1.0)
