"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.run.params import Allowed, Device, Duration, NotebookParams, of


class Params(NotebookParams):
    """The 24 raw iperf3 runs, measured against simulated."""

    small: ClassVar[Mapping[str, Any]] = {"duration": 60.0}

    devices: list[Device] = Field(
        default=["tap", "tap+vhost-net"], min_length=1, description="devices: tap, tap+vhost-net"
    )
    stock_run: str = Field(default="tap-1000-120ms-stock", description="stock run shown as a time series")
    patched_run: str = Field(default="tap-1000-120ms-patched", description="patched run shown as a time series")
    duration: Duration = of("duration", 300.0, "simulated time")
    interval: Annotated[float, Allowed("interval")] = of("interval", 1.0)
