"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from tunbp.run.params import DURATION, RINGS, SEEDS, Count, Duration, NotebookParams, Qdisc, Rate, Ring, Rtt, Streams


class Params(NotebookParams):
    """What the qdisc can do once the ring pushes back."""

    small: ClassVar[Mapping[str, Any]] = {"rings": [10, 500], "seeds": 1, "duration": 5.0}

    rings: list[Ring] = Field(default=[1, 5, 10, 25, 50, 100, 250, 500, 1000], min_length=1, description=RINGS)
    qdiscs: list[Qdisc] = Field(
        default=["pfifo", "fq_codel"],
        min_length=1,
        description="qdiscs: noqueue, pfifo, pfifo_fast, fq_codel",
    )
    qdisc_limit: Ring = Field(default=1000, description="limit of the qdisc [packets], 1 or more")
    rtt: Rtt = Field(default=0.020, description="round-trip time [s], 0 or more")
    drain_rate: Rate = Field(default=60e3, description="speed of the reader [packet/s], more than 0")
    burst_rate: Rate = Field(default=1.81e6, description="rate at which bursts reach the ring [packet/s], more than 0")
    streams: Streams = Field(default=1, description="bulk flows, 1 to 64")
    seeds: Count = Field(default=3, description=SEEDS)
    duration: Duration = Field(default=20.0, description=DURATION)
