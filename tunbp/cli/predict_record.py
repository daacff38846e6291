"""The JSON Schema of what `tunbp predict --json` prints, schema 1: `tunbp predict --json-schema`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Variant = Literal["stock", "backpressure"]


class Record(BaseModel):
    """What has the keys that are named and no others."""

    model_config = ConfigDict(extra="forbid")


class Five(Record):
    """A distribution: its median, and the ends of its 50 and 90 % intervals."""

    median: float
    low50: float
    high50: float
    low90: float
    high90: float


class Row(Record):
    """One ring and variant."""

    ring: int = Field(description="txqueuelen, packets")
    variant: Variant
    received_rate: Five = Field(description="sum over streams after the warm-up, bit/s of payload")
    drop_fraction: Five = Field(description="share of the packets")
    latency: Five = Field(description="ping under load, RTT and queues, s")
    dropped: Five = Field(description="packets after the warm-up")
    held_by: dict[str, float] = Field(description="what limits -> probability")


class Gain(Five):
    """What backpressure gains over stock at one ring, relative."""

    ring: int
    probability_above_10_percent: float


class Keep(Record):
    """What keeps a setting after the next start."""

    file: str = Field(description="its path, or which file it is in words; empty where there is none")
    lines: list[str]
    note: str = Field(description="what has to be said of it, or what to do where no file keeps it")


class RemedyRecord(Record):
    """Something that the card offers, and what the same draws carry with it."""

    name: str = Field(
        description="txqueuelen, flag, socket buffers, socket buffers and txqueuelen, bbr, fq, cake, mtu, or program "
        "(a faster one)"
    )
    against: str = Field(description="what it helps against: a key of `held_by`, or queueing, which is a long ping")
    side: Literal["device", "sender", "both ends", "link"] = Field(
        description="where it is set: where the ring is, where TCP sends, at both of its ends, before the slow link"
    )
    host: str = Field(description="the same in words, by --direction")
    how: str = Field(description="how it is done in words, where no command does it")
    commands: list[str] = Field(description="of a shell, as root; UPLINK, DEVICE and PID stand for names of yours")
    keep: list[Keep]
    changes: dict[str, str | float] = Field(description="what differs in the prediction: names of `used`, SI units")
    ring: int | None = Field(description="txqueuelen of the numbers below; they are null where nothing is predicted")
    variant: Variant | None
    received_rate: Five | None
    latency: Five | None
    held_by: dict[str, float] | None = Field(
        description="what limits then -> probability; null where nothing is predicted"
    )
    draws: int | None = Field(description="of the prediction's draws, the first ones: as many, or fewer")


class Unknown(Record):
    """A constant that was drawn."""

    name: str
    share: float = Field(description="of the variance of today's rate that it causes")
    measure: str = Field(description="what measures it")


class Used(Record):
    """A value and where it comes from."""

    value: str | float | bool
    source: Literal["given", "trace", "host", "prior"]
    fixed: bool = Field(False, description="a default without width")


class Model(Record):
    """What the model says of a run."""

    low90: float
    median: float
    high90: float


class Run(Record):
    """A measured run beside the model."""

    ring: int
    variant: Variant
    received_rate: list[float] = Field(description="as measured, bit/s")
    model: Model


class FitRecord(Record):
    """How measured runs were reproduced."""

    runs: list[Run]
    effective_draws: float
    pareto_k: float | None
    reproduced: bool = Field(description="false: likely constants do not give these runs, and nothing is advised")


class PredictionRecord(Record):
    """A prediction."""

    version: Literal[1] = Field(alias="schema")
    rows: list[Row]
    gain: Gain = Field(description="at --ring")
    gains: list[Gain]
    verdict: str = Field(description="the card's first sentence: what limits, and whether ring or flag help")
    remedies: list[RemedyRecord] = Field(
        description="what the card offers, in its order; empty where it offers nothing"
    )
    unknown: list[Unknown]
    used: dict[str, Used]
    fit: FitRecord | None
    draws: int
    duration: float = Field(description="simulated for each draw, s")
    notes: list[str]


class RefusalRecord(Record):
    """Why nothing is predicted of a measurement."""

    version: Literal[1] = Field(alias="schema")
    rows: list[Row]
    unknown: list[Unknown]
    cannot: str


_ADAPTER: TypeAdapter[PredictionRecord | RefusalRecord] = TypeAdapter(PredictionRecord | RefusalRecord)


def schema() -> dict[str, Any]:
    """The JSON Schema of the output."""
    return _ADAPTER.json_schema()


def read(told: Any) -> PredictionRecord | RefusalRecord:
    """The output as an object, if it is what the schema says.

    Parameters
    ----------
    told
        What `json.loads` made of it.

    Returns
    -------
    PredictionRecord or RefusalRecord
        The same.

    Raises
    ------
    pydantic.ValidationError
        If it is not; the message names the keys.
    """
    return _ADAPTER.validate_python(told)
