"""The exact packet-level twin: one scenario, packet by packet, with the kernel's integer semantics.

A run is a handful of clocks: the next push of the stack, the next transfer from qdisc to ring, the reader's
next completion, the next ACK, and the earliest timer. All flows share one FIFO path and one base RTT, so
ring, reader and path are circular buffers and no event heap is needed: the loop takes the earliest clock.
In the order packets travel:

 1. the sender fills floor(cwnd), bounded by the receive window; the stack pushes an entry per 1/burst_rate;
 2. qdisc (packets wait there only while the device queue is stopped) and ring: stop, drop, wake;
 3. the reader takes an entry, which frees its slot, and serves it (vhost-net takes up to 64 at once), or takes in an
    ACK; behind it the path queues, drops what does not fit, loses;
 4. the far reader hands packets to the receiver, which answers: every second packet, or when a timer or a gap says
    so, held for the ACK interval while the near reader is busy; the far reader sends the ACKs;
 5. one RTT after the path the ACK is back: losses, window, what may be sent now;
 6. timers: held ACKs, tail-loss probe, retransmission timeout, pacing, frames, samples.

Packets are segments of `mss`; a ring entry carries up to `gso_segments` of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from tunbp.model import congestion as cc
from tunbp.model.compiled import njit
from tunbp.model.drivers import NAPI_POLL
from tunbp.model.engines import controls
from tunbp.model.engines.codes import FAIR, FRAMES, LINK_FIRST, OPEN, PKTGEN, SEPARATE, TCP
from tunbp.model.engines.packets.state import (
    FLOW_BITS,
    FLOW_MASK,
    GUEST_QUEUE,
    IDLE,
    LISTED,
    MARKED,
    MAX_BACKOFF,
    NEVER,
    SERVES,
    SIZE_BITS,
    SIZE_MASK,
    TAKES_ACK,
    WAITS,
    Kind,
)  # fmt: skip
from tunbp.model.engines.random import exponential, stream, uniform, xorshift
from tunbp.model.gso import DEFER_TIME, WINDOW_DIVISOR, block

_block_of: Any = numba.njit(inline="always", error_model="numpy")(block)
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _rare(function: _Function) -> _Function:
    return cast(_Function, njit()(function))


def _hot(function: _Function) -> _Function:
    return cast(_Function, njit(forceinline=True)(function))  # the path of a packet is inlined


def _inlined(function: _Function) -> _Function:
    return cast(_Function, njit(inline="always")(function))  # by numba: compiled once with its caller


# ---- 1. the sender


@_hot
def _wake_by(m: Any, k: Any, b: Any, f: int, at: float) -> None:
    """Look after flow `f` at the given time or before."""
    i = (2 if k.single else m.leaves) + 1 + f
    while i > 0 and b.alarms[i] > at:
        b.alarms[i] = at
        i >>= 1


@_hot
def _paces(m: Any, flow: Any) -> float:
    """Segments per second at which TCP hands packets over: the control's own rate, or the kernel's for window and RTT.

    (net/ipv4/tcp_input.c, ``tcp_update_pacing_rate``: 200 % of the rate in slow start, 120 % later.)
    """
    if m.paced == 1:
        return float(flow.pace)
    factor = cc.PACING_SLOW_START if flow.cwnd < 0.5 * flow.ssthresh else cc.PACING
    return float(factor * max(flow.cwnd, float(flow.flight)) / flow.srtt)


@_hot
def _block(m: Any, flow: Any) -> float:
    """Segments that TCP hands over at once, where the stack cuts them (`tunbp.model.gso`)."""
    return float(_block_of(_paces(m, flow), m.block_more, m.block_most)) if m.blocks == 1 else float(m.gso)


@_hot
def _small_queue(m: Any, flow: Any, together: float) -> bool:
    """TCP small queues: whether the qdisc holds as much of this flow as it may (net/ipv4/tcp_output.c)."""
    if m.tsq == 0:
        return False
    return bool(flow.queued > m.small * max(2.0 * together, _paces(m, flow) * cc.TSQ_TIME))


@_hot
def _defers(m: Any, flow: Any, room: int, window: int, together: float, t: float) -> bool:
    """Whether TCP waits for a whole block (net/ipv4/tcp_output.c, ``tcp_tso_should_defer``).

    It does while ACKs are to come soon: the oldest packet on its way was sent more than half of an RTT ago.
    """
    if m.blocks == 0 or flow.flight == 0 or flow.recovering == 1 or flow.probe == 1 or flow.resend > 0:
        return False
    soon = t - flow.sent_at <= DEFER_TIME and t - flow.head_at >= 0.5 * flow.srtt
    return bool(soon and room < together and room * WINDOW_DIVISOR < window)


@_hot
def _validate(flow: Any, limited: int) -> None:
    """Whether the window is what holds the flow back, or was within a round trip (net/ipv4/tcp_output.c).

    (``tcp_cwnd_validate``, which also keeps the most packets that were in flight meanwhile.)
    """
    if limited == 1 or flow.una >= flow.usage or (flow.limited == 0 and flow.flight > flow.most_out):
        flow.limited = limited
        flow.most_out = flow.flight
        flow.usage = flow.next


@_hot
def _entry_size(m: Any, k: Any, flow: Any, t: float) -> int:
    """Segments of the next ring entry, 0 if the window or the small queue holds the flow back.

    An entry is at most half of the window (net/ipv4/tcp_output.c, ``tcp_cwnd_test``: "at least 2 GSO packets
    in flight"), and waits until it is full while ACKs are to come. What the stack cuts is sent in blocks of entries.
    """
    window = int(min(flow.cwnd, m.window))
    room = window - flow.flight
    full = 1 if k.segments else min(m.gso, max(window // 2, 1))
    size = min(room, full)
    if size < full and flow.flight > 0:
        size = 0
    if flow.probe == 1:
        size = max(size, 1)
    if k.waits:
        flow.throttled = 0
    if size <= 0:
        flow.left = 0
        _validate(flow, 1)
        return 0
    if flow.left == 0 and (m.blocks == 1 or (k.waits and m.tsq == 1)):
        together = _block(m, flow)
        if _defers(m, flow, room, window, together, t):
            _validate(flow, 1)
            return 0
        if k.waits and _small_queue(m, flow, together):
            flow.throttled = 1
            _validate(flow, 0)
            return 0
        flow.left = int(min(together, max(float(room), 1.0))) if m.blocks == 1 else 0
    return int(size)


@_hot
def _fill(m: Any, k: Any, flow: Any, f: int, b: Any, t: float) -> int:
    """Queue the flow at the stack if it may send, and return how much; flows that may push take turns."""
    if flow.ready == 1:
        return 0
    size = _entry_size(m, k, flow, t)
    if size == 0:
        return 0
    due = t if flow.within == 1 else flow.pace_at
    if not k.single:
        if due > t:
            flow.left = 0
            _wake_by(m, k, b, f, due)
            return 0
        b.lists[0, m.ready_tail & LISTED] = f
        m.ready_tail += 1
    flow.ready = 1
    if m.push_at == NEVER:
        m.push_at = max(max(t, m.pushed_at + m.gap), due)
    return int(size)


@_hot
def _push(m: Any, k: Any, flows: Any, b: Any, t: float) -> None:
    """The stack pushes an entry of the flow whose turn it is; a single flow goes on until something else happens."""
    f = 0
    if not k.single:
        f = b.lists[0, m.ready_head & LISTED] & FLOW_MASK
        m.ready_head += 1
    flow = m.first if k.single else flows[f]
    flow.ready = 0
    m.push_at = NEVER
    size = _entry_size(m, k, flow, t)
    while size > 0:
        if m.sees_drops == 1 and m.count + m.lazy >= m.ring:
            _refused(m, k, flow, b, f, size, t)
            break
        _send(m, k, flows, b, flow, f, size, t)
        size = _fill(m, k, flow, f, b, t)
        if size == 0 or not k.single or m.push_at >= _behind(m, k, b):
            break
        t = m.push_at
        flow.ready = 0
        m.push_at = NEVER
    if not k.single and m.push_at == NEVER and m.ready_head < m.ready_tail:
        m.push_at = max(t, m.pushed_at + m.gap)


@_hot
def _behind(m: Any, k: Any, b: Any) -> float:
    """The earliest clock but the stack's."""
    at = min(min(m.done_at, m.ack_at), b.alarms[1])
    if k.readers:
        at = min(at, m.far_at)
    if k.waits:
        at = min(at, m.transfer_at)
    return float(at)


@_hot
def _send(m: Any, k: Any, flows: Any, b: Any, flow: Any, f: int, size: int, t: float) -> None:
    """Number an entry, start the timers that it starts, and hand it over."""
    x = flow.next
    flow.next = x + size
    flow.probe = 0
    if m.blocks == 1:
        flow.left = max(flow.left - size, 0)
        flow.within = 1 if flow.left > 0 else 0
    flow.sent_at = t
    if flow.resend > 0:
        again = min(flow.resend, size)
        flow.resend -= again
        if flow.repair > 0:  # the last recovery ends where what was lost before it has been sent again, once
            again = min(flow.repair, again)
            flow.repair -= again
            flow.recover = x + again
        m.retransmits += again
    flow.flight += size
    flow.prr_out += size
    flow.active_at = t
    if flow.flight == size:
        flow.head_at = t
        _wake_by(m, k, b, f, _alarm(m, flow))
    if flow.timed < 0:
        flow.timed = x
        flow.timed_at = t
    if m.spaced == 1 and x + size >= cc.UNPACED:
        flow.pace_at = max(flow.pace_at, t) + size / _paces(m, flow)
    tag = (((x << SIZE_BITS) | size) << FLOW_BITS) | f
    m.pushed_at = t
    _hand_over(m, k, flows, b, tag, size, t)


@_rare
def _refused(m: Any, k: Any, flow: Any, b: Any, f: int, size: int, t: float) -> None:
    """Without a qdisc a local TCP sees the driver's drop at once: it keeps the segment and reduces its window.

    (net/ipv4/tcp_output.c, ``__tcp_transmit_skb``: ``tcp_enter_cwr``; tried again with the next ACK or timer.)
    """
    m.sent += size
    m.dropped_ring += size
    m.pushed_at = t
    flow.probe = 0
    if flow.next > flow.recover:
        _reduce(m, flow, 0)
    if flow.flight == 0:
        flow.active_at = t
        _wake_by(m, k, b, f, t + cc.RTO_MIN)


@_hot
def _push_open(m: Any, k: Any, flows: Any, b: Any, t: float) -> None:
    """A source without feedback pushes one entry, or blocks: pktgen on a stopped queue, UDP on its socket buffer."""
    if m.stop_on_failed == 1 and m.stopped == 0 and m.block_at == 0 and m.count + m.lazy >= m.ring:
        _stop(m)  # the packet goes back to pktgen
    if (m.stopped == 1 or m.shaper_gap > 0.0) and m.backlog >= m.block_at:
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
    _hand_over(m, k, flows, b, tag, size, t)
    m.push_at = t + m.gap
    if m.source == FRAMES and m.pending_frame < 1.0:
        m.push_at = NEVER


# ---- 2. ring and qdisc


@_hot
def _insert(m: Any, k: Any, b: Any, tag: int, size: int, born: float, t: float) -> None:
    """Put an entry into the ring; under backpressure a ring that is full now stops the queue."""
    entry = b.entries[m.inserted & m.mask]
    m.inserted += 1
    m.count += 1
    if m.count > m.most_in_ring:
        m.most_in_ring = m.count
    m.ring_seconds -= size * t
    entry.tag = tag
    entry.born = born
    if k.waits and m.backpressure == 1 and m.stop_on_failed == 0 and m.count + m.lazy >= m.ring:
        _stop(m)
    if m.serving == IDLE:
        _awake(m, k, b, t)


@_hot
def _awake(m: Any, k: Any, b: Any, t: float) -> None:
    """A sleeping reader has something to do: it runs a little later."""
    if m.idle_latency > 0.0:
        m.serving = WAITS
        m.done_at = t + m.idle_latency
    else:
        _serve(m, k, b, t)


@_hot
def _stop(m: Any) -> None:
    """Stop the queue; what is consumed from now on counts towards the wake."""
    m.stopped = 1
    m.consumed = 0
    m.transfer_at = NEVER


@_rare
def _fattest(m: Any, flows: Any) -> int:
    largest = 0
    for f in range(1, m.streams):
        if flows[f].queued > flows[largest].queued:
            largest = f
    return largest


@_hot
def _pop(m: Any, flows: Any, flow: Any, b: Any, t: float) -> int:
    """Take the head of one queue out of the qdisc; returns its place, whose content stays for now."""
    node = flow.head
    flow.head = b.nodes[node].next
    flow.length -= 1
    b.nodes[node].next = m.free_node
    m.free_node = node
    tag = b.nodes[node].tag
    size = (tag >> FLOW_BITS) & SIZE_MASK
    m.backlog -= 1
    m.in_qdisc -= size
    m.qdisc_seconds += size * t
    flows[tag & FLOW_MASK].queued -= size
    return int(node)


@_rare
def _make_room(m: Any, flows: Any, b: Any, t: float) -> None:
    """A fair qdisc over its limit drops heads of the fattest flow: fq_codel 64 or half of its bytes, cake one."""
    flow = flows[_fattest(m, flows)]
    half = 0.5 * flow.queued
    dropped = 0
    for _ in range(m.drops):
        node = _pop(m, flows, flow, b, t)
        gone = (b.nodes[node].tag >> FLOW_BITS) & SIZE_MASK
        m.qdisc_seconds -= gone * (t - b.nodes[node].time)
        m.dropped_qdisc += gone
        dropped += gone
        if dropped >= half:
            break


@_hot
def _enqueue(m: Any, flows: Any, b: Any, tag: int, size: int, t: float) -> None:
    """Queue an entry; a full qdisc drops it, a full fq_codel or cake the heads of its longest queue instead."""
    flow = flows[(tag & FLOW_MASK) if m.fair == 1 else 0]
    if (m.backlog >= m.limit and (m.drops == 0 or m.limit == 0)) or flow.length >= m.flow_limit:
        m.dropped_qdisc += size
        return
    node = m.free_node
    m.free_node = b.nodes[node].next
    b.nodes[node].tag = tag
    b.nodes[node].time = t
    if flow.length == 0:
        flow.head = node
    else:
        b.nodes[flow.tail].next = node
    flow.tail = node
    flow.length += 1
    m.backlog += 1
    m.in_qdisc += size
    m.qdisc_seconds -= size * t
    flows[tag & FLOW_MASK].queued += size
    if m.backlog > m.limit:
        _make_room(m, flows, b, t)


@_hot
def _too_late(m: Any, flow: Any, entered: float, t: float) -> bool:
    """CoDel: whether the sojourn time has been above its target for an interval (RFC 8289, section 5.4)."""
    if t - entered < m.target or flow.length == 0:
        flow.above_at = 0.0
        return False
    if flow.above_at == 0.0:
        flow.above_at = t + m.patience
        return False
    return bool(t >= flow.above_at)


@_rare
def _discard(m: Any, flows: Any, flow: Any, b: Any, node: int, t: float) -> int:
    """CoDel drops an entry; returns the one behind it or -1."""
    size = (b.nodes[node].tag >> FLOW_BITS) & SIZE_MASK
    m.dropped_qdisc += size
    m.qdisc_seconds -= size * (t - b.nodes[node].time)
    if flow.length == 0:
        flow.above_at = 0.0
        return -1
    return int(_pop(m, flows, flow, b, t))


@_hot
def _codel(m: Any, flows: Any, flow: Any, b: Any, t: float) -> int:
    """Take the next entry of one queue under CoDel's law (RFC 8289, section 5.5); -1 if none is left."""
    if flow.length == 0:
        flow.above_at = 0.0
        flow.dropping = 0
        return -1
    node = _pop(m, flows, flow, b, t)
    if m.codel == 0:
        return int(node)
    late = _too_late(m, flow, b.nodes[node].time, t)
    if flow.dropping == 0 and late:
        recent = flow.drops - flow.last_drops
        flow.drops = recent if recent > 1 and t - flow.drop_next < 16.0 * m.patience else 1
        flow.last_drops = flow.drops
        flow.drop_next = t + m.patience / math.sqrt(flow.drops)
        flow.dropping = 1
        if m.ecn == 1:
            b.nodes[node].tag |= MARKED
        else:
            node = _discard(m, flows, flow, b, node, t)
        return int(node)
    while flow.dropping == 1 and late and t >= flow.drop_next:
        flow.drops += 1
        flow.drop_next += m.patience / math.sqrt(flow.drops)
        if m.ecn == 1:
            b.nodes[node].tag |= MARKED
            break
        node = _discard(m, flows, flow, b, node, t)
        late = node >= 0 and _too_late(m, flow, b.nodes[node].time, t)
    flow.dropping = 1 if flow.dropping == 1 and late else 0
    return int(node)


@_hot
def _dequeue(m: Any, flows: Any, b: Any, t: float) -> int:
    """The next entry of the qdisc or -1; fair ones serve new queues before old ones (RFC 8290)."""
    if m.fair == 0:
        return _codel(m, flows, flows[0], b, t)
    while True:
        new = m.new_head < m.new_tail
        if not new and m.old_head == m.old_tail:
            return -1
        f = b.lists[1, m.new_head & LISTED] if new else b.lists[2, m.old_head & LISTED]
        flow = flows[f]
        node = -1
        if flow.deficit > 0:
            node = _codel(m, flows, flow, b, t)
            if node >= 0:
                flow.deficit -= (b.nodes[node].tag >> FLOW_BITS) & SIZE_MASK
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
def _transfer(m: Any, k: Any, flows: Any, b: Any, t: float) -> None:
    """The woken queue moves an entry from the qdisc into the ring, and goes on until one is exhausted.

    A shaper lets it go on at its pace.
    """
    m.stopped = 0
    m.waking = 0
    m.transfer_at = NEVER
    if t < m.shaped_at:
        m.transfer_at = m.shaped_at
        return
    if m.backlog > 0:
        if m.stop_on_failed == 1 and m.count + m.lazy >= m.ring:  # the insertion fails, the packet goes back
            _stop(m)
            return
        node = _dequeue(m, flows, b, t)
        if node >= 0:
            tag = b.nodes[node].tag
            size = (tag >> FLOW_BITS) & SIZE_MASK
            if m.backpressure == 1 or m.count + m.lazy < m.ring:
                _insert(m, k, b, tag, size, b.nodes[node].time, t)
            else:
                m.dropped_ring += size
            if m.shaper_gap > 0.0:
                m.shaped_at = t + size * m.shaper_gap
            owner = tag & FLOW_MASK
            if flows[owner].throttled == 1:
                _fill(m, k, flows[owner], owner, b, t)
    if m.backlog > 0 and m.stopped == 0:
        m.transfer_at = max(t + m.transfer_gap, m.shaped_at)
    if m.blocked == 1 and ((m.stopped == 0 and m.shaper_gap == 0.0) or m.backlog < m.block_at):
        m.blocked = 0
        m.push_at = max(t, m.pushed_at + m.gap)


@_hot
def _hand_over(m: Any, k: Any, flows: Any, b: Any, tag: int, size: int, t: float) -> None:
    """The stack hands an entry over: to the ring, to the qdisc while the queue is stopped, or it is lost."""
    m.sent += size
    room = m.count + m.lazy < m.ring
    if k.waits:
        if m.stop_on_failed == 1 and m.stopped == 0 and m.backlog == 0 and not room:
            _stop(m)
        if m.stopped == 1 or m.backlog > 0 or m.shaped_at > t:
            _queue(m, flows, b, tag, size, t)
            return
        if m.shaper_gap > 0.0:
            m.shaped_at = t + size * m.shaper_gap
    if room:
        _insert(m, k, b, tag, size, t, t)
    else:
        m.dropped_ring += size


@_hot
def _queue(m: Any, flows: Any, b: Any, tag: int, size: int, t: float) -> None:
    """An entry goes to the qdisc, which sends on if it may; a fair one lists the flow's queue as a new one."""
    _enqueue(m, flows, b, tag, size, t)
    if m.stopped == 0 and m.transfer_at == NEVER and m.backlog > 0:
        m.transfer_at = max(t, m.shaped_at)
    f = tag & FLOW_MASK
    if m.fair == 1 and flows[f].listed == 0 and flows[f].length > 0:
        flows[f].listed = 1
        flows[f].deficit = m.quantum
        b.lists[1, m.new_tail & LISTED] = f
        m.new_tail += 1


@_rare
def _resumes(m: Any, start: float) -> float:
    """When a reader that may begin at `start` does: at the end of a pause that covers it."""
    while m.stall_end <= start:
        _after_stall(m)
    if m.stall_at <= start:
        start = m.stall_end
        _after_stall(m)
    return float(start)


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
    """When a service that a pause of the reader interrupts ends."""
    done = start + length
    while m.stall_at < done:
        done += m.stall_end - m.stall_at
        _after_stall(m)
    return float(done)


@_hot
def _serve(m: Any, k: Any, b: Any, t: float) -> None:
    """Begin what the reader does next: take in an ACK that has arrived, serve an entry, or nothing."""
    entries = m.count + m.fetched if k.guest else m.count
    if entries == 0 and (not k.readers or m.acks_waiting == 0):
        m.serving = IDLE
        m.done_at = NEVER
        return
    ack = False
    if k.readers:
        ack = m.acks_waiting > 0 and (entries == 0 or m.policy == LINK_FIRST or m.acks_turn == 1)
    start = t
    if k.guest and not ack:
        start = max(start, m.guest_free_at - (GUEST_QUEUE - 1) * m.guest_service)
    if m.stall_at <= start:
        start = _resumes(m, start)
    if start > t:
        m.serving = WAITS
        m.done_at = start
        return
    if k.readers:
        m.acks_turn = 0 if ack else 1
    m.serving = TAKES_ACK if ack else SERVES
    length = m.ack_cost if ack else _begin_entry(m, k, b, t)
    m.done_at = t + length if m.stall_at > t + length else _paused(m, t, length)


@_hot
def _begin_entry(m: Any, k: Any, b: Any, t: float) -> float:
    """Take an entry from the ring, which empties its slot, and return the seconds its service takes."""
    length = m.service
    if not k.guest or m.fetched == 0:
        entries = min(m.count, m.fetch) if k.guest else 1
        freed = _empty(m)
        for _ in range(entries - 1):
            freed |= _empty(m)
        m.fetched = entries
        m.count -= entries
        if k.waits:
            length += _wakes(m, entries, freed, t)
    if k.waits and m.alternation != 0.0:
        flow = b.entries[m.taken & m.mask].tag & FLOW_MASK
        if flow != m.last_flow and (m.stopped == 1 or m.backlog > 0 or (m.source == PKTGEN and m.wakes > 0)):
            length = max(length + m.alternation, 0.0)
        m.last_flow = flow
    return float(length)


@_hot
def _empty(m: Any) -> bool:
    """The reader empties a slot; whether this frees it and those before it (include/linux/ptr_ring.h: in batches)."""
    m.lazy += 1
    if m.lazy < m.batch:
        return False
    m.slot = 0 if m.slot + m.batch >= m.ring else m.slot + m.batch
    m.lazy = 0
    m.batch = min(m.most_lazy, m.ring - m.slot)  # the end of the ring cuts a batch short
    return True


@_hot
def _wakes(m: Any, entries: int, freed: bool, t: float) -> float:
    """Whether the reader wakes the stopped queue after it has taken `entries`; returns what that costs it."""
    polled = False
    if m.wake_on_poll == 1:
        m.polled += entries
        polled = m.polled >= NAPI_POLL or m.count == 0
        if polled:
            m.polled = 0
    if m.stopped == 1 and m.waking == 0:
        m.consumed += entries
        empty = m.wake_on_empty == 1 and m.count == 0
        if empty or polled or m.consumed >= m.wake_after or (freed and m.wake_on_freed == 1):
            # the reader pays for the wake before it copies, then the producer needs its latency to run
            m.wakes += 1
            m.waking = 1
            m.transfer_at = t + m.wake_cost + m.wake_latency
            return float(m.wake_cost)
    return 0.0


@_hot
def _complete(m: Any, k: Any, flows: Any, b: Any, t: float) -> None:
    """The reader has finished an entry: it leaves for the guest and the path."""
    entry = b.entries[m.taken & m.mask]
    tag, born = entry.tag, entry.born
    size = 1 if k.segments else (tag >> FLOW_BITS) & SIZE_MASK
    leaves = t
    if k.guest:
        leaves = max(t, m.guest_free_at) + m.guest_service
        m.guest_free_at = leaves
    m.taken += 1
    m.fetched = m.fetched - 1 if k.guest else 0
    m.out += size
    m.ring_seconds += size * leaves
    entry.left = leaves
    _serve(m, k, b, t)
    if k.path:
        size = _pass(m, entry, tag, size, leaves)
        tag, leaves = entry.tag, entry.left
    if k.readers and m.far == 1:
        if m.far_doing == IDLE and m.far_at == NEVER:
            m.far_at = leaves + m.half
    elif k.tcp and size > 0:
        _receive(m, k, flows, b, tag, size, born, leaves)


@_hot
def _pass(m: Any, entry: Any, tag: int, size: int, t: float) -> int:
    """The path's queue takes an entry or its first part, or loses it; returns the segments that go through.

    Of an entry of several segments the tail is what does not fit and what is lost at random.
    """
    passed = size
    if m.loss_starts > 0.0:
        passed -= _lost_at_random(m, size)
    leaves = max(t, m.path_free_at)
    if m.path_service > 0.0:
        queued = math.ceil((leaves - t) / m.path_service - 1e-9)
        passed = max(min(passed, m.path_buffer + 1 - queued), 0)
        leaves += passed * m.path_service
        m.path_free_at = leaves
    if m.far_service > 0.0 and m.far == 0:  # a reader with a thread for each direction
        leaves = max(leaves, m.far_free_at) + passed * m.far_service
        m.far_free_at = leaves
    m.path_seconds += passed * (leaves - t)
    m.dropped_path += size - passed
    entry.left = leaves
    entry.tag = tag - ((size - passed) << FLOW_BITS)
    return int(passed)


@_rare
def _lost_at_random(m: Any, size: int) -> int:
    """How many of `size` segments the path loses: two states, so that losses come in runs of a mean length."""
    lost = 0
    for _ in range(size):
        m.chance = xorshift(m.chance)
        if uniform(m.chance) < (m.loss_ends if m.losing == 1 else m.loss_starts):
            m.losing = 1 - m.losing
        lost += m.losing
    return lost


@_hot
def _far_serve(m: Any, b: Any, t: float) -> None:
    """Begin what the far reader does next: a packet from the path, an ACK to be sent, or wait for the next packet."""
    while m.far_next < m.taken and (b.entries[m.far_next & m.mask].tag >> FLOW_BITS) & SIZE_MASK == 0:
        m.far_next += 1
    there = m.far_next < m.taken
    arrives = b.entries[m.far_next & m.mask].left + m.half if there else NEVER
    data = there and arrives <= t
    if m.acks_made > m.acks_sent and (not data or (m.policy == FAIR and m.far_turn == 1)):
        acked = max(b.acks[m.acks_sent & m.ack_mask].acked, 1)
        m.far_doing = TAKES_ACK
        m.far_turn = 0
        m.far_at = t + m.far_ack * ((acked + m.ack_size - 1) // m.ack_size)
    elif data:
        m.far_doing = SERVES
        m.far_turn = 1
        m.far_at = t + m.far_service * ((b.entries[m.far_next & m.mask].tag >> FLOW_BITS) & SIZE_MASK)
    else:
        m.far_doing = IDLE
        m.far_at = arrives


@_hot
def _far_done(m: Any, k: Any, flows: Any, b: Any, t: float) -> None:
    """The far reader has written a packet to its device, or sent an ACK."""
    if m.far_doing == SERVES:
        entry = b.entries[m.far_next & m.mask]
        m.far_next += 1
        size = (entry.tag >> FLOW_BITS) & SIZE_MASK
        m.path_seconds += size * (t - m.half - entry.left)
        _receive(m, k, flows, b, entry.tag, size, entry.born, t)
    elif m.far_doing == TAKES_ACK:
        ack = b.acks[m.acks_sent & m.ack_mask]
        _set_out(m, k, flows[ack.flow & FLOW_MASK], ack, ack.acked, ack.made, t)
    _far_serve(m, b, t)


# ---- 4. the far reader and the receiver


@_hot
def _acknowledge(m: Any, k: Any, flows: Any, flow: Any, f: int, b: Any, t: float) -> None:
    """The held ACKs set out together, through the far reader where that takes time."""
    held = flow.held
    ack = b.acks[m.acks_made & m.ack_mask]
    m.acks_made += 1
    m.held_seconds += held * t
    flow.held = 0
    flow.due_at = NEVER
    flow.back_at = t + m.back
    if k.readers:
        ack.made = t
    if not k.single:
        ack.flow = f
    ack.born = flow.born
    ack.acked = held
    ack.first = flow.held_from
    ack.expected = flow.expected
    ack.lost = flow.lost
    ack.lost_before = flow.lost_before
    if k.waits:
        ack.marked = flow.marked
    flow.lost = 0
    if not k.single:
        m.answering -= held >= 2
    if not k.readers or m.far == 0:
        _set_out(m, k, flow, ack, held, t, t)
    elif m.far_doing == IDLE:
        _far_serve(m, b, t)


@_hot
def _set_out(m: Any, k: Any, flow: Any, ack: Any, acked: int, made: float, t: float) -> None:
    """The next ACK is on its way back; a thread of its own at either end takes its time here."""
    m.acks_sent += 1
    at = t + m.back
    if k.readers and m.policy == SEPARATE and m.ack_cost + m.far_ack > 0.0:
        count = (max(acked, 1) + m.ack_size - 1) // m.ack_size
        m.far_ack_at = max(t, m.far_ack_at) + m.far_ack * count
        m.back_free_at = max(m.far_ack_at + m.back, m.back_free_at) + m.ack_cost * count
        at = m.back_free_at
    m.held_seconds += acked * (at - m.back - made)
    flow.back_at = at
    if m.acks_seen + (m.acks_waiting if k.readers else 0) == m.acks_sent - 1:
        m.ack_at = at
    ack.at = at


@_hot
def _receive(m: Any, k: Any, flows: Any, b: Any, tag: int, size: int, born: float, t: float) -> None:
    """An entry arrives. A gap before it is loss, and acknowledged at once.

    Else every second packet makes an ACK, held until the reader has emptied its queue or for the ACK
    interval, and a single packet waits for the delayed-ACK timer. (Without a far reader that takes time the
    receiver is next to the path and the whole RTT on the way back: where on its way a packet spends the base
    RTT changes nothing.)
    """
    f = 0 if k.single else tag & FLOW_MASK
    x = (tag & ~MARKED if k.waits else tag) >> (FLOW_BITS + SIZE_BITS)
    flow = m.first if k.single else flows[f]
    gap = x - flow.expected
    if gap > 0:
        flow.lost += gap
        flow.lost_before = x
    if k.waits and tag & MARKED:
        flow.marked = x + 1
    if flow.timed >= x and flow.timed < x + size:
        flow.sample = t - flow.timed_at + m.back
    if flow.held == 0:
        flow.held_from = x
        flow.first_at = t
    flow.expected = x + size
    flow.born = born
    m.received_at = t
    if not k.single:
        m.answering += flow.held < 2 and flow.held + size >= 2
    flow.held += size
    m.held_seconds -= size * t
    idle = m.count + m.fetched == 0 and (not k.waits or m.backlog == 0)
    if gap > 0 or (flow.held >= 2 and (idle or t >= flow.first_at + m.hold)):
        _acknowledge(m, k, flows, flow, f, b, t)
    else:
        wait = min(m.hold, m.delayed_ack) if flow.held >= 2 else m.delayed_ack
        flow.due_at = flow.first_at + wait
        _wake_by(m, k, b, f, flow.due_at)
    if not k.single and idle and m.answering > 0:
        for g in range(m.streams):
            if flows[g].held >= 2:
                _acknowledge(m, k, flows, flows[g], g, b, t)


# ---- 5. the sender sees ACKs


@_rare
def _reduce(m: Any, flow: Any, lost: int) -> None:
    """One window reduction for everything sent before the loss or mark was seen; the window follows in `_prr`.

    Recovery lasts until what was lost before it has been sent again and has arrived (``high_seq``).
    """
    m.losses += 1
    flow.recover = flow.high = flow.next
    if m.paced == 1:
        return
    flow.prior = flow.cwnd
    flow.ssthresh, flow.wmax, flow.k = controls.loss(m.control, flow.cwnd, flow.wmax)
    flow.west = flow.ssthresh
    flow.epoch = -1.0
    flow.recovering = 1
    flow.repair = lost
    flow.prr_delivered = 0
    flow.prr_out = 0


@_hot
def _prr(m: Any, flow: Any, acked: int) -> None:
    """The window during recovery: proportional rate reduction (RFC 6937; Linux, ``tcp_cwnd_reduction``)."""
    flow.prr_delivered += acked
    room = flow.ssthresh - flow.flight
    if room < 0.0:
        send = math.ceil(flow.ssthresh * flow.prr_delivered / flow.prior) - flow.prr_out
    else:
        send = min(max(float(flow.prr_delivered - flow.prr_out), float(acked)) + 1.0, room)
    flow.cwnd = flow.flight + max(send, 1.0 if flow.prr_out == 0 else 0.0)


@_hot
def _hystart(m: Any, flow: Any, expected: int, born: float, t: float) -> None:
    """Leave slow start where ACKs come in a long train or the RTT grows (net/ipv4/tcp_cubic.c, hystart_update)."""
    rtt = t - born
    flow.least_rtt = min(flow.least_rtt, rtt)
    if expected > flow.round_ends:
        flow.round_ends = flow.next
        flow.train_from = t
        flow.train_at = t
        flow.round_rtt = NEVER
        flow.round_acks = 0
    if flow.cwnd < cc.HYSTART_LOW_WINDOW:
        return
    found = False
    if t - flow.train_at <= cc.HYSTART_ACK_DELTA:
        flow.train_at = t
        long = flow.least_rtt + controls.hystart_ack_delay(_paces(m, flow), m.block_most)
        found = t - flow.train_from > long * (1.0 if m.spaced == 1 else 0.5)
    flow.round_rtt = min(flow.round_rtt, rtt)
    if flow.round_acks < cc.HYSTART_MIN_SAMPLES:
        flow.round_acks += 1
    elif flow.round_rtt > flow.least_rtt + controls.hystart_delay(flow.least_rtt):
        found = True
    if found:
        flow.ssthresh = flow.cwnd
        flow.west = flow.cwnd
        flow.k = cc.UNSEEN
        flow.epoch = -1.0


@_hot
def _grow(m: Any, flow: Any, acked: int, t: float) -> None:
    """The window grows with `acked` segments, unless something else is what limits the flow."""
    if m.paced == 1 or flow.cwnd >= m.window:
        return
    slow_start = flow.cwnd < flow.ssthresh
    if flow.limited == 0 and not (slow_start and flow.cwnd < 2.0 * flow.most_out):
        return  # something else holds it back (include/net/tcp.h, tcp_is_cwnd_limited)
    if slow_start:
        flow.cwnd += acked
    else:
        if flow.epoch < 0.0:
            # the cubic starts when recovery ends, one RTT ahead (net/ipv4/tcp_cubic.c, bictcp_update)
            flow.epoch = t - m.rtt
            flow.wmax = flow.cwnd if flow.k < 0.0 else flow.wmax
        since = t - flow.epoch
        flow.cwnd, flow.west = controls.growth(m.control, flow.cwnd, flow.west, acked, since, flow.k, flow.wmax)


@_hot
def _arrives(m: Any, k: Any, flows: Any, b: Any, t: float) -> None:
    """ACKs are back at the near reader, which takes them in, or straight at the sender where that takes no time."""
    if k.readers and m.ack_cost > 0.0 and m.policy != SEPARATE:
        m.acks_waiting += 1
        following = m.acks_seen + m.acks_waiting
        m.ack_at = b.acks[following & m.ack_mask].at if following < m.acks_sent else NEVER
        if m.serving == IDLE:
            _awake(m, k, b, t)
        return
    ack = b.acks[m.acks_seen & m.ack_mask]
    m.acks_seen += 1
    m.ack_at = b.acks[m.acks_seen & m.ack_mask].at if m.acks_seen < m.acks_sent else NEVER
    _acknowledged(m, k, flows, b, ack, ack.acked, ack.expected, ack.lost, t)


@_hot
def _taken_in(m: Any, k: Any, flows: Any, b: Any, t: float) -> None:
    """The reader has written an ACK to the device: TCP answers within that write."""
    ack = b.acks[m.acks_seen & m.ack_mask]
    piece = ack.acked
    if piece > m.ack_size:  # ACKs that set out together are taken in one by one
        piece = m.ack_size
        m.held_seconds += piece * (t - ack.at)
        ack.acked -= piece
        ack.first += piece
        _acknowledged(m, k, flows, b, ack, piece, ack.first, 0, t)
    else:
        m.held_seconds += piece * (t - ack.at)
        m.acks_seen += 1
        m.acks_waiting -= 1
        _acknowledged(m, k, flows, b, ack, piece, ack.expected, ack.lost, t)
    _serve(m, k, b, t)


@_hot
def _end_round(m: Any, flow: Any, b: Any, f: int, t: float) -> None:
    """The packet timed in this round trip is acknowledged: RTT, and what a control that paces makes of the round."""
    if flow.sample > 0.0:
        flow.srtt = flow.sample
    if m.paced == 1 and flow.round_out > 0 and t > flow.round_at:
        rate = flow.round_out / (t - flow.round_at)
        base = f * b.own.size // m.streams
        flow.cwnd, flow.pace = controls.round_trip(m.control, b.own, base, 1, rate, flow.srtt, flow.flight, t)
        flow.round_out = 0
        flow.round_at = t
    flow.timed = -1
    flow.sample = 0.0


@_rare
def _undo(m: Any, flow: Any) -> None:
    """What was sent before the timeout arrived: it was spurious (RFC 3522), the window is restored."""
    flow.cwnd, flow.ssthresh, flow.wmax = flow.old_cwnd, flow.old_ssthresh, flow.old_wmax
    flow.k, flow.west = flow.old_k, flow.old_west
    flow.recovering = 0
    m.losses -= flow.reduced


@_hot
def _acknowledged(m: Any, k: Any, flows: Any, b: Any, ack: Any, acked: int, expected: int, lost: int, t: float) -> None:
    """ACKs are back: losses leave the flight to be sent again, the window changes, the stack may push."""
    f = 0 if k.single else ack.flow & FLOW_MASK
    flow = m.first if k.single else flows[f]
    flow.una = expected
    if ack.first < flow.timeout_at:
        _undo(m, flow)
    flow.timeout_at = -1
    flow.flight -= acked + lost
    flow.active_at = t
    flow.head_at = ack.born
    flow.backoff = 1.0
    flow.round_out += acked
    if lost > 0:
        flow.resend += lost
        m.timeouts += flow.probing
        if flow.recovering == 1 and ack.lost_before <= flow.high:
            flow.repair += lost
    flow.probing = 0
    if flow.recovering == 1 and flow.repair == 0 and expected > flow.recover:
        flow.recovering = 0
        flow.cwnd = flow.ssthresh
    if (lost > 0 and ack.lost_before > flow.recover) or (k.waits and ack.marked > flow.recover):
        _reduce(m, flow, lost)
    if flow.recovering == 1:
        _prr(m, flow, acked)
    elif expected > flow.recover:
        if m.hystart == 1 and flow.cwnd < flow.ssthresh:
            _hystart(m, flow, expected, ack.born, t)
        _grow(m, flow, acked, t)
    if flow.timed >= 0 and expected > flow.timed:
        _end_round(m, flow, b, f, t)
    _fill(m, k, flow, f, b, t)


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
            _reduce(m, flow, 0)
        flow.wmax, flow.k = 0.0, cc.UNSEEN  # Linux forgets the largest window (net/ipv4/tcp_cubic.c, bictcp_state)
        flow.epoch = -1.0
    flow.recovering = 0
    flow.repair = 0
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
        at = max(at, flow.due_at + m.back)
    return float(at)


@_hot
def _look_after(m: Any, k: Any, flows: Any, b: Any, f: int, t: float) -> None:
    """The timers of one flow, and when it has to be looked after again."""
    flow = m.first if k.single else flows[f]
    if flow.due_at <= t:
        _acknowledge(m, k, flows, flow, f, b, max(t, m.received_at))
    if _alarm(m, flow) <= t:
        _timeout(m, flow, t)
    _fill(m, k, flow, f, b, t)
    _wake_by(m, k, b, f, min(flow.due_at, _alarm(m, flow)))


@_rare
def _in_ring(m: Any) -> int:
    """Segments in the ring and with the reader: what was handed over and is neither gone nor in the qdisc."""
    return int(m.sent - m.dropped_ring - m.dropped_qdisc - m.in_qdisc - m.out)


@_rare
def _held(m: Any, flows: Any) -> int:
    """Segments that arrived and are not acknowledged."""
    held = 0
    for f in range(m.streams):
        held += flows[f].held
    return held


@_rare
def _snapshot(m: Any, flows: Any, b: Any, out: Any, t: float) -> None:
    """Counters and what is where; entries are delivered half an RTT behind the path's queue, or by the far reader."""
    behind = 0
    travelling = 0
    i = m.taken - 1
    while i >= max(m.inserted - m.mask, 0):
        entry = b.entries[i & m.mask]
        size = (entry.tag >> FLOW_BITS) & SIZE_MASK
        left = entry.left
        if left > t:
            behind += size
        elif i >= m.far_next if m.far == 1 else left + 0.5 * m.rtt > t:
            travelling += size
        else:
            break
        i -= 1
    out.sent = m.sent
    out.out = m.out
    out.delivered = m.out - m.dropped_path - travelling - behind
    out.dropped_ring = m.dropped_ring
    out.dropped_qdisc = m.dropped_qdisc
    out.dropped_path = m.dropped_path
    out.total_retransmits = m.retransmits
    out.loss_events = m.losses
    out.timeouts = m.timeouts
    out.wake_cycles = m.wakes
    out.ring_seconds = m.ring_seconds + _in_ring(m) * t
    out.qdisc_seconds = m.qdisc_seconds + m.in_qdisc * t
    out.held_seconds = m.held_seconds + _held(m, flows) * t
    out.path_seconds = m.path_seconds
    out.queued = _in_ring(m) + m.in_qdisc + behind
    out.in_flight = travelling
    out.most_in_ring = m.most_in_ring


@_rare
def _sample(m: Any, flows: Any, b: Any, out: Any, t: float) -> None:
    """One point of the time series."""
    waiting = _in_ring(m)
    for i in range(m.taken, m.taken + m.fetched):
        waiting -= (b.entries[i & m.mask].tag >> FLOW_BITS) & SIZE_MASK
    out.out = m.out
    out.retransmits = m.retransmits
    out.cwnd = 0.0
    for f in range(m.streams):
        out.cwnd += flows[f].cwnd
    out.ring_seconds = m.ring_seconds + _in_ring(m) * t
    out.qdisc_seconds = m.qdisc_seconds + m.in_qdisc * t
    out.held_seconds = m.held_seconds + _held(m, flows) * t
    out.path_seconds = m.path_seconds
    out.in_ring = waiting
    out.in_qdisc = m.in_qdisc


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
            _sample(m, flows, b, series[m.samples], t)
        m.samples += 1
        m.sample_at = (m.samples + 1) * m.interval if m.samples < series.shape[0] else NEVER
    if t >= m.warmup:
        _snapshot(m, flows, b, totals[0], t)
        m.warmup = NEVER
    return float(min(min(m.frame_at, m.sample_at), min(m.warmup, m.duration)))


@_hot
def _timers(m: Any, k: Any, flows: Any, b: Any, totals: Any, series: Any, t: float) -> None:
    """Everything that is due: events of the device, and flows that hold an ACK, wait for one, or are paced."""
    while b.alarms[1] <= t:
        i = 1
        while i < m.leaves:
            i = 2 * i if b.alarms[2 * i] == b.alarms[i] else 2 * i + 1
        b.alarms[i] = NEVER
        if i == m.leaves:
            b.alarms[i] = _events(m, flows, b, totals, series, t)
        else:
            _look_after(m, k, flows, b, 0 if k.single else i - m.leaves - 1, t)
        earliest = b.alarms[i]
        while i > 1:
            earliest = min(earliest, b.alarms[i ^ 1])
            i >>= 1
            b.alarms[i] = earliest


@_rare
def _begin(m: Any, flows: Any, b: Any, seed: int) -> None:
    """First pause of the reader (the same draws as in the fluid engine), initial windows, clocks."""
    m.random = stream(seed)
    m.chance = stream(seed + 1)
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
        flow.least_rtt = NEVER
        flow.round_ends = -1
        flow.due_at = NEVER
        flow.backoff = 1.0
        flow.timed = -1
        flow.timeout_at = -1
        if m.paced == 1:
            flow.pace = controls.start(m.control, b.own, f * b.own.size // m.streams, 1, m.rtt)
    m.last_flow = -1
    m.pushed_at = -NEVER
    m.push_at = m.transfer_at = m.done_at = m.ack_at = m.far_at = NEVER
    b.alarms[:] = NEVER
    b.alarms[m.leaves] = 0.0
    if m.source == TCP:
        b.alarms[m.leaves + 1 : m.leaves + 1 + m.streams] = 0.0
    for i in range(m.leaves - 1, 0, -1):
        b.alarms[i] = min(b.alarms[2 * i], b.alarms[2 * i + 1])
    if m.source in (OPEN, PKTGEN):
        m.push_at = 0.0


@_inlined
def _loop(m: Any, k: Any, flows: Any, b: Any, totals: Any, series: Any) -> None:
    """Take the earliest clock until the run ends; at equal times packets further along the path go first.

    (No clock is later than the end of the run, which is among the device's own events: `_events`.)
    """
    while True:
        push_at, t = m.push_at, _behind(m, k, b)
        # each goes on from its own clock, not from t, which is the same: the processor need not wait for the minimum
        if push_at < t:
            if k.tcp:
                _push(m, k, flows, b, push_at)
            else:
                _push_open(m, k, flows, b, push_at)
        elif t >= m.duration:
            return
        elif m.done_at <= t:
            if m.serving == SERVES:
                _complete(m, k, flows, b, m.done_at)
            elif k.readers and m.serving == TAKES_ACK:
                _taken_in(m, k, flows, b, m.done_at)
            else:
                _serve(m, k, b, m.done_at)
        elif k.readers and m.far_at <= t:
            _far_done(m, k, flows, b, m.far_at)
        elif m.ack_at <= t:
            _arrives(m, k, flows, b, m.ack_at)
        elif not k.waits or b.alarms[1] <= t:
            _timers(m, k, flows, b, totals, series, b.alarms[1])
        else:
            _transfer(m, k, flows, b, m.transfer_at)


@_rare
def run(state: Any, flows: Any, b: Any, seed: int, totals: Any, series: Any) -> None:
    """Simulate one scenario, by the leanest of three loops: what is a constant in `Kind` is compiled away.

    They are for whatever a scenario may use, for segments of TCP through qdisc and ring alone, and for those of one
    flow into a ring that nothing waits for.
    """
    m = state[0]
    _begin(m, flows, b, seed)
    tcp, single, waits = m.source == TCP, m.streams == 1, m.backpressure == 1 or m.shaper_gap > 0.0
    segments, guest, path = tcp and m.gso == 1, m.guest_service > 0.0, m.path == 1
    readers = m.far == 1 or m.ack_cost > 0.0 or m.far_ack > 0.0
    if not segments or guest or path or readers:
        _loop(m, Kind(tcp, single, segments, waits, guest, path, readers), flows, b, totals, series)
    elif waits or not single:
        _loop(m, Kind(True, single, True, waits, guest=False, path=False, readers=False), flows, b, totals, series)
    else:
        _loop(m, Kind(True, True, True, False, guest=False, path=False, readers=False), flows, b, totals, series)
    if m.samples < series.shape[0]:
        _sample(m, flows, b, series[m.samples], m.duration)
    _snapshot(m, flows, b, totals[1], m.duration)


def define() -> Any:
    """The engine, to be compiled: ``run(state, flows, buffers, seed, totals, series)``."""
    return run
