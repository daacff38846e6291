"""BBR v1 (Cardwell et al., "BBR congestion control", draft-cardwell-iccrg-bbr-congestion-control-00).

STARTUP -> DRAIN -> PROBE_BW, and every ten seconds PROBE_RTT: it paces at the rate that it has seen delivered, and does
not answer to losses.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tunbp.model.congestion.control import INITIAL_WINDOW, Control

HIGH_GAIN = 2.885
"""2 / ln 2: fills the pipe in as few rounds as slow start does."""

CWND_GAIN = 2.0
BW_ROUNDS = 10
MIN_RTT_WINDOW = 10.0
PROBE_RTT_TIME = 0.2
PROBE_RTT_CWND = 4.0
CYCLE = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
STARTUP, DRAIN, PROBE_BW, PROBE_RTT = 0, 1, 2, 3
SAMPLES = 9
STATE = SAMPLES + BW_ROUNDS
"""Length of one flow's state: nine scalars (see `round_trip`) and the last bandwidth samples."""

FULL_GROWTH = 1.25
FULL_ROUNDS = 3


def start(state: Any, base: int, stride: int, rtt: float) -> float:
    """Begin with the path's RTT as the smallest one; returns the pacing rate in segments/s."""
    state[base + 3 * stride] = rtt
    return HIGH_GAIN * INITIAL_WINDOW / rtt


def round_trip(
    state: Any, base: int, stride: int, bw: float, rtt: float, flight: float, now: float
) -> tuple[float, float]:
    """One round trip: updates the state in place and returns (cwnd in segments, pacing rate in segments/s).

    `state[base + j * stride]` holds for one flow: 0 mode, 1 full bandwidth, 2 rounds without growth, 3 minimum RTT,
    4 time of that minimum, 5 phase of the gain cycle, 6 start of the phase, 7 end of PROBE_RTT, 8 round number, 9.. the
    last `BW_ROUNDS` bandwidth samples. `bw` is this round's delivery rate in segments/s, `rtt` its smallest RTT in
    seconds, `flight` the segments in flight.
    """
    mode = int(state[base])
    n = int(state[base + 8 * stride])
    best = bw
    for j in range(BW_ROUNDS):
        best = max(best, state[base + (SAMPLES + j) * stride])
    if mode != PROBE_RTT or bw >= best:
        # low rates while PROBE_RTT holds the window down say nothing (net/ipv4/tcp_bbr.c, bbr_update_min_rtt)
        best = bw
        state[base + (SAMPLES + n % BW_ROUNDS) * stride] = bw
        state[base + 8 * stride] = n + 1
        for j in range(BW_ROUNDS):
            best = max(best, state[base + (SAMPLES + j) * stride])
    expired = now - state[base + 4 * stride] > MIN_RTT_WINDOW
    if rtt <= state[base + 3 * stride] or expired:
        state[base + 3 * stride] = rtt
        state[base + 4 * stride] = now
    min_rtt = state[base + 3 * stride]
    bdp = best * min_rtt
    if mode == STARTUP:
        if best >= state[base + stride] * FULL_GROWTH:
            state[base + stride] = best
            state[base + 2 * stride] = 0.0
        else:
            state[base + 2 * stride] += 1.0
            if state[base + 2 * stride] >= FULL_ROUNDS:
                mode = DRAIN
    if mode == DRAIN and flight <= bdp:
        mode = PROBE_BW
        state[base + 5 * stride] = 2.0
        state[base + 6 * stride] = now
    if mode == PROBE_BW and now - state[base + 6 * stride] >= min_rtt:
        state[base + 5 * stride] = (state[base + 5 * stride] + 1.0) % 8.0
        state[base + 6 * stride] = now
    if expired and mode != PROBE_RTT:
        mode = PROBE_RTT
        state[base + 7 * stride] = now + max(PROBE_RTT_TIME, rtt)
    elif mode == PROBE_RTT and now >= state[base + 7 * stride]:
        mode = PROBE_BW if state[base + 2 * stride] >= FULL_ROUNDS else STARTUP
        state[base + 4 * stride] = now
        state[base + 6 * stride] = now
    state[base] = mode
    if mode == STARTUP:
        return max(HIGH_GAIN * bdp, INITIAL_WINDOW), HIGH_GAIN * best
    if mode == DRAIN:
        return max(HIGH_GAIN * bdp, PROBE_RTT_CWND), best / HIGH_GAIN
    if mode == PROBE_RTT:
        return PROBE_RTT_CWND, best
    gain = CYCLE[int(state[base + 5 * stride])]
    return max(CWND_GAIN * bdp, PROBE_RTT_CWND), gain * best


def loss_window(loss: Any, rtt: Any) -> Any:
    """BBR does not answer to loss: no window belongs to one."""
    return np.full(np.broadcast(loss, rtt).shape, np.inf)


CONTROL = Control("bbr", "BBR", loss_window, start=start, round_trip=round_trip, state=STATE)
