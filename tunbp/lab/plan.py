"""Typed parameters of the experiments (`params/lab_*.yaml`) and the cells they expand to.

A file names its experiment and lists blocks of cells; in a block any value may be a list, and the block
stands for every combination. All quantities are in SI units.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tunbp.errors import ParamsError
from tunbp.project import project_root

Ring = Annotated[int, Field(ge=1, le=1 << 20)]
Qdisc = Literal["noqueue", "pfifo", "bfifo", "pfifo_fast", "fq", "fq_codel", "codel", "cake", "sfq"]
Rate = Annotated[float, Field(gt=0, le=1e8)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Cell(BaseModel):
    """What every experiment's cells have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    label_fields: ClassVar[tuple[str, ...]] = ()

    ring: Ring = Field(description="txqueuelen of the device [packets]")
    qdisc: Qdisc = Field(default="fq_codel", description="root qdisc of the device; noqueue: none")
    duration: Seconds = Field(default=15.0, description="measured time [s]")
    warmup: Annotated[float, Field(ge=0, le=600)] = Field(default=5.0, description="time cut before it [s]")

    @property
    def label(self) -> str:
        """Short name of the cell, from the fields that tell cells of its experiment apart."""
        return "-".join(_label_part(name, getattr(self, name)) for name in self.label_fields)


class RingCell(Cell):
    """UDP into a reader of a given speed."""

    label_fields: ClassVar[tuple[str, ...]] = ("mode", "ring", "qdisc")

    mode: Literal["steady", "burst", "sparse", "reader_speed", "burst_speed", "openvpn_speed"] = Field(
        description="name of the traffic; the reader is Python, for `openvpn_speed` it is OpenVPN"
    )
    reader_rate: Annotated[float, Field(ge=0)] = Field(description="reader's speed [packet/s]; 0: as fast as it can")
    offered_rate: Annotated[float, Field(ge=0)] = Field(description="mean rate offered [packet/s]; 0: no pause")
    burst: Annotated[int, Field(ge=1, le=65536)] = Field(default=1, description="packets sent in one go")
    gso: bool = Field(default=False, description="let the kernel cut one large send into the burst (at most 45)")
    sparse_rate: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="rate of a second, sparse flow [packet/s]"
    )
    size: Annotated[int, Field(ge=64, le=1400)] = Field(default=1400, description="UDP payload [byte]")
    duration: Seconds = Field(default=2.0, description="measured time [s]")
    warmup: Annotated[float, Field(ge=0, le=600)] = Field(default=0.5, description="time cut before it [s]")


class TunnelCell(Cell):
    """TCP through a user-space tunnel over a delayed path."""

    label_fields: ClassVar[tuple[str, ...]] = ("rtt", "ring", "congestion", "qdisc")

    rtt: Annotated[float, Field(ge=0, le=10)] = Field(description="round-trip time added by netem [s]")
    congestion: str = Field(default="cubic", pattern="^[a-z_0-9]+$", description="TCP congestion control")
    streams: Annotated[int, Field(ge=1, le=128)] = Field(default=1, description="parallel TCP flows")


class PktgenCell(Cell):
    """pktgen into a TAP device."""

    label_fields: ClassVar[tuple[str, ...]] = ("xmit_mode", "threads", "ring", "qdisc")

    xmit_mode: Literal["queue_xmit", "start_xmit"] = Field(description="through the qdisc, or past it")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(description="sending CPUs")
    size: Annotated[int, Field(ge=60, le=1514)] = Field(default=60, description="frame size [byte]")
    duration: Seconds = Field(default=4.0, description="measured time [s]")
    warmup: Annotated[float, Field(ge=0, le=600)] = Field(default=1.0, description="time cut before it [s]")


CELLS: dict[str, type[Cell]] = {
    "ring": RingCell,
    "openvpn": TunnelCell,
    "forward": TunnelCell,
    "pktgen": PktgenCell,
}


class LabParams(BaseModel):
    """One file of `params/lab_*.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment: Literal["ring", "openvpn", "forward", "pktgen"]
    repeat: Annotated[int, Field(ge=1, le=1000)] = 5
    cells: Annotated[list[dict[str, Any]], Field(min_length=1)]


def find(name: str) -> Path:
    """The parameter file meant by `name`: a path, or the experiment `params/lab_<name>.yaml`.

    Raises
    ------
    ParamsError
        If there is none; the message lists those there are.
    """
    folder = project_root() / "params"
    for path in (folder / f"lab_{name}.yaml", Path(name)):
        if path.is_file():
            return path
    known = ", ".join(path.stem.removeprefix("lab_") for path in sorted(folder.glob("lab_*.yaml")))
    raise ParamsError(f"no experiment {name!r}: neither a file nor one of: {known or 'none found'}")


def load(path: Path) -> tuple[LabParams, list[Cell]]:
    """Read a parameter file and expand its blocks of cells.

    Raises
    ------
    ParamsError
        If the file, a key or a value is wrong, or two cells are the same.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from error
    try:
        params = TypeAdapter(LabParams).validate_python(content)
    except ValidationError as error:
        raise _wrong(path, "", error) from error
    kind = CELLS[params.experiment]
    cells: list[Cell] = []
    for number, block in enumerate(params.cells):
        try:
            cells += [kind.model_validate(values) for values in expand(block)]
        except ValidationError as error:
            raise _wrong(path, f"cells[{number}].", error) from error
    labels = [cell.label for cell in cells]
    if repeated := {label for label in labels if labels.count(label) > 1}:
        raise ParamsError(f"{path}: cells appear twice: {', '.join(sorted(repeated))}")
    return params, cells


def expand(block: dict[str, Any]) -> list[dict[str, Any]]:
    """Every combination of a block whose values may be lists.

    >>> expand({"ring": [25, 100], "rtt": 0.06})
    [{'ring': 25, 'rtt': 0.06}, {'ring': 100, 'rtt': 0.06}]
    """
    choices = [value if isinstance(value, list) else [value] for value in block.values()]
    return [dict(zip(block, values, strict=True)) for values in product(*choices)]


def _wrong(path: Path, where: str, error: ValidationError) -> ParamsError:
    lines = [
        f"{path}: {where}{'.'.join(map(str, item['loc']))}: {item['msg']} (got {item['input']!r})"
        for item in error.errors()
    ]
    return ParamsError("\n".join(lines))


def _label_part(name: str, value: Any) -> str:
    if name == "rtt":
        return f"{value * 1e3:g}ms"
    if name == "threads":
        return f"{value}thread{'s' if value > 1 else ''}"
    return f"ring{value}" if name == "ring" else str(value)
