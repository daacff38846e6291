"""The exact packet-level twin: one scenario, packet by packet, with the kernel's integer semantics.

A run is a handful of clocks: the next push of the stack, the next transfer from qdisc to ring, the reader's
next completion, the next ACK, and the earliest timer. All flows share one FIFO path and one base RTT, so
ring, reader and path are circular buffers and no event heap is needed: the loop takes the earliest clock.
In the order packets travel:

 1. the sender fills floor(cwnd), bounded by the receive window; the stack pushes an entry per 1/burst_rate;
 2. qdisc (packets wait there only while the device queue is stopped) and ring: stop, drop, wake;
 3. the reader serves an entry, which leaves the ring when it is done (vhost-net takes up to 64 then);
 4. the receiver answers: every second packet, or when a timer or a gap says so, held for the ACK interval
    while the reader is busy;
 5. one RTT after the reader the ACK is back: losses, window, what may be sent now;
 6. timers: held ACKs, tail-loss probe, retransmission timeout, pacing, frames, samples.

Packets are segments of `mss`; a ring entry carries up to `gso_segments` of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tunbp.model import congestion as cc
from tunbp.model.compiled import njit
from tunbp.model.engines.packets.state import (
    FLOW_BITS,
    FLOW_MASK,
    GUEST_QUEUE,
    LISTED,
    MARKED,
    MAX_BACKOFF,
    NEVER,
    SIZE_BITS,
    SIZE_MASK,
)
from tunbp.model.engines.random import exponential, stream, xorshift
from tunbp.model.engines.sources import FRAMES, OPEN, TCP
from tunbp.model.qdiscs import CODEL_INTERVAL, CODEL_TARGET

# Nothing is allocated in compiled code. Reference counts of the arrays (atomic, at every call) would take ten
# times longer than the simulation itself, so they are switched off, and the path of a packet is inlined.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _rare(function: _Function) -> _Function:
    return cast(_Function, njit(**_OPTIONS)(function))


def _hot(function: _Function) -> _Function:
    return cast(_Function, njit(forceinline=True, **_OPTIONS)(function))


# ---- 1. the sender


@_hot
def _wake_by(m: Any, b: Any, f: int, at: float) -> None:
    """Look after flow `f` at the given time or before."""
    i = m.leaves + 1 + f
    while i > 0 and b.alarms[i] > at:
        b.alarms[i] = at
        i >>= 1


@_hot
def _entry_size(m: Any, flow: Any) -> int:
    """Segments of the next ring entry, 0 if the window holds the flow back.

    An entry is at most half of the window (net/ipv4/tcp_output.c, ``tcp_cwnd_test``: "at least 2 GSO packets
    in flight"), and waits until it is full while ACKs are to come (``tcp_tso_should_defer``).
    """
    window = int(min(flow.cwnd, m.window))
    room = window - flow.flight
    full = min(m.gso, max(window // 2, 1))
    size = min(room, full)
    if size < full and flow.flight > 0:
        size = 0
    if flow.probe == 1:
        size = max(size, 1)
    return int(max(size, 0))


@_hot
def _fill(m: Any, flow: Any, f: int, b: Any, t: float) -> None:
    """Queue the flow at the stack if it may send; flows that may push take turns."""
    if flow.ready == 1 or _entry_size(m, flow) == 0:
        return
    if flow.pace_at > t and m.streams > 1:
        _wake_by(m, b, f, flow.pace_at)
        return
    flow.ready = 1
    b.lists[0, m.ready_tail & LISTED] = f
    m.ready_tail += 1
    if m.push_at == NEVER:
        m.push_at = max(max(t, m.pushed_at + m.gap), flow.pace_at)


@_hot
def _push(m: Any, flows: Any, b: Any, t: float) -> None:
    """The stack pushes one entry of the flow whose turn it is."""
    f = b.lists[0, m.ready_head & LISTED]
    m.ready_head += 1
    flow = flows[f]
    flow.ready = 0
    size = _entry_size(m, flow)
    if size > 0:
        x = flow.next
        flow.next = x + size
        flow.probe = 0
        again = min(flow.resend, size)
        flow.resend -= again
        m.retransmits += again
        flow.flight += size
        flow.active_at = t
        if flow.flight == size:
            _wake_by(m, b, f, _alarm(m, flow))
        if flow.timed < 0:
            flow.timed = x
            flow.timed_at = t
        if m.control == cc.BBR:
            flow.pace_at = max(flow.pace_at, t) + size / flow.pace
        tag = (((x << SIZE_BITS) | size) << FLOW_BITS) | f
        m.pushed_at = t
        _hand_over(m, flows, b, tag, size, t)
    m.push_at = NEVER
    _fill(m, flow, f, b, t)
    if m.push_at == NEVER and m.ready_head < m.ready_tail:
        m.push_at = max(t, m.pushed_at + m.gap)


@_hot
def _push_open(m: Any, flows: Any, b: Any, t: float) -> None:
    """An open-loop source pushes one entry; under backpressure a full qdisc blocks it instead of dropping."""
    if m.source == OPEN and m.stopped == 1 and m.backlog >= m.limit:
        m.blocked = 1
        m.push_at = NEVER
        return
    f = m.turn % m.streams
    m.turn += 1
    size = 1
    if m.source == FRAMES:
        size = min(m.gso, int(m.pending_frame))
        m.pending_frame -= size
    tag = (size << FLOW_BITS) | f
    m.pushed_at = t
    _hand_over(m, flows, b, tag, size, t)
    m.push_at = t + m.gap
    if m.source == FRAMES and m.pending_frame < 1.0:
        m.push_at = NEVER


# ---- 2. ring and qdisc


@_hot
def _insert(m: Any, b: Any, tag: int, size: int, t: float) -> None:
    """Put an entry into the ring; under backpressure a ring that is full now stops the queue."""
    b.tags[m.inserted & m.mask] = tag
    m.inserted += 1
    m.count += 1
    m.in_ring += size
    m.ring_seconds -= size * t
    if m.count > m.most_in_ring:
        m.most_in_ring = m.count
    if m.backpressure == 1 and m.count + m.lazy >= m.ring:
        m.stopped = 1
        m.consumed = 0
        m.transfer_at = NEVER
    if m.done_at == NEVER:
        _serve(m, b, t)


@_rare
def _fattest(m: Any, flows: Any) -> int:
    largest = 0
    for f in range(1, m.streams):
        if flows[f].length > flows[largest].length:
            largest = f
    return largest


@_hot
def _pop(m: Any, flow: Any, b: Any, t: float) -> int:
    """Take the head of one queue out of the qdisc; returns its place, whose content stays for now."""
    node = flow.head
    flow.head = b.node_next[node]
    flow.length -= 1
    b.node_next[node] = m.free_node
    m.free_node = node
    size = (b.node_tag[node] >> FLOW_BITS) & SIZE_MASK
    m.backlog -= 1
    m.in_qdisc -= size
    m.qdisc_seconds += size * t
    return int(node)


@_hot
def _enqueue(m: Any, flows: Any, b: Any, tag: int, size: int, t: float) -> None:
    """Queue an entry; a full qdisc drops it, a full fq_codel the head of its longest queue instead."""
    f = (tag & FLOW_MASK) if m.fair == 1 else 0
    if m.backlog >= m.limit:
        if m.head_drop == 0 or m.limit == 0:
            m.dropped_qdisc += size
            return
        node = _pop(m, flows[_fattest(m, flows)], b, t)
        gone = (b.node_tag[node] >> FLOW_BITS) & SIZE_MASK
        m.qdisc_seconds -= gone * (t - b.node_time[node])
        m.dropped_qdisc += gone
    flow = flows[f]
    node = m.free_node
    m.free_node = b.node_next[node]
    b.node_tag[node] = tag
    b.node_time[node] = t
    if flow.length == 0:
        flow.head = node
    else:
        b.node_next[flow.tail] = node
    flow.tail = node
    flow.length += 1
    m.backlog += 1
    m.in_qdisc += size
    m.qdisc_seconds -= size * t


@_hot
def _too_late(m: Any, flow: Any, entered: float, t: float) -> bool:
    """CoDel: whether the sojourn time has been above its target for an interval (RFC 8289, section 5.4)."""
    if t - entered < CODEL_TARGET or flow.length == 0:
        flow.above_at = 0.0
        return False
    if flow.above_at == 0.0:
        flow.above_at = t + CODEL_INTERVAL
        return False
    return bool(t >= flow.above_at)


@_rare
def _discard(m: Any, flow: Any, b: Any, node: int, t: float) -> int:
    """CoDel drops an entry; returns the one behind it or -1."""
    size = (b.node_tag[node] >> FLOW_BITS) & SIZE_MASK
    m.dropped_qdisc += size
    m.qdisc_seconds -= size * (t - b.node_time[node])
    if flow.length == 0:
        flow.above_at = 0.0
        return -1
    return int(_pop(m, flow, b, t))


@_hot
def _codel(m: Any, flow: Any, b: Any, t: float) -> int:
    """Take the next entry of one queue under CoDel's law (RFC 8289, section 5.5); -1 if none is left."""
    if flow.length == 0:
        flow.above_at = 0.0
        flow.dropping = 0
        return -1
    node = _pop(m, flow, b, t)
    if m.codel == 0:
        return int(node)
    late = _too_late(m, flow, b.node_time[node], t)
    if flow.dropping == 0 and late:
        recent = flow.drops - flow.last_drops
        flow.drops = recent if recent > 1 and t - flow.drop_next < 16.0 * CODEL_INTERVAL else 1
        flow.last_drops = flow.drops
        flow.drop_next = t + CODEL_INTERVAL / math.sqrt(flow.drops)
        flow.dropping = 1
        if m.ecn == 1:
            b.node_tag[node] |= MARKED
        else:
            node = _discard(m, flow, b, node, t)
        return int(node)
    while flow.dropping == 1 and late and t >= flow.drop_next:
        flow.drops += 1
        flow.drop_next += CODEL_INTERVAL / math.sqrt(flow.drops)
        if m.ecn == 1:
            b.node_tag[node] |= MARKED
            break
        node = _discard(m, flow, b, node, t)
        late = node >= 0 and _too_late(m, flow, b.node_time[node], t)
    flow.dropping = 1 if flow.dropping == 1 and late else 0
    return int(node)


@_hot
def _dequeue(m: Any, flows: Any, b: Any, t: float) -> int:
    """The next entry of the qdisc or -1; fq_codel serves new queues before old ones (RFC 8290)."""
    if m.fair == 0:
        return _codel(m, flows[0], b, t)
    while True:
        new = m.new_head < m.new_tail
        if not new and m.old_head == m.old_tail:
            return -1
        f = b.lists[1, m.new_head & LISTED] if new else b.lists[2, m.old_head & LISTED]
        flow = flows[f]
        node = -1
        if flow.deficit > 0:
            node = _codel(m, flow, b, t)
            if node >= 0:
                flow.deficit -= (b.node_tag[node] >> FLOW_BITS) & SIZE_MASK
                return int(node)
        else:
            flow.deficit += m.quantum
        # to the end of the old queues; an empty old queue (or an empty new one, if no old one waits) leaves
        keep = flow.length > 0 or (new and m.old_head < m.old_tail)
        if new:
            m.new_head += 1
        else:
            m.old_head += 1
        flow.listed = 1 if keep else 0
        if keep:
            b.lists[2, m.old_tail & LISTED] = f
            m.old_tail += 1


@_hot
def _transfer(m: Any, flows: Any, b: Any, t: float) -> None:
    """The woken queue moves an entry from the qdisc into the ring, and goes on until one is exhausted."""
    m.stopped = 0
    m.waking = 0
    m.transfer_at = NEVER
    if m.backlog > 0:
        node = _dequeue(m, flows, b, t)
        if node >= 0:
            tag = b.node_tag[node]
            _insert(m, b, tag, (tag >> FLOW_BITS) & SIZE_MASK, t)
    if m.backlog > 0 and m.stopped == 0:
        m.transfer_at = t + m.transfer_gap
    if m.blocked == 1 and (m.stopped == 0 or m.backlog < m.limit):
        m.blocked = 0
        m.push_at = max(t, m.pushed_at + m.gap)


@_hot
def _hand_over(m: Any, flows: Any, b: Any, tag: int, size: int, t: float) -> None:
    """The stack hands an entry over: to the ring, to the qdisc while the queue is stopped, or it is lost."""
    m.sent += size
    if m.stopped == 1 or m.backlog > 0:
        _enqueue(m, flows, b, tag, size, t)
        f = tag & FLOW_MASK
        if m.fair == 1 and flows[f].listed == 0 and flows[f].length > 0:
            flows[f].listed = 1
            flows[f].deficit = m.quantum
            b.lists[1, m.new_tail & LISTED] = f
            m.new_tail += 1
    elif m.count + m.lazy < m.ring:
        _insert(m, b, tag, size, t)
    else:
        m.dropped_ring += size


# ---- 3. the reader


@_rare
def _next_stall(m: Any) -> None:
    """Draw the next pause of the reader: how long, and when the one after it begins."""
    x = m.random
    m.stall_end = m.stall_at + exponential(x, m.stall_mean)
    m.random = xorshift(x)


@_rare
def _after_stall(m: Any) -> None:
    x = m.random
    m.stall_at = m.stall_end + exponential(x, m.stall_gap)
    m.random = xorshift(x)
    _next_stall(m)


@_rare
def _paused(m: Any, start: float, length: float) -> float:
    """When a service that meets a pause of the reader ends."""
    while m.stall_end <= start:
        _after_stall(m)
    if m.stall_at <= start:
        start = m.stall_end
        _after_stall(m)
    done = start + length
    while m.stall_at < done:
        done += m.stall_end - m.stall_at
        _after_stall(m)
    return float(done)


@_hot
def _serve(m: Any, b: Any, t: float) -> None:
    """Begin the next service if there is an entry; a pause of the reader stretches it."""
    if m.count + m.fetched == 0:
        m.done_at = NEVER
        return
    start = max(t, m.free_at)
    if m.guest_service > 0.0:
        start = max(start, b.times[(m.taken - GUEST_QUEUE) & m.mask])
    length = m.service
    if m.alternation != 0.0:
        flow = b.tags[m.taken & m.mask] & FLOW_MASK
        if flow != m.last_flow and (m.stopped == 1 or m.backlog > 0):
            length = max(length + m.alternation, 0.0)
        m.last_flow = flow
    done = start + length
    m.done_at = done if m.stall_at > done else _paused(m, start, length)


@_hot
def _consume(m: Any, entries: int, t: float) -> None:
    """Take `entries` from the ring: its slots are freed in batches, and perhaps the queue is woken."""
    freed = False
    for _ in range(entries):
        m.lazy += 1
        m.slot += 1
        if m.lazy >= m.batch or m.slot >= m.ring:
            m.lazy = 0
            freed = True
        if m.slot >= m.ring:
            m.slot = 0
    m.count -= entries
    if m.stopped == 1 and m.waking == 0:
        m.consumed += entries
        empty = m.wake_on_empty == 1 and m.count == 0
        if empty or m.consumed >= m.wake_after or (freed and m.wake_on_freed == 1):
            # the reader pays for the wake, then the producer needs its latency to run
            m.wakes += 1
            m.waking = 1
            m.free_at = t + m.wake_cost
            m.transfer_at = m.free_at + m.wake_latency


@_hot
def _complete(m: Any, flows: Any, b: Any, t: float) -> None:
    """The reader has finished an entry: it leaves the ring (or vhost's batch) for the guest and the path."""
    tag = b.tags[m.taken & m.mask]
    size = (tag >> FLOW_BITS) & SIZE_MASK
    leaves = t
    if m.guest_service > 0.0:
        leaves = max(t, m.guest_free_at) + m.guest_service
        m.guest_free_at = leaves
    b.times[m.taken & m.mask] = leaves
    m.taken += 1
    m.out += size
    m.in_ring -= size
    m.ring_seconds += size * leaves
    if m.fetched > 0:
        m.fetched -= 1
    else:
        entries = min(m.count, m.fetch)
        m.fetched = entries - 1
        _consume(m, entries, t)
    _serve(m, b, t)
    if m.source == TCP:
        _receive(m, flows, b, tag, size, leaves)


# ---- 4. the receiver


@_hot
def _acknowledge(m: Any, flow: Any, f: int, b: Any, t: float) -> None:
    """The held ACKs set out together."""
    ack = b.acks[m.acks_sent & m.ack_mask]
    ack.at = t + m.rtt
    if m.acks_seen == m.acks_sent:
        m.ack_at = ack.at
    m.acks_sent += 1
    ack.flow = f
    ack.acked = flow.held
    ack.first = flow.held_from
    ack.expected = flow.expected
    ack.lost = flow.lost
    ack.lost_before = flow.lost_before
    ack.marked = flow.marked
    m.held_seconds += flow.held * t
    m.held -= flow.held
    m.answering -= flow.held >= 2
    flow.held = 0
    flow.lost = 0
    flow.due_at = NEVER
    flow.back_at = ack.at


@_hot
def _receive(m: Any, flows: Any, b: Any, tag: int, size: int, t: float) -> None:
    """An entry arrives. A gap before it is loss, and acknowledged at once.

    Else every second packet makes an ACK, held until the reader has emptied its queue or for the ACK
    interval, and a single packet waits for the delayed-ACK timer. (The receiver is next to the reader and
    the whole RTT on the way back: where on its way a packet spends the base RTT changes nothing.)
    """
    f = tag & FLOW_MASK
    x = (tag & ~MARKED) >> (FLOW_BITS + SIZE_BITS)
    flow = flows[f]
    gap = x - flow.expected
    if gap > 0:
        flow.lost += gap
        flow.lost_before = x
    if tag & MARKED:
        flow.marked = x + 1
    if flow.timed >= x and flow.timed < x + size:
        flow.sample = t - flow.timed_at + m.rtt
    if flow.held == 0:
        flow.held_from = x
        flow.first_at = t
    flow.expected = x + size
    m.answering += flow.held < 2 and flow.held + size >= 2
    flow.held += size
    m.held += size
    m.held_seconds -= size * t
    idle = m.count + m.fetched + m.backlog == 0
    if gap > 0 or (flow.held >= 2 and (idle or t >= flow.first_at + m.hold)):
        _acknowledge(m, flow, f, b, t)
    else:
        wait = min(m.hold, m.delayed_ack) if flow.held >= 2 else m.delayed_ack
        flow.due_at = flow.first_at + wait
        _wake_by(m, b, f, flow.due_at)
    if idle and m.answering > 0:
        for g in range(m.streams):
            if flows[g].held >= 2:
                _acknowledge(m, flows[g], g, b, t)


# ---- 5. the sender sees ACKs


@_rare
def _reduce(m: Any, flow: Any) -> None:
    """One window reduction for everything sent before the loss or mark was seen."""
    m.losses += 1
    flow.recover = flow.next
    if m.control == cc.CUBIC:
        flow.cwnd, flow.wmax, flow.k = cc.cubic_loss(flow.cwnd, flow.wmax)
        flow.west = flow.cwnd
        flow.ssthresh = flow.cwnd
        flow.epoch = -1.0
    elif m.control == cc.RENO:
        flow.cwnd = cc.reno_loss(flow.cwnd)
        flow.ssthresh = flow.cwnd


@_hot
def _grow(m: Any, flow: Any, acked: int, t: float) -> None:
    """The window grows with `acked` segments, unless the receive window is what limits the flow."""
    if m.control == cc.BBR or flow.cwnd >= m.window:
        return
    if flow.cwnd < flow.ssthresh:
        flow.cwnd += acked
    elif m.control == cc.RENO:
        flow.cwnd = cc.reno_growth(flow.cwnd, acked)
    else:
        if flow.epoch < 0.0:
            # the cubic starts when recovery ends, one RTT ahead (net/ipv4/tcp_cubic.c, bictcp_update)
            flow.epoch = t - m.rtt
        flow.cwnd, flow.west = cc.cubic_growth(flow.cwnd, flow.west, acked, t - flow.epoch, flow.k, flow.wmax)


@_hot
def _end_round(m: Any, flow: Any, b: Any, f: int, t: float) -> None:
    """The packet timed in this round trip is acknowledged: RTT, and BBR's view of the round."""
    if flow.sample > 0.0:
        flow.srtt = flow.sample
    if m.control == cc.BBR and flow.round_out > 0 and t > flow.round_at:
        rate = flow.round_out / (t - flow.round_at)
        flow.cwnd, flow.pace = cc.bbr_round(b.bbr, f * cc.BBR_STATE, 1, rate, flow.srtt, flow.flight, t)
        flow.round_out = 0
        flow.round_at = t
    flow.timed = -1
    flow.sample = 0.0


@_rare
def _undo(m: Any, flow: Any) -> None:
    """What was sent before the timeout arrived: it was spurious (RFC 3522), the window is restored."""
    flow.cwnd, flow.ssthresh, flow.wmax = flow.old_cwnd, flow.old_ssthresh, flow.old_wmax
    flow.k, flow.west = flow.old_k, flow.old_west
    m.losses -= flow.reduced


@_hot
def _acknowledged(m: Any, flows: Any, b: Any, t: float) -> None:
    """ACKs are back: losses leave the flight to be sent again, the window changes, the stack may push."""
    ack = b.acks[m.acks_seen & m.ack_mask]
    m.acks_seen += 1
    m.ack_at = b.acks[m.acks_seen & m.ack_mask].at if m.acks_seen < m.acks_sent else NEVER
    f = ack.flow
    flow = flows[f]
    if ack.first < flow.timeout_at:
        _undo(m, flow)
    flow.timeout_at = -1
    flow.flight -= ack.acked + ack.lost
    flow.resend += ack.lost
    flow.active_at = t
    flow.backoff = 1.0
    flow.round_out += ack.acked
    if ack.lost > 0 and flow.probing == 1:
        m.timeouts += 1
    flow.probing = 0
    if (ack.lost > 0 and ack.lost_before > flow.recover) or ack.marked > flow.recover:
        _reduce(m, flow)
    elif ack.expected > flow.recover:
        _grow(m, flow, ack.acked, t)
    if flow.timed >= 0 and ack.expected > flow.timed:
        _end_round(m, flow, b, f, t)
    _fill(m, flow, f, b, t)


# ---- 6. timers


@_rare
def _timeout(m: Any, flow: Any, t: float) -> None:
    """Nothing came back for too long: probe once, then time out (window 1, slow start, doubled timer)."""
    flow.active_at = t
    flow.probe = 1
    if flow.probing == 0:
        flow.probing = 1
        return
    if flow.timeout_at < 0:
        flow.old_cwnd, flow.old_ssthresh, flow.old_wmax = flow.cwnd, flow.ssthresh, flow.wmax
        flow.old_k, flow.old_west = flow.k, flow.west
        flow.reduced = 1 if flow.next > flow.recover else 0
        if flow.reduced == 1:
            _reduce(m, flow)
        # RFC 9438, section 4.8: the first congestion avoidance after a timeout starts on the plateau
        flow.wmax, flow.k = flow.ssthresh, 0.0
        flow.epoch = -1.0
    flow.recover = flow.next
    flow.timeout_at = flow.next
    flow.cwnd = 1.0
    flow.backoff = min(2.0 * flow.backoff, MAX_BACKOFF)


@_hot
def _alarm(m: Any, flow: Any) -> float:
    """When the flow probes or times out if nothing comes back.

    The smoothed RTT has learnt of delayed ACKs, so a probe never overtakes one. (Linux can also stay in a state
    in which probes come first and keep the smoothed RTT short: it needs SACK's and RACK's details, and only
    windows of two packets are so small.)
    """
    if flow.flight == 0:
        return NEVER
    wait = 2.0 * flow.srtt + cc.TLP_SLACK
    if flow.probing == 1:
        wait = (flow.srtt + cc.RTO_MIN) * flow.backoff
    at = max(flow.active_at + wait, flow.back_at)
    if flow.held > 0:
        at = max(at, flow.due_at + m.rtt)
    return float(at)


@_hot
def _look_after(m: Any, flows: Any, b: Any, f: int, t: float) -> None:
    """The timers of one flow, and when it has to be looked after again."""
    flow = flows[f]
    if flow.due_at <= t:
        _acknowledge(m, flow, f, b, max(t, m.guest_free_at))
    if _alarm(m, flow) <= t:
        _timeout(m, flow, t)
    _fill(m, flow, f, b, t)
    _wake_by(m, b, f, min(flow.due_at, _alarm(m, flow)))


@_rare
def _snapshot(m: Any, b: Any, out: Any, t: float) -> None:
    """Counters and what is where; entries are delivered half an RTT after the reader or the guest."""
    with_guest = 0
    travelling = 0
    i = m.taken - 1
    while i >= max(m.inserted - m.mask, 0):
        size = (b.tags[i & m.mask] >> FLOW_BITS) & SIZE_MASK
        left = b.times[i & m.mask]
        if left > t:
            with_guest += size
        elif left + 0.5 * m.rtt > t:
            travelling += size
        else:
            break
        i -= 1
    out[0] = m.sent
    out[1] = m.out
    out[2] = m.out - travelling - with_guest
    out[3] = m.dropped_ring
    out[4] = m.dropped_qdisc
    out[5] = m.retransmits
    out[6] = m.losses
    out[7] = m.timeouts
    out[8] = m.wakes
    out[9] = m.ring_seconds + m.in_ring * t
    out[10] = m.qdisc_seconds + m.in_qdisc * t
    out[11] = m.held_seconds + m.held * t
    out[12] = m.in_ring + m.in_qdisc + with_guest
    out[13] = travelling
    out[14] = m.most_in_ring


@_rare
def _sample(m: Any, flows: Any, out: Any, t: float) -> None:
    """One point of the time series."""
    out[0] = m.out
    out[1] = m.retransmits
    out[2] = 0.0
    for f in range(m.streams):
        out[2] += flows[f].cwnd
    out[3] = m.ring_seconds + m.in_ring * t
    out[4] = m.qdisc_seconds + m.in_qdisc * t
    out[5] = m.held_seconds + m.held * t
    out[6] = m.in_ring
    out[7] = m.in_qdisc


@_rare
def _events(m: Any, flows: Any, b: Any, totals: Any, series: Any, t: float) -> float:
    """Frames of the source, samples, totals at the end of the warm-up; returns when the next one is due."""
    if t >= m.frame_at:
        big = m.frame_number % m.iframe_every == 0
        m.pending_frame += m.iframe if big else m.frame
        m.frame_number += 1
        m.frame_at = m.frame_number * m.frame_gap
        if m.push_at == NEVER and m.pending_frame >= 1.0:
            m.push_at = max(t, m.pushed_at + m.gap)
    if t >= m.sample_at:
        if m.samples < series.shape[0]:
            _sample(m, flows, series[m.samples], t)
        m.samples += 1
        m.sample_at = (m.samples + 1) * m.interval if m.samples < series.shape[0] else NEVER
    if t >= m.warmup:
        _snapshot(m, b, totals[0], t)
        m.warmup = NEVER
    return float(min(min(m.frame_at, m.sample_at), min(m.warmup, m.duration)))


@_hot
def _timers(m: Any, flows: Any, b: Any, totals: Any, series: Any, t: float) -> None:
    """Everything that is due: events of the device, and flows that hold an ACK, wait for one, or are paced."""
    while b.alarms[1] <= t:
        i = 1
        while i < m.leaves:
            i = 2 * i if b.alarms[2 * i] == b.alarms[i] else 2 * i + 1
        b.alarms[i] = NEVER
        if i == m.leaves:
            b.alarms[i] = _events(m, flows, b, totals, series, t)
        else:
            _look_after(m, flows, b, i - m.leaves - 1, t)
        earliest = b.alarms[i]
        while i > 1:
            earliest = min(earliest, b.alarms[i ^ 1])
            i >>= 1
            b.alarms[i] = earliest


@_rare
def _begin(m: Any, flows: Any, b: Any, seed: int) -> None:
    """First pause of the reader (the same draws as in the fluid engine), initial windows, clocks."""
    m.random = stream(seed)
    m.stall_at = m.stall_end = NEVER
    if m.stall_gap > 0.0:
        m.stall_at = exponential(m.random, m.stall_gap)
        m.random = xorshift(m.random)
        _next_stall(m)
    for f in range(m.streams):
        flow = flows[f]
        flow.cwnd = cc.INITIAL_WINDOW
        flow.ssthresh = NEVER
        flow.epoch = -1.0
        flow.srtt = m.rtt
        flow.due_at = NEVER
        flow.backoff = 1.0
        flow.timed = -1
        flow.timeout_at = -1
        flow.pace = cc.BBR_HIGH_GAIN * cc.INITIAL_WINDOW / m.rtt
        b.bbr[f * cc.BBR_STATE + 3] = m.rtt
    m.last_flow = -1
    m.pushed_at = -NEVER
    m.push_at = m.transfer_at = m.done_at = m.ack_at = NEVER
    b.alarms[:] = NEVER
    b.alarms[m.leaves] = 0.0
    if m.source == TCP:
        b.alarms[m.leaves + 1 : m.leaves + 1 + m.streams] = 0.0
    for i in range(m.leaves - 1, 0, -1):
        b.alarms[i] = min(b.alarms[2 * i], b.alarms[2 * i + 1])
    if m.source == OPEN:
        m.push_at = 0.0


@_rare
def run(state: Any, flows: Any, b: Any, seed: int, totals: Any, series: Any) -> None:
    """Take the earliest clock until the run ends; at equal times packets further along the path go first."""
    m = state[0]
    _begin(m, flows, b, seed)
    while True:
        path = min(m.done_at, m.ack_at)
        stack = min(m.transfer_at, m.push_at)
        timer_at = b.alarms[1]
        t = min(min(path, stack), timer_at)
        if t >= m.duration:
            break
        if path <= t:
            if m.done_at <= t:
                _complete(m, flows, b, t)
            else:
                _acknowledged(m, flows, b, t)
        elif timer_at <= t:
            _timers(m, flows, b, totals, series, t)
        elif m.transfer_at <= t:
            _transfer(m, flows, b, t)
        elif m.source == TCP:
            _push(m, flows, b, t)
        else:
            _push_open(m, flows, b, t)
    if m.samples < series.shape[0]:
        _sample(m, flows, series[m.samples], m.duration)
    _snapshot(m, b, totals[1], m.duration)
