"""Places that packets and ACKs pass in the fluid engine: ring, qdisc, path, far reader, and where losses show."""

from __future__ import annotations  # noqa: I001 (rows are many: filled lines)

import math
from typing import Any

import numpy as np

from tunbp.model.compiled import njit
from tunbp.model.engines.fluid import sender
from tunbp.model.engines.fluid.sender import reduce
from tunbp.model.engines.fluid.state import (
    A, ABOVE, ACKED, ACKS, AHEAD, ARRIVED, A_SHARE, B, BATCH, BULK, BUNCH, BUNCHES, B_SUM, CODEL_N, CODEL_NEXT, CW,
    DELACK, DEVICE, DRAIN, DROP, DROPPED_P, DROPPED_Q, DT, ECN, ENTRY, F, FAR, FAR_ACKS, FIRST, FLIGHT, FLOW, FOREVER,
    F_LEFT, F_LOST, F_TOOK, F_WANT, G, GONE, G_SHARE, HELD, HOLD, H_SUM, IDLE, LAST_DROP, LEFT, LOSS_GAP, LOSS_RUN,
    LOST_AT, LOST_TO, MARK, N, OUT, OVER, P, PACED, PART, PASSED, PATH, PATIENCE, PENDING, POLICY, P_GAP, P_LAST, P_RHO,
    P_ROOM, P_RUN, P_SUM, Q, QLIM, RELEASED, RESENT, RHO, RHO_NOW, ROOM, SAFE, SEES, SERVICE, SHARE, SHOWN, SPAN,
    STALL_END, TAIL, TINY, TOOK, TURN, UNTOLD, USED, WAITED, WANT, WINDOW,
)  # fmt: skip
from tunbp.model.engines.random import exponential, xorshift
from tunbp.model.engines.codes import FAIR, LINK_FIRST, OPEN, SEPARATE, TCP

GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
"""Turns by this part of one are spread most evenly."""

_rare = njit()
_hot = njit(forceinline=True)


# ---- ACKs at the readers


@_hot
def _gather(s: Any, line: Any, slot: int, W: int, nf: int, total: int, share: int) -> None:
    """ACKs of this step join those that wait at a reader: per flow in row `share`, of all flows in row `total`."""
    for i in range(W):
        s[total, i] = 0.0
    for f in range(nf):
        o = DEVICE + f * FLOW
        for i in range(W):
            waiting = s[o + share, i] + line[slot, f, i]
            s[o + share, i] = waiting
            s[total, i] += waiting


@_hot
def _let_pass(s: Any, line: Any, slot: int, W: int, nf: int, share: int) -> None:
    """Of each flow's waiting ACKs the same part (`PART`) goes on."""
    for f in range(nf):
        o = DEVICE + f * FLOW
        for i in range(W):
            waiting = s[o + share, i]
            taken = waiting * s[PART, i]
            line[slot, f, i] = taken
            s[o + share, i] = waiting - taken


@_hot
def _acknowledged(s: Any, i: int) -> float:
    """Segments that an ACK acknowledges: two, or an entry of more."""
    return float(max(2.0, 1.0 / s[ENTRY, i]))


@_hot
def take_acks(s: Any, line: Any, slot: int, W: int, nf: int, n: int, mixed: bool) -> None:
    """ACKs that have arrived are taken in by the near reader, as many as its time and its policy allow.

    `USED` is the share of the step that this takes from the ring; what is not taken waits. `mixed` says whether any
    scenario of the tile has another policy than ACKs first, which needs no division of the time.
    """
    _gather(s, line, slot, W, nf, A, A_SHARE)
    for i in range(W):
        waiting, most, policy = s[A, i], s[ACKS, i], s[POLICY, i]
        if mixed:  # in turns: an ACK and a ring entry each, or what the ring leaves over
            entries = s[DRAIN, i] * s[ENTRY, i]
            size = _acknowledged(s, i)
            turns = size / (1.0 / entries + size / most)
            over = most * (1.0 - s[Q, i] / s[DRAIN, i])
            most = max(turns, over) if policy == FAIR else most
        most = 0.0 if n * s[DT, i] < s[STALL_END, i] else most
        taken = min(waiting, most)
        s[PART, i] = taken / max(waiting, TINY * TINY)
        s[USED, i] = 0.0 if mixed and policy == SEPARATE else taken / s[ACKS, i]
        s[A, i] = waiting - taken
        s[H_SUM, i] += waiting - taken
    _let_pass(s, line, slot, W, nf, A_SHARE)


@_hot
def burst_ratio(s: Any, i: int, arrived: float, mixed: bool) -> float:
    """Entries the reader takes per entry that arrives while a burst does, where ACKs cost it time.

    Served first, ACKs that wait leave it no time for the ring; in turns it takes an entry per ACK; a second thread
    takes in ACKs at its own pace, and what they release comes no faster.
    """
    rho = s[RHO, i]
    costly = s[ACKS, i] < FOREVER and s[ACKED, i] > 0.0
    if not mixed:
        return 0.0 if costly else float(rho)
    size = _acknowledged(s, i)
    per_ack = s[ACKED, i] / size * s[ENTRY, i] / max(s[ENTRY, i] * arrived, TINY)
    apart = max(rho, min(s[DRAIN, i] * s[ENTRY, i] / (s[ACKS, i] / size) * per_ack, 1.0))
    turns = min(max(per_ack, rho), 1.0)
    rho = (0.0 if s[POLICY, i] == LINK_FIRST else (turns if s[POLICY, i] == FAIR else apart)) if costly else rho
    return float(rho)


# ---- ring and qdisc


@_rare
def overflow(s: Any, W: int, nf: int, n: int, source: int, readers: bool, blocks: bool, spaced: bool) -> bool:
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
        rho = s[RHO_NOW, i] if readers else s[RHO, i]
        rho = 0.0 if stalled else rho
        drain = 0.0 if stalled else s[DRAIN, i]
        if readers:
            drain *= 1.0 - s[USED, i]
        if arrived <= 0.0 or q + arrived * (1.0 - rho) <= s[SAFE, i]:
            continue
        if source == OPEN:  # evenly spaced
            dropped = max(q + arrived - min(q + arrived, drain) - s[N, i], 0.0)
        else:
            size = 1.0
            if source == TCP:  # an entry is at most half of the window (net/ipv4/tcp_output.c)
                size = min(1.0 / s[ENTRY, i], max(math.floor(0.5 * min(s[DEVICE + CW, i], s[WINDOW, i])), 1.0))
            burst = arrived
            # ACKs come no faster than the slowest stage, unless they waited somewhere and come together
            together = readers and s[ACKED, i] > 1.05 * s[PACED, i] + 2.0
            size_of_block = sender.block_size(s, i, DEVICE) if blocks else 0.0
            if spaced:  # nothing comes together but a block, and what a pace leaves of the last step
                burst = min(arrived, max(size_of_block, 2.0))
            elif source == TCP and s[WANT, i] <= 2.0 * s[ACKED, i] + size_of_block + TINY and not together:
                burst = max(arrived * min(1.0, s[BUNCH, i] / max(s[ACKED, i], TINY)), min(arrived, size_of_block))
            drained = min(q + arrived - burst * (1.0 - rho), drain * (1.0 - burst / arrived) + burst * rho) / size
            # a slot is free when the service of its entry begins; a sleeping reader begins a little later
            asleep = q <= TINY
            ring, batch = s[N, i] * s[ENTRY, i] - 1.0, s[BATCH, i]
            drained -= min(s[IDLE, i], drained) if asleep else 0.0
            taken = s[OUT, i] / size + 1.0 + max(drained - rho, 0.0) + TINY
            position = taken - ring * math.floor(taken / ring)
            since = position - batch * math.floor(position / batch)
            unseen = math.floor(since)
            if 0.0 < unseen <= drained and rho > 0.0:
                unseen = max(unseen, batch - 1.0 - unseen * (1.0 - rho) / rho)
            # from an empty ring the reader starts with the first packet, else it is somewhere within a service time
            rounded_up = 1.0 - TINY if q <= TINY or (source == TCP and s[ACKED, i] <= 0.0) else 0.5
            entries = max(math.floor((q + arrived) / size - drained + rho - ring - 1.0 + unseen + rounded_up), 0.0)
            dropped = min(entries * size, arrived)
            # of what arrived since slots were last freed, as many as slots got in and all later ones were dropped
            late = math.floor(since / rho) + 1.0 - batch if rho > 0.0 else entries
            s[LAST_DROP, i] = min(max(late, 0.0) * size, dropped)
            if s[SEES, i] > 0.0 and dropped > size:  # the sender stops at the first drop, the rest stays with it
                s[ARRIVED, i] = arrived - dropped + size
                dropped = size
        s[DROP, i] = dropped
        any_dropped |= dropped > 0.0
    return any_dropped


@_hot
def _drop_heads(s: Any, i: int, gone: float, waiting: float) -> None:
    """Of `waiting` packets the first `gone` are dropped; their wait is none of a packet that gets through.

    The rest came later: of all waits before this step a share of (rest / waiting)^2 is theirs.
    """
    before, rest = s[WAITED, i] - s[B, i], 1.0 - gone / max(waiting, TINY)
    left = waiting - gone
    s[WAITED, i] = before * rest * rest + left
    s[B_SUM, i] += left - s[B, i] - before * (1.0 - rest * rest)
    s[B, i] = left


@_rare
def bulk_drop(s: Any, W: int, nf: int, n: int, tcp: bool) -> None:
    """A full fq_codel drops heads of its fattest flow: 64 at once, or half of the flow (``fq_codel_drop``); cake one.

    It does as an entry more than its limit waits, and again after as many arrivals as it dropped.
    """
    for i in range(W):
        over = s[OVER, i]
        if over <= 0.0 or s[BULK, i] <= 0.0:
            continue
        size = 1.0 / s[ENTRY, i]
        waiting = s[B, i] + over
        backlog = waiting
        s[OVER, i] = 0.0
        gone, largest = 0.0, 0
        if over >= size * (1.0 - TINY):
            most = s[QLIM, i] + size
            if nf > 1:
                largest = _largest(s, nf, i)
                share = s[DEVICE + largest * FLOW + SHARE, i]
                most *= min(share / max(s[Q, i] + s[B, i], TINY), 1.0)
                backlog = min(backlog, share)
            batch = min(s[BULK, i], max(math.ceil(0.5 * most / size - TINY), 1.0) * size)
            gone = min((math.floor((over - size) / batch + TINY) + 1.0) * batch, backlog)
        _drop_heads(s, i, gone, waiting)
        s[DROPPED_Q, i] += gone
        if gone > 0.0 and tcp:
            o = DEVICE + largest * FLOW
            s[o + SHARE, i] -= gone if nf > 1 else 0.0
            shows(s, i, o, gone, s[Q, i] + s[P, i] + s[F, i] + s[G, i], 0.0, n * s[DT, i])


@_hot
def _largest(s: Any, nf: int, i: int) -> int:
    """The flow that has most in qdisc and ring."""
    largest = 0
    for f in range(1, nf):
        if s[DEVICE + f * FLOW + SHARE, i] > s[DEVICE + largest * FLOW + SHARE, i]:
            largest = f
    return largest


@_rare
def codel(s: Any, lost: Any, any_lost: Any, slot: int, W: int, nf: int, n: int, tcp: bool) -> None:
    """CoDel's control law on the backlog (RFC 8289, section 5): one packet dropped or marked at each due time."""
    for i in range(W):
        t = n * s[DT, i]
        if s[ABOVE, i] == 0.0 or t < s[ABOVE, i] or t < s[CODEL_NEXT, i]:
            continue
        recent = s[CODEL_N, i] > 2.0 and t - s[CODEL_NEXT, i] < 8.0 * s[PATIENCE, i]
        entering = s[CODEL_NEXT, i] < s[ABOVE, i]
        count = s[CODEL_N, i] + 1.0
        if entering:
            count = s[CODEL_N, i] - 2.0 if recent else 1.0
        s[CODEL_N, i] = count
        s[CODEL_NEXT, i] = t + s[PATIENCE, i] / math.sqrt(count)
        largest = _largest(s, nf, i)
        o = DEVICE + largest * FLOW
        if s[ECN, i] > 0.0:
            lost[slot, largest, i] += MARK
            any_lost[slot] = True
        else:
            gone = min(1.0, s[B, i])
            gone = min(gone, s[o + SHARE, i]) if nf > 1 else gone
            _drop_heads(s, i, gone, s[B, i])
            s[o + SHARE, i] -= gone if nf > 1 else 0.0
            s[DROPPED_Q, i] += gone
            if tcp:
                shows(s, i, o, gone, s[Q, i] + s[P, i] + s[F, i] + s[G, i], 0.0, t)


# ---- behind the reader


@_rare
def random_loss(s: Any, rng: Any, W: int) -> None:
    """Losses of the path: runs of them, exponential numbers of packets apart."""
    for i in range(W):
        if s[P_GAP, i] >= 0.0:
            continue
        gap, run, left, lost, after = s[P_GAP, i] + s[TOOK, i], s[P_RUN, i], s[TOOK, i], 0.0, 0.0
        x = rng[i]
        while left > 0.0:
            if run > 0.0:
                part = min(run, left)
                lost, run, after = lost + part, run - part, 0.0
                if run <= 0.0:
                    gap = exponential(x, s[LOSS_GAP, i])
                    x = xorshift(x)
            else:
                part = min(gap, left)
                gap, after = gap - part, after + part
                if gap <= 0.0:
                    run = 1.0 + math.floor(exponential(x, s[LOSS_RUN, i]))
                    x = xorshift(x)
            left -= part
        rng[i] = x
        s[P_RUN, i] = run
        s[P_GAP, i] = 0.0 if run > 0.0 else gap
        s[GONE, i] = lost
        s[P_LAST, i] = min(lost, 1.0) if after < 0.5 else 0.0


@_hot
def pass_path(s: Any, rng: Any, W: int) -> bool:
    """What the reader took passes the path: some of it is lost, what its queue does not hold is dropped."""
    hit = False
    for i in range(W):
        s[GONE, i] = 0.0
        s[P_LAST, i] = 0.0
        gap = s[P_GAP, i] - s[TOOK, i]
        s[P_GAP, i] = gap
        hit |= gap < 0.0
    if hit:
        random_loss(s, rng, W)
    any_gone = False
    for i in range(W):
        gone, inside = s[GONE, i], s[P, i]
        entering = s[TOOK, i] - gone
        # while the reader hands over, the path takes its share: the queue is longest when the reader pauses
        over = np.floor(max(inside + entering * (1.0 - s[P_RHO, i]) - s[P_ROOM, i] + 0.5, 0.0))
        over = min(over, entering)
        inside += entering - over
        left = min(inside, s[PATH, i])
        s[P, i] = inside - left
        s[LEFT, i] = left
        gone += over
        s[GONE, i] = gone
        s[P_LAST, i] = min(over, 1.0) if over > 0.0 else s[P_LAST, i]
        s[DROPPED_P, i] += gone
        s[P_SUM, i] += inside - left
        any_gone |= gone > 0.0
    return any_gone


@_hot
def pass_far_reader(s: Any, W: int, mixed: bool) -> None:
    """The far reader takes data from the network; time it has left is for ACKs (`release`)."""
    for i in range(W):
        most, acks, policy = s[FAR, i], s[FAR_ACKS, i], s[POLICY, i]
        if mixed:
            size, entry = _acknowledged(s, i), 1.0 / s[ENTRY, i]
            turns = entry / (entry / most + size / acks)
            shared = max(turns, most * (1.0 - s[G, i] / acks))
            most = min(most, shared) if policy == FAIR else most
        inside = s[F, i] + s[LEFT, i]
        left = min(inside, most)
        busy = left / s[FAR, i]
        rest = acks * (1.0 - busy)
        if mixed:
            rest = max(rest, size * s[ENTRY, i] * turns) if policy == FAIR else rest
            rest = acks if policy == SEPARATE else rest
        s[F, i] = inside - left
        s[F_LEFT, i] = left
        s[ROOM, i] = rest
        s[P_SUM, i] += inside - left


@_hot
def hold_acks(s: Any, line: Any, slot: int, i: int, took: float, spare: float, t: float) -> None:
    """ACKs of a single flow are held until its queue is empty, by the bunch while it is not, or until a timer ends."""
    held = s[DEVICE + HELD, i] + took
    first = s[DEVICE + FIRST, i]
    first = min(first, t) if held > TINY else FOREVER
    whole = ((spare > 0.0) | (t - first >= s[HOLD, i])) & (held >= 2.0 - TINY)
    whole = whole | (t - first >= s[DELACK, i])
    bunches = s[BUNCH, i] * np.floor(held * s[BUNCHES, i] + TINY)
    acked = held if whole else bunches
    line[slot, 0, i] = acked
    s[DEVICE + HELD, i] = held - acked
    s[DEVICE + FIRST, i] = FOREVER if acked > 0.0 else first
    s[H_SUM, i] += held - acked


@_hot
def release(s: Any, line: Any, slot: int, W: int, nf: int) -> None:
    """ACKs that the receiver has made leave the far reader, as many as it has time for."""
    _gather(s, line, slot, W, nf, G, G_SHARE)
    for i in range(W):
        waiting = s[G, i]
        left = min(waiting, s[ROOM, i])
        s[PART, i] = left / max(waiting, TINY * TINY)
        s[RELEASED, i] = left
        s[G, i] = waiting - left
        s[H_SUM, i] += waiting - left
    _let_pass(s, line, slot, W, nf, G_SHARE)


# ---- where losses show


@_hot
def _lost_at(s: Any, i: int, o: int, first: bool, t: float) -> None:
    """When what is lost and not told yet was sent: from `LOST_AT` to `LOST_TO`."""
    s[o + LOST_AT, i] = t if first else min(s[o + LOST_AT, i], t)
    s[o + LOST_TO, i] = t if first else max(s[o + LOST_TO, i], t)


@_hot
def shows(s: Any, i: int, o: int, lost: float, ahead: float, span: float, t: float) -> None:
    """A loss that something follows: it shows when the follower has passed what is `ahead` of it.

    Losses spread over what is behind show as that leaves: `span` is what the follower of the last one has before it,
    counted from the first.
    """
    fresh = s[o + SHOWN, i] <= 0.0
    s[o + AHEAD, i] = ahead if fresh else s[o + AHEAD, i]
    s[o + TAIL, i] = max(ahead + span, 0.0 if fresh else s[o + TAIL, i])
    s[o + SHOWN, i] += lost
    _lost_at(s, i, o, fresh and s[o + PENDING, i] <= 0.0, t)


@_rare
def hand_out(s: Any, W: int, nf: int, amounts: int, weights: int) -> None:
    """Whose packets were lost: whole ones, handed out in turn to flows by the row `weights`, into their `F_LOST`.

    A packet belongs to one flow, and only that one reduces its window. What is less than a packet waits for more.
    """
    for i in range(W):
        amount = s[amounts, i]
        if nf == 1 or amount <= 0.0:
            s[DEVICE + F_LOST, i] = amount
            for f in range(1, nf):
                s[DEVICE + f * FLOW + F_LOST, i] = 0.0
            continue
        total = 0.0
        for f in range(nf):
            total += s[DEVICE + f * FLOW + weights, i]
        amount += s[UNTOLD, i]
        whole = math.floor(amount + TINY) if total > 0.0 else 0.0
        s[UNTOLD, i] = amount - whole
        turn = s[TURN, i] + GOLDEN
        turn -= math.floor(turn)
        s[TURN, i] = turn
        share, told = 0.0, 0.0
        for f in range(nf):
            o = DEVICE + f * FLOW
            share += s[o + weights, i]
            upto = min(math.floor(whole * (share / max(total, TINY)) + turn), whole) if f < nf - 1 else whole
            s[o + F_LOST, i] = upto - told
            told = upto


@_rare
def follow(s: Any, slow: Any, W: int, nf: int, n: int, control: int) -> None:
    """What this step's arrivals leave pending: a loss shows when a packet sent after it leaves the last stage.

    Packets of a burst that are accepted after a drop follow it themselves; only a drop at the very end of the burst
    waits for the next one.
    """
    hand_out(s, W, nf, DROP, F_WANT)
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            if s[DROP, i] <= 0.0 and s[o + PENDING, i] <= 0.0:
                continue
            part = 1.0
            if nf > 1:
                part = s[o + F_WANT, i] / s[WANT, i] if s[WANT, i] > 0.0 else 0.0
            dropped = s[o + F_LOST, i]
            if s[SEES, i] > 0.0:
                # without a qdisc a local TCP sees the drop at once and keeps the segment (``tcp_enter_cwr``)
                s[o + FLIGHT, i] -= dropped
                if dropped > 0.0:
                    reduce(s, slow, i, o, n * s[DT, i], control)
                continue
            accepted = max(s[ARRIVED, i] * part - dropped, 0.0)
            last = s[LAST_DROP, i] * (dropped / s[DROP, i]) if dropped > 0.0 and s[DROP, i] > 0.0 else 0.0
            queue = s[Q, i] + s[B, i] + s[P, i] + s[F, i] + s[G, i]
            t = n * s[DT, i]
            if accepted > 0.0 and s[o + PENDING, i] > 0.0:
                shows(s, i, o, s[o + PENDING, i], queue, 0.0, s[o + LOST_TO, i])
                s[o + PENDING, i] = 0.0
            if accepted > 0.0 and dropped > last:
                first = max(accepted - dropped, 0.0)
                shows(s, i, o, dropped - last, queue + first, accepted - first, t)
            if dropped > 0.0:
                _lost_at(s, i, o, s[o + PENDING, i] + s[o + SHOWN, i] <= 0.0, t)
            s[o + PENDING, i] += last if accepted > 0.0 else dropped


@_rare
def tail_drop(s: Any, W: int, nf: int, n: int) -> None:
    """What the qdisc dropped waits for the next packet."""
    hand_out(s, W, nf, OVER, F_WANT)
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            if s[o + F_LOST, i] > 0.0:
                _lost_at(s, i, o, s[o + PENDING, i] + s[o + SHOWN, i] <= 0.0, n * s[DT, i])
                s[o + PENDING, i] += s[o + F_LOST, i]


@_rare
def path_drop(s: Any, W: int, nf: int, n: int) -> None:
    """What the path lost or dropped shows when the next packet has passed it, if there is one."""
    hand_out(s, W, nf, GONE, F_TOOK)
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            gone, lost = s[GONE, i], s[o + F_LOST, i]
            if lost <= 0.0:
                continue
            part = lost / gone
            before = s[Q, i] + s[B, i]
            last = s[P_LAST, i] if before <= TINY else 0.0
            sent_at = n * s[DT, i] - (before + s[TOOK, i]) * s[SERVICE, i]
            if gone > last:
                entered = s[TOOK, i] - gone
                ahead = max(s[P, i] + s[LEFT, i] + s[F, i] + s[G, i] - 0.5 * entered, 0.0)
                shows(s, i, o, (gone - last) * part, ahead, 0.5 * entered, sent_at)
            _lost_at(s, i, o, s[o + PENDING, i] + s[o + SHOWN, i] <= 0.0, sent_at)
            s[o + PENDING, i] += last * part


@_hot
def passes(s: Any, W: int, nf: int, end: int) -> bool:
    """What is ahead of losses leaves; whether a packet that shows one has passed it too.

    `end` is the row of what left the last place that losses wait for.
    """
    any_passed = False
    for f in range(nf):
        o = DEVICE + f * FLOW
        for i in range(W):
            waits = s[o + SHOWN, i] > 0.0
            took, ahead = s[end, i], s[o + AHEAD, i]
            span = max(s[o + TAIL, i] - ahead, 0.0)
            # of what is ahead, some may get lost on the path
            behind = s[P, i] + s[F, i] + s[G, i] + took
            passed = took - (ahead - min(s[GONE, i], max(ahead - behind, 0.0)))
            left = max(-passed, 0.0)
            s[o + AHEAD, i] = left if waits else ahead
            s[o + TAIL, i] = left + span if waits else s[o + TAIL, i]
            s[o + SPAN, i] = span
            s[o + PASSED, i] = passed if waits else 0.0
            any_passed |= waits & (passed > TINY)
    return any_passed


@_rare
def show(s: Any, line: Any, lost: Any, any_lost: Any, slot: int, W: int, nf: int, end: int) -> None:
    """The packet that shows a gap is acknowledged at once, with all ACKs held before it."""
    for f in range(nf):
        for i in range(W):
            o = DEVICE + f * FLOW
            took, span, passed = s[end, i], s[o + SPAN, i], s[o + PASSED, i]
            if passed <= TINY:
                continue
            if line[slot, f, i] <= 0.0:
                held = s[o + HELD, i]
                gap = max(held - max(passed - 1.0, 0.0) * (held / max(took, held)), min(1.0, held))
                line[slot, f, i] = gap
                s[o + HELD, i] = held - gap
                s[o + FIRST, i] = FOREVER
                s[H_SUM, i] -= gap
            if line[slot, f, i] > 0.0:
                part = 1.0 if span <= passed + TINY else passed / span
                shown = s[o + SHOWN, i] * part
                # negative: all of it was sent before the last reduction, which answered for it, or sent again since
                gone = shown + abs(lost[slot, f, i])
                old = s[o + LOST_AT, i] < s[o + RESENT, i] and lost[slot, f, i] <= 0.0
                lost[slot, f, i] = -gone if old else gone
                any_lost[slot] = True
                s[o + SHOWN, i] = 0.0 if part == 1.0 else s[o + SHOWN, i] - shown
                s[o + TAIL, i] = span * (1.0 - part)
                s[o + LOST_AT, i] += part * (s[o + LOST_TO, i] - s[o + LOST_AT, i])
