"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tunbp.run.params import Duration, NotebookParams, Streams, of


class Params(NotebookParams):
    """Where backpressure loses: parallel streams, pktgen threads and the wake rules."""

    small: ClassVar[Mapping[str, Any]] = {"streams": [1, 8], "threads": [1, 4], "duration": 0.5}

    streams: list[Streams] = of("streams", [1, 2, 4, 8, 16], "parallel TCP streams")
    threads: list[Streams] = of("streams", [1, 2, 4], "pktgen threads")
    duration: Duration = of("duration", 2.0, "simulated time")
