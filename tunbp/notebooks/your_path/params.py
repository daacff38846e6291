"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from tunbp.infer.priors import products
from tunbp.run.params import Allowed, Duration, InputPath, NotebookParams, Qdisc, Ring, Rtt, Streams, of


def _product(name: str) -> str:
    if name not in products():
        raise ValueError(f"must be one of {', '.join(products())}")
    return name


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Traces = Annotated[list[InputPath], BeforeValidator(_listed), Field(min_length=1)]
"""Files of one run, or one file or folder."""


class Params(NotebookParams):
    """Throughput and ping of your own path against txqueuelen, with their intervals and advice."""

    small: ClassVar[Mapping[str, Any]] = {"rings": [10, 500], "draws": 16, "duration": 5.0}

    trace: Traces | None = Field(
        default=None,
        description="measured runs of your path: file, folder or list of files; null: the numbers below",
    )
    product: Annotated[str, AfterValidator(_product)] = Field(
        default="openvpn", description="program that reads the device, e.g. openvpn, wireguard-go, qemu-tap, passt"
    )
    measured_rate: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="rate that the path carries now [bit/s], more than 0; null: not measured"
    )
    rtt: Rtt = of("rtt", zero=True)
    ring: Ring = of("ring")
    drain_rate: Annotated[float, Allowed("drain_rate")] | None = of("drain_rate", 60e3)
    path_rate: Annotated[float, Allowed("path_rate")] | None = of("path_rate", None)
    path_loss: Annotated[float, Allowed("path_loss")] = of("path_loss")
    receive_window: Annotated[float, Allowed("receive_window")] | None = of("receive_window", None)
    burst_rate: Annotated[float, Allowed("burst_rate")] | None = of("burst_rate", None)
    qdisc: Qdisc = of("qdisc")
    streams: Streams = of("streams")
    congestion: Annotated[str, Allowed("congestion")] = of("congestion")
    rings: list[Ring] = of("ring", [10, 25, 50, 100, 250, 500, 1000, 2500, 5000], "axis of the figure")
    draws: Annotated[int, Field(ge=8, le=65536)] = Field(
        default=128, description="draws of what is not known, a power of two from 8 on"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="seed of the draws, 0 or more")
    duration: Duration = of("duration", 30.0, "simulated time")
    interactive: bool = Field(default=True, description="true: show sliders where somebody can move them")
