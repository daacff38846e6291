"""Queueing disciplines in front of the ring: how many packets they hold, and CoDel's constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

QDISCS = ("noqueue", "pfifo", "pfifo_fast", "fq_codel", "netem")

QDISC_LIMITS = {"noqueue": 0.0, "fq_codel": 10240.0, "netem": 1000.0}
"""Packets a qdisc holds when nobody says otherwise (net/sched/sch_fq_codel.c, sch_netem.c); pfifo and pfifo_fast take
txqueuelen, which sets the ring too."""

CODEL_TARGET = 0.005
CODEL_INTERVAL = 0.1
CODEL_DROP_BATCH = 64
"""CoDel's target and interval in seconds (RFC 8289, section 4.3; fq_codel's defaults), and the packets that a full
fq_codel drops at once, at most (net/sched/sch_fq_codel.c, ``drop_batch_size``)."""


def qdisc_limit(qdisc: Any, given: Any, ring: Any) -> npt.NDArray[np.float64]:
    """Packets that qdiscs may hold: as given, or the kernel's default; none where there is no qdisc.

    Parameters
    ----------
    qdisc
        Names of `QDISCS`, one or an array.
    given
        The scenario's `qdisc_limit`; None or NaN: the default.
    ring
        Ring sizes, packets.
    """
    names, given, ring = np.broadcast_arrays(np.asarray(qdisc, dtype=str), np.asarray(given, float), ring)
    default = np.vectorize(QDISC_LIMITS.get, otypes=[float])(names, ring)
    limit: npt.NDArray[np.float64] = np.where((names == "noqueue") | np.isnan(given), default, given)
    return limit
