"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.model.drivers import COMPARED
from tunbp.run.params import SEEDS, Allowed, Count, Duration, InputPath, NotebookParams, Qdisc, Ring, Rtt, Streams, of


class Params(NotebookParams):
    """Throughput and latency of your own path against txqueuelen, with advice."""

    small: ClassVar[Mapping[str, Any]] = {"rings": [10, 500], "seeds": 1, "duration": 5.0}

    trace: InputPath | None = Field(default=None, description="measurement file of your path; null: the numbers below")
    rtt: Rtt = of("rtt", zero=True)
    ring: Ring = of("ring")
    drain_rate: Annotated[float, Allowed("drain_rate")] = of("drain_rate")
    burst_rate: Annotated[float, Allowed("burst_rate")] = of("burst_rate", 1.81e6)
    receive_window: Annotated[float, Allowed("receive_window")] = of("receive_window")
    ack_interval: Annotated[float, Allowed("ack_interval")] = of("ack_interval", 0.002)
    stall_rate: Annotated[float, Allowed("stall_rate")] = of("stall_rate", 1.0)
    stall_mean: Annotated[float, Allowed("stall_mean")] = of("stall_mean", 0.005)
    wake_cost: Annotated[float, Allowed("wake_cost")] = of("wake_cost", 5e-6)
    qdisc: Qdisc = of("qdisc")
    driver: Annotated[str, Allowed("driver")] = Field(
        default=COMPARED["backpressure"], description="kernel version compared with stock, e.g. v12, v7"
    )
    streams: Streams = of("streams")
    congestion: Annotated[str, Allowed("congestion")] = of("congestion")
    rings: list[Ring] = of("ring", [1, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000], "axis of the figure")
    seeds: Count = Field(default=5, description=SEEDS)
    duration: Duration = of("duration", 40.0, "simulated time")
    interactive: bool = Field(default=True, description="true: show sliders where somebody can move them")
