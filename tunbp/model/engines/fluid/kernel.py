"""The fluid engine: scenarios stepped in time, many per instruction, with the burst law applied inside the step.

State lives in one array per tile of `width` scenarios (row `v` of scenario `i` at ``[v, i]``), so that a loop over the
tile is a SIMD loop; the round trip is a ring of `slots` time steps, the same for all scenarios of a tile. What a batch
does not use is left out when the kernel is compiled. One step, in the order packets travel:

 1. losses and ACKs of one RTT ago arrive (where ACKs cost the near reader time, it takes in what it has time for);
    the window shrinks or grows, slow start may end early;
 2. the sender fills the window, in recovery as ACKs allow, a local one no further than its small queue;
 3. the burst meets the ring: what does not fit is dropped, in whole entries (stock), or waits in the qdisc
    (backpressure);
 4. the reader drains, and what it took passes the path (its rate, buffer and losses) and the far reader;
 5. ACKs are held until there is nothing left to read, at most for the ACK interval, and set out together (a lone
    segment waits for the delayed-ACK timer), past a far reader that is busy with data, to arrive one RTT later;
 6. rare events, one scenario at a time: gaps that show, tail-loss probe, stall, CoDel, sampling.

All amounts are segments and may be fractional; rates are per time step.
"""

from __future__ import annotations  # noqa: I001 (rows are many: filled lines)

import numpy as np
from typing import Any

import numba
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from tunbp.model import congestion as cc
from tunbp.model import gso
from tunbp.model.compiled import njit
from tunbp.model.engines import controls
from tunbp.model.engines.fluid import sender, stages
from tunbp.model.engines.fluid.state import (
    ABOVE, ACCOUNTED, ACKED, APP, ARRIVED, A_SHARE, B, BLOCK, BLOCK_MORE, BLOCK_MOST, BLOCK_PACE, BLOCK_RATE, BURST,
    B_SUM, CAP, CODEL, CODEL_NEXT, CODEL_QUEUE, CREDIT, CW, DELACK, DELIVERED_TOTAL, DEVICE, DRAIN, DRAIN_FULL, DROP,
    DROPPED, DROPPED_P, DROPPED_Q, DT, DURATION, ENTRY, EPOCH, EVENT, F, FAR_SHARE, FIRST, FLIGHT, FLOW, FOREVER,
    FRAME_NO, FULL, FULL_PACKETS, F_GAP, F_LEFT, F_SIZE, F_TOOK, F_WANT, GONE, G_SHARE, HELD, HELD_SECONDS, HOLD,
    HYSTART, H_RTT, H_SUM, IN_FLIGHT, I_EVERY, I_SIZE, K, Kind, LAST, LEFT, LOSSES, LOSS_EVENTS, LOSS_GAP, N,
    NEXT_FRAME, OFFERED, OUT, OUTSTANDING, OVER, P, PACE, PARAMETERS, PATH_DROPS, PATH_SECONDS, PATIENCE, PENDING,
    POLICY, PROBE, PROBES, P_GAP, P_SHARE, P_SUM, Q, QDISC_DROPS, QDISC_SECONDS, QLIM, QUEUED, Q_SUM, RECORD,
    RECOVERING, RECOVERY, REDUCED, RELEASED, RESENT, RETRANS, RETRANSMITS, RHO, RHO_NOW, RING_DROPS, RING_SECONDS,
    ROUND, ROUND_OUT, RTT, SAFE, SAMPLES, SAWTOOTH, SENT, SENT_TOTAL, SHAPE, SHARE, SHOWN, SPARE, SS, STALL, STALL_END,
    S_MEAN, S_RATE, TAKEN, TIMEOUTS, TINY, TOOK, UNHELD, UNTOLD, USED, WAITED, WANT, WARMUP, WEST, WINDOW,
    WMAX,
)  # fmt: skip
from tunbp.model.engines.random import exponential, stream, xorshift
from tunbp.model.engines.codes import FRAMES, LINK_FIRST, OPEN, PKTGEN, TCP
from tunbp.model.fields import FIELDS


MOST_FLOWS = int(FIELDS["streams"].high)
"""Flows of one scenario at most."""


@intrinsic
def _rows(context: Any, memory: Any, planes: Any, rows: Any, width: Any) -> Any:
    """``memory.reshape(planes, rows, width)`` whose strides are constants.

    Only then does the compiler see that rows do not overlap.
    """
    view = types.Array(types.float64, 3, "A")

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        size = target.get_constant(types.intp, 8)
        shape = [arguments[1], arguments[2], target.get_constant(types.intp, width.literal_value)]
        row = target.get_constant(types.intp, 8 * width.literal_value)
        array = make_array(view)(target, builder)
        data = make_array(signature.args[0])(target, builder, arguments[0]).data
        strides = [builder.mul(shape[1], row), row, size]
        populate_array(array, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
        return array._getvalue()

    return (view(memory, types.intp, types.intp, width), generate) if isinstance(width, types.Literal) else None


@numba.njit(inline="always")
def _next_event(s: Any, W: int, i: int, t: float) -> float:
    at: float = min(min(s[STALL, i], s[RECORD, i]), min(s[NEXT_FRAME, i], s[DURATION, i]))
    return min(at, float(s[WARMUP, i])) if t < s[WARMUP, i] else at


@njit()
def _start(s: Any, own: Any, rng: Any, seeds: Any, W: int, nf: int, interval: float, control: int) -> None:
    for i in range(W):
        x = stream(seeds[i])
        s[STALL, i] = FOREVER
        s[STALL_END, i] = -1.0
        if s[S_RATE, i] > 0.0:
            s[STALL, i] = exponential(x, 1.0 / s[S_RATE, i])
            x = xorshift(x)
        s[P_GAP, i] = FOREVER
        if s[LOSS_GAP, i] > 0.0:
            s[P_GAP, i] = exponential(x, s[LOSS_GAP, i])
            x = xorshift(x)
        s[NEXT_FRAME, i] = 0.0 if s[F_GAP, i] > 0.0 else FOREVER
        s[RECORD, i] = interval if interval > 0.0 else FOREVER
        s[EVENT, i] = _next_event(s, W, i, -1.0)
        for f in range(nf):
            o = DEVICE + f * FLOW
            s[o + CW, i] = cc.INITIAL_WINDOW
            s[o + CREDIT, i] = cc.UNPACED
            s[o + SS, i] = FOREVER
            s[o + EPOCH, i] = -1.0
            s[o + RECOVERY, i] = -1.0
            s[o + REDUCED, i] = -1.0
            s[o + RESENT, i] = -1.0
            s[o + FIRST, i] = FOREVER
            s[o + PACE, i] = FOREVER
            s[o + H_RTT, i] = s[RTT, i]
            s[o + CAP, i] = s[WINDOW, i]
            if controls.PACED[control]:
                s[o + PACE, i] = controls.start(control, own, f * own.size // nf + i, W, s[RTT, i])
        rng[i] = x


@njit()
def _snapshot(s: Any, line: Any, lost: Any, slot: int, slots: int, W: int, nf: int, i: int, out: Any) -> None:
    # `slot` holds what set out in the step just made; the younger half of the ring is still on its way out
    travelling = s[F, i]
    back = s[UNTOLD, i]
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
        o = DEVICE + f * FLOW
        flight += s[o + FLIGHT, i]
        back += s[o + HELD, i] + s[o + PENDING, i] + s[o + SHOWN, i] + s[o + A_SHARE, i] + s[o + G_SHARE, i]
    queued = s[Q, i] + s[B, i] + s[P, i]
    out[SENT_TOTAL, i] = s[SENT, i]
    out[DELIVERED_TOTAL, i] = s[OUT, i] - s[DROPPED_P, i] - s[P, i] - travelling
    out[RING_DROPS, i] = s[DROPPED, i]
    out[QDISC_DROPS, i] = s[DROPPED_Q, i]
    out[RETRANSMITS, i] = s[RETRANS, i]
    out[RING_SECONDS, i] = s[Q_SUM, i] * s[DT, i]
    out[QDISC_SECONDS, i] = s[B_SUM, i] * s[DT, i]
    out[HELD_SECONDS, i] = s[H_SUM, i] * s[DT, i]
    out[FULL_PACKETS, i] = s[FULL, i]
    out[LOSS_EVENTS, i] = s[LOSSES, i]
    out[TIMEOUTS, i] = s[PROBES, i]
    out[QUEUED, i] = queued
    out[IN_FLIGHT, i] = travelling
    out[OUTSTANDING, i] = flight
    out[ACCOUNTED, i] = queued + travelling + back
    out[PATH_DROPS, i] = s[DROPPED_P, i]
    out[PATH_SECONDS, i] = s[P_SUM, i] * s[DT, i]
    out[TAKEN, i] = s[OUT, i]


@njit()
def _sample(s: Any, W: int, nf: int, i: int, series: Any) -> None:
    k = int(s[SAMPLES, i])
    if k >= series.shape[0]:
        return
    window = 0.0
    for f in range(nf):
        window += s[DEVICE + f * FLOW + CW, i]
    series[k, 0, i] = s[OUT, i]
    series[k, 1, i] = s[RETRANS, i]
    series[k, 2, i] = window
    series[k, 3, i] = s[Q_SUM, i] * s[DT, i]
    series[k, 4, i] = s[B_SUM, i] * s[DT, i]
    series[k, 5, i] = s[H_SUM, i] * s[DT, i]
    series[k, 6, i] = s[P_SUM, i] * s[DT, i]
    # a part of a packet may wait to be dropped; the entry in service has left the ring
    series[k, 7, i] = max(min(s[Q, i], s[N, i]) - 1.0 / s[ENTRY, i], 0.0)
    series[k, 8, i] = s[B, i]
    s[SAMPLES, i] = k + 1.0


@njit()
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


def define(width: int, kind: Kind) -> Any:
    """The engine for one kind of batch, to be compiled.

    Parameters
    ----------
    width
        Scenarios per tile.
    kind
        What the batch uses; the rest is left out.

    Returns
    -------
    callable
        ``run(parameters[len(PARAMETERS), width], seeds[width], memory, slots, steps, flows, interval, totals, series)``
        fills ``totals[2, len(TOTALS), width]`` at the end of the warm-up and of the run, and ``series[samples,
        len(SERIES), width]`` with a sample at each interval; `memory` is a `Memory`.
    """
    W = width
    single, control, source, pushing, path, readers, blocks, spaced, shaped = kind
    tcp = source == TCP
    n_parameters = len(PARAMETERS)
    rules, growth = cc.ROWS[control], controls.GROWTH[control]
    paced, hystart = rules.paced, rules.hystart
    small_queues = tcp and pushing
    is_open, is_frames = source == OPEN, source == FRAMES
    is_pktgen = source == PKTGEN
    end = RELEASED if readers else (LEFT if path else TOOK)  # who has readers has a path

    @njit()
    def run(parameters, seeds, memory, slots, steps, flows, interval, totals, series):  # type: ignore[no-untyped-def]
        nf = 1 if single else min(flows, MOST_FLOWS)  # bounded, so that rows are seen to be apart
        s = _rows(memory.state, 1, DEVICE + nf * FLOW, W)[0]
        line, lost = _rows(memory.line, slots, nf, W), _rows(memory.lost, slots, nf, W)
        any_lost, own, slow, rng = memory.any_lost, memory.own, memory.slow, memory.random
        for v in range(n_parameters):
            for i in range(W):
                s[v, i] = parameters[v, i]
        _start(s, own, rng, seeds, W, nf, interval if series.shape[0] > 0 else 0.0, control)

        slot = slots - slots  # a literal 0 would have every function that takes it compiled twice
        dropping, holding = False, False
        starting, codel, mixed = False, False, False
        for i in range(W):
            mixed |= s[POLICY, i] != LINK_FIRST
            starting |= s[HYSTART, i] > 0.0
            codel |= s[CODEL, i] > 0.0
        for n in range(steps):
            rare, lossy, rounds, silent, pending, late, tight, unsent = 0, 0, 0, 0, 0, 0, 0, 0
            has_lost = any_lost[slot]
            any_lost[slot] = False
            # 1. what the near reader takes in arrives; slow start may end
            if not single:
                for i in range(W):
                    s[WANT, i] = 0.0
                    s[ACKED, i] = 0.0
            if readers and tcp:
                stages.take_acks(s, line, slot, W, nf, n, mixed)
            if tcp and has_lost:
                sender.losses(s, slow, lost, slot, W, nf, n, control)
            if hystart and tcp and starting:
                starting = sender.hystart(s, line, slot, W, nf, n, spaced)
            for f in range(nf):
                o = DEVICE + f * FLOW
                if tcp:
                    for i in range(W):
                        t = n * s[DT, i]
                        acked = line[slot, f, i]
                        last = s[o + LAST, i]
                        cwnd, ssthresh, window = s[o + CW, i], s[o + SS, i], s[WINDOW, i]
                        s[o + LAST, i] = t if acked > 0.0 else last
                        flight = s[o + FLIGHT, i] - acked
                        growing = (t >= s[o + RECOVERY, i]) & (cwnd < (s[o + CAP, i] if small_queues else window))
                        slow_start = cwnd < ssthresh
                        if not paced:
                            west = s[o + WEST, i]
                            grown, friendly = growth(
                                cwnd, west, acked, t - s[o + EPOCH, i], s[o + K, i], s[o + WMAX, i]
                            )
                            s[o + WEST, i] = friendly if growing & (not slow_start) else west
                            grown = cwnd + acked if slow_start else grown
                            cwnd = grown if growing else cwnd
                            s[o + CW, i] = cwnd
                        # 2. the sender fills the window
                        want = np.floor(max(min(cwnd, window) - flight, 0.0) + TINY)
                        if blocks:  # less than a block waits (`tunbp.model.gso`)
                            pacing = sender.pacing_gain(cwnd, ssthresh) * min(cwnd * s[BLOCK_RATE, i], s[BLOCK_PACE, i])
                            rate = s[o + PACE, i] if paced else pacing / cc.TSQ_TIME
                            if paced:
                                pacing = rate * cc.TSQ_TIME
                            size = min(pacing + s[BLOCK_MORE, i], s[BLOCK_MOST, i])
                            size = min(size, min(cwnd, window) * (1.0 / gso.WINDOW_DIVISOR))
                            want = want if want >= 2.0 * size else (np.floor(size) if want >= size else 0.0)
                            if spaced:  # whole blocks; who sent nothing for a while saves one, or the first segments
                                block = max(np.floor(size), gso.BLOCK_LEAST)
                                saved = max(block, cc.UNPACED if cwnd <= cc.UNPACED else 0.0)
                                credit = min(s[o + CREDIT, i], saved) + rate * s[DT, i]
                                want = min(want, np.floor(credit)) if credit >= min(want, block) else 0.0
                                s[o + CREDIT, i] = credit - want
                        elif spaced:
                            pacing = min(cwnd * s[BLOCK_RATE, i], s[BLOCK_PACE, i]) / cc.TSQ_TIME
                            rate = s[o + PACE, i] if paced else sender.pacing_gain(cwnd, ssthresh) * pacing
                            saved = cc.UNPACED if cwnd <= cc.UNPACED else 0.0
                            credit = min(s[o + CREDIT, i], saved) + rate * s[DT, i]
                            want = min(want, credit)
                            s[o + CREDIT, i] = credit - want
                        if paced:
                            s[o + ROUND_OUT, i] += acked
                            rounds |= t >= s[o + ROUND, i]
                        s[o + FLIGHT, i] = flight
                        silent |= (s[o + PENDING, i] + s[o + SHOWN, i]) > 0.0
                        if not single:
                            pending |= s[o + PENDING, i] > 0.0
                        late |= t - s[o + LAST, i] >= s[PROBE, i]
                        if single:
                            s[WANT, i] = want
                            s[ACKED, i] = acked
                        else:
                            s[o + F_WANT, i] = want
                            s[WANT, i] += want
                            s[ACKED, i] += acked
            if not paced and s[RECOVERING, 0] > 0.0:
                sender.recover(s, slow, line, slot, nf, n, spaced)
            for i in range(W):
                want = s[WANT, i]
                if is_open or is_pktgen:
                    want = s[OFFERED, i]
                if is_frames:
                    want = s[APP, i]
                arrived = min(want, s[BURST, i])
                s[ARRIVED, i] = arrived
                if spaced:
                    unsent |= want > arrived
                if single and tcp:
                    pending |= (s[DEVICE + PENDING, i] > 0.0) & (arrived > 0.0)
                if readers:
                    s[RHO_NOW, i] = stages.burst_ratio(s, i, arrived, mixed)
                if not pushing:
                    rho = s[RHO_NOW, i] if readers else s[RHO, i]
                    rho = 0.0 if n * s[DT, i] < s[STALL_END, i] else rho
                    tight |= s[Q, i] + arrived * (1.0 - rho) > s[SAFE, i]
                if small_queues:
                    tight |= s[B, i] + s[Q, i] + arrived > s[UNHELD, i]
                    if shaped:
                        tight |= s[B, i] + arrived > s[SHAPE, i]

            if spaced and unsent:
                sender.refund(s, W, nf)

            # 3. the burst meets the ring: a stock driver drops what does not fit
            if not pushing:
                if tight:
                    dropping = stages.overflow(s, W, nf, n, source, readers, blocks, spaced)
                    lossy |= dropping
                elif dropping:
                    dropping = False
                    for i in range(W):
                        s[DROP, i] = 0.0
            if small_queues and (tight or holding):
                holding = sender.small_queues(s, W, nf, n, control, readers, shaped)
            if tcp and (pending | lossy):
                stages.follow(s, slow, W, nf, n, control)
            for i in range(W):
                t = n * s[DT, i]
                arrived = s[ARRIVED, i]
                q = s[Q, i]
                stalled = t < s[STALL_END, i]
                if pushing:  # what does not fit waits in the qdisc
                    backlog = s[B, i]
                    drain_free, drain_full = s[DRAIN, i], s[DRAIN_FULL, i]
                    full = backlog > 0.0
                    if shaped:  # packets wait for the shaper, and for the ring only where it is full
                        full = full & (q + s[SHAPE, i] > s[N, i] - s[SAWTOOTH, i])
                    if is_pktgen:  # it holds nothing back in a qdisc: the ring is full where it has to wait
                        full = arrived > s[N, i] - s[SAWTOOTH, i] - q + drain_free
                    drain = drain_full if full else drain_free
                    drain = 0.0 if stalled else drain
                    if readers:
                        drain = drain * (1.0 - s[USED, i])
                    # between stop and wake the ring drains by k: half of that is free on average
                    room = s[N, i] - (s[SAWTOOTH, i] if full else 0.0)
                    room = max(room - q + drain, 0.0)
                    if shaped:
                        room = min(room, s[SHAPE, i])
                    if not tcp:  # pktgen waits for room, UDP for its socket buffer
                        arrived = min(arrived, max(room + s[BLOCK, i] - backlog, 0.0))
                        s[ARRIVED, i] = arrived
                    waiting = backlog + arrived
                    moved = min(waiting, room)
                    left = waiting - moved
                    over = max(left - s[QLIM, i], 0.0)
                    backlog = left - over
                    s[B, i] = backlog
                    s[OVER, i] = over
                    # packet-steps that those now in the qdisc have waited: what came evenly is gone from its oldest end
                    rest = left / max(waiting, TINY)
                    s[WAITED, i] = s[WAITED, i] * rest * rest + backlog
                    lossy |= over > 0.0
                else:
                    drain_free = s[DRAIN, i]
                    drain = 0.0 if stalled else drain_free
                    if readers:
                        drain = drain * (1.0 - s[USED, i])
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
                    s[FULL, i] += took if (full if is_pktgen or shaped else backlog > 0.0) else 0.0
                # it could have taken more: the ring is empty; by a packet at least where packets come unevenly
                spare = (drain * (1.0 - TINY) if paced or spaced else max(drain - 1.0, 0.5 * drain)) - took
                s[TOOK, i] = took
                if is_frames:
                    s[APP, i] -= arrived
                rare |= t >= s[EVENT, i]
                if single and not path:
                    s[DEVICE + FLIGHT, i] += arrived
                    stages.hold_acks(s, line, slot, i, took, spare, t)
                else:
                    s[SPARE, i] = spare

            if pushing and lossy:
                stages.bulk_drop(s, W, nf, n, tcp)

            # the path, and the far reader
            if path:
                lossy |= stages.pass_path(s, rng, W)
            if readers:
                stages.pass_far_reader(s, W, mixed)

            # 5. ACKs set out
            if single and path:
                for i in range(W):
                    took = s[F_LEFT, i] if readers else s[LEFT, i]
                    s[DEVICE + FLIGHT, i] += s[ARRIVED, i]
                    stages.hold_acks(s, line, slot, i, took, s[SPARE, i], n * s[DT, i])
            if not single:
                for f in range(nf):
                    o = DEVICE + f * FLOW
                    for i in range(W):
                        want, there, full, took = s[WANT, i], s[o + SHARE, i], s[Q, i] + s[B, i], s[TOOK, i]
                        full += took
                        part = s[o + F_WANT, i] / max(want, TINY * TINY)
                        sent = s[ARRIVED, i] * part
                        there = max(there + sent - (s[DROP, i] + s[OVER, i]) * part, 0.0)
                        took = took * (there / max(full, TINY * TINY))
                        s[o + FLIGHT, i] += sent
                        s[o + SHARE, i] = there - took
                        if path:
                            s[o + F_TOOK, i] = took
                            there = s[o + P_SHARE, i] + took * (1.0 - s[GONE, i] / max(s[TOOK, i], TINY * TINY))
                            took = there * (s[LEFT, i] / max(s[P, i] + s[LEFT, i], TINY * TINY))
                            s[o + P_SHARE, i] = there - took
                        if readers:
                            there = s[o + FAR_SHARE, i] + took
                            took = there * (s[F_LEFT, i] / max(s[F, i] + s[F_LEFT, i], TINY * TINY))
                            s[o + FAR_SHARE, i] = there - took
                        t = n * s[DT, i]
                        held = s[o + HELD, i] + took
                        first = s[o + FIRST, i]
                        first = min(first, t) if held > TINY else FOREVER
                        idle = (s[SPARE, i] > 0.0) | (t - first >= s[HOLD, i])
                        go = (idle & (held >= 2.0 - TINY)) | (t - first >= s[DELACK, i])
                        acked = held if go else 0.0
                        line[slot, f, i] = acked
                        s[o + HELD, i] = held - acked
                        s[o + FIRST, i] = FOREVER if go else first
                        s[H_SUM, i] += held - acked
            if readers:
                stages.release(s, line, slot, W, nf)

            # 6. rare events
            if lossy:
                for i in range(W):
                    s[DROPPED, i] += s[DROP, i]
                    s[DROPPED_Q, i] += s[OVER, i]
            if tcp:
                if paced and rounds:
                    sender.rounds(s, own, W, nf, n, control)
                if silent | lossy:
                    if pushing and lossy:
                        stages.tail_drop(s, W, nf, n)
                    if path and lossy:
                        stages.path_drop(s, W, nf, n)
                    if stages.passes(s, W, nf, end):
                        stages.show(s, line, lost, any_lost, slot, W, nf, end)
                if silent and late:
                    sender.probe(s, slow, W, nf, n, control)
            if pushing and codel:
                due = 0
                for i in range(W):
                    t = n * s[DT, i]
                    above = (s[B, i] * s[DT, i] > s[CODEL_QUEUE, i]) & (s[CODEL, i] > 0.0)
                    since = s[ABOVE, i]
                    since = (since if since > 0.0 else t + s[PATIENCE, i]) if above else 0.0
                    s[ABOVE, i] = since
                    due |= (since > 0.0) & (t >= since) & (t >= s[CODEL_NEXT, i])
                if due:
                    stages.codel(s, lost, any_lost, slot, W, nf, n, tcp)
            if rare:
                _events(s, line, lost, rng, slot, slots, W, nf, n, interval, totals, series)
            slot += 1
            if slot == slots:
                slot = 0

    return run
