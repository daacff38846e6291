"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.run.params import Allowed, Duration, NotebookParams, of


class Params(NotebookParams):
    """Which parameters decide the gain of backpressure over the range of real paths."""

    minutes: ClassVar[float] = 0.8
    small: ClassVar[Mapping[str, Any]] = {
        "samples": 8,
        "duration": 5.0,
        "map_points": 3,
    }

    samples: Annotated[int, Field(ge=2, le=1 << 20)] = Field(
        default=2048, description="base samples of the Sobol sequence, 2 or more (best a power of two)"
    )
    duration: Duration = of("duration", 15.0, "simulated time")
    seed: Annotated[int, Allowed("seed")] = of("seed", 1, "seed of sample and scenarios")
    map_points: Annotated[int, Field(ge=2, le=200)] = Field(
        default=25, description="round-trip times and ring sizes of the map, 2 or more of each"
    )
