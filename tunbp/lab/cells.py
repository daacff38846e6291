"""The cells of an experiment: one combination of settings each, typed, in SI units, with a short label."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Ring = Annotated[int, Field(ge=1, le=1 << 20)]
Qdisc = Literal["noqueue", "pfifo", "bfifo", "pfifo_fast", "fq", "fq_codel", "codel", "cake", "sfq"]
Rate = Annotated[float, Field(ge=0, le=1e8)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Warmup = Annotated[float, Field(ge=0, le=600)]


class Cell(BaseModel):
    """What every experiment's cells have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    label_fields: ClassVar[tuple[str, ...]] = ()

    ring: Ring = Field(description="txqueuelen of the device [packets]")
    qdisc: Qdisc = Field(default="fq_codel", description="root qdisc of the device; noqueue: none")
    duration: Seconds = Field(default=15.0, description="measured time [s]")
    warmup: Warmup = Field(default=5.0, description="time cut before it [s]")

    @property
    def label(self) -> str:
        """Short name of the cell, from the fields that tell cells of its experiment apart."""
        return "-".join(_label_part(name, getattr(self, name)) for name in self.label_fields)


class TunnelCell(Cell):
    """TCP through a user-space tunnel over a delayed path."""

    label_fields: ClassVar[tuple[str, ...]] = ("rtt", "ring", "congestion", "qdisc")

    rtt: Annotated[float, Field(ge=0, le=10)] = Field(description="round-trip time added by the path [s]")
    congestion: str = Field(default="cubic", pattern="^[a-z_0-9]+$", description="TCP congestion control")
    streams: Annotated[int, Field(ge=1, le=128)] = Field(default=1, description="parallel TCP flows")


def _label_part(name: str, value: Any) -> str:
    if name == "rtt":
        return f"{value * 1e3:g}ms"
    if name == "threads":
        return f"{value}thread{'s' if value > 1 else ''}"
    return f"ring{value}" if name == "ring" else str(value)
