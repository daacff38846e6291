"""The constants that an analysis gives, each with its interval, unit, and how it was measured."""

from __future__ import annotations

import math
import os
from typing import Any

from tunbp.lab.probe.analysis import Analysis
from tunbp.lab.probe.constants import Constant, Constants
from tunbp.lab.probe.intervals import Estimate
from tunbp.lab.probe.service import CAUSES, COLD, HOT
from tunbp.traces.build import utc

BUNCHED = 0.05
"""Share of the write turns with a second write while packets waited, above which the reader serves the link first."""
TURNS = 50
"""Fewer turns decide nothing."""
MEANT = "mean over {count:,} {what}; 95 % interval from blocks of time"
FAR = "seen only from the other end: probe the device there, {name} is this"
TOO_FEW = "only {count} {what} were recorded; probe for longer, under load"
NO_END = "of {count} {what} a few hold most of the time, so its interval is open; probe for longer on an idle machine"


def constants(analysis: Analysis, seconds: float) -> Constants:
    """Constants, what is missing and why, and other observations, of one analysis.

    Parameters
    ----------
    analysis : Analysis
        What `tunbp.lab.probe.analysis.analyse` returned.
    seconds : float
        How long the probe ran.
    """
    found, missing = _Collected(), {"far_rate": FAR.format(name="1 / its ack_cost"),
                                    "far_ack_cost": FAR.format(name="1 / its drain_rate")}  # fmt: skip
    settings = analysis.recording.settings
    found.settings["ring"] = Constant(settings.ring, unit="packet", how="txqueuelen, as `ip link` shows it")
    found.settings["qdisc"] = Constant(settings.qdisc, how="as `ip link` shows it")
    service, arrivals = analysis.service, analysis.arrivals
    found.add("drain_rate", _without_tracing(analysis), "packet/s", "service times of packets that had waited, pauses "
              "and ACKs left out; the upper end includes what tracing may have cost")  # fmt: skip
    found.add("ack_cost", service.ack_cost, "s", "intervals between reads in which packets were written to the device")
    found.add("burst_rate", arrivals.burst_rate, "packet/s", "bursts: packets that entered within a service time of "
              "the one before")  # fmt: skip
    pauses = service.pauses
    longer = f"pauses longer than {pauses.threshold * 1e6:.0f} us"
    caused = ", ".join(f"{int((pauses.cause == i).sum())} {name}" for i, name in enumerate(CAUSES))
    found.add("stall_rate", service.pause_rate(), "1/s", f"{longer} ({caused}), per second in which packets waited")
    if pauses.length.size:
        found.add("stall_mean", service.pause_mean(), "s", longer)
    else:
        missing["stall_mean"] = "no pause was seen"
    policy, why = reader_policy(analysis)
    if policy:
        found.settings["reader_policy"] = Constant(policy, how=why)
    else:
        missing["reader_policy"] = why
    about: dict[str, Any] = {
        "device": settings.name,
        "reader": analysis.recording.reader.name,
        "kernel": f"Linux {os.uname().release}",
        "start": utc(analysis.recording.started),
        "seconds": round(seconds, 3),
    }
    return Constants({**found.settings, **found.measured}, missing | found.missing, observations(analysis), about)


class _Collected:
    """Constants that are known, settings, and those for which the sample was too small."""

    def __init__(self) -> None:
        self.settings: dict[str, Constant] = {}
        self.measured: dict[str, Constant] = {}
        self.missing: dict[str, str] = {}

    def add(self, name: str, estimate: Estimate, unit: str, what: str) -> None:
        """Take an estimate in, or say what it lacks."""
        if estimate.known():
            how = MEANT.format(count=estimate.count, what=what)
            self.measured[name] = Constant(estimate.value, max(estimate.low, 0.0), estimate.high, unit, how)
        else:
            why = NO_END if estimate.high == math.inf else TOO_FEW
            self.missing[name] = why.format(count=estimate.count, what=what)


def _without_tracing(analysis: Analysis) -> Estimate:
    """The reader's speed, its upper end raised by what tracing may have cost."""
    speed = analysis.service.service_time().inverse()
    cost = analysis.cost_change.high if analysis.cost_change.known() else 0.0
    return Estimate(speed.value, speed.low, speed.high * (1 + max(cost, 0.0)), speed.count)


def reader_policy(analysis: Analysis) -> tuple[str, str]:
    """The scenario's `reader_policy`, and what it was seen by; "" with the reason where it cannot be told.

    A program that alternates never writes twice to the device while packets wait in it; one that empties its socket
    first does. A program that never did either had no choice to make.
    """
    if analysis.arrivals.two_threads:
        return "separate", "different threads read the device and write to it"
    runs = analysis.service.write_runs
    if runs.size >= TURNS and (share := float((runs > 1).mean())) > BUNCHED:
        return "link_first", (f"one thread; in {share:.0%} of {runs.size:,} turns it wrote more than one packet to the "
                              "device while others waited in the ring")  # fmt: skip
    return "", "the program hardly ever had packets from both sides to choose from"


def observations(analysis: Analysis) -> dict[str, Constant]:
    """What was measured and is no field of a scenario."""
    service, arrivals, ring = analysis.service, analysis.arrivals, analysis.ring
    rows: dict[str, tuple[Estimate, str, str]] = {
        "cold_service_time": (service.service_time(0, COLD), "s", f"service times of the first {COLD} packets after "
                              "the ring had been empty"),
        "hot_service_time": (service.service_time(HOT), "s", f"service times after {HOT} packets in a row"),
        "processor_service_time": (service.processor_time, "s", "service times without the time off the processor"),
        "reader_wake_latency": (service.wake_latency, "s", "packets that entered an empty ring while the reader slept"),
        "packets_per_ack": (arrivals.packets_per_ack, "packet", "ACKs: packets that the stack handed over inside the "
                            "write of one"),
        "sent_packet_rate": (arrivals.offered_rate, "packet/s", "blocks of time: packets handed to the device"),
        "transmitted_rate": (arrivals.read_rate, "packet/s", "blocks of time: packets read"),
        "ring_drop_fraction": (ring.drop_fraction, "1", "packets handed to the device"),
        "ring_sojourn": (ring.ring_sojourn, "s", "packets that were read"),
        "tracing_rate_change": (analysis.rate_change, "1", "traced windows, each against the untraced ones beside it"),
        "tracing_cost_change": (analysis.cost_change, "1", "traced windows: the reader's processor time per packet"),
    }  # fmt: skip
    for cause in CAUSES:
        rows[f"stall_rate_{cause}"] = (service.pause_rate(cause), "1/s", f"pauses in which the reader was {cause}")
    return {
        name: Constant(found.value, found.low, found.high, unit, MEANT.format(count=found.count, what=what))
        for name, (found, unit, what) in rows.items()
        if found.known() and math.isfinite(found.value)
    }
