"""What a TCP sender of the fluid engine does rarely: losses, recovery, HyStart, small queues, probes, rounds."""

from __future__ import annotations  # noqa: I001 (rows are many: filled lines)

import math
from typing import Any

import numba

from tunbp.model import congestion as cc
from tunbp.model import gso
from tunbp.model.compiled import njit
from tunbp.model.engines import controls
from tunbp.model.engines.fluid.state import (
    A, ALLOWED, ARRIVED, B, BLOCK_MORE, BLOCK_MOST, BURST, CAP, CREDIT, CW, DEVICE, DRAIN, DRAIN_FULL, DT, ENTRY,
    EPOCH, F, FLIGHT, FLOW, F_WANT, G, HELD, HELD_BACK, HYSTART, H_COUNT, H_LAST, H_LEFT, H_RTT, H_START, K, LAST,
    LOSSES, N, P, PACE, PENDING, PRIOR, PROBE, PROBES, PRR_IN, PRR_OUT, P_SERVICE, Q, RECOVERING, RECOVERY, REDUCED,
    RESENT, RETRANS, ROUND, ROUND_OUT, ROUND_START, RTT, SAWTOOTH, SERVICE, SHAPE, SHOWN, SLOWER, SMALL,
    SMALL_SHARE, SS, STALL_END, TINY, TO_RESEND, USED, WANT, WEST, WINDOW, WMAX,
)  # fmt: skip

_rare = njit()
_hot = njit(forceinline=True)
_block: Any = numba.njit(inline="always", error_model="numpy")(gso.block)

SMALL_QUEUE_BLOCKS = 2.0
"""Blocks that a flow may always have in the qdisc (net/ipv4/tcp_output.c, ``tcp_small_queue_check``)."""


@_hot
def smoothed_rtt(s: Any, i: int) -> float:
    """The RTT that a sender knows, in seconds: without load, and what the queues in front and behind the reader add."""
    return float(s[RTT, i] + (s[Q, i] + s[B, i] * s[SLOWER, i]) * s[SERVICE, i] + s[P, i] * s[P_SERVICE, i])


@_hot
def pacing_gain(cwnd: float, ssthresh: float) -> float:
    """How much faster than a window per RTT TCP paces (net/ipv4/tcp_input.c, ``tcp_update_pacing_rate``)."""
    return cc.PACING_SLOW_START if cwnd < 0.5 * ssthresh else cc.PACING


@_rare
def reduce(s: Any, slow: Any, i: int, o: int, t: float, control: int) -> None:
    """One window reduction per round trip: the answer to loss or mark of what was sent after the last one.

    `slow` lists the flows that are in recovery, `RECOVERING` counts them.
    """
    if t < s[o + RECOVERY, i]:
        return
    s[LOSSES, i] += 1.0
    s[o + REDUCED, i] = t
    s[o + RESENT, i] = t
    s[o + RECOVERY, i] = t + smoothed_rtt(s, i)
    if s[o + PRIOR, i] == 0.0 and not controls.PACED[control]:
        slow[int(s[RECOVERING, 0])] = o * slow.size + i
        s[RECOVERING, 0] += 1.0
    s[o + PRIOR, i] = s[o + CW, i]
    s[o + PRR_IN, i] = 0.0
    s[o + PRR_OUT, i] = 0.0
    s[o + TO_RESEND, i] = 0.0
    if controls.PACED[control]:
        return
    reduced, wmax, k = controls.loss(control, s[o + CW, i], s[o + WMAX, i])
    s[o + WMAX, i] = wmax
    s[o + K, i] = k
    s[o + EPOCH, i] = s[o + RECOVERY, i] - s[RTT, i]
    s[o + WEST, i] = reduced
    s[o + CW, i] = reduced
    s[o + SS, i] = reduced


@_rare
def losses(s: Any, slow: Any, lost: Any, slot: int, W: int, nf: int, n: int, control: int) -> None:
    """Losses come back to their sender, before it sends: out of flight, to be sent again."""
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            shown = lost[slot, f, i]
            lost[slot, f, i] = 0.0
            gone = abs(shown)
            if gone > 0.0:
                t = n * s[DT, i]
                s[o + FLIGHT, i] -= gone
                s[o + LAST, i] = t
                s[RETRANS, i] += gone
                answered = shown < 0.0 and t <= s[o + REDUCED, i] + smoothed_rtt(s, i)  # sent before that reduction
                if shown > 0.0 and t >= s[o + RECOVERY, i]:
                    reduce(s, slow, i, o, t, control)
                    answered = True
                s[o + TO_RESEND, i] += gone if answered else 0.0


@_rare
def recover(s: Any, slow: Any, line: Any, slot: int, nf: int, n: int, spaced: bool) -> None:
    """Proportional rate reduction: what is sent in recovery follows the ACKs (RFC 6937; ``tcp_cwnd_reduction``).

    What was lost is sent first, and recovery lasts until it has arrived. Who paces does in recovery, too.
    """
    j = 0
    while j < int(s[RECOVERING, 0]):
        o, i = slow[j] // slow.size, slow[j] % slow.size
        if n * s[DT, i] >= s[o + RECOVERY, i]:
            s[o + PRIOR, i] = 0.0
            s[RECOVERING, 0] -= 1.0
            slow[j] = slow[int(s[RECOVERING, 0])]
            continue
        j += 1
        if s[o + TO_RESEND, i] > TINY:
            s[o + RECOVERY, i] = n * s[DT, i] + smoothed_rtt(s, i)
            s[o + RESENT, i] = n * s[DT, i]
        acked, flight, threshold = line[slot, (o - DEVICE) // FLOW, i], s[o + FLIGHT, i], s[o + CW, i]
        came, went = s[o + PRR_IN, i] + acked, s[o + PRR_OUT, i]
        if flight > threshold:
            allowed = math.ceil(came * threshold / s[o + PRIOR, i] - TINY) - went
        else:  # slow start up to the threshold, by one more segment per ACK of two
            allowed = math.floor(min(threshold - flight, max(came - went, acked) + 0.5 * acked) + TINY)
        allowed = max(allowed, 1.0) if went == 0.0 else allowed
        want = max(min(min(allowed, math.floor(s[WINDOW, i] - flight + TINY)), s[BURST, i]), 0.0)
        if spaced:
            credit = s[o + CREDIT, i] + (s[WANT, i] if nf == 1 else s[o + F_WANT, i])
            want = min(want, credit)
            s[o + CREDIT, i] = credit - want
        s[o + PRR_IN, i] = came
        s[o + PRR_OUT, i] = went + want
        s[o + TO_RESEND, i] = max(s[o + TO_RESEND, i] - want, 0.0)
        if nf == 1:
            s[WANT, i] = want
        else:
            # what rounding leaves below zero would grow in what the flows have in the ring
            s[WANT, i] = max(s[WANT, i] + want - s[o + F_WANT, i], 0.0)
            s[o + F_WANT, i] = want


@_rare
def refund(s: Any, W: int, nf: int) -> None:
    """A pace pays for what enters in this step: of a block that lasts longer the rest is paid for when it is sent."""
    for f in range(nf):
        o = DEVICE + f * FLOW
        for i in range(W):
            part = 1.0 - s[ARRIVED, i] / max(s[WANT, i], TINY)
            s[o + CREDIT, i] += part * (s[WANT, i] if nf == 1 else s[o + F_WANT, i]) if s[WANT, i] > 0.0 else 0.0


@_rare
def hystart(s: Any, line: Any, slot: int, W: int, nf: int, n: int, spaced: bool) -> bool:
    """HyStart: slow start ends where a train of ACKs is as long as half of the path, or where delay has grown.

    Where TCP is paced the train has to be as long as the whole path.

    A round ends when what was in flight at its beginning is acknowledged; its length is the RTT of its first packet,
    and the smallest that the next round's ACKs can show. The first begins with the first ACK, so that rounds begin with
    bursts (net/ipv4/tcp_cubic.c, ``hystart_update``). Returns whether any window still grows in slow start.
    """
    any_left = False
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            acked = line[slot, f, i]
            if s[HYSTART, i] == 0.0 or s[o + CW, i] >= min(s[o + SS, i], s[WINDOW, i]):
                continue
            any_left = True
            cwnd = s[o + CW, i]
            if acked <= 0.0:
                continue
            t, rtt = n * s[DT, i], s[RTT, i]
            count = s[o + H_COUNT, i] + acked
            over = acked - s[o + H_LEFT, i]
            left = -over
            if over > TINY:
                s[o + H_RTT, i] = t - s[o + H_START, i] if s[o + H_START, i] > 0.0 else rtt
                s[o + H_START, i] = t
                s[o + H_LAST, i] = t
                left = s[o + FLIGHT, i] + acked - 2.0 * over  # in flight at its beginning, in the middle of the step
                count = over
            s[o + H_LEFT, i] = left
            s[o + H_COUNT, i] = count
            train = t - s[o + H_LAST, i] <= max(cc.HYSTART_ACK_DELTA, s[DT, i] * (1.0 + TINY))
            if train:
                s[o + H_LAST, i] = t
            late = controls.hystart_ack_delay(cc.PACING_SLOW_START * cwnd / rtt, s[BLOCK_MOST, i])
            train = train and t - s[o + H_START, i] > (1.0 if spaced else 0.5) * (rtt + late)
            sampled = count > 2.0 * cc.HYSTART_MIN_SAMPLES
            slow = sampled and s[o + H_RTT, i] > rtt + controls.hystart_delay(rtt)
            if cwnd + acked >= cc.HYSTART_LOW_WINDOW and (train or slow):
                s[o + SS, i] = s[o + CW, i]
                s[o + WMAX, i] = s[o + CW, i]
                s[o + WEST, i] = s[o + CW, i]
                s[o + K, i] = cc.UNSEEN
                s[o + EPOCH, i] = t - rtt
    return any_left


@_rare
def block_size(s: Any, i: int, o: int) -> float:
    """Segments that the flow at `o` hands over at once, where the stack cuts them (`tunbp.model.gso`)."""
    rate = pacing_gain(s[o + CW, i], s[o + SS, i]) * s[o + CW, i] / smoothed_rtt(s, i)
    return float(_block(rate, s[BLOCK_MORE, i], s[BLOCK_MOST, i]))


@_hot
def small_queues(s: Any, W: int, nf: int, n: int, control: int, readers: bool, shaped: bool) -> bool:
    """TCP small queues: a local flow keeps about a millisecond of its pacing rate in the qdisc, or two entries.

    What it may not hand over stays with it, and its window does not grow meanwhile (it is not what limits the flow).
    """
    for i in range(W):
        s[ALLOWED, i] = 0.0
    for f in range(nf):
        o = DEVICE + f * FLOW
        for i in range(W):
            srtt = smoothed_rtt(s, i)
            entry = 1.0 / s[ENTRY, i]
            gain = pacing_gain(s[o + CW, i], s[o + SS, i])
            rate = s[o + PACE, i] if controls.PACED[control] else gain * max(s[o + CW, i], s[o + FLIGHT, i]) / srtt
            # the block that makes it more is still handed over: on average half of one waits beside what is allowed
            cut = _block(rate, s[BLOCK_MORE, i], s[BLOCK_MOST, i])
            together = cut if entry == 1.0 else entry
            share = s[SMALL_SHARE, i]
            s[ALLOWED, i] += share * max(SMALL_QUEUE_BLOCKS * together, rate * s[SMALL, i]) + 0.5 * together
    any_held = False
    for i in range(W):
        arrived = s[ARRIVED, i]
        drain_free, drain_full = s[DRAIN, i], s[DRAIN_FULL, i]
        drain = drain_full if s[B, i] > 0.0 else drain_free
        drain = 0.0 if n * s[DT, i] < s[STALL_END, i] else drain
        if readers:
            drain *= 1.0 - s[USED, i]
        room = s[N, i] - (s[SAWTOOTH, i] if s[B, i] > 0.0 else 0.0)
        room = max(room - s[Q, i] + drain, 0.0)
        room = min(room, s[SHAPE, i]) if shaped else room
        handed = min(arrived, max(room + s[ALLOWED, i] - s[B, i], 0.0))
        held = (s[SMALL, i] > 0.0) & (handed < arrived)
        s[ARRIVED, i] = handed if held else arrived
        s[HELD_BACK, i] = 1.0 if held else 0.0
        any_held |= held
    for f in range(nf):  # (include/net/tcp.h, ``tcp_is_cwnd_limited``)
        o = DEVICE + f * FLOW
        for i in range(W):
            limit = s[o + FLIGHT, i] * (2.0 if s[o + CW, i] < s[o + SS, i] else 1.0)
            window = s[WINDOW, i]
            s[o + CAP, i] = min(window, limit) if s[HELD_BACK, i] > 0.0 else window
    return any_held


@_rare
def probe(s: Any, slow: Any, W: int, nf: int, n: int, control: int) -> None:
    """Tail-loss probe: where nothing follows a loss, it shows two smoothed RTTs plus one round trip later.

    The smoothed RTT has learnt of delayed ACKs, so a probe never overtakes one.
    """
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            hidden = s[o + PENDING, i] + s[o + SHOWN, i]
            waiting = s[Q, i] + s[B, i] + s[P, i] + s[F, i] + s[G, i] + s[A, i]
            if hidden > 0.0 and s[o + HELD, i] + waiting <= TINY:
                t = n * s[DT, i]
                if t - s[o + LAST, i] >= s[PROBE, i]:
                    s[o + FLIGHT, i] -= hidden
                    s[RETRANS, i] += hidden
                    s[o + PENDING, i] = 0.0
                    s[o + SHOWN, i] = 0.0
                    s[o + LAST, i] = t
                    s[PROBES, i] += 1.0
                    reduce(s, slow, i, o, t, control)


@_rare
def rounds(s: Any, own: Any, W: int, nf: int, n: int, control: int) -> None:
    """What a control that paces makes of each flow whose round trip is over."""
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            t = n * s[DT, i]
            if t < s[o + ROUND, i]:
                continue
            rtt = smoothed_rtt(s, i)
            length = t - s[o + ROUND_START, i]
            if s[o + ROUND_OUT, i] > 0.0:
                s[o + CW, i], s[o + PACE, i] = controls.round_trip(
                    control, own, f * own.size // nf + i, W, s[o + ROUND_OUT, i] / length, rtt, s[o + FLIGHT, i], t
                )
            s[o + ROUND_OUT, i] = 0.0
            s[o + ROUND_START, i] = t
            s[o + ROUND, i] = t + rtt
