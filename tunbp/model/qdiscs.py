"""Queueing disciplines in front of the ring: one row each, and CoDel's constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Qdisc:
    """One qdisc: what both engines and lists know of it.

    Attributes
    ----------
    limit
        Packets it holds when nobody says otherwise; None: as many as txqueuelen, which sets the ring too.
    source
        Kernel file that this was read from.
    memory
        Bytes of memory (``skb->truesize``) that its packets may take; None: no such limit.
    attached
        Whether it is one at all: without one packets never wait in front of the ring.
    fair
        Whether each flow has a queue of its own, and new ones are served first.
    drops
        Entries that a full one drops from the head of its longest queue at once; 0: it drops what arrives.
    flow_limit
        Entries that it holds of one flow; None: as many as of all.
    codel
        Whether CoDel drops (or marks) early.
    paces
        Whether it sends what a local TCP hands over at the pace of that TCP (`Scenario.congestion`).
    splits
        Whether it cuts packets of several segments.
    shapes
        Whether it can be given a rate (`Scenario.qdisc_rate`).
    note
        What else is worth knowing.
    """

    limit: float | None
    source: str
    memory: float | None = None
    attached: bool = True
    fair: bool = False
    drops: int = 0
    flow_limit: float | None = None
    codel: bool = False
    paces: bool = False
    splits: bool = False
    shapes: bool = False
    note: str = ""


QDISCS = {
    "noqueue": Qdisc(0.0, "net/sched/sch_generic.c", attached=False),
    "pfifo": Qdisc(None, "net/sched/sch_fifo.c"),
    "pfifo_fast": Qdisc(None, "net/sched/sch_generic.c", note="three bands; one of them is modelled"),
    "fq_codel": Qdisc(10240.0, "net/sched/sch_fq_codel.c", memory=32 * 2.0**20, fair=True, drops=64, codel=True),
    "fq": Qdisc(
        10000.0,
        "net/sched/sch_fq.c",
        fair=True,
        flow_limit=100.0,
        paces=True,
        note="one of its three bands is modelled; TCP waits for its turn before the qdisc and not in it",
    ),
    "cake": Qdisc(
        10240.0,
        "net/sched/sch_cake.c",
        memory=10240 * 1514.0,
        fair=True,
        drops=1,
        codel=True,
        splits=True,
        shapes=True,
        note="one tin of best effort, CoDel for COBALT (whose BLUE answers overload), no ACK filter",
    ),
    "netem": Qdisc(1000.0, "net/sched/sch_netem.c", note="a pfifo; its delay is part of the RTT"),
}
"""Rows by name: what can be simulated."""

NOT_SIMULATED = {
    "bfifo": "its limit is in bytes",
    "codel": "CoDel on one queue of several flows",
    "sfq": "it moves flows among 127 queues",
}
"""Other qdiscs that the laboratory can use, and what a model of each would need."""

CODEL_TARGET = 0.005
CODEL_INTERVAL = 0.1
"""CoDel's target and interval in seconds (RFC 8289, section 4.3; defaults of fq_codel and cake)."""

SHAPED_MEMORY = 4 * 2.0**20
SHAPED_TIME = 0.4
"""Bytes of memory that a shaper's queue may always take, and seconds of its rate (net/sched/sch_cake.c,
``cake_reconfigure``: four intervals)."""

TARGET_PACKETS = 4.0
WAIT_PACKETS = 1.5
"""Packets at a shaper's rate that a sojourn of CoDel's target lasts at least, and of which the wait before the first
drop takes account (net/sched/sch_cake.c, ``cobalt_should_drop`` and ``cake_set_rate``)."""


PACKET_HEAD = 832
"""Bytes that a packet takes beside its payload: struct sk_buff, its shared info and room for headers (x86-64,
``SKB_TRUESIZE`` of net/core/skbuff.c, rounded by the allocator)."""


def default_limits() -> str:
    """The limits that qdiscs have by themselves, in words."""
    words = {name: "txqueuelen" if row.limit is None else f"{row.limit:g}" for name, row in QDISCS.items()}
    return ", ".join(f"{words[name]} for {name}" for name, row in QDISCS.items() if row.attached)


def shapers() -> str:
    """The qdiscs that can be given a rate, in words."""
    return ", ".join(name for name, row in QDISCS.items() if row.shapes)


def fact(qdisc: Any, column: str) -> npt.NDArray[Any]:
    """A column of the rows over an array of names.

    Parameters
    ----------
    qdisc
        Names of `QDISCS`, one or an array.
    column
        Attribute of `Qdisc`.

    Returns
    -------
    ndarray[Any]
        Truth values in the shape of `qdisc`.
    """
    names = np.asarray(qdisc, dtype=str)
    found: npt.NDArray[Any] = np.vectorize(lambda name: getattr(QDISCS[name], column), otypes=[bool])(names)
    return found


def qdisc_limit(
    qdisc: Any, given: Any, ring: Any, payload: Any, rate: Any = np.nan, flows: Any = 1
) -> npt.NDArray[np.float64]:
    """Packets that qdiscs may hold: as given, or the kernel's default; none where there is no qdisc.

    A limit of memory counts too, which for packets of 64 KB is the smaller one of fq_codel (508 of them). A shaper
    may take `SHAPED_MEMORY`, or `SHAPED_TIME` of its rate where that is more.

    Parameters
    ----------
    qdisc
        Names of `QDISCS`, one or an array.
    given
        The scenario's `qdisc_limit`; None or NaN: the default.
    ring
        Ring sizes, packets.
    payload
        Bytes of TCP payload of a packet as the qdisc has it: of all segments of a GSO packet.
    rate
        The scenario's `qdisc_rate`, packets/s; NaN: it does not shape.
    flows
        The scenario's `streams`; a qdisc may hold only so much of each.

    Returns
    -------
    ndarray[np.float64]
        Packets, broadcast.

    Examples
    --------
    >>> [float(qdisc_limit("fq_codel", None, 500, payload)) for payload in (1448, 45 * 1448)]
    [10240.0, 508.0]
    """
    names, given, ring = np.broadcast_arrays(np.asarray(qdisc, dtype=str), np.asarray(given, float), ring)
    own = np.vectorize(lambda name, n: n if QDISCS[name].limit is None else QDISCS[name].limit, otypes=[float])
    limit: npt.NDArray[np.float64] = np.where(~fact(names, "attached") | np.isnan(given), own(names, ring), given)
    of_each = np.vectorize(lambda name: QDISCS[name].flow_limit or np.inf, otypes=[float])(names)
    limit = np.minimum(limit, of_each * np.asarray(flows, float))
    memory = np.vectorize(lambda name: QDISCS[name].memory or np.inf, otypes=[float])
    payload, rate = np.asarray(payload, float), np.asarray(rate, float)
    shaped = np.fmax(SHAPED_MEMORY, SHAPED_TIME * rate * payload)
    bytes_held = np.where(np.isnan(rate), memory(names), np.minimum(memory(names), shaped))
    return np.asarray(np.minimum(limit, np.floor(bytes_held / (payload + PACKET_HEAD))))


def small_queue_share(qdisc: Any, mss: Any) -> npt.NDArray[np.float64]:
    """Part of TCP's small queue that is segments: where a qdisc cuts packets, each piece takes memory of its own.

    (net/ipv4/tcp_offload.c, ``tcp_gso_segment``: the socket is charged for what the pieces take. Linux 6.18 behind a
    token bucket keeps 18 to 30 segments of 1448 bytes waiting where 26 to 39 would have the size of its blocks.)

    Parameters
    ----------
    qdisc
        Names of `QDISCS`, one or an array.
    mss
        Payload of a segment, bytes.

    Returns
    -------
    ndarray[np.float64]
        Between 0 and 1, broadcast.

    Examples
    --------
    >>> [round(float(small_queue_share(name, 1448)), 3) for name in ("fq_codel", "cake")]
    [1.0, 0.635]
    """
    mss = np.asarray(mss, float)
    return np.where(fact(qdisc, "splits"), mss / (mss + PACKET_HEAD), 1.0)


def codel_times(rate: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """CoDel's target and interval where a shaper is so slow that a few packets take longer (``cake_set_rate``).

    Parameters
    ----------
    rate
        The scenario's `qdisc_rate`, packets/s; NaN: it does not shape.

    Returns
    -------
    target, interval : numpy.ndarray
        Seconds, in the shape of `rate`.

    Examples
    --------
    >>> [[round(float(x), 4) for x in codel_times(rate)] for rate in (float("nan"), 86.0)]
    [[0.005, 0.1], [0.0465, 0.1124]]
    """
    packet = np.nan_to_num(1.0 / np.asarray(rate, float))
    wait = np.maximum(WAIT_PACKETS * packet, CODEL_TARGET)
    interval = np.maximum(CODEL_INTERVAL + wait - CODEL_TARGET, 2.0 * wait)
    return np.maximum(TARGET_PACKETS * packet, CODEL_TARGET), interval
