"""Blocks of segments that a local TCP hands over at once (generic segmentation offload, TSO autosizing).

TCP builds a block of what it paces in 1/1024 s, waits until the window has room for one, and the stack cuts it into
packets just before the device: they enter the ring back to back, at `Scenario.burst_rate`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model.congestion.tcp import TSQ_TIME
from tunbp.model.qdiscs import fact

BLOCK_BYTES = 65536.0
"""Largest block in bytes (include/linux/netdevice.h, ``GSO_LEGACY_MAX_SIZE``)."""

BLOCK_LEAST = 2.0
"""Smallest block in segments (``net.ipv4.tcp_min_tso_segs``)."""

RTT_SHIFT = 512e-6
"""A block has `BLOCK_BYTES` more, halved for each of these seconds of the smallest RTT (``tcp_tso_rtt_log = 9``)."""

RTT_HALVINGS = 32.0
"""From so many halvings on there is nothing more (net/ipv4/tcp_output.c, ``tcp_tso_autosize``)."""

DEFER_TIME = 1e-3
"""TCP waits for a whole block only if it sent something less than this many seconds ago (``tcp_tso_should_defer``)."""

WINDOW_DIVISOR = 3.0
"""It does not wait either if one part in so many of its window is free (``net.ipv4.tcp_tso_win_divisor``)."""


def block_limits(rtt: npt.ArrayLike, mss: npt.ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What a short RTT adds to a block, and how large a block can be (net/ipv4/tcp_output.c, ``tcp_tso_autosize``).

    Parameters
    ----------
    rtt
        Smallest RTT, any shape, in seconds.
    mss
        Payload of a segment, broadcast with `rtt`, in bytes.

    Returns
    -------
    more, most : numpy.ndarray
        Segments, of the broadcast shape.

    Examples
    --------
    >>> [float(x) for x in block_limits(0.12, 1448)]
    [0.0, 45.0]
    """
    halvings = np.floor(np.asarray(rtt, float) / RTT_SHIFT)
    most = np.maximum(np.floor(BLOCK_BYTES / np.asarray(mss, float)), BLOCK_LEAST)
    more = np.where(halvings < RTT_HALVINGS, most * 0.5 ** np.minimum(halvings, RTT_HALVINGS), 0.0)
    return more, np.broadcast_to(most, more.shape)


def block(pacing_rate: float, more: float, most: float) -> float:
    """Segments of a block at a pacing rate (per second), with the limits of `block_limits`.

    Parameters
    ----------
    pacing_rate
        Segments per second at which TCP paces.
    more
        Segments that a block has besides a millisecond of that rate.
    most
        Largest block in segments.

    Returns
    -------
    float
        Whole segments.
    """
    return float(math.floor(max(min(pacing_rate * TSQ_TIME + more, most), BLOCK_LEAST)))


def segments_per_entry(source: Any, segments: Any, qdisc: Any = None) -> npt.NDArray[np.float64]:
    """Segments that a ring entry carries: `gso_segments` of TCP and of video frames, one of any other source.

    A qdisc that splits packets hands them over one by one.

    Parameters
    ----------
    source
        Names of sources, one or an array.
    segments
        The scenario's `gso_segments`.
    qdisc
        Names of qdiscs; None: one that splits nothing.

    Returns
    -------
    ndarray[np.float64]
        Segments, in the shape of `source`.

    Examples
    --------
    >>> segments_per_entry(["tcp", "frames", "open", "pktgen"], 45).tolist()
    [45.0, 45.0, 1.0, 1.0]
    """
    alone = np.isin(np.asarray(source, dtype=str), ("open", "pktgen"))
    if qdisc is not None:
        alone = alone | fact(qdisc, "splits")
    return np.where(alone, 1.0, np.asarray(segments, float))
