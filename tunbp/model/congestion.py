"""Congestion control, one small compiled function per rule, shared by the fluid and the packet engine.

Windows are in segments and may be fractional. The growth functions are free of branches on data so that the fluid
engine can run them on many scenarios per instruction; the loss functions run on rare events.
"""

from __future__ import annotations

from typing import Any

import numba

BETA_CUBIC = 717 / 1024
"""Multiplicative decrease of CUBIC (Linux net/ipv4/tcp_cubic.c, ``beta = 717``; RFC 9438: 0.7)."""

C_CUBIC = 0.4
"""CUBIC's scaling constant in segments/s^3 (RFC 9438, section 5; Linux ``bic_scale = 41`` gives 0.4)."""

RENO_FRIENDLY = 3 * (1 - BETA_CUBIC) / (1 + BETA_CUBIC)
"""Segments per RTT of CUBIC's Reno-friendly region (RFC 9438, section 4.3)."""

BETA_RENO = 0.5
INITIAL_WINDOW = 10.0
"""Segments, RFC 6928."""

MIN_WINDOW = 2.0
"""Smallest ssthresh in segments (RFC 5681, equation 4)."""

RTO_MIN = 0.2
"""Linux TCP_RTO_MIN, seconds."""

TLP_SLACK = 0.002
"""Two jiffies at HZ=1000 that Linux adds to the tail-loss probe's 2 SRTT (net/ipv4/tcp_output.c), seconds."""

PACING_SLOW_START, PACING = 2.0, 1.2
"""Pacing rate over window / RTT in slow start and later (net/ipv4/tcp_input.c, ``tcp_update_pacing_rate``)."""

TSQ_TIME = 1.0 / 1024.0
"""Seconds of its pacing rate that a flow may keep in qdisc and device (``sk_pacing_shift = 10``, net/core/sock.c)."""

HYSTART_LOW_WINDOW = 16.0
HYSTART_ACK_DELTA = 0.002
HYSTART_MIN_SAMPLES = 8
"""Smallest window at which HyStart looks, longest gap in an ACK train (s), RTT samples it needs
(net/ipv4/tcp_cubic.c, ``hystart_low_window``, ``hystart_ack_delta_us``, ``HYSTART_MIN_SAMPLES``)."""

CUBIC, RENO, BBR = 0, 1, 2
CODES = {"cubic": CUBIC, "reno": RENO, "bbr": BBR}

# BBR v1 (Cardwell et al., "BBR congestion control", draft-cardwell-iccrg-bbr-congestion-control-00)
BBR_HIGH_GAIN = 2.885
BBR_CWND_GAIN = 2.0
BBR_BW_ROUNDS = 10
BBR_MIN_RTT_WINDOW = 10.0
BBR_PROBE_RTT_TIME = 0.2
BBR_PROBE_RTT_CWND = 4.0
BBR_CYCLE = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT = 0, 1, 2, 3
BBR_SAMPLES = 9
BBR_STATE = BBR_SAMPLES + BBR_BW_ROUNDS
"""Length of one flow's BBR state: nine scalars (see `bbr_round`) and the last bandwidth samples."""

BBR_FULL_GROWTH = 1.25
BBR_FULL_ROUNDS = 3

jit: Any = numba.njit(inline="always", error_model="numpy")


@jit
def cubic_growth(
    cwnd: float, west: float, acked: float, since_epoch: float, k: float, wmax: float
) -> tuple[float, float]:
    """CUBIC's window after `acked` segments in congestion avoidance (RFC 9438, sections 4.2 to 4.5).

    `since_epoch` is the time since the last reduction plus one RTT, `k` the time at which the cubic passes `wmax`,
    `west` the window of the Reno-friendly estimate. Growth is at most one segment per two acknowledged (Linux).
    Returns the new window and the new estimate.
    """
    per_ack = acked / cwnd
    x = since_epoch - k
    target = C_CUBIC * x * x * x + wmax
    grown = cwnd + min(max((target - cwnd) * per_ack, 0.01 * per_ack), 0.5 * acked)
    west = west + RENO_FRIENDLY * per_ack
    return max(grown, west), west


@jit
def cubic_loss(cwnd: float, wmax: float) -> tuple[float, float, float]:
    """CUBIC's new window, remembered maximum and K after a loss, with fast convergence (RFC 9438, 4.6 and 4.7)."""
    last = cwnd if cwnd >= wmax else cwnd * (1.0 + BETA_CUBIC) / 2.0
    reduced = max(cwnd * BETA_CUBIC, MIN_WINDOW)
    return reduced, last, (max(last - reduced, 0.0) / C_CUBIC) ** (1.0 / 3.0)


@jit
def hystart_delay(least: float) -> float:
    """Growth of the RTT from which HyStart ends slow start: an eighth, 4 to 16 ms (``HYSTART_DELAY_THRESH``)."""
    return min(max(least / 8.0, 0.004), 0.016)


@jit
def reno_growth(cwnd: float, acked: float) -> float:
    """Reno's window after `acked` segments in congestion avoidance (RFC 5681, section 3.1)."""
    return cwnd + acked / cwnd


@jit
def reno_loss(cwnd: float) -> float:
    """Reno's window after a loss (RFC 5681, equation 4)."""
    return max(cwnd * BETA_RENO, MIN_WINDOW)


@jit
def bbr_round(
    state: Any, base: int, stride: int, bw: float, rtt: float, flight: float, now: float
) -> tuple[float, float]:
    """One round trip of BBR v1: updates its state in place and returns (cwnd in segments, pacing rate in segments/s).

    `state[base + j * stride]` holds for one flow: 0 mode, 1 full bandwidth, 2 rounds without growth, 3 minimum RTT,
    4 time of that minimum, 5 phase of the gain cycle, 6 start of the phase, 7 end of PROBE_RTT, 8 round number, 9.. the
    last `BBR_BW_ROUNDS` bandwidth samples. `bw` is this round's delivery rate in segments/s, `rtt` its smallest RTT in
    seconds, `flight` the segments in flight.
    """
    mode = int(state[base])
    n = int(state[base + 8 * stride])
    best = bw
    for j in range(BBR_BW_ROUNDS):
        best = max(best, state[base + (BBR_SAMPLES + j) * stride])
    if mode != BBR_PROBE_RTT or bw >= best:
        # low rates while PROBE_RTT holds the window down say nothing (net/ipv4/tcp_bbr.c, bbr_update_min_rtt)
        best = bw
        state[base + (BBR_SAMPLES + n % BBR_BW_ROUNDS) * stride] = bw
        state[base + 8 * stride] = n + 1
        for j in range(BBR_BW_ROUNDS):
            best = max(best, state[base + (BBR_SAMPLES + j) * stride])
    expired = now - state[base + 4 * stride] > BBR_MIN_RTT_WINDOW
    if rtt <= state[base + 3 * stride] or expired:
        state[base + 3 * stride] = rtt
        state[base + 4 * stride] = now
    min_rtt = state[base + 3 * stride]
    bdp = best * min_rtt
    if mode == BBR_STARTUP:
        if best >= state[base + stride] * BBR_FULL_GROWTH:
            state[base + stride] = best
            state[base + 2 * stride] = 0.0
        else:
            state[base + 2 * stride] += 1.0
            if state[base + 2 * stride] >= BBR_FULL_ROUNDS:
                mode = BBR_DRAIN
    if mode == BBR_DRAIN and flight <= bdp:
        mode = BBR_PROBE_BW
        state[base + 5 * stride] = 2.0
        state[base + 6 * stride] = now
    if mode == BBR_PROBE_BW and now - state[base + 6 * stride] >= min_rtt:
        state[base + 5 * stride] = (state[base + 5 * stride] + 1.0) % 8.0
        state[base + 6 * stride] = now
    if expired and mode != BBR_PROBE_RTT:
        mode = BBR_PROBE_RTT
        state[base + 7 * stride] = now + max(BBR_PROBE_RTT_TIME, rtt)
    elif mode == BBR_PROBE_RTT and now >= state[base + 7 * stride]:
        mode = BBR_PROBE_BW if state[base + 2 * stride] >= BBR_FULL_ROUNDS else BBR_STARTUP
        state[base + 4 * stride] = now
        state[base + 6 * stride] = now
    state[base] = mode
    if mode == BBR_STARTUP:
        return max(BBR_HIGH_GAIN * bdp, INITIAL_WINDOW), BBR_HIGH_GAIN * best
    if mode == BBR_DRAIN:
        return max(BBR_HIGH_GAIN * bdp, BBR_PROBE_RTT_CWND), best / BBR_HIGH_GAIN
    if mode == BBR_PROBE_RTT:
        return BBR_PROBE_RTT_CWND, best
    gain = BBR_CYCLE[int(state[base + 5 * stride])]
    return max(BBR_CWND_GAIN * bdp, BBR_PROBE_RTT_CWND), gain * best
