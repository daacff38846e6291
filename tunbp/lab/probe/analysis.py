"""All that a recording says, part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunbp.lab.probe import overhead
from tunbp.lab.probe.arrivals import Arrivals
from tunbp.lab.probe.blocks import Blocks
from tunbp.lab.probe.intervals import Estimate
from tunbp.lab.probe.record import Recording
from tunbp.lab.probe.ring import Ring
from tunbp.lab.probe.service import SHORTEST_PAUSE, Service


@dataclass(frozen=True)
class Analysis:
    """A recording and what it says of reader, arrivals and ring; relative changes by tracing [1]."""

    recording: Recording
    blocks: Blocks
    service: Service
    arrivals: Arrivals
    ring: Ring
    rate_change: Estimate
    cost_change: Estimate


def analyse(recording: Recording) -> Analysis:
    """The analysis of a recording; windows in which nothing was read are left out."""
    windows = [window for window in recording.windows if window.packets.seconds > 0]
    blocks = Blocks(windows)
    service = Service(windows, blocks)
    typical = _or(service.service_time().value, SHORTEST_PAUSE)
    traced = [window.usage for window in recording.windows]
    return Analysis(
        recording,
        blocks,
        service,
        Arrivals(windows, blocks, typical, _or(service.wake_latency.value, 0.0)),
        Ring(windows, blocks, recording.reasons),
        overhead.rate_change(traced, recording.controls),
        overhead.cost_change(traced, recording.controls),
    )


def _or(value: float, instead: float) -> float:
    return value if np.isfinite(value) else instead
