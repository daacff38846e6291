"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from tunbp.run.params import DURATION, Duration, NotebookParams, Streams


class Params(NotebookParams):
    """Where backpressure loses: parallel streams, pktgen threads and the wake rules."""

    small: ClassVar[Mapping[str, Any]] = {"streams": [1, 8], "threads": [1, 4], "duration": 0.5}

    streams: list[Streams] = Field(
        default=[1, 2, 4, 8, 16], min_length=1, description="parallel TCP streams, each 1 to 64"
    )
    threads: list[Streams] = Field(default=[1, 2, 4], min_length=1, description="pktgen threads, each 1 to 64")
    duration: Duration = Field(default=2.0, description=DURATION)
