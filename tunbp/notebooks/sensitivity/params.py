"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.run.params import DURATION, Duration, NotebookParams, Ring


class Params(NotebookParams):
    """Which parameters decide the gain of backpressure over the range of real paths."""

    small: ClassVar[Mapping[str, Any]] = {
        "samples": 8,
        "duration": 5.0,
        "map_rtts": [0.01, 0.08],
        "map_rings": [50, 500, 2500],
    }

    samples: Annotated[int, Field(ge=2, le=1 << 20)] = Field(
        default=256, description="base samples of the Sobol sequence, 2 or more (best a power of two)"
    )
    duration: Duration = Field(default=15.0, description=DURATION)
    seed: Annotated[int, Field(ge=0)] = Field(default=1, description="seed of sample and scenarios, 0 or more")
    map_rtts: list[Annotated[float, Field(gt=0, le=60)]] = Field(
        default=[0.001, 0.002, 0.005, 0.010, 0.020, 0.040, 0.080, 0.160],
        min_length=2,
        description="axis of the map: round-trip times [s], at least two, each more than 0",
    )
    map_rings: list[Ring] = Field(
        default=[10, 25, 50, 100, 250, 500, 750, 1000, 1500, 2500, 5000],
        min_length=2,
        description="axis of the map: ring sizes [packets], at least two, each 1 or more",
    )
