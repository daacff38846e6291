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
        Whether each flow has a queue of its own, new ones are served first, and a full qdisc drops from the longest.
    codel
        Whether CoDel drops (or marks) early.
    note
        What else is worth knowing.
    """

    limit: float | None
    source: str
    memory: float | None = None
    attached: bool = True
    fair: bool = False
    codel: bool = False
    note: str = ""


QDISCS = {
    "noqueue": Qdisc(0.0, "net/sched/sch_generic.c", attached=False),
    "pfifo": Qdisc(None, "net/sched/sch_fifo.c"),
    "pfifo_fast": Qdisc(None, "net/sched/sch_generic.c", note="three bands; one of them is modelled"),
    "fq_codel": Qdisc(10240.0, "net/sched/sch_fq_codel.c", memory=32 * 2.0**20, fair=True, codel=True),
    "netem": Qdisc(1000.0, "net/sched/sch_netem.c", note="a pfifo; its delay is part of the RTT"),
}
"""Rows by name: what can be simulated."""

NOT_SIMULATED = {
    "bfifo": "its limit is in bytes",
    "fq": "it paces local TCP",
    "codel": "CoDel on one queue of several flows",
    "cake": "its own AQM, shaper and a limit in bytes",
    "sfq": "it moves flows among 127 queues",
}
"""Other qdiscs that the laboratory can use, and what a model of each would need."""

CODEL_TARGET = 0.005
CODEL_INTERVAL = 0.1
CODEL_DROP_BATCH = 64
"""CoDel's target and interval in seconds (RFC 8289, section 4.3; fq_codel's defaults), and the packets that a full
fq_codel drops at once, at most (net/sched/sch_fq_codel.c, ``drop_batch_size``)."""


PACKET_HEAD = 832
"""Bytes that a packet takes beside its payload: struct sk_buff, its shared info and room for headers (x86-64,
``SKB_TRUESIZE`` of net/core/skbuff.c, rounded by the allocator)."""


def default_limits() -> str:
    """The limits that qdiscs have by themselves, in words."""
    words = {name: "txqueuelen" if row.limit is None else f"{row.limit:g}" for name, row in QDISCS.items()}
    return ", ".join(f"{words[name]} for {name}" for name, row in QDISCS.items() if row.attached)


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


def qdisc_limit(qdisc: Any, given: Any, ring: Any, payload: Any) -> npt.NDArray[np.float64]:
    """Packets that qdiscs may hold: as given, or the kernel's default; none where there is no qdisc.

    A limit of memory counts too, which for packets of 64 KB is the smaller one of fq_codel (508 of them).

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
    memory = np.vectorize(lambda name: QDISCS[name].memory or np.inf, otypes=[float])
    fits: npt.NDArray[np.float64] = np.floor(memory(names) / (np.asarray(payload, float) + PACKET_HEAD))
    return np.asarray(np.minimum(limit, fits))
