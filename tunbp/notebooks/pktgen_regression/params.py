"""Parameters of this notebook."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunbp.run.params import Allowed, Count, Device, NotebookParams, of


class Params(NotebookParams):
    """Pktgen tables of the patch series against the wake-cycle law."""

    devices: list[Device] = Field(
        default=["tap", "tap+vhost-net"], min_length=1, description="devices: tap, tap+vhost-net"
    )
    versions: list[Literal["v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12"]] = Field(
        default=["v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12"],
        min_length=1,
        description="versions of the patch series, v5 to v12",
    )
    threads: list[Count] = Field(default=[1, 4], min_length=1, description="pktgen threads, each 1 or more")
    wake_cost: Annotated[float, Allowed("wake_cost")] | None = of("wake_cost", None, "wake cost (null: as fitted)")
