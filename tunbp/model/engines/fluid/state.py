"""State of the fluid engine: rows of its tables, one column per scenario of a tile."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tunbp.model.congestion import ROWS

PARAMETERS = (
    "ring", "drain", "drain_full", "rho", "burst", "window", "ack_interval", "delayed_ack", "bunch", "bunches", "safe",
    "batch", "sawtooth",
    "qdisc_limit", "bulk", "dt", "rtt", "stall_rate", "stall_mean", "entry", "service", "offered", "frame_interval",
    "frame", "iframe", "iframe_every", "duration", "warmup", "ecn", "small_queue", "unheld",
    "block", "idle", "sees_drops", "codel", "hystart", "path", "path_service", "path_room", "path_rho",
    "loss_gap", "loss_run", "acks", "policy", "far", "far_acks", "pace", "block_rate", "block_pace", "block_more",
    "block_most", "probe", "shape", "slower", "codel_queue", "patience", "small_share",
)  # fmt: skip
"""Rows of the parameter table, one column per scenario.

Rates are per time step: `drain`, `path`, `far` and `shape` in segments, `acks` and `far_acks` in segments acknowledged.
"""

TOTALS = (
    "sent", "delivered", "dropped_ring", "dropped_qdisc", "total_retransmits", "ring_seconds", "qdisc_seconds",
    "held_seconds", "full_packets", "loss_events", "timeouts", "queued", "in_flight", "outstanding", "accounted",
    "dropped_path", "path_seconds", "out",
)  # fmt: skip
"""Rows of the totals: packets, packet-seconds of waiting by place, events, and what is where at that moment.

`out` has left the near reader. `outstanding` is what the senders believe to be in flight, `accounted` what the engine
holds of it: equal for TCP.
"""

SERIES = ("delivered", "total_retransmits", "cwnd", "ring_seconds", "qdisc_seconds", "held_seconds", "path_seconds",
          "ring_occupancy", "qdisc_backlog")  # fmt: skip
"""Rows of a sample: the first seven cumulative (cwnd excepted), the last two momentary."""

(N, DRAIN, DRAIN_FULL, RHO, BURST, WINDOW, HOLD, DELACK, BUNCH, BUNCHES, SAFE, BATCH, SAWTOOTH, QLIM, BULK, DT, RTT,
 S_RATE, S_MEAN, ENTRY, SERVICE, OFFERED, F_GAP, F_SIZE, I_SIZE, I_EVERY, DURATION, WARMUP, ECN, SMALL, UNHELD, BLOCK,
 IDLE, SEES, CODEL, HYSTART, PATH, P_SERVICE, P_ROOM, P_RHO, LOSS_GAP, LOSS_RUN, ACKS, POLICY, FAR, FAR_ACKS,
 PACED, BLOCK_RATE, BLOCK_PACE, BLOCK_MORE, BLOCK_MOST, PROBE, SHAPE, SLOWER, CODEL_QUEUE,
 PATIENCE, SMALL_SHARE) = range(len(PARAMETERS))  # fmt: skip

(SENT_TOTAL, DELIVERED_TOTAL, RING_DROPS, QDISC_DROPS, RETRANSMITS, RING_SECONDS, QDISC_SECONDS, HELD_SECONDS,
 FULL_PACKETS, LOSS_EVENTS, TIMEOUTS, QUEUED, IN_FLIGHT, OUTSTANDING, ACCOUNTED, PATH_DROPS, PATH_SECONDS,
 TAKEN) = range(len(TOTALS))  # fmt: skip

# device state, after the parameters
_DEVICE_ROWS = 55
(Q, B, STALL, STALL_END, EVENT, RECORD, NEXT_FRAME, FRAME_NO, APP, DROP, OVER, SENT, OUT, DROPPED, DROPPED_Q, RETRANS,
 Q_SUM, B_SUM, H_SUM, FULL, LOSSES, PROBES, WANT, TOOK, ABOVE, CODEL_N, CODEL_NEXT, SAMPLES, ARRIVED, ACKED, SPARE,
 LAST_DROP, P, P_SUM, P_GAP, P_RUN, GONE, LEFT, DROPPED_P, USED, RHO_NOW, ALLOWED, F, HELD_BACK, F_LEFT, G, RELEASED,
 A, PART, ROOM, P_LAST, RECOVERING, TURN, UNTOLD,
 WAITED) = range(len(PARAMETERS), len(PARAMETERS) + _DEVICE_ROWS)  # fmt: skip
DEVICE = len(PARAMETERS) + _DEVICE_ROWS
"""First row of the first flow."""

# state of each flow
FLOW = 44
"""Rows of a flow."""
(CW, SS, WMAX, K, EPOCH, WEST, FLIGHT, HELD, FIRST, RECOVERY, PENDING, LAST, SHARE, F_WANT, PACE, ROUND,
 ROUND_START, ROUND_OUT, SHOWN, AHEAD, LOST_AT, REDUCED, PRIOR, PRR_IN, PRR_OUT, H_LEFT, H_START, H_LAST, H_RTT,
 H_COUNT, CAP, F_TOOK, P_SHARE, FAR_SHARE, G_SHARE, A_SHARE, TAIL, CREDIT, TO_RESEND, F_LOST,
 SPAN, PASSED, LOST_TO, RESENT) = range(FLOW)  # fmt: skip

FOREVER = 1e300
TINY = 1e-9
MARK = 1e-12
"""A congestion mark travels back as the loss of (almost) no packet."""


class Kind(NamedTuple):
    """What a kernel is compiled for, the width of its tile excepted.

    Attributes
    ----------
    single
        Whether every scenario has one flow.
    control
        Congestion control code (`tunbp.model.congestion.CODES`).
    source
        0 TCP, 1 open loop, 2 periodic frames.
    pushing
        Whether packets wait in a qdisc: a full ring stops the queue (else it drops), or the qdisc shapes.
    path
        Whether there is a stage behind the reader: a rate, or losses; without both it changes no bit, and is there
        for whatever has `readers`.
    readers
        Whether ACKs cost a reader time, or the far reader is slower than what arrives.
    blocks
        Whether a local TCP hands over blocks of segments that are large for the ring (`tunbp.model.gso`).
    spaced
        Whether TCP sends at a pace: its control's own, or the one that the qdisc takes from it.
    shaped
        Whether the qdisc shapes.
    """

    single: bool
    control: int
    source: int
    pushing: bool
    path: bool
    readers: bool
    blocks: bool
    spaced: bool
    shaped: bool


class Memory(NamedTuple):
    """Arrays of one tile, all zero at the beginning.

    Attributes
    ----------
    state
        Rows of parameters, device and flows.
    line, lost
        Segments acknowledged, and shown to be lost, by the step of the round trip in which that is seen, by flow.
    any_lost
        Whether `lost` of a step holds anything.
    own
        State that a congestion control keeps itself (`tunbp.model.congestion.Control.state`).
    slow
        Flows that are in recovery.
    random
        State of each scenario's random numbers.
    """

    state: npt.NDArray[np.float64]
    line: npt.NDArray[np.float64]
    lost: npt.NDArray[np.float64]
    any_lost: npt.NDArray[np.bool_]
    own: npt.NDArray[np.float64]
    slow: npt.NDArray[np.int64]
    random: npt.NDArray[np.uint64]


def memory_of(width: int, kind: Kind, flows: int, slots: int) -> Memory:
    """Memory for a tile of `width` scenarios of `flows` flows, with `slots` steps per round trip."""
    return Memory(
        _zeros((DEVICE + flows * FLOW) * width),
        _zeros(slots * flows * width),
        _zeros(slots * flows * width),
        np.zeros(slots, np.bool_),
        np.zeros(ROWS[kind.control].state * flows * width),
        np.zeros(flows * width, np.int64),
        np.zeros(width, np.uint64),
    )


def _zeros(count: int) -> npt.NDArray[Any]:
    """Zeros that begin at a cache line, so that no vector of a tile's row lies across two."""
    raw = np.zeros(count + 7)
    skip = -raw.ctypes.data % 64 // 8
    return raw[skip : skip + count]
