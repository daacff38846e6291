"""The cells of an experiment: one combination of settings each, typed, in SI units, with a short label."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tunbp.model.qdiscs import NOT_SIMULATED, QDISCS


def _qdisc(name: str) -> str:
    """Netem is what makes a path here, not a qdisc under test."""
    known = [*(other for other in QDISCS if other != "netem"), *NOT_SIMULATED]
    if name not in known:
        raise ValueError(f"must be one of {', '.join(known)}")
    return name


Ring = Annotated[int, Field(ge=1, le=1 << 20)]
Qdisc = Annotated[str, AfterValidator(_qdisc)]
Rate = Annotated[float, Field(ge=0, le=1e8)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Pacing = Annotated[
    bool,
    Field(description="whether TCP paces whatever its congestion control is, as where the connection begins under BBR"),
]
SocketBuffer = Annotated[int, Field(ge=0, le=1 << 26)]
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
        parts = (_label_part(name, getattr(self, name)) for name in self.label_fields)
        return "-".join(part for part in parts if part)


class PathCell(Cell):
    """Something through a user-space tunnel over a path."""

    rtt: Annotated[float, Field(ge=0, le=10)] = Field(description="round-trip time added by the path [s]")
    path: Literal["auto", "netem", "relay"] = Field(
        default="auto", description="what makes the path; auto: netem where the kernel has it, else the relay"
    )
    link_rate: Annotated[float, Field(ge=0, le=1e12)] = Field(
        default=0.0, description="speed of the path's link [bit/s of IP packets]; 0: no link"
    )
    link_buffer: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1000, description="buffer of the link [packet]"
    )
    link_loss: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, description="share of packets lost at random")
    link_jitter: Annotated[float, Field(ge=0, le=1)] = Field(default=0.0, description="jitter of each direction [s]")

    @model_validator(mode="after")
    def _only_the_relay_has_a_link(self) -> Self:
        if self.path == "netem" and (self.link_rate or self.link_loss or self.link_jitter):
            raise ValueError("link_rate, link_loss and link_jitter need the relay: path: relay, or auto")
        return self


class TunnelCell(PathCell):
    """TCP through a user-space tunnel over a path."""

    label_fields: ClassVar[tuple[str, ...]] = ("rtt", "ring", "congestion", "qdisc", "windows", "pacing")

    congestion: str = Field(default="cubic", pattern="^[a-z_0-9]+$", description="TCP congestion control")
    streams: Annotated[int, Field(ge=1, le=128)] = Field(default=1, description="parallel TCP flows")
    windows: Literal["raised", "default"] = Field(
        default="raised", description="TCP's largest windows: raised to 32 MiB, or this kernel's default"
    )
    pacing: Pacing = False
    sample_interval: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.0, description="time between samples of sockets, counters and processes [s]; 0: none"
    )


def _label_part(name: str, value: Any) -> str:
    if name == "rtt":
        return f"{value * 1e3:g}ms"
    if name == "tunnel":
        return "" if value == "openvpn" else str(value)
    if name == "offered_rate":
        return f"{value:g}pps" if value else "flood"
    if name == "bit_rate":
        return f"{value / 1e6:g}Mbit"
    if name == "windows":
        return "" if value == "raised" else f"{value}_windows"
    if name == "pacing":
        return "paced" if value else ""
    if name == "socket_buffer":
        return f"sockets{value}" if value else ""
    if name in ("senders", "queues"):
        return f"{value}{name if value > 1 else name[:-1]}"
    if name == "guest_rate":
        return f"guest{value:g}pps" if value else "fast_guest"
    if name == "threads":
        return f"{value}thread{'s' if value > 1 else ''}"
    return f"ring{value}" if name == "ring" else str(value)
