"""The fluid engine: scenarios stepped in time, many per instruction, with the burst law applied inside the step.

State lives in one array per tile of `width` scenarios (row `v` of scenario `i` at ``[v, i]``), so that a loop over the
tile is a SIMD loop; the round trip is a ring of `slots` time steps, the same for all scenarios of a tile. What a batch
does not use is left out when the kernel is compiled. One step, in the order packets travel:

 1. losses and ACKs of one RTT ago arrive, the window shrinks or grows;
 2. the sender fills the window;
 3. the burst meets the ring: what does not fit is dropped, in whole entries (stock), or waits in the qdisc
    (backpressure);
 4. the reader drains; ACKs are held until it has nothing left to read, at most for the ACK interval, and set out
    together (a lone segment waits for the delayed-ACK timer), to arrive one RTT later;
 5. rare events, one scenario at a time: gaps that show, tail-loss probe, stall, CoDel, sampling.

All amounts are segments and may be fractional; rates are per time step.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.lib.stride_tricks import as_strided

from tunbp.model import congestion as cc
from tunbp.model.compiled import njit
from tunbp.model.engines.random import exponential, stream, xorshift
from tunbp.model.engines.sources import FRAMES, OPEN, TCP
from tunbp.model.qdiscs import CODEL_INTERVAL, CODEL_TARGET

PARAMETERS = (
    "ring", "drain", "drain_full", "rho", "burst", "window", "ack_interval", "delayed_ack", "bunch", "bunches", "safe",
    "batch",
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

(N, DRAIN, DRAIN_FULL, RHO, BURST, WINDOW, HOLD, DELACK, BUNCH, BUNCHES, SAFE, BATCH, QLIM, DT, RTT, S_RATE,
 S_MEAN, ENTRY, SERVICE, OFFERED, F_GAP, F_SIZE, I_SIZE, I_EVERY, DURATION, WARMUP, ECN) = range(27)  # fmt: skip
# device state, after the parameters
(Q, B, STALL, STALL_END, EVENT, RECORD, NEXT_FRAME, FRAME_NO, APP, DROP, OVER, SENT, OUT, DROPPED, DROPPED_Q, RETRANS,
 Q_SUM, B_SUM, H_SUM, FULL, LOSSES, PROBES, WANT, TOOK, ABOVE, CODEL_N, CODEL_NEXT, SAMPLES, ARRIVED, ACKED, SPARE,
 LAST_DROP) = range(27, 59)  # fmt: skip
_DEVICE = 59
# state of each flow
(CW, SS, WMAX, K, EPOCH, WEST, FLIGHT, HELD, FIRST, RECOVERY, PENDING, LAST, SHARE, F_WANT, PACE, ROUND,
 ROUND_START, ROUND_OUT, SHOWN, AHEAD, LOST_AT, REDUCED) = range(22)  # fmt: skip
_FLOW = 22

FOREVER = 1e300
TINY = 1e-9
MARK = 1e-12
"""A congestion mark travels back as the loss of (almost) no packet."""


@numba.njit(inline="always")
def _zeros(planes: int, rows: int, width: int) -> Any:
    """Zeros that begin at a cache line, so that no vector of a tile's row lies across two.

    The strides are constants where `width` is one: only then does the compiler see that rows do not overlap.
    """
    count = planes * rows * width
    raw = np.zeros(count + 7)
    skip = (64 - raw.ctypes.data % 64) // 8 % 8
    return as_strided(raw[skip : skip + count], (planes, rows, width), (8 * rows * width, 8 * width, 8))


@numba.njit(inline="always")
def _flow(f: int) -> int:
    return _DEVICE + f * _FLOW


@numba.njit(inline="always")
def _next_event(s: Any, W: int, i: int, t: float) -> float:
    at: float = min(min(s[STALL, i], s[RECORD, i]), min(s[NEXT_FRAME, i], s[DURATION, i]))
    return min(at, float(s[WARMUP, i])) if t < s[WARMUP, i] else at


@njit(nogil=True, error_model="numpy")
def _start(s: Any, bbr: Any, rng: Any, seeds: Any, W: int, nf: int, interval: float) -> None:
    for i in range(W):
        x = stream(seeds[i])
        s[STALL, i] = FOREVER
        s[STALL_END, i] = -1.0
        if s[S_RATE, i] > 0.0:
            s[STALL, i] = exponential(x, 1.0 / s[S_RATE, i])
            x = xorshift(x)
        s[NEXT_FRAME, i] = 0.0 if s[F_GAP, i] > 0.0 else FOREVER
        s[RECORD, i] = interval if interval > 0.0 else FOREVER
        s[EVENT, i] = _next_event(s, W, i, -1.0)
        for f in range(nf):
            o = _flow(f)
            s[o + CW, i] = cc.INITIAL_WINDOW
            s[o + SS, i] = FOREVER
            s[o + EPOCH, i] = -1.0
            s[o + RECOVERY, i] = -1.0
            s[o + REDUCED, i] = -1.0
            s[o + FIRST, i] = FOREVER
            s[o + PACE, i] = FOREVER
            if bbr.size > 0:
                bbr[(f * cc.BBR_STATE + 3) * W + i] = s[RTT, i]
                s[o + PACE, i] = cc.BBR_HIGH_GAIN * cc.INITIAL_WINDOW / s[RTT, i]
        rng[i] = x


@njit(nogil=True, error_model="numpy")
def _snapshot(s: Any, line: Any, lost: Any, slot: int, slots: int, W: int, nf: int, i: int, out: Any) -> None:
    # `slot` holds what the reader took in the step just made; the younger half of the ring is still on its way out
    travelling = 0.0
    back = 0.0
    for j in range(slots):
        at = (slot - j) % slots
        for f in range(nf):
            x = line[at, f, i]
            back += abs(lost[at, f, i])
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


@njit(nogil=True, error_model="numpy")
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
    series[k, 6, i] = min(s[Q, i], s[N, i])  # a part of a packet may wait to be dropped
    series[k, 7, i] = s[B, i]
    s[SAMPLES, i] = k + 1.0


@njit(nogil=True, error_model="numpy")
def _events(
    s: Any, line: Any, lost: Any, rng: Any, slot: int, slots: int, W: int, nf: int, n: int, interval: float,
    totals: Any, series: Any,
) -> None:  # fmt: skip
    """Stalls, frames, samples, and the totals at the end of the warm-up and of the run."""
    for i in range(W):
        t = n * s[DT, i]
        if t < s[EVENT, i]:
            continue
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
        if s[WARMUP, i] > 0.0 and t >= s[WARMUP, i] and before <= s[WARMUP, i]:
            _snapshot(s, line, lost, slot, slots, W, nf, i, totals[0])
        if t >= s[DURATION, i]:
            if s[SAMPLES, i] < series.shape[0]:  # the last interval ends with the run, up to rounding
                _sample(s, W, nf, i, series)
            _snapshot(s, line, lost, slot, slots, W, nf, i, totals[1])
            s[DURATION, i] = FOREVER
            s[STALL, i] = FOREVER
            s[NEXT_FRAME, i] = FOREVER
            s[RECORD, i] = FOREVER
        s[EVENT, i] = _next_event(s, W, i, t)


@njit(nogil=True, error_model="numpy")
def _reduce(s: Any, W: int, i: int, o: int, t: float, control: int) -> None:
    """One window reduction per round trip: the answer to loss or mark of what was sent after the last one."""
    if t < s[o + RECOVERY, i]:
        return
    queue = (s[Q, i] + s[B, i]) * s[SERVICE, i]
    s[LOSSES, i] += 1.0
    s[o + REDUCED, i] = t
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


@njit(nogil=True, error_model="numpy")
def _losses(s: Any, lost: Any, slot: int, W: int, nf: int, n: int, control: int) -> None:
    """Losses come back to their sender, before it sends: out of flight, to be sent again."""
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            shown = lost[slot, f, i]
            lost[slot, f, i] = 0.0
            gone = abs(shown)
            if gone > 0.0:
                t = n * s[DT, i]
                s[o + FLIGHT, i] -= gone
                s[o + LAST, i] = t
                s[RETRANS, i] += gone
                if shown > 0.0:
                    _reduce(s, W, i, o, t, control)


@njit(nogil=True, error_model="numpy")
def _follow(s: Any, W: int, nf: int, n: int) -> None:
    """What this step's arrivals leave pending: a loss shows when a packet sent after it leaves the reader.

    Packets of a burst that are accepted after a drop follow it themselves; only a drop at the very end of the burst
    waits for the next one. `AHEAD` counts what the reader takes before the follower.
    """
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            if s[DROP, i] <= 0.0 and s[o + PENDING, i] <= 0.0:
                continue
            part = 1.0
            if nf > 1:
                part = s[o + F_WANT, i] / s[WANT, i] if s[WANT, i] > 0.0 else 0.0
            dropped = s[DROP, i] * part
            accepted = s[ARRIVED, i] * part - dropped
            last = s[LAST_DROP, i] * part if dropped > 0.0 else 0.0
            queue = s[Q, i] + s[B, i]
            if accepted > 0.0 and s[o + PENDING, i] > 0.0:
                s[o + AHEAD, i] = s[o + AHEAD, i] if s[o + SHOWN, i] > 0.0 else queue
                s[o + SHOWN, i] += s[o + PENDING, i]
                s[o + PENDING, i] = 0.0
            if accepted > 0.0 and dropped > last:
                s[o + AHEAD, i] = s[o + AHEAD, i] if s[o + SHOWN, i] > 0.0 else queue + max(accepted - dropped, 0.0)
                s[o + SHOWN, i] += dropped - last
            s[o + PENDING, i] += last if accepted > 0.0 else dropped
            if dropped > 0.0:
                s[o + LOST_AT, i] = n * s[DT, i]


@njit(nogil=True, error_model="numpy")
def _tail_drop(s: Any, W: int, nf: int, n: int) -> None:
    """What the qdisc dropped waits for the next packet."""
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            part = s[o + F_WANT, i] / max(s[WANT, i], TINY * TINY) if nf > 1 else 1.0
            if s[OVER, i] > 0.0:
                s[o + PENDING, i] += s[OVER, i] * part
                s[o + LOST_AT, i] = n * s[DT, i]


@njit(nogil=True, error_model="numpy")
def _show(s: Any, line: Any, lost: Any, any_lost: Any, slot: int, W: int, nf: int) -> None:
    """The packet that shows a gap is acknowledged at once, with all ACKs held before it."""
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            if s[o + SHOWN, i] <= 0.0:
                continue
            took, ahead = s[TOOK, i], s[o + AHEAD, i]
            if took <= ahead + TINY:
                s[o + AHEAD, i] = max(ahead - took, 0.0)
                continue
            if line[slot, f, i] <= 0.0:
                held = s[o + HELD, i]
                gap = max(held - max(took - ahead - 1.0, 0.0) * (held / max(took, held)), min(1.0, held))
                line[slot, f, i] = gap
                s[o + HELD, i] = held - gap
                s[o + FIRST, i] = FOREVER
                s[H_SUM, i] -= gap
            if line[slot, f, i] > 0.0:
                # negative: all of it was sent before the last reduction, which answered for it
                gone = s[o + SHOWN, i] + abs(lost[slot, f, i])
                old = s[o + LOST_AT, i] < s[o + REDUCED, i] and lost[slot, f, i] <= 0.0
                lost[slot, f, i] = -gone if old else gone
                any_lost[slot] = True
                s[o + SHOWN, i] = 0.0


@njit(nogil=True, error_model="numpy")
def _probe(s: Any, W: int, nf: int, n: int, control: int) -> None:
    """Tail-loss probe: where nothing follows a loss, it shows two smoothed RTTs plus one round trip later.

    The smoothed RTT has learnt of delayed ACKs, so a probe never overtakes one.
    """
    for f in range(nf):
        for i in range(W):
            o = _flow(f)
            hidden = s[o + PENDING, i] + s[o + SHOWN, i]
            if hidden > 0.0 and s[o + HELD, i] + s[Q, i] + s[B, i] <= TINY:
                t = n * s[DT, i]
                if t - s[o + LAST, i] >= 3.0 * s[RTT, i] + cc.TLP_SLACK:
                    s[o + FLIGHT, i] -= hidden
                    s[RETRANS, i] += hidden
                    s[o + PENDING, i] = 0.0
                    s[o + SHOWN, i] = 0.0
                    s[o + LAST, i] = t
                    s[PROBES, i] += 1.0
                    _reduce(s, W, i, o, t, control)


@njit(nogil=True, error_model="numpy")
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


@njit(nogil=True, error_model="numpy")
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
            lost[slot, largest, i] += MARK
            any_lost[slot] = True
        else:
            gone = min(1.0, s[B, i])
            s[B, i] -= gone
            s[o + SHARE, i] -= gone if nf > 1 else 0.0
            s[DROPPED_Q, i] += gone
            s[o + AHEAD, i] = s[o + AHEAD, i] if s[o + SHOWN, i] > 0.0 else s[Q, i]
            s[o + SHOWN, i] += gone
            s[o + LOST_AT, i] = t


@njit(nogil=True, error_model="numpy")
def _overflow(s: Any, W: int, nf: int, n: int, source: int) -> bool:
    """The burst law in whole entries: what arrives less what is drained meanwhile, less the free slots in sight.

    Of a burst of A entries that meets an empty ring, ceil(A - floor((A - 1) rho) - N) are dropped, rho = mu/lambda:
    the first entry's service begins as it arrives. Bunches of ACKs that share a step are bursts of their own, evenly
    spaced over it. Slots are seen free in batches of 16 (`tunbp.model.drivers.ring_batch`): at the end of the burst, or
    just before the last batch is freed, whichever is the tighter moment.
    """
    any_dropped = False
    for i in range(W):
        s[DROP, i] = 0.0
        arrived, q = s[ARRIVED, i], s[Q, i]
        stalled = n * s[DT, i] < s[STALL_END, i]
        rho = 0.0 if stalled else s[RHO, i]
        drain = 0.0 if stalled else s[DRAIN, i]
        if arrived <= 0.0 or q + arrived * (1.0 - rho) <= s[SAFE, i]:
            continue
        if source == OPEN:  # evenly spaced
            dropped = max(q + arrived - min(q + arrived, drain) - s[N, i], 0.0)
        else:
            size = 1.0
            if source == TCP:  # an entry is at most half of the window (net/ipv4/tcp_output.c)
                size = min(1.0 / s[ENTRY, i], max(math.floor(0.5 * min(s[_DEVICE + CW, i], s[WINDOW, i])), 1.0))
            burst = arrived
            if source == TCP and s[WANT, i] <= 2.0 * s[ACKED, i] + TINY:
                burst = arrived * min(1.0, s[BUNCH, i] / s[ACKED, i])
            drained = min(q + arrived - burst * (1.0 - rho), drain * (1.0 - burst / arrived) + burst * rho) / size
            ring, batch = s[N, i] * s[ENTRY, i], s[BATCH, i]
            taken = s[OUT, i] / size + max(drained - rho, 0.0) + TINY
            position = taken - ring * math.floor(taken / ring)
            since = position - batch * math.floor(position / batch)
            unseen = math.floor(since)
            if 0.0 < unseen <= drained:
                unseen = max(unseen, batch - 1.0 - unseen * (1.0 - rho) / rho)
            # from an empty ring the reader starts with the first packet, else it is somewhere within a service time
            rounded_up = 1.0 - TINY if q <= TINY or (source == TCP and s[ACKED, i] <= 0.0) else 0.5
            entries = max(math.floor((q + arrived) / size - drained + rho - ring + unseen + rounded_up), 0.0)
            dropped = min(entries * size, arrived)
            # of what arrived since slots were last freed, as many as slots got in and all later ones were dropped
            late = math.floor(since / rho) + 1.0 - batch if rho > 0.0 else entries
            s[LAST_DROP, i] = min(max(late, 0.0) * size, dropped)
        s[DROP, i] = dropped
        any_dropped |= dropped > 0.0
    return any_dropped


@cache
def kernel(width: int, single: bool, control: int, source: int, codel: bool, pushing: bool) -> Any:
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
    pushing
        Whether a full ring stops the queue (else it drops).

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
    cubic, reno, bbr1 = control == cc.CUBIC, control == cc.RENO, control == cc.BBR
    is_open, is_frames = source == OPEN, source == FRAMES

    @njit(nogil=True, error_model="numpy")
    def run(parameters, seeds, slots, steps, flows, interval, totals, series):  # type: ignore[no-untyped-def]
        nf = 1 if single else flows
        s = _zeros(1, _DEVICE + nf * _FLOW, W)[0]
        line = _zeros(slots, nf, W)
        lost = _zeros(slots, nf, W)
        any_lost = np.zeros(slots, np.bool_)
        bbr = np.zeros(cc.BBR_STATE * nf * W if bbr1 else 0)
        rng = np.zeros(W, np.uint64)
        for v in range(n_parameters):
            for i in range(W):
                s[v, i] = parameters[v, i]
        _start(s, bbr, rng, seeds, W, nf, interval if series.shape[0] > 0 else 0.0)

        slot = 0
        dropping = False
        for n in range(steps):
            rare, lossy, rounds, silent, tight = 0, 0, 0, 0, 0
            has_lost = any_lost[slot]
            any_lost[slot] = False
            if not single:
                for i in range(W):
                    s[WANT, i] = 0.0
                    s[ACKED, i] = 0.0
            if tcp and has_lost:
                _losses(s, lost, slot, W, nf, n, control)
            for f in range(nf):
                flow = s[_DEVICE + f * _FLOW : _DEVICE + (f + 1) * _FLOW]
                if tcp:
                    for i in range(W):
                        t = n * s[DT, i]
                        # 1. ACKs arrive, the window grows
                        acked = line[slot, f, i]
                        last = flow[LAST, i]
                        cwnd, ssthresh, window = flow[CW, i], flow[SS, i], s[WINDOW, i]
                        flow[LAST, i] = t if acked > 0.0 else last
                        flight = flow[FLIGHT, i] - acked
                        growing = (t >= flow[RECOVERY, i]) & (cwnd < window)
                        slow_start = cwnd < ssthresh
                        if cubic:
                            west = flow[WEST, i]
                            grown, friendly = cc.cubic_growth(
                                cwnd, west, acked, t - flow[EPOCH, i], flow[K, i], flow[WMAX, i]
                            )
                            flow[WEST, i] = friendly if growing & (not slow_start) else west
                        if reno:
                            grown = cc.reno_growth(cwnd, acked)
                        if cubic or reno:
                            grown = cwnd + acked if slow_start else grown
                            cwnd = grown if growing else cwnd
                            flow[CW, i] = cwnd
                        # 2. the sender fills the window
                        want = math.floor(max(min(cwnd, window) - flight, 0.0) + TINY)
                        if bbr1:
                            want = min(want, flow[PACE, i] * s[DT, i])
                            flow[ROUND_OUT, i] += acked
                            rounds |= t >= flow[ROUND, i]
                        flow[FLIGHT, i] = flight
                        silent |= (flow[PENDING, i] + flow[SHOWN, i]) > 0.0
                        if single:
                            s[WANT, i] = want
                            s[ACKED, i] = acked
                        else:
                            flow[F_WANT, i] = want
                            s[WANT, i] += want
                            s[ACKED, i] += acked
            for i in range(W):
                want = s[WANT, i]
                if is_open:
                    want = s[OFFERED, i]
                if is_frames:
                    want = s[APP, i]
                arrived = min(want, s[BURST, i])
                s[ARRIVED, i] = arrived
                if not pushing:
                    rho = s[RHO, i]
                    rho = 0.0 if n * s[DT, i] < s[STALL_END, i] else rho
                    tight |= s[Q, i] + arrived * (1.0 - rho) > s[SAFE, i]

            # 3. the burst meets the ring: a stock driver drops what does not fit
            if not pushing:
                if tight:
                    dropping = _overflow(s, W, nf, n, source)
                    lossy |= dropping
                elif dropping:
                    dropping = False
                    for i in range(W):
                        s[DROP, i] = 0.0
            if tcp and (silent | lossy):
                _follow(s, W, nf, n)
            for i in range(W):
                t = n * s[DT, i]
                arrived = s[ARRIVED, i]
                q = s[Q, i]
                stalled = t < s[STALL_END, i]
                if pushing:  # what does not fit waits in the qdisc
                    backlog = s[B, i]
                    drain_free, drain_full = s[DRAIN, i], s[DRAIN_FULL, i]
                    drain = drain_full if backlog > 0.0 else drain_free
                    drain = 0.0 if stalled else drain
                    room = max(s[N, i] - q + drain, 0.0)
                    if is_open:  # the sender waits for room, nothing is dropped in the qdisc
                        arrived = min(arrived, max(room + s[QLIM, i] - backlog, 0.0))
                        s[ARRIVED, i] = arrived
                    waiting = backlog + arrived
                    moved = min(waiting, room)
                    left = waiting - moved
                    over = max(left - s[QLIM, i], 0.0)
                    backlog = left - over
                    s[B, i] = backlog
                    s[OVER, i] = over
                    lossy |= over > 0.0
                else:
                    drain_free = s[DRAIN, i]
                    drain = 0.0 if stalled else drain_free
                    moved = arrived - s[DROP, i]
                # 4. the reader drains
                took = min(q + moved, drain)
                q = q + moved - took
                s[Q, i] = q
                s[SENT, i] += arrived
                s[OUT, i] += took
                s[Q_SUM, i] += q
                if pushing:
                    s[B_SUM, i] += backlog
                    s[FULL, i] += took if backlog > 0.0 else 0.0
                # it could have taken more: the ring is empty; by a packet at least where whole packets arrive
                spare = (drain * (1.0 - TINY) if bbr1 else max(drain - 1.0, 0.5 * drain)) - took
                if single:
                    held = s[_DEVICE + HELD, i] + took
                    first = s[_DEVICE + FIRST, i]
                    s[_DEVICE + FLIGHT, i] += arrived
                    first = min(first, t) if held > TINY else FOREVER
                    whole = ((spare > 0.0) | (t - first >= s[HOLD, i])) & (held >= 2.0 - TINY)
                    whole = whole | (t - first >= s[DELACK, i])
                    bunches = s[BUNCH, i] * math.floor(held * s[BUNCHES, i] + TINY)
                    acked = held if whole else bunches
                    line[slot, 0, i] = acked
                    s[_DEVICE + HELD, i] = held - acked
                    s[_DEVICE + FIRST, i] = FOREVER if acked > 0.0 else first
                    s[H_SUM, i] += held - acked
                else:
                    s[SPARE, i] = spare
                s[TOOK, i] = took
                if is_frames:
                    s[APP, i] -= arrived
                rare |= t >= s[EVENT, i]

            if not single:
                for f in range(nf):
                    flow = s[_DEVICE + f * _FLOW : _DEVICE + (f + 1) * _FLOW]
                    for i in range(W):
                        want, there, full, took = s[WANT, i], flow[SHARE, i], s[Q, i] + s[B, i], s[TOOK, i]
                        full += took
                        part = flow[F_WANT, i] / max(want, TINY * TINY)
                        sent = s[ARRIVED, i] * part
                        there = max(there + sent - (s[DROP, i] + s[OVER, i]) * part, 0.0)
                        took = took * (there / max(full, TINY * TINY))
                        flow[FLIGHT, i] += sent
                        flow[SHARE, i] = there - took
                        t = n * s[DT, i]
                        held = flow[HELD, i] + took
                        first = flow[FIRST, i]
                        first = min(first, t) if held > TINY else FOREVER
                        idle = (s[SPARE, i] > 0.0) | (t - first >= s[HOLD, i])
                        go = (idle & (held >= 2.0 - TINY)) | (t - first >= s[DELACK, i])
                        acked = held if go else 0.0
                        line[slot, f, i] = acked
                        flow[HELD, i] = held - acked
                        flow[FIRST, i] = FOREVER if go else first
                        s[H_SUM, i] += held - acked

            # 5. rare events
            if lossy:
                for i in range(W):
                    s[DROPPED, i] += s[DROP, i]
                    s[DROPPED_Q, i] += s[OVER, i]
            if tcp:
                if bbr1 and rounds:
                    _bbr_rounds(s, bbr, W, nf, n)
                if silent | lossy:
                    if pushing and lossy:
                        _tail_drop(s, W, nf, n)
                    _show(s, line, lost, any_lost, slot, W, nf)
                if silent:
                    _probe(s, W, nf, n, control)
            if codel:
                late = 0
                for i in range(W):
                    t = n * s[DT, i]
                    above = s[B, i] * s[DT, i] > CODEL_TARGET * s[DRAIN_FULL, i]
                    since = s[ABOVE, i]
                    since = (since if since > 0.0 else t + CODEL_INTERVAL) if above else 0.0
                    s[ABOVE, i] = since
                    late |= (since > 0.0) & (t >= since) & (t >= s[CODEL_NEXT, i])
                if late:
                    _codel(s, lost, any_lost, slot, W, nf, n)
            if rare:
                _events(s, line, lost, rng, slot, slots, W, nf, n, interval, totals, series)
            slot += 1
            if slot == slots:
                slot = 0

    return run
