"""What `tunbp trace --json` prints: one record per file, whose JSON Schema is `tunbp trace --json-schema`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

if TYPE_CHECKING:
    import xarray as xr


class Number(BaseModel):
    """A total in SI units."""

    model_config = ConfigDict(extra="forbid")

    value: float
    units: str = Field(description="SI unit: bit/s, s, byte, packet, 1 (a share or a count)")


class Held(BaseModel):
    """What held the rate."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="what held the rate; 'unknown' where the file does not tell")
    reason: str = Field(description="the numbers that say so")


class FindingRecord(BaseModel):
    """What one check found."""

    model_config = ConfigDict(extra="forbid")

    check: str
    severity: Literal["error", "warning", "info"]
    message: str


class TraceRecord(BaseModel):
    """One file, or one folder, that could be read."""

    model_config = ConfigDict(extra="forbid")

    file: str
    sentence: str = Field(description="what the measurement says, in one sentence")
    attributes: dict[str, str] = Field(description="tool, version, host, kernel, command, start, sha256, ...")
    sizes: dict[str, int] = Field(description="sizes of the dims: time, stream, run, queue, tin, hop")
    variables: list[str] = Field(description="names in the schema, see the documentation's page of variables")
    numbers: dict[str, Number] = Field(description="totals of one run; of several runs use `convert`")
    limit: Held | None = Field(description="null for several runs")
    findings: list[FindingRecord]


class FailedRecord(BaseModel):
    """One file that could not be read."""

    model_config = ConfigDict(extra="forbid")

    file: str
    error: str = Field(description="file, position and reason")


_ADAPTER: TypeAdapter[list[TraceRecord | FailedRecord]] = TypeAdapter(list[TraceRecord | FailedRecord])


def schema() -> dict[str, Any]:
    """The JSON Schema of the output."""
    return _ADAPTER.json_schema()


def record(name: str, run: xr.Dataset) -> TraceRecord:
    """What is printed of one file."""
    from tunbp import schema as variables
    from tunbp.traces.findings import findings
    from tunbp.traces.limit import limit_of
    from tunbp.traces.summary import sentence, totals

    held = None if "run" in run.dims else limit_of(run)
    return TraceRecord(
        file=name,
        sentence=sentence(run),
        attributes={key: str(value) for key, value in run.attrs.items() if key not in ("findings", "raw")},
        sizes={str(dim): size for dim, size in run.sizes.items()},
        variables=sorted(map(str, run.data_vars)),
        numbers={k: Number(value=v, units=variables.VARIABLES[k].units) for k, v in totals(run).items()},
        limit=None if held is None else Held(name=held.name, reason=held.reason),
        findings=[FindingRecord(**asdict(finding)) for finding in findings(run)],
    )


def records(opened: dict[str, xr.Dataset], failed: dict[str, str]) -> list[dict[str, Any]]:
    """Records of all files: those that were read, then those that failed."""
    told: list[TraceRecord | FailedRecord] = [record(name, run) for name, run in opened.items()]
    told += [FailedRecord(file=name, error=text) for name, text in failed.items()]
    return [each.model_dump(mode="json") for each in told]
