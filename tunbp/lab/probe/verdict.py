"""Does this device stop its queue when the ring is full, or drop? The flag is not visible in netlink."""

from __future__ import annotations

from dataclasses import dataclass

from tunbp.lab.probe.analysis import Analysis

FULL_RING = "FULL_RING"
"""The kernel's name of the reason for which tun drops what the ring does not take (Linux 5.18 and newer)."""


@dataclass(frozen=True)
class Verdict:
    """What the device does with a full ring: "stops", "drops" or "unknown"; whether that was seen; and why."""

    answer: str
    seen: bool
    why: str


def verdict(analysis: Analysis) -> Verdict:
    """Judge by what was seen; where the ring was never full, by the flag that its program set."""
    recording, ring = analysis.recording, analysis.ring
    size, dropped, peak = recording.settings.ring, ring.drops, ring.peak
    lost = dropped.get(FULL_RING, 0) or (sum(dropped.values()) if FULL_RING not in recording.reasons.values() else 0)
    if lost:
        return Verdict("drops", True, f"{lost} packets were dropped because the ring of {size} was full")
    if peak >= size:
        waits, _ = ring.queue_wait
        held = f", packets waited up to {waits.max() * 1e3:.3g} ms in the qdisc" if waits.size else ""
        return Verdict("stops", True, f"the ring of {size} was full and nothing was dropped{held}")
    unseen = f"the ring was never full (at most {peak} of {size})"
    if recording.flag is None:
        return Verdict("unknown", False, f"{unseen}, and its flags could not be asked")
    if recording.flag and recording.settings.qdisc == "noqueue":
        return Verdict("drops", False, f"{unseen}; IFF_BACKPRESSURE is set, and has no effect with noqueue")
    if recording.flag:
        return Verdict("stops", False, f"{unseen}; IFF_BACKPRESSURE is set")
    return Verdict("drops", False, f"{unseen}; IFF_BACKPRESSURE is not set")
