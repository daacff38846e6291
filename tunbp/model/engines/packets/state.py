"""State of the twin: device, flows, ACKs and the arrays of one run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tunbp.model.drivers import VHOST_NET_BATCH

NEVER = 1e300
MAX_BACKOFF = 64.0
GUEST_QUEUE = VHOST_NET_BATCH
"""Entries that may wait for the guest behind vhost-net before vhost-net has to wait: one of its batches."""

# an entry in one word: mark, number of its first segment, segments, flow
MARKED = 1 << 62
FLOW_BITS, SIZE_BITS = 6, 7
FLOW_MASK, SIZE_MASK = (1 << FLOW_BITS) - 1, (1 << SIZE_BITS) - 1
LISTED = 63  # index mask of the circular lists of flows

IDLE, SERVES, TAKES_ACK, WAITS = 0, 1, 2, 3
"""What a reader does: nothing, an entry, an ACK, or it waits for the end of a pause or for the guest."""

FLOW = np.dtype(
    [(name, "f8") for name in (
        "cwnd", "ssthresh", "wmax", "k", "epoch", "west", "srtt", "backoff", "active_at",
        "pace", "pace_at", "round_at", "timed_at", "sample", "prior",
        # HyStart: start of the round, last ACK of its train, smallest RTTs of the round and of all
        "sent_at", "head_at", "train_from", "train_at", "round_rtt", "least_rtt", "born",
        # receiver: since when ACKs are held, until when; when the last one is back
        "first_at", "due_at", "back_at",
        # what a spurious timeout restores
        "old_cwnd", "old_ssthresh", "old_wmax", "old_k", "old_west",
        # CoDel (RFC 8289)
        "above_at", "drop_next",
    )] + [(name, "i8") for name in (
        # sender; packets are numbered in the order they are sent, retransmissions too
        "flight", "next", "recover", "resend", "ready", "probe", "probing", "timeout_at", "reduced", "timed",
        "round_out", "recovering", "high", "repair", "prr_delivered", "prr_out", "queued", "throttled", "left",
        "within", "limited", "usage", "most_out", "una", "round_ends", "round_acks",
        # receiver
        "expected", "held", "held_from", "lost", "lost_before", "marked",
        # fq_codel queue
        "length", "listed", "deficit", "dropping", "drops", "last_drops",
    )] + [("head", "u4"), ("tail", "u4")]
)  # fmt: skip
"""State of each flow: congestion control, what is on its way, timers, and its queue in fq_codel."""

DEVICE = np.dtype(
    [(name, "f8") for name in (
        # clocks
        "push_at", "transfer_at", "done_at", "ack_at", "frame_at", "sample_at", "pushed_at",
        # stack, path, ACKs
        "gap", "transfer_gap", "rtt", "back", "half", "hold", "delayed_ack", "window",
        # reader, guest, pauses of the reader
        "service", "alternation", "wake_cost", "wake_latency", "idle_latency", "guest_service", "guest_free_at",
        "ack_cost", "block_more", "block_most",
        # qdisc: seconds per segment of its shaper, when it may send again, CoDel's target and interval
        "shaper_gap", "shaped_at", "target", "patience", "small",
        "stall_at", "stall_end", "stall_gap", "stall_mean",
        # path and far reader
        "path_service", "path_free_at", "loss_starts", "loss_ends", "far_service", "far_ack", "far_at", "far_ack_at",
        "far_free_at", "back_free_at", "received_at",
        # source, run
        "frame_gap", "frame", "iframe", "pending_frame", "interval", "warmup", "duration",
        # packet-seconds spent in ring (and reader), qdisc, held ACKs: sums of leaving minus entering times
        "ring_seconds", "qdisc_seconds", "held_seconds", "path_seconds",
    )] + [(name, "i8") for name in (
        "source", "control", "streams", "gso", "turn", "frame_number", "iframe_every", "samples",
        # ring and device queue
        "ring", "most_lazy", "batch", "count", "lazy", "slot", "backpressure", "stopped", "waking", "consumed",
        "wake_after", "wake_on_freed", "wake_on_empty", "wake_on_poll", "polled", "stop_on_failed",
        # reader, positions in the circular buffers
        "fetch", "fetched", "last_flow", "inserted", "taken", "acks_made", "acks_sent", "acks_seen",
        "serving", "policy", "acks_waiting", "acks_turn", "ack_size",
        # path and far reader
        "path", "path_buffer", "losing", "far", "far_doing", "far_next", "far_turn",
        # qdisc
        "fair", "drops", "flow_limit", "codel", "ecn", "limit", "backlog", "quantum", "new_head", "tsq",
        "blocks", "new_tail", "old_head", "old_tail",
        # flows that have something to push
        "ready_head", "ready_tail", "blocked", "block_at", "paced", "spaced", "hystart", "sees_drops",
        # counters, in packets
        "sent", "out", "dropped_ring", "dropped_qdisc", "dropped_path", "retransmits", "wakes", "losses", "timeouts",
        "in_qdisc", "most_in_ring",
        # flows that hold a whole ACK
        "answering",
    )] + [("random", "u8"), ("chance", "u8")] + [(name, "u4") for name in (
        # index masks of the circular buffers, place in the qdisc's pool that is free, first leaf of the tree of alarms
        "mask", "ack_mask", "free_node", "leaves",
    )] + [("first", FLOW)]
)  # fmt: skip
"""State of the device, the reader, the stack and the counters; the first flow lies behind it, the others follow.

(A loop of one flow reaches both from one address, and the compiler knows that they are two things.)
"""

ENTRY = np.dtype([("tag", "i8"), ("born", "f8"), ("left", "f8")])
"""An entry in and behind the ring: number, size and flow in one word; when it was sent; when it left."""

NODE = np.dtype([("tag", "i8"), ("time", "f8"), ("next", "i8")])
"""An entry in the qdisc: number, size and flow in one word; when it was queued; the place of the entry behind it."""

ACK = np.dtype([("at", "f8"), ("made", "f8"), ("born", "f8")] + [(name, "i8") for name in (
    "flow", "acked", "first", "expected", "lost", "lost_before", "marked",
)])  # fmt: skip
"""ACKs released together: when they are back, when made, when the last packet was sent, what they acknowledge, losses
and marks they show."""


class Kind(NamedTuple):
    """What of the model a scenario uses.

    Attributes
    ----------
    tcp
        Whether the source is TCP.
    single
        Whether there is one flow.
    segments
        Whether every entry is one segment.
    waits
        Whether packets may wait in the qdisc: a full ring stops the queue, or the qdisc shapes.
    guest
        Whether a guest takes what the reader hands over.
    path
        Whether there is a stage behind the reader: a rate, or losses.
    readers
        Whether ACKs cost a reader time, or the far reader takes time.
    """

    tcp: bool
    single: bool
    segments: bool
    waits: bool
    guest: bool
    path: bool
    readers: bool


class Buffers(NamedTuple):
    """Arrays of one run.

    Attributes
    ----------
    entries
        Circular buffer of entries in and behind the ring.
    acks
        Circular buffer of ACKs on their way back.
    nodes
        Pool of qdisc entries.
    lists
        Circular lists of flows: those that may push, new and old queues of fq_codel.
    alarms
        Binary tree of minima: its leaves are the next event of the device and the next timer of each flow.
    own
        State of each flow that its congestion control keeps itself (`tunbp.model.congestion.Control.state`).
    """

    entries: np.ndarray[Any, Any]
    acks: np.ndarray[Any, Any]
    nodes: np.ndarray[Any, Any]
    lists: np.ndarray[Any, Any]
    alarms: np.ndarray[Any, Any]
    own: np.ndarray[Any, Any]


TOTALS = np.dtype([(name, "f8") for name in (
    "sent", "out", "delivered", "dropped_ring", "dropped_qdisc", "dropped_path", "total_retransmits", "loss_events",
    "timeouts", "wake_cycles", "ring_seconds", "qdisc_seconds", "held_seconds", "path_seconds", "queued", "in_flight",
    "most_in_ring",
)])  # fmt: skip
"""The totals: cumulative counters, packet-seconds, and what is where at that moment."""

COUNTED = ("sent", "delivered", "dropped_ring", "dropped_qdisc", "dropped_path", "total_retransmits", "loss_events",
           "timeouts", "wake_cycles", "queued", "in_flight")  # fmt: skip
"""Columns of the totals that are results as they are."""

SERIES = np.dtype([(name, "f8") for name in (
    "out", "retransmits", "cwnd", "ring_seconds", "qdisc_seconds", "held_seconds", "path_seconds", "in_ring",
    "in_qdisc",
)])  # fmt: skip
"""A sample: all but the windows and the last two are cumulative."""
