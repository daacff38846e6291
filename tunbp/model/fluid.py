"""The fluid engine: scenarios stepped in time, many per instruction, with the burst law applied inside the step.

State lives in one flat array per tile of `width` scenarios (row `v` of scenario `i` at ``v * width + i``), so that a
loop over the tile is a SIMD loop; the round trip is a ring of `slots` time steps, the same for all scenarios of a
tile. What a batch does not use is left out when the kernel is compiled. One step, in the order packets travel:

 1. ACKs of one RTT ago arrive, the window grows;
 2. the sender fills the window;
 3. the burst meets qdisc and ring: dropped (stock) or held back (backpressure);
 4. the reader drains; ACKs are held until it has nothing left to read, at most for the ACK interval, and set out
    together (a lone segment waits for the delayed-ACK timer), to arrive one RTT later;
 5. rare events, one scenario at a time: loss, tail-loss probe, stall, CoDel, sampling.

All amounts are segments and may be fractional; rates are per time step.
"""

# ruff: noqa: E501 - the compiled loops keep one physical rule on one line

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic

from tunbp.model import congestion as cc

PARAMETERS = (
    "ring", "drain", "drain_full", "rho", "burst", "window", "ack_interval", "delayed_ack", "backpressure",
    "qdisc_limit", "dt", "rtt", "stall_rate", "stall_mean", "entry", "service", "offered", "frame_interval",
    "frame", "iframe", "iframe_every", "duration", "warmup", "ecn",
)  # fmt: skip
"""Rows of the parameter table, one column per scenario."""

TOTALS = (
    "sent", "delivered", "dropped_ring", "dropped_qdisc", "total_retransmits", "ring_seconds", "qdisc_seconds",
    "held_seconds", "full_packets", "loss_events", "timeouts", "queued", "in_flight", "outstanding", "accounted",
)  # fmt: skip
"""Rows of the totals: packets, packet-seconds of waiting by place, events, and what is where at that moment.

`outstanding` is what the senders believe to be in flight, `accounted` what the engine holds of it: equal for TCP.
"""

SERIES = ("delivered", "total_retransmits", "cwnd", "ring_seconds", "qdisc_seconds", "held_seconds", "ring_occupancy",
          "qdisc_backlog")  # fmt: skip
"""Rows of a sample: the first six cumulative (cwnd excepted), the last two momentary."""

(N, DRAIN, DRAIN_FULL, RHO, BURST, WINDOW, HOLD, DELACK, BP, QLIM, DT, RTT, S_RATE, S_MEAN, ENTRY, SERVICE,
 OFFERED, F_GAP, F_SIZE, I_SIZE, I_EVERY, DURATION, WARMUP, ECN) = range(24)  # fmt: skip
# device state, after the parameters
(Q, B, STALL, STALL_END, EVENT, RECORD, NEXT_FRAME, FRAME_NO, APP, DROP, OVER, SENT, OUT, DROPPED, DROPPED_Q, RETRANS,
 Q_SUM, B_SUM, H_SUM, FULL, LOSSES, PROBES, WANT, SENT_NOW, TOOK, ABOVE, CODEL_N, CODEL_NEXT, SAMPLES, BEFORE, DUE) = range(24, 55)  # fmt: skip
_DEVICE = 55
# state of each flow
(CW, SS, WMAX, K, EPOCH, WEST, FLIGHT, HELD, FIRST, RECOVERY, PENDING, LAST, SHARE, F_WANT, LOST, PACE, ROUND,
 ROUND_START, ROUND_OUT, SHOWN) = range(20)  # fmt: skip
_FLOW = 20

PAD = 8
"""Extra columns of the state: rows a power of two apart would make the processor take loads for earlier stores."""

FOREVER = 1e300
TINY = 1e-9
MARK = 1e-12
"""A congestion mark travels back as the loss of (almost) no packet."""

CODEL_TARGET = 0.005
CODEL_INTERVAL = 0.1
"""CoDel's target and interval in seconds (RFC 8289, section 4.3; fq_codel's defaults)."""

TCP, OPEN, FRAMES = 0, 1, 2
SOURCE_CODES = {"tcp": TCP, "open": OPEN, "frames": FRAMES}


def _select(_: Any, when: Any, then: Any, otherwise: Any) -> Any:
    """`then if when else otherwise` as one LLVM instruction: a branch would keep the loop around it scalar."""
    signature = numba.float64(numba.boolean, numba.float64, numba.float64)
    return signature, lambda _context, builder, _signature, args: builder.select(*args)


select: Any = intrinsic(_select)


def _floor(_: Any, value: Any) -> Any:
    """Largest whole number not above `value`, as a float: math.floor makes an integer, np.floor a call."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.floor", [args[0].type]), args)

    return numba.float64(numba.float64), code


floor: Any = intrinsic(_floor)


@numba.njit(inline="always")
def xorshift(state: Any) -> Any:
    """Next state of Marsaglia's xorshift64 (13, 7, 17): one independent stream per scenario."""
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    return state ^ (state << np.uint64(17))


@numba.njit(inline="always")
def stream(seed: int) -> Any:
    """First state of the stream of one seed."""
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03)
    for _ in range(8):
        state = xorshift(state)
    return state


@numba.njit(inline="always")
def exponential(state: Any, mean: float) -> float:
    """An exponential variate of the given mean from the top 53 bits of a xorshift state."""
    return -math.log((float(state >> np.uint64(11)) + 0.5) / 9007199254740992.0) * mean


@numba.njit(inline="always")
def _flow(f: int) -> int:
    return _DEVICE + f * _FLOW


@numba.njit(inline="always")
def _schedule(s: Any, i: int, t: float) -> None:
    """Set when the next event of a scenario is, and its step: the first n with n dt >= that time."""
    at = min(min(s[STALL, i], s[RECORD, i]), min(s[NEXT_FRAME, i], s[DURATION, i]))
    if t < s[WARMUP, i]:
        at = min(at, s[WARMUP, i])
    n = math.ceil(min(at / s[DT, i], 1e15)) - 1.0
    while n * s[DT, i] < at and n < 1e15:
        n += 1.0
    s[EVENT, i] = at
    s[DUE, i] = n


@numba.njit(inline="always")
def _first_due(s: Any, W: int) -> Any:
    due = s[DUE, 0]
    for i in range(1, W):
        due = min(due, s[DUE, i])
    return due


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _start(s: Any, bbr: Any, rng: Any, seeds: Any, W: int, nf: int, interval: float) -> Any:
    for i in range(W):
        x = stream(seeds[i])
        s[STALL, i] = FOREVER
        s[STALL_END, i] = -1.0
        if s[S_RATE, i] > 0.0:
            s[STALL, i] = exponential(x, 1.0 / s[S_RATE, i])
            x = xorshift(x)
        s[NEXT_FRAME, i] = 0.0 if s[F_GAP, i] > 0.0 else FOREVER
        s[RECORD, i] = interval if interval > 0.0 else FOREVER
        _schedule(s, i, -1.0)
        for f in range(nf):
            o = _flow(f)
            s[o + CW, i] = cc.INITIAL_WINDOW
            s[o + SS, i] = FOREVER
            s[o + EPOCH, i] = -1.0
            s[o + RECOVERY, i] = -1.0
            s[o + FIRST, i] = FOREVER
            s[o + PACE, i] = FOREVER
            if bbr.size > 0:
                bbr[(f * cc.BBR_STATE + 3) * W + i] = s[RTT, i]
                s[o + PACE, i] = cc.BBR_HIGH_GAIN * cc.INITIAL_WINDOW / s[RTT, i]
        rng[i] = x
    return _first_due(s, W)


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _snapshot(s: Any, line: Any, lost: Any, slot: int, slots: int, W: int, nf: int, i: int, out: Any) -> None:
    # `slot` holds what the reader took in the step just made; the younger half of the ring is still on its way out
    travelling = 0.0
    back = 0.0
    for j in range(slots):
        at = (slot - j) % slots
        for f in range(nf):
            x = line[at * nf + f, i]
            back += lost[at * nf + f, i]
            if j < slots // 2:
                travelling += x
            else:
                back += x
    flight = 0.0
    for f in range(nf):
        o = _flow(f)
        flight += s[o + FLIGHT, i]
        back += s[o + HELD, i] + s[o + PENDING, i] + s[o + SHOWN, i]
    out[0, i] = s[SENT, i]
    out[1, i] = s[OUT, i] - travelling
    out[2, i] = s[DROPPED, i]
    out[3, i] = s[DROPPED_Q, i]
    out[4, i] = s[RETRANS, i]
    out[5, i] = s[Q_SUM, i] * s[DT, i]
    out[6, i] = s[B_SUM, i] * s[DT, i]
    out[7, i] = s[H_SUM, i] * s[DT, i]
    out[8, i] = s[FULL, i]
    out[9, i] = s[LOSSES, i]
    out[10, i] = s[PROBES, i]
    out[11, i] = s[Q, i] + s[B, i]
    out[12, i] = travelling
    out[13, i] = flight
    out[14, i] = s[Q, i] + s[B, i] + travelling + back


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _sample(s: Any, W: int, nf: int, i: int, series: Any) -> None:
    k = int(s[SAMPLES, i])
    if k >= series.shape[0]:
        return
    window = 0.0
    for f in range(nf):
        window += s[_flow(f) + CW, i]
    series[k, 0, i] = s[OUT, i]
    series[k, 1, i] = s[RETRANS, i]
    series[k, 2, i] = window
    series[k, 3, i] = s[Q_SUM, i] * s[DT, i]
    series[k, 4, i] = s[B_SUM, i] * s[DT, i]
    series[k, 5, i] = s[H_SUM, i] * s[DT, i]
    series[k, 6, i] = s[Q, i]
    series[k, 7, i] = s[B, i]
    s[SAMPLES, i] = k + 1.0


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _events(
    s: Any, line: Any, lost: Any, rng: Any, slot: int, slots: int, W: int, nf: int, n: int, interval: float,
    totals: Any, series: Any,
) -> Any:  # fmt: skip
    """Stalls, frames, samples, totals at the end of the warm-up and of the run; returns the step of the next event."""
    for i in range(W):
        if n < s[DUE, i]:
            continue
        t = n * s[DT, i]
        before = s[EVENT, i]
        if t >= s[STALL, i]:
            x = rng[i]
            s[STALL_END, i] = s[STALL, i] + exponential(x, s[S_MEAN, i])
            x = xorshift(x)
            s[STALL, i] = s[STALL_END, i] + exponential(x, 1.0 / s[S_RATE, i])
            rng[i] = xorshift(x)
        if t >= s[NEXT_FRAME, i]:
            big = s[FRAME_NO, i] % s[I_EVERY, i] == 0.0
            s[APP, i] += s[I_SIZE, i] if big else s[F_SIZE, i]
            s[FRAME_NO, i] += 1.0
            s[NEXT_FRAME, i] += s[F_GAP, i]
        if t >= s[RECORD, i]:
            _sample(s, W, nf, i, series)
            s[RECORD, i] += interval
        if t >= s[WARMUP, i] and before <= s[WARMUP, i]:
            _snapshot(s, line, lost, slot, slots, W, nf, i, totals[0])
        if t >= s[DURATION, i]:
            _snapshot(s, line, lost, slot, slots, W, nf, i, totals[1])
            s[DURATION, i] = FOREVER
            s[STALL, i] = FOREVER
            s[NEXT_FRAME, i] = FOREVER
            s[RECORD, i] = FOREVER
        _schedule(s, i, t)
    return _first_due(s, W)


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _reduce(s: Any, W: int, i: int, o: int, t: float, control: int) -> None:
    """One window reduction per round trip: the answer to loss or mark."""
    if t < s[o + RECOVERY, i]:
        return
    queue = (s[Q, i] + s[B, i]) * s[SERVICE, i]
    s[LOSSES, i] += 1.0
    s[o + RECOVERY, i] = t + s[RTT, i] + queue
    if control == cc.CUBIC:
        reduced, wmax, k = cc.cubic_loss(s[o + CW, i], s[o + WMAX, i])
        s[o + WMAX, i] = wmax
        s[o + K, i] = k
        s[o + EPOCH, i] = s[o + RECOVERY, i] - s[RTT, i]
        s[o + WEST, i] = reduced
    elif control == cc.RENO:
        reduced = cc.reno_loss(s[o + CW, i])
    else:
        return
    s[o + CW, i] = reduced
    s[o + SS, i] = reduced


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _losses(s: Any, W: int, nf: int, n: int, control: int) -> None:
    """Losses come back to their sender: out of flight, to be sent again."""
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            gone = s[o + LOST, i]
            if gone > 0.0:
                t = n * s[DT, i]
                s[o + FLIGHT, i] -= gone
                s[o + LAST, i] = t
                s[RETRANS, i] += gone
                _reduce(s, W, i, o, t, control)


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _pend(s: Any, line: Any, lost: Any, any_lost: Any, slot: int, W: int, nf: int) -> None:
    """A loss is pending until a packet sent after it sets out; that packet's ACK, sent at once, shows the loss."""
    for f in range(nf):
        row = slot * nf + f
        for i in range(W):
            o = _flow(f)
            shown = s[o + SHOWN, i]
            if shown > 0.0 and line[row, i] > 0.0:
                lost[row, i] += shown
                any_lost[slot] = True
                s[o + SHOWN, i] = 0.0
            part = 1.0
            if nf > 1:
                part = s[o + F_WANT, i] / s[WANT, i] if s[WANT, i] > 0.0 else 0.0
            dropped = s[DROP, i] + s[OVER, i]
            if (s[BEFORE, i] - dropped) * part > 0.0:
                s[o + SHOWN, i] += s[o + PENDING, i]
                s[o + PENDING, i] = 0.0
            s[o + PENDING, i] += dropped * part


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _probe(s: Any, W: int, nf: int, n: int, control: int) -> None:
    """Tail-loss probe: where nothing follows a loss, it shows two smoothed RTTs plus one round trip later.

    The smoothed RTT has learnt of delayed ACKs, so a probe never overtakes one.
    """
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            if s[o + PENDING, i] > 0.0 and s[o + HELD, i] <= TINY:
                t = n * s[DT, i]
                if t - s[o + LAST, i] >= 3.0 * s[RTT, i] + cc.TLP_SLACK:
                    s[o + FLIGHT, i] -= s[o + PENDING, i]
                    s[RETRANS, i] += s[o + PENDING, i]
                    s[o + PENDING, i] = 0.0
                    s[o + LAST, i] = t
                    s[PROBES, i] += 1.0
                    _reduce(s, W, i, o, t, control)


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _bbr_rounds(s: Any, bbr: Any, W: int, nf: int, n: int) -> None:
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            t = n * s[DT, i]
            if t < s[o + ROUND, i]:
                continue
            rtt = s[RTT, i] + (s[Q, i] + s[B, i]) * s[SERVICE, i]
            length = t - s[o + ROUND_START, i]
            if s[o + ROUND_OUT, i] > 0.0:
                s[o + CW, i], s[o + PACE, i] = cc.bbr_round(
                    bbr, f * cc.BBR_STATE * W + i, W, s[o + ROUND_OUT, i] / length, rtt, s[o + FLIGHT, i], t
                )
            s[o + ROUND_OUT, i] = 0.0
            s[o + ROUND_START, i] = t
            s[o + ROUND, i] = t + rtt


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _codel(s: Any, lost: Any, any_lost: Any, slot: int, W: int, nf: int, n: int) -> None:
    """CoDel's control law on the backlog (RFC 8289, section 5): one packet dropped or marked at each due time."""
    for i in range(W):
        t = n * s[DT, i]
        if s[ABOVE, i] == 0.0 or t < s[ABOVE, i] or t < s[CODEL_NEXT, i]:
            continue
        recent = s[CODEL_N, i] > 2.0 and t - s[CODEL_NEXT, i] < 8.0 * CODEL_INTERVAL
        entering = s[CODEL_NEXT, i] < s[ABOVE, i]
        count = s[CODEL_N, i] + 1.0
        if entering:
            count = s[CODEL_N, i] - 2.0 if recent else 1.0
        s[CODEL_N, i] = count
        s[CODEL_NEXT, i] = t + CODEL_INTERVAL / math.sqrt(count)
        largest = 0
        for f in range(1, nf):
            if s[_flow(f) + SHARE, i] > s[_flow(largest) + SHARE, i]:
                largest = f
        o = _flow(largest)
        if s[ECN, i] > 0.0:
            lost[slot * nf + largest, i] += MARK
            any_lost[slot] = True
        else:
            gone = min(1.0, s[B, i])
            s[B, i] -= gone
            s[o + SHARE, i] -= gone if nf > 1 else 0.0
            s[DROPPED_Q, i] += gone
            s[o + PENDING, i] += gone


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _arrive(s: Any, lost: Any, slot: int, W: int, nf: int) -> None:
    """Take the losses that come back in this step out of the delay line."""
    for f in range(nf):
        for i in range(W):
            s[_flow(f) + LOST, i] = lost[slot * nf + f, i]
            lost[slot * nf + f, i] = 0.0


@numba.njit(inline="always", error_model="numpy")
def _grow(
    control: int, acked: float, t: float, window: float, cwnd: float, ssthresh: float, west: float, epoch: float,
    k: float, wmax: float, recovery: float,
) -> tuple[float, float]:  # fmt: skip
    """Window and Reno-friendly estimate after ACKs: none in recovery, nor beyond what the receiver takes."""
    grown = cwnd
    if control == cc.CUBIC:
        grown, west = cc.cubic_growth(cwnd, west, acked, t - epoch, k, wmax)
    if control == cc.RENO:
        grown = cc.reno_growth(cwnd, acked)
    if control != cc.BBR:
        doubled = cwnd + acked
        grown = select(cwnd < ssthresh, doubled, grown)
        cwnd = select((t >= recovery) & (cwnd < window), grown, cwnd)
    return cwnd, west


@numba.njit(inline="always", error_model="numpy")
def _release(
    held: float, first: float, t: float, queue: float, shown: float, interval: float, delayed: float
) -> tuple[float, float]:
    """ACKs set free, and when the first of those still held was due: held until the reader is idle or they are old."""
    first = select(held > TINY, min(first, t), FOREVER)
    idle = (queue <= TINY) | (t - first >= interval)
    go = (idle & (held >= 2.0 - TINY)) | (t - first >= delayed) | (shown > 0.0)
    return select(go, held, 0.0), select(go, FOREVER, first)


@cache
def kernel(width: int, single: bool, control: int, source: int, codel: bool) -> Any:
    """Compile the engine for one kind of batch.

    Parameters
    ----------
    width
        Scenarios per tile.
    single
        Whether every scenario has one flow.
    control
        Congestion control code (`tunbp.model.congestion.CODES`).
    source
        0 TCP, 1 open loop, 2 periodic frames.
    codel
        Whether the qdisc runs CoDel (an fq_codel that the device pushes back on).

    Returns
    -------
    callable
        ``run(parameters[len(PARAMETERS), width], seeds[width], slots, steps, flows, interval, totals, series)`` fills
        ``totals[2, len(TOTALS), width]`` at the end of the warm-up and of the run, and ``series[samples, len(SERIES),
        width]`` with a sample at each interval.
    """
    W = width
    tcp = source == TCP
    n_parameters = len(PARAMETERS)
    bbr1 = control == cc.BBR
    is_open, is_frames = source == OPEN, source == FRAMES

    @numba.njit(nogil=True, error_model="numpy", cache=True)
    def run(parameters, seeds, slots, steps, flows, interval, totals, series):  # type: ignore[no-untyped-def]
        nf = 1 if single else flows
        if single:
            flows = min(flows, 1)  # an open-loop source has threads, but one flow
        lanes = seeds.size  # for the helpers: not constants, so each is compiled once
        code: Any = np.int64(control)
        s = np.zeros((_DEVICE + nf * _FLOW, W + PAD))
        line = np.zeros((slots * nf, W))
        lost = np.zeros((slots * nf, W))
        any_lost = np.zeros(slots, np.bool_)
        bbr = np.zeros(cc.BBR_STATE * nf * W if bbr1 else 0)
        rng = np.zeros(W, np.uint64)
        for v in range(n_parameters):
            for i in range(W):
                s[v, i] = parameters[v, i]
        due = _start(s, bbr, rng, seeds, lanes, flows, interval if series.shape[0] > 0 else 0.0)

        slot = 0
        for n in range(steps):
            lossy, rounds, silent = 0, 0, 0
            has_lost = any_lost[slot]
            any_lost[slot] = False
            if tcp and has_lost:
                _arrive(s, lost, slot, lanes, flows)
            if not single:
                for i in range(W):
                    s[WANT, i] = 0.0
                for f in range(nf):
                    o = _DEVICE + f * _FLOW
                    row = line[slot * nf + f]
                    for i in range(W):
                        t = n * s[DT, i]
                        acked = row[i]
                        last = s[o + LAST, i]
                        window, flight = s[WINDOW, i], s[o + FLIGHT, i] - acked
                        cwnd, west = _grow(control, acked, t, window, s[o + CW, i], s[o + SS, i], s[o + WEST, i], s[o + EPOCH, i], s[o + K, i], s[o + WMAX, i], s[o + RECOVERY, i])  # fmt: skip
                        want = floor(max(min(cwnd, window) - flight, 0.0) + TINY)
                        if bbr1:
                            want = min(want, s[o + PACE, i] * s[DT, i])
                            s[o + ROUND_OUT, i] += acked
                            rounds |= t >= s[o + ROUND, i]
                        silent |= (s[o + PENDING, i] + s[o + SHOWN, i]) > 0.0
                        s[o + LAST, i] = select(acked > 0.0, t, last)
                        s[o + CW, i] = cwnd
                        s[o + WEST, i] = west
                        s[o + FLIGHT, i] = flight
                        s[o + F_WANT, i] = want
                        s[WANT, i] += want

            row = line[slot]
            for i in range(W):
                t = n * s[DT, i]
                want = 0.0
                if single:
                    flight = s[_DEVICE + FLIGHT, i]
                    shown = s[_DEVICE + SHOWN, i]
                if single and tcp:
                    # 1. ACKs arrive, the window grows
                    acked = row[i]
                    last = s[_DEVICE + LAST, i]
                    window = s[WINDOW, i]
                    cwnd, west = _grow(control, acked, t, window, s[_DEVICE + CW, i], s[_DEVICE + SS, i], s[_DEVICE + WEST, i], s[_DEVICE + EPOCH, i], s[_DEVICE + K, i], s[_DEVICE + WMAX, i], s[_DEVICE + RECOVERY, i])  # fmt: skip
                    flight -= acked
                    # 2. the sender fills the window
                    want = floor(max(min(cwnd, window) - flight, 0.0) + TINY)
                    if bbr1:
                        want = min(want, s[_DEVICE + PACE, i] * s[DT, i])
                        s[_DEVICE + ROUND_OUT, i] += acked
                        rounds |= t >= s[_DEVICE + ROUND, i]
                    silent |= (s[_DEVICE + PENDING, i] + shown) > 0.0
                    s[_DEVICE + LAST, i] = select(acked > 0.0, t, last)
                    s[_DEVICE + CW, i] = cwnd
                    s[_DEVICE + WEST, i] = west
                if not single:
                    want = s[WANT, i]
                if is_open:
                    want = s[OFFERED, i]
                if is_frames:
                    want = s[APP, i]
                # 3. the burst meets qdisc and ring
                bp = s[BP, i]
                q = s[Q, i]
                backlog = s[B, i]
                ring = s[N, i]
                before = s[BEFORE, i]
                stalled = t < s[STALL_END, i]
                drain_free, drain_full, rho_running = s[DRAIN, i], s[DRAIN_FULL, i], s[RHO, i]
                drain = select(backlog > 0.0, drain_full, drain_free)
                drain = select(stalled, 0.0, drain)
                rho = select(stalled, 0.0, rho_running)
                room = max(ring - q + drain, 0.0)
                arrived = min(want, s[BURST, i])
                if is_open:  # under backpressure the sender waits for room, nothing is dropped in the qdisc
                    waits = min(arrived, max(room + s[QLIM, i] - backlog, 0.0))
                    arrived = select(bp > 0.0, waits, arrived)
                # what arrived in the step before as well is a steady flow, the rest a burst
                steady = min(arrived, before)
                drained_meanwhile = max(arrived * rho, min(steady, drain))
                dropped = max(q + arrived - drained_meanwhile - ring, 0.0)
                if tcp:  # even the smallest burst is two ring entries
                    entry = s[ENTRY, i]
                    second = min(0.5 * arrived, max(arrived - 1.0, 0.0))
                    dropped = max(dropped, second * min(max((q - ring) * entry + 2.0, 0.0), 1.0))
                dropped = min(dropped, arrived) * (1.0 - bp)
                waiting = backlog + arrived
                moved = min(waiting, room)
                accepted = select(bp > 0.0, moved, arrived - dropped)
                left = (waiting - moved) * bp
                over = max(left - s[QLIM, i], 0.0)
                backlog = left - over
                # 4. the reader drains
                took = min(q + accepted, drain)
                q = q + accepted - took
                through = select(backlog > 0.0, took, 0.0)
                lossy |= (dropped + over) > 0.0
                if single:
                    held, first = s[_DEVICE + HELD, i] + took, s[_DEVICE + FIRST, i]
                    freed, first = _release(held, first, t, q + backlog, shown, s[HOLD, i], s[DELACK, i])
                    row[i] = freed
                    s[_DEVICE + FLIGHT, i] = flight + arrived
                    s[_DEVICE + HELD, i] = held - freed
                    s[_DEVICE + FIRST, i] = first
                    s[H_SUM, i] += held - freed
                else:
                    s[SENT_NOW, i] = arrived
                    s[TOOK, i] = took
                if is_frames:
                    s[APP, i] = want - arrived
                s[Q, i] = q
                s[B, i] = backlog
                s[DROP, i] = dropped
                s[OVER, i] = over
                s[BEFORE, i] = arrived
                s[SENT, i] += arrived
                s[OUT, i] += took
                s[Q_SUM, i] += q
                s[B_SUM, i] += backlog
                s[FULL, i] += through

            if not single:
                for f in range(nf):
                    o = _DEVICE + f * _FLOW
                    row = line[slot * nf + f]
                    for i in range(W):
                        t = n * s[DT, i]
                        want, there, now = s[WANT, i], s[o + SHARE, i], s[Q, i] + s[B, i]
                        took = s[TOOK, i]
                        part = s[o + F_WANT, i] / max(want, TINY * TINY)
                        sent = s[SENT_NOW, i] * part
                        there = max(there + sent - (s[DROP, i] + s[OVER, i]) * part, 0.0)
                        took = took * (there / max(now + took, TINY * TINY))
                        held, first = s[o + HELD, i] + took, s[o + FIRST, i]
                        freed, first = _release(held, first, t, now, s[o + SHOWN, i], s[HOLD, i], s[DELACK, i])
                        row[i] = freed
                        s[o + FLIGHT, i] += sent
                        s[o + SHARE, i] = there - took
                        s[o + HELD, i] = held - freed
                        s[o + FIRST, i] = first
                        s[H_SUM, i] += held - freed

            # 5. rare events
            if lossy:
                for i in range(W):
                    s[DROPPED, i] += s[DROP, i]
                    s[DROPPED_Q, i] += s[OVER, i]
            if tcp:
                if has_lost:
                    _losses(s, lanes, flows, n, code)
                if bbr1 and rounds:
                    _bbr_rounds(s, bbr, lanes, flows, n)
                if silent | lossy:
                    _pend(s, line, lost, any_lost, slot, lanes, flows)
                if silent:
                    _probe(s, lanes, flows, n, code)
            if codel:
                late = 0
                for i in range(W):
                    t = n * s[DT, i]
                    above = s[B, i] * s[SERVICE, i] > CODEL_TARGET
                    since = s[ABOVE, i]
                    since = select(above, select(since > 0.0, since, t + CODEL_INTERVAL), 0.0)
                    s[ABOVE, i] = since
                    late |= (since > 0.0) & (t >= since) & (t >= s[CODEL_NEXT, i])
                if late:
                    _codel(s, lost, any_lost, slot, lanes, flows, n)
            if n >= due:
                due = _events(s, line, lost, rng, slot, slots, lanes, flows, n, interval, totals, series)
            slot += 1
            if slot == slots:
                slot = 0

    return run
