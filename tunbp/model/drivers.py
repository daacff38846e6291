"""How each kernel version stops and wakes its queue: one row per version, to be read beside the patches.

The rows follow drivers/net/tun.c, drivers/net/tap.c and drivers/vhost/net.c of each posting; `source` is the id in
``data/published/sources.md``. Everything that depends on the version (both engines, limits, notebooks) reads it
from `DRIVERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from tunbp.errors import ScenarioError

PTR_RING_BATCH = 16
"""Entries ptr_ring frees at once on x86-64: ``SMP_CACHE_BYTES * 2 / sizeof(void *)`` (include/linux/ptr_ring.h)."""

VHOST_NET_BATCH = 64
"""Entries that vhost-net takes from the ring in one locked call (drivers/vhost/net.c, ``VHOST_NET_BATCH``)."""

NAPI_POLL = 64
"""Packets that one NAPI poll takes from veth's ring at most (include/linux/netdevice.h, ``NAPI_POLL_WEIGHT``)."""

VETH_RING = 256
"""Entries of veth's ring (drivers/net/veth.c, ``VETH_RING_SIZE``)."""

DEFAULT_RING = {"tun": 500, "tap": 1000, "tap+vhost-net": 1000, "veth": VETH_RING}
"""Ring entries by device when nobody sets txqueuelen (Schippers, 2025-11-25)."""


class Stop(IntEnum):
    """When the transmit function stops the queue."""

    NEVER = 0  # the ring drops what does not fit
    FULL_ON_ENTRY = 1  # ring found full on entry, full after an insertion, or insertion failed
    AFTER_FULL = 2  # an insertion left the ring full, or failed
    BEFORE_LAST = 3  # before inserting the last entry that fits
    AFTER_FULL_RECHECK = 4  # an insertion left the ring full; barrier, look again, wake if space appeared
    AFTER_ATTEMPT_RECHECK = 5  # any insertion attempt left the ring full; barrier, look again
    ON_FAILED = 6  # an insertion failed


class Wake(IntEnum):
    """When the reader wakes a stopped queue."""

    NEVER = 0
    ANY_SLOT = 1  # one free slot is visible to the producer
    FREED_BATCH = 2  # consuming created space: ptr_ring freed a batch
    HALF = 3  # half of the ring was consumed since the stop
    SEVEN_EIGHTHS = 4
    EMPTY = 5
    HALF_OR_EMPTY = 6
    BATCH_OR_EMPTY = 7
    THREE_QUARTERS = 8
    POLL = 9  # once per NAPI poll of at most 64 packets


class Failed(IntEnum):
    """What happens to a packet whose insertion failed."""

    DROP = 0
    REQUEUE = 1  # NETDEV_TX_BUSY: the qdisc keeps it


@dataclass(frozen=True)
class Driver:
    """One row: a kernel version's rules.

    Attributes
    ----------
    stop, wake, failed
        The rules above.
    needs_qdisc
        Whether the queue is stopped only where a qdisc is attached (with noqueue the ring drops as before).
    needs_flag
        Whether the file must have been opened with ``IFF_BACKPRESSURE``.
    date, source, note
        When it was posted or merged, where it was read, and what else differs.
    """

    stop: Stop
    wake: Wake
    failed: Failed
    needs_qdisc: bool
    needs_flag: bool = False
    date: str = ""
    source: str = ""
    note: str = ""


_STOCK = Driver(Stop.NEVER, Wake.NEVER, Failed.DROP, needs_qdisc=False, source="S34", note="drop reason FULL_RING")
_HALF = Wake.HALF_OR_EMPTY

DRIVERS: dict[str, Driver] = {
    "stock": _STOCK,
    "v1": Driver(
        Stop.FULL_ON_ENTRY,
        Wake.EMPTY,
        Failed.DROP,
        False,
        date="2025-08-08",
        source="S01",
        note="tun only; full on entry returns TX_BUSY; also woken in the reader's idle path",
    ),
    "v2": Driver(Stop.AFTER_FULL, Wake.EMPTY, Failed.DROP, False, date="2025-08-12", source="S02"),
    "v3": Driver(
        Stop.AFTER_FULL,
        Wake.EMPTY,
        Failed.DROP,
        False,
        date="2025-08-25",
        source="S03",
        note="adds tap and vhost-net; unconditional wake in the blocking wait loop",
    ),
    "v4": Driver(
        Stop.AFTER_FULL,
        Wake.ANY_SLOT,
        Failed.DROP,
        False,
        date="2025-09-02",
        source="S04",
        note="vhost-net wakes once per batch",
    ),
    "v5": Driver(
        Stop.BEFORE_LAST,
        Wake.FREED_BATCH,
        Failed.DROP,
        False,
        date="2025-09-23",
        source="S05",
        note="woken when a consumed batch is invalidated and the queue was stopped before that",
    ),
    "v6": Driver(
        Stop.BEFORE_LAST,
        Wake.BATCH_OR_EMPTY,
        Failed.DROP,
        False,
        date="2025-11-20",
        source="S06",
        note="drop only after resize or unconsume",
    ),
    "v7": Driver(Stop.AFTER_ATTEMPT_RECHECK, Wake.FREED_BATCH, Failed.REQUEUE, True, date="2026-01-07", source="S07"),
    "v8": Driver(Stop.AFTER_FULL_RECHECK, Wake.HALF, Failed.REQUEUE, True, date="2026-03-12", source="S15"),
    "v9": Driver(Stop.AFTER_FULL_RECHECK, Wake.HALF, Failed.REQUEUE, True, date="2026-04-28", source="S16"),
    "v12": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        _HALF,
        Failed.DROP,
        True,
        date="2026-05-10",
        source="S17",
        note="merged 2026-05-14, reverted 2026-07-29",
    ),
    "optin-2026-07": Driver(
        Stop.AFTER_ATTEMPT_RECHECK, _HALF, Failed.DROP, True, True, date="2026-07-09", source="S20", note="not merged"
    ),
    "test-batch": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        Wake.BATCH_OR_EMPTY,
        Failed.DROP,
        True,
        date="2026-07-07",
        source="S21",
        note="test patch: consumed >= tx_ring.batch, or empty",
    ),
    "test-empty": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        Wake.EMPTY,
        Failed.DROP,
        True,
        date="2026-07-07",
        source="S21",
        note="test patch: empty only",
    ),
    "v7-empty": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        Wake.EMPTY,
        Failed.REQUEUE,
        True,
        date="2026-02-14",
        source="S13",
        note="wake ablation on v7",
    ),
    "v7-half": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        Wake.HALF,
        Failed.REQUEUE,
        True,
        date="2026-02-16",
        source="S14",
        note="wake ablation on v7",
    ),
    "v7-7/8": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        Wake.SEVEN_EIGHTHS,
        Failed.REQUEUE,
        True,
        date="2026-02-16",
        source="S14",
        note="wake ablation on v7",
    ),
    "net-next-1": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        _HALF,
        Failed.DROP,
        True,
        True,
        date="2026-07-29",
        source="S24",
        note="first posting with the flag; returns early without it",
    ),
    "7.3": Driver(
        Stop.AFTER_ATTEMPT_RECHECK,
        _HALF,
        Failed.DROP,
        True,
        True,
        date="2026-08-08",
        source="S24",
        note="IFF_BACKPRESSURE; also needs a running device and the file's own queue slot",
    ),
    "veth": Driver(
        Stop.ON_FAILED,
        Wake.POLL,
        Failed.REQUEUE,
        True,
        date="2025-04-25",
        source="S27",
        note="256-entry ring; woken at the end of each NAPI poll; no byte queue limits in 7.3.4 (S29)",
    ),
}
# names people use
ALIASES = {"backpressure": "7.3", "IFF_BACKPRESSURE": "7.3", "patched": "v12"}


def driver(name: str) -> Driver:
    """The rules of one kernel version, by its name or an alias.

    Raises
    ------
    ScenarioError
        If there is no such version; the message lists those there are.
    """
    key = ALIASES.get(name, name)
    if key not in DRIVERS:
        raise ScenarioError(f"driver: {name!r} is not known; allowed: {', '.join([*DRIVERS, *ALIASES])}")
    return DRIVERS[key]


def ring_batch(ring: float) -> int:
    """Entries that a ring of `ring` packets frees at once: 16 on x86-64, 1 when 16 exceeds half of the ring.

    Source: ``__ptr_ring_set_size`` in include/linux/ptr_ring.h.
    """
    return PTR_RING_BATCH if ring >= 2 * PTR_RING_BATCH else 1


def wake_threshold(wake: Wake, ring: float) -> float:
    """Packets consumed from a full ring until the queue is woken (the k of the wake-cycle law).

    Parameters
    ----------
    wake
        The wake rule.
    ring
        Ring size N in packets.

    Returns
    -------
    float
        k in packets: the freed batch, a share of the ring, or all of it; infinity if the queue is never woken.
    """
    batch = float(ring_batch(ring))
    share = {
        Wake.HALF: 1 / 2, Wake.HALF_OR_EMPTY: 1 / 2, Wake.THREE_QUARTERS: 3 / 4,
        Wake.SEVEN_EIGHTHS: 7 / 8, Wake.EMPTY: 1.0,
    }  # fmt: skip
    if wake is Wake.NEVER:
        return float("inf")
    if wake in share:  # an integer division in the kernel
        return float(max(int(share[wake] * ring), 1))
    if wake is Wake.POLL:
        return min(NAPI_POLL, float(ring))
    return batch


def pushes_back(rules: Driver, qdisc: str) -> bool:
    """Whether a full ring stops the queue (else it drops): the version stops, and a qdisc is there if it needs one."""
    return rules.stop is not Stop.NEVER and (qdisc != "noqueue" or not rules.needs_qdisc)
