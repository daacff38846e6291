"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from tunbp.model.drivers import COMPARED
from tunbp.run.params import (
    DURATION,
    RINGS,
    SEEDS,
    CongestionControl,
    Count,
    Duration,
    InputPath,
    NotebookParams,
    Pause,
    Qdisc,
    Rate,
    Ring,
    Rtt,
    Streams,
)


class Params(NotebookParams):
    """Throughput and latency of your own path against txqueuelen, with advice."""

    small: ClassVar[Mapping[str, Any]] = {"rings": [10, 500], "seeds": 1, "duration": 5.0}

    trace: InputPath | None = Field(default=None, description="measurement file of your path; null: the numbers below")
    rtt: Rtt = Field(default=0.120, description="round-trip time [s], 0 or more")
    ring: Ring = Field(default=500, description="ring size (txqueuelen) [packets], 1 or more")
    drain_rate: Rate = Field(default=60e3, description="speed of the reader [packet/s], more than 0")
    burst_rate: Rate = Field(default=1.81e6, description="rate at which bursts reach the ring [packet/s], more than 0")
    receive_window: Rate = Field(default=3.0e6, description="receive window [byte], more than 0")
    ack_interval: Pause = Field(default=0.002, description="time over which ACKs are held back [s], 0 or more")
    stall_rate: Pause = Field(default=1.0, description="random pauses of the reader [1/s], 0 or more")
    stall_mean: Pause = Field(default=0.005, description="their mean length [s], 0 or more")
    wake_cost: Pause = Field(default=5e-6, description="what a stop/wake cycle takes from the reader [s], 0 or more")
    qdisc: Qdisc = Field(default="fq_codel", description="qdisc: noqueue, pfifo, pfifo_fast, fq_codel")
    driver: str = Field(
        default=COMPARED["backpressure"], description="kernel version compared with stock, e.g. v12, v7"
    )
    streams: Streams = Field(default=1, description="parallel TCP streams, 1 to 64")
    congestion: CongestionControl = Field(default="cubic", description="congestion control: cubic, reno, bbr")
    rings: list[Ring] = Field(
        default=[1, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000],
        min_length=1,
        description=f"axis of the figure: {RINGS}",
    )
    seeds: Count = Field(default=5, description=SEEDS)
    duration: Duration = Field(default=40.0, description=DURATION)
    interactive: bool = Field(default=True, description="true: show sliders where somebody can move them")
