"""How each kernel version stops and wakes its queue: one row per version, to be read beside the patches.

The rows follow drivers/net/tun.c, drivers/net/tap.c and drivers/vhost/net.c of each posting; `source` is the id in
``data/published/sources.md``. Everything that depends on the version (both engines, limits, notebooks) reads it
from `DRIVERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from tunbp.errors import ScenarioError
from tunbp.model.qdiscs import QDISCS

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
    """When a full ring stops the queue."""

    NEVER = 0  # the ring drops what does not fit
    FULL = 1  # with the entry that fills it
    FAILED = 2  # with the first one that does not fit, which goes back to the qdisc


class Wake(IntEnum):
    """When the reader wakes a stopped queue."""

    NEVER = 0
    ANY_SLOT = 1  # one free slot is visible to the producer
    FREED_BATCH = 2  # consuming created space: ptr_ring freed a batch
    HALF = 3  # half of the ring was consumed since the stop
    SEVEN_EIGHTHS = 4
    EMPTY = 5
    HALF_OR_EMPTY = 6
    BATCH_OR_EMPTY = 7  # as FREED_BATCH, or the ring is empty
    THREE_QUARTERS = 8
    POLL = 9  # once per NAPI poll of at most 64 packets
    CONSUMED_OR_EMPTY = 10  # as many as ptr_ring frees at once were consumed since the stop, or the ring is empty


ON_FREED = (Wake.ANY_SLOT, Wake.FREED_BATCH, Wake.BATCH_OR_EMPTY)
"""Rules that look at slots as ptr_ring frees them, whenever the queue was stopped."""


@dataclass(frozen=True)
class Driver:
    """One row: a kernel version's rules, and notes on what the model does not tell apart.

    Attributes
    ----------
    stop, wake
        The rules above.
    needs_qdisc
        Whether the queue is stopped only where a qdisc is attached (with noqueue the ring drops as before).
    look
        Name of its style in figures (`tunbp.plots.style.VARIANTS`).
    label
        What lists call it; empty: its name and when it is woken (`label`).
    date, source
        When it was posted or merged, and where it was read.
    stops, fails
        Notes: when exactly the transmit function stops the queue, and what becomes of a packet whose insertion fails.
        A queue that stops as its ring fills is simulated alike whether it looks before or after the last entry, and no
        insertion fails then: packets of two senders never meet at the last slot.
    lock
        Note: whether several processors can be in the transmit function at once (LLTX, without the qdisc's transmit
        lock). Both engines hand over one packet at a time; what threads cost each other is `Scenario.contention`.
    flag
        Note: whose choice it is; empty: every device of such a kernel stops its queue, or none does.
    note
        What else differs.
    """

    stop: Stop
    wake: Wake
    needs_qdisc: bool
    look: str = "backpressure"
    label: str = ""
    date: str = ""
    source: str = ""
    stops: str = ""
    fails: str = "dropped"
    lock: str = "lock-less (LLTX)"
    flag: str = ""
    note: str = ""


_FLAG = "IFF_BACKPRESSURE of the device: all of its queues have it, netlink does not show it"
"""TUNSETIFF sets or clears it while the device has at most one queue; TUNGETIFF shows it."""
_BUSY = "TX_BUSY: the qdisc keeps it"
_AFTER = "full after inserting, or insertion failed"
_BEFORE = "before inserting the last entry that fits"
_AFTER_RECHECK = "after an insertion that leaves the ring full; then a barrier and a second look"
_RECHECK = "after any attempt that leaves the ring full; barrier and second look"

DRIVERS: dict[str, Driver] = {
    "stock": Driver(
        Stop.NEVER,
        Wake.NEVER,
        needs_qdisc=False,
        look="stock",
        label="stock",
        source="S34",
        note="drop reason FULL_RING",
    ),
    "v1": Driver(
        Stop.FULL,
        Wake.EMPTY,
        needs_qdisc=False,
        date="2025-08-08",
        source="S01",
        stops="full on entry, full after inserting, or insertion failed",
        note="tun only; full on entry returns TX_BUSY; also woken in the reader's idle path",
    ),
    "v2": Driver(
        Stop.FULL,
        Wake.EMPTY,
        needs_qdisc=False,
        date="2025-08-12",
        source="S02",
        stops=_AFTER,
    ),
    "v3": Driver(
        Stop.FULL,
        Wake.EMPTY,
        needs_qdisc=False,
        date="2025-08-25",
        source="S03",
        stops=_AFTER,
        note="adds tap and vhost-net; unconditional wake in the blocking wait loop",
    ),
    "v4": Driver(
        Stop.FULL,
        Wake.ANY_SLOT,
        needs_qdisc=False,
        date="2025-09-02",
        source="S04",
        stops=_AFTER,
    ),
    "v5": Driver(
        Stop.FULL,
        Wake.FREED_BATCH,
        needs_qdisc=False,
        date="2025-09-23",
        source="S05",
        stops=_BEFORE,
        lock="locked: 3/8 switches LLTX off",
        note="woken when a consumed batch is invalidated and the queue was stopped before that; on vhost-net looked at "
        "inside the 64 that it takes",
    ),
    "v6": Driver(
        Stop.FULL,
        Wake.BATCH_OR_EMPTY,
        needs_qdisc=False,
        date="2025-11-20",
        source="S06",
        stops=_BEFORE,
        lock="locked: 7/8 removes LLTX",
        note="drop only after resize or unconsume; on vhost-net looked at inside the 64 that it takes",
    ),
    "v7": Driver(
        Stop.FULL,
        Wake.FREED_BATCH,
        needs_qdisc=True,
        date="2026-01-07",
        source="S07",
        stops=_RECHECK,
        fails=_BUSY,
        lock="lock-less (LLTX) again",
        note="on vhost-net looked at once for the 64 that it takes",
    ),
    "v8": Driver(
        Stop.FULL,
        Wake.HALF,
        needs_qdisc=True,
        date="2026-03-12",
        source="S15",
        stops=_AFTER_RECHECK,
        fails=_BUSY,
    ),
    "v9": Driver(
        Stop.FULL,
        Wake.HALF,
        needs_qdisc=True,
        date="2026-04-28",
        source="S16",
        stops=_AFTER_RECHECK,
        fails=_BUSY,
    ),
    "v12": Driver(
        Stop.FULL,
        Wake.HALF_OR_EMPTY,
        needs_qdisc=True,
        date="2026-05-10",
        source="S17",
        stops=_RECHECK,
        note="merged 2026-05-14, reverted 2026-07-29",
    ),
    "optin-2026-07": Driver(
        Stop.FULL,
        Wake.HALF_OR_EMPTY,
        needs_qdisc=True,
        date="2026-07-09",
        source="S20",
        stops=_RECHECK,
        flag=_FLAG,
        note="not merged",
    ),
    "test-batch": Driver(
        Stop.FULL,
        Wake.CONSUMED_OR_EMPTY,
        needs_qdisc=True,
        look="wake_batch",
        date="2026-07-07",
        source="S21",
        stops=_RECHECK,
        note="test patch: consumed >= tx_ring.batch, or empty",
    ),
    "test-empty": Driver(
        Stop.FULL,
        Wake.EMPTY,
        needs_qdisc=True,
        look="wake_empty",
        date="2026-07-07",
        source="S21",
        stops=_RECHECK,
        note="test patch: empty only",
    ),
    "v7-empty": Driver(
        Stop.FULL,
        Wake.EMPTY,
        needs_qdisc=True,
        look="wake_empty",
        date="2026-02-14",
        source="S13",
        stops=_RECHECK,
        fails=_BUSY,
        note="wake ablation on v7",
    ),
    "v7-half": Driver(
        Stop.FULL,
        Wake.HALF,
        needs_qdisc=True,
        look="wake_half",
        date="2026-02-16",
        source="S14",
        stops=_RECHECK,
        fails=_BUSY,
        note="wake ablation on v7",
    ),
    "v7-7/8": Driver(
        Stop.FULL,
        Wake.SEVEN_EIGHTHS,
        needs_qdisc=True,
        look="wake_seven_eighths",
        date="2026-02-16",
        source="S14",
        stops=_RECHECK,
        fails=_BUSY,
        note="wake ablation on v7",
    ),
    "v8-3/4": Driver(
        Stop.FULL,
        Wake.THREE_QUARTERS,
        needs_qdisc=True,
        date="2026-03-12",
        source="S15",
        stops=_AFTER_RECHECK,
        fails=_BUSY,
        note="wake ablation on v8",
    ),
    "net-next-1": Driver(
        Stop.FULL,
        Wake.HALF_OR_EMPTY,
        needs_qdisc=True,
        date="2026-07-29",
        source="S24",
        stops=_RECHECK,
        flag=_FLAG,
        note="first posting of the series with the flag; returns early without it",
    ),
    "7.3": Driver(
        Stop.FULL,
        Wake.HALF_OR_EMPTY,
        needs_qdisc=True,
        label="7.3: IFF_BACKPRESSURE, woken at half",
        date="2026-08-08",
        source="S24",
        stops=_RECHECK,
        flag=_FLAG,
        note="documented in tuntap.rst, section 3.4 (S37); also needs a running device and the file's own queue slot",
    ),
    "veth": Driver(
        Stop.FAILED,
        Wake.POLL,
        needs_qdisc=True,
        date="2025-04-25",
        source="S27",
        stops="an insertion failed",
        fails=_BUSY,
        note="256-entry ring; woken at the end of each NAPI poll; no byte queue limits in 7.3.4 (S29)",
    ),
}
# names people use
ALIASES = {"backpressure": "7.3", "IFF_BACKPRESSURE": "7.3", "patched": "v12"}

COMPARED = {"stock": "stock", "backpressure": ALIASES["backpressure"]}
"""Variants that results compare, and the version that each is."""

_WOKEN = {
    Wake.NEVER: "never stopped", Wake.ANY_SLOT: "woken by any free slot", Wake.FREED_BATCH: "woken by each freed batch",
    Wake.HALF: "woken at half", Wake.SEVEN_EIGHTHS: "woken at 7/8", Wake.EMPTY: "woken when empty",
    Wake.HALF_OR_EMPTY: "woken at half", Wake.CONSUMED_OR_EMPTY: "woken after one batch, or when empty",
    Wake.THREE_QUARTERS: "woken at three quarters", Wake.POLL: "woken once per poll",
    Wake.BATCH_OR_EMPTY: "woken by each freed batch, or when empty",
}  # fmt: skip


def driver(name: str) -> Driver:
    """The rules of one kernel version, by its name or an alias.

    Parameters
    ----------
    name
        A key of `DRIVERS` or `ALIASES`.

    Returns
    -------
    Driver
        Its row.

    Raises
    ------
    ScenarioError
        If there is no such version; the message lists those there are.
    """
    key = ALIASES.get(name, name)
    if key not in DRIVERS:
        raise ScenarioError(f"driver: {name!r} is not known; allowed: {', '.join([*DRIVERS, *ALIASES])}")
    return DRIVERS[key]


def label(name: str) -> str:
    """What lists call a version: its row's label, or its name and when it wakes the queue.

    Parameters
    ----------
    name
        A key of `DRIVERS` or `ALIASES`.

    Returns
    -------
    str
        Words for legends and lists.
    """
    row = driver(name)
    return row.label or f"{name}: {_WOKEN[row.wake]}"


def ring_batch(ring: float) -> int:
    """Entries that a ring of `ring` packets frees at once: 16 on x86-64, 1 when 16 exceeds half of the ring.

    Source: ``__ptr_ring_set_size`` in include/linux/ptr_ring.h.

    Parameters
    ----------
    ring
        Ring size N in packets.

    Returns
    -------
    int
        Entries freed at once.
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


def packets_per_wake(rules: Driver, ring: float, behind_vhost: bool = False) -> float:
    """Packets consumed from the stop to the wake: `wake_threshold`, and by whole batches where vhost-net reads.

    vhost-net takes up to 64 entries in one locked call, in which nothing arrives. v5 and v6 look at every 16 freed in
    it, v7 once behind it: the first look wakes the queue and the others find it awake, so both wake once per call.

    Parameters
    ----------
    rules
        Row of the kernel version.
    ring
        Ring size N in packets.
    behind_vhost
        Whether vhost-net is the reader.

    Returns
    -------
    float
        k in packets; infinity if the queue is never woken.

    Examples
    --------
    >>> packets_per_wake(driver("v7"), 1000), packets_per_wake(driver("v7"), 1000, behind_vhost=True)
    (16.0, 64.0)
    """
    k = wake_threshold(rules.wake, ring)
    return float(min(VHOST_NET_BATCH, ring)) if behind_vhost and rules.wake in ON_FREED else k


def counts_from_stop(wake: Wake) -> bool:
    """Whether k is counted from the stop on: what was consumed is, freed batches and polls begin where they did.

    Parameters
    ----------
    wake
        The wake rule.

    Returns
    -------
    bool
        False for rules of freed slots and of polls.
    """
    return wake not in (*ON_FREED, Wake.POLL)


def pushes_back(rules: Driver, qdisc: str) -> bool:
    """Whether a full ring stops the queue (else it drops): the version stops, and a qdisc is there if it needs one.

    Parameters
    ----------
    rules
        Row of the kernel version.
    qdisc
        Name of a qdisc (`tunbp.model.qdiscs.QDISCS`).

    Returns
    -------
    bool
        Whether the ring stops its queue.
    """
    return rules.stop is not Stop.NEVER and (QDISCS[qdisc].attached or not rules.needs_qdisc)
