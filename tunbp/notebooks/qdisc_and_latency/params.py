"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.run.params import SEEDS, Allowed, Count, Duration, NotebookParams, Qdisc, Ring, Rtt, Streams, of


class Params(NotebookParams):
    """What the qdisc can do once the ring pushes back."""

    small: ClassVar[Mapping[str, Any]] = {"rings": [10, 500], "seeds": 1, "duration": 5.0}

    rings: list[Ring] = of("ring", [1, 5, 10, 25, 50, 100, 250, 500, 1000])
    qdiscs: list[Qdisc] = of("qdisc", ["pfifo", "fq_codel"])
    qdisc_limit: Annotated[int, Allowed("qdisc_limit")] = of("qdisc_limit", 1000)
    rtt: Rtt = of("rtt", 0.020, zero=True)
    drain_rate: Annotated[float, Allowed("drain_rate")] = of("drain_rate")
    burst_rate: Annotated[float, Allowed("burst_rate")] = of("burst_rate", 1.81e6)
    streams: Streams = of("streams", words="bulk flows")
    seeds: Count = Field(default=3, description=SEEDS)
    duration: Duration = of("duration", 20.0, "simulated time")
