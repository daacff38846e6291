"""A sweep's plan, read from YAML: which scenarios there are, along which dims, in which chunks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tunbp.errors import ScenarioError, SweepError
from tunbp.model.engines.cost import machine_memory
from tunbp.model.fields import RANGES
from tunbp.model.scenario import Scenario
from tunbp.quantities import show
from tunbp.sweep import forms
from tunbp.sweep.sample import sequence
from tunbp.yaml_file import read_mapping, shown

Array = npt.NDArray[Any]
Region: TypeAlias = dict[str, slice]

CHUNK = (1024, 4096)
"""Fewest and most scenarios per chunk when the plan does not say: full tiles of similar RTT."""

CHUNKS = (8, 64)
"""How many chunks a small plan is cut into at least, so that all cores have work, and a larger one."""

CHUNK_BYTES = 64 * 2**20
"""Most result bytes per chunk, which limits chunks with time series."""

SERIES = 8
"""Time series of the engines, for that limit."""

SERIES_COPIES = 3
"""Times that a series is in memory while it is made."""

LATIN_BYTES = 3 * 8
"""Bytes per value of a Latin hypercube while it is made: the value, its stratum, the permutation."""

MOST_SAMPLES = 2**40


class Design(BaseModel):
    """How parameters combine: every combination, side by side, or a sample of the space."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["grid", "zip", "sobol", "latin"] = "grid"
    samples: int | None = Field(default=None, ge=1, le=MOST_SAMPLES)
    seed: int = Field(default=0, ge=0, lt=2**32)

    @property
    def sampled(self) -> bool:
        """Whether ranges without steps, distributions and choices are drawn from."""
        return self.kind in ("sobol", "latin")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    design: Design = Design()
    engine: Literal["fluid", "packets"] = "fluid"
    chunk: int | None = Field(default=None, ge=1, le=1_000_000)
    parameters: dict[str, Any] = Field(min_length=1)


@dataclass(frozen=True)
class Axis:
    """One dim of the sweep: the fields that vary along it, and the labels of its points.

    Parameters
    ----------
    dim, size
        Name and length.
    columns
        Field to values along the dim.
    labels
        Coordinates along the dim that are no fields (names of hosts).
    draws, design
        Fields drawn from a sample, and the sample's design.
    """

    dim: str
    size: int
    columns: Mapping[str, Array] = field(default_factory=dict)
    labels: Mapping[str, Array] = field(default_factory=dict)
    draws: Mapping[str, forms.Sampled] = field(default_factory=dict)
    design: Design | None = None

    def take(self, part: slice) -> dict[str, Array]:
        """Values of every field along a part of the dim.

        Parameters
        ----------
        part
            Part of the dim.

        Returns
        -------
        dict[str, Array]
            Field name to values.
        """
        taken = {name: values[part] for name, values in self.columns.items()}
        if self.design and self.draws:
            start, stop, _ = part.indices(self.size)
            kind, seed = self.design.kind, self.design.seed
            points = sequence(kind, len(self.draws), self.size, seed).take(start, stop)
            taken |= {name: forms.draw(name, form, points[:, i]) for i, (name, form) in enumerate(self.draws.items())}
        return taken


@dataclass(frozen=True)
class Plan:
    """A checked plan.

    Parameters
    ----------
    source
        Where it was read from, for messages.
    record
        The plan as plain data, hosts resolved: what a store remembers of it.
    engine
        "fluid" or "packets".
    fixed
        Fields with one value for all scenarios.
    axes
        The dims, slowest first.
    target
        Scenarios per chunk wanted.
    """

    source: str
    record: Mapping[str, Any]
    engine: str
    fixed: Mapping[str, Any]
    axes: tuple[Axis, ...]
    target: int

    @property
    def sizes(self) -> dict[str, int]:
        """Dims and their lengths, slowest first."""
        return {axis.dim: axis.size for axis in self.axes}

    @property
    def total(self) -> int:
        """Number of scenarios."""
        return math.prod(self.sizes.values())

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Scenarios per chunk along each dim: the fastest dims whole, as many as reach the wanted size."""
        shape: list[int] = []
        inside = 1
        for size in reversed(self.sizes.values()):
            length = min(size, max(self.target // inside, 1))
            shape.insert(0, length)
            inside *= length
        return tuple(shape)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each dim."""
        return tuple(-(-n // c) for n, c in zip(self.sizes.values(), self.chunk_shape, strict=True))

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return math.prod(self.grid)

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Indices of all chunks, in the order of the store."""
        return itertools.product(*map(range, self.grid))

    def region(self, index: tuple[int, ...]) -> Region:
        """The part of every dim that a chunk covers.

        Parameters
        ----------
        index
            Place of the chunk along every dim.

        Returns
        -------
        Region
            Dim to slice.
        """
        parts = zip(self.sizes.items(), self.chunk_shape, index, strict=True)
        return {dim: slice(i * chunk, min((i + 1) * chunk, size)) for (dim, size), chunk, i in parts}

    def scenario(self, region: Region | None = None) -> Scenario:
        """The batch of a part of the sweep, or of all of it, for `simulate` or `.chunk()`.

        Parameters
        ----------
        region
            Part of every dim; None: all of it.

        Returns
        -------
        Scenario
            A batch.

        Raises
        ------
        SweepError
            If a value is not allowed.
        """
        region = region or {}
        varying = {
            name: xr.DataArray(values, dims=axis.dim)
            for axis in self.axes
            for name, values in axis.take(region.get(axis.dim, slice(None))).items()
        }
        try:
            scenario = Scenario().replace(**self.fixed, **varying)
            # the one scenario of a plan in which nothing varies has its dim too
            return scenario if varying else scenario.replace(ring=xr.DataArray([scenario.ring], dims=[*self.sizes]))
        except ScenarioError as error:
            raise SweepError(f"{self.source}: {error}") from None

    def coords(self, dim: str, part: slice = slice(None)) -> dict[str, xr.DataArray]:
        """Coordinates along one dim: values of its parameters with their units, names of hosts.

        Parameters
        ----------
        dim
            Name of the dim.
        part
            Part of it.

        Returns
        -------
        dict[str, xr.DataArray]
            Coordinate to values, SI units as attributes.
        """
        axis = next(axis for axis in self.axes if axis.dim == dim)
        found = {name: values[part] for name, values in axis.labels.items()}
        if not axis.labels:
            found |= axis.take(part)
        return {
            self._label(name): xr.DataArray(
                values, dims=dim, attrs={"units": RANGES[name].units} if name in RANGES else {}
            )
            for name, values in found.items()
        }

    def coordinate_names(self) -> list[str]:
        """Names of all coordinates."""
        varying = (a.labels or (*a.columns, *a.draws) for a in self.axes)
        return [self._label(name) for names in varying for name in names]

    def notes(self) -> list[str]:
        """What a user should know before it runs."""
        found = []
        for axis in self.axes:
            if axis.design and axis.design.kind == "sobol" and axis.size & (axis.size - 1):
                found.append(f"{axis.size:,} samples: Sobol sequences are balanced at powers of two")
        return found

    def _label(self, name: str) -> str:
        return _label(name, self.fixed)


def read_plan(path: Path | str, chunk: int | None = None) -> Plan:
    """Read and check a plan.

    Parameters
    ----------
    path
        YAML file.
    chunk
        Scenarios per chunk, instead of what the file says.

    Returns
    -------
    Plan
        Checked; nothing is simulated.

    Raises
    ------
    SweepError
        If the plan is wrong: names the file, the parameter, its value and what is allowed.
    ParamsError
        If the file cannot be read or is not YAML.
    """
    path = Path(path)
    _, content = read_mapping(path)
    return make_plan(content, str(path), chunk)


def make_plan(content: Mapping[str, Any], source: str = "plan", chunk: int | None = None) -> Plan:
    """Check a plan given as plain data; see `read_plan`.

    Parameters
    ----------
    content
        Mapping as a plan's YAML gives it.
    source
        What messages call it.
    chunk
        Scenarios per chunk; None: as the plan says.

    Returns
    -------
    Plan
        Checked; nothing is simulated.
    """
    if isinstance(content.get("design"), str):
        content = {**content, "design": {"kind": content["design"]}}
    try:
        file = _File.model_validate(dict(content))
    except ValidationError as error:
        raise SweepError("\n".join(f"{source}: {_explain(item)}" for item in error.errors())) from None
    try:
        fixed, listed, drawn, labels = _sort(file.parameters)
        axes = _axes(file.design, listed, drawn, labels, fixed)
    except SweepError as error:
        raise SweepError(f"{source}: {error}") from None
    _check_memory(source, axes, fixed)
    target = chunk or file.chunk or _target(math.prod(axis.size for axis in axes), file.engine, fixed)
    design = file.design.model_dump(exclude_none=True, exclude=None if file.design.sampled else {"seed"})
    record = {"design": design, "engine": file.engine, "parameters": _plain(file.parameters)}
    plan = Plan(source, record, file.engine, fixed, axes, target)
    plan.scenario(plan.region(tuple(0 for _ in axes)))  # what single fields cannot show
    return plan


def _check_memory(source: str, axes: tuple[Axis, ...], fixed: Mapping[str, Any]) -> None:
    """Refuse what would not fit into memory before anything of it is made: Latin samples and long time series."""
    here = machine_memory()
    for axis in axes:
        needed = float(axis.size * len(axis.draws) * LATIN_BYTES)
        if axis.design and axis.design.kind == "latin" and needed > here:
            raise SweepError(
                f"{source}: design: a Latin hypercube of {axis.size:,} samples is made as a whole and takes "
                f"{show(needed, 'byte', 3)} of memory; this machine has {show(here, 'byte', 3)}: take fewer, or sobol"
            )
    if interval := fixed.get("interval"):
        points = float(fixed.get("duration", forms.DEFAULTS["duration"])) / float(interval)
        needed = points * SERIES * 8 * SERIES_COPIES
        if needed > here:
            raise SweepError(
                f"{source}: interval: {points:,.0f} points per series take {show(needed, 'byte', 3)} of memory per "
                f"scenario; this machine has {show(here, 'byte', 3)}: take a longer interval"
            )


def _explain(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = Design.model_fields if place.startswith("design.") else _File.model_fields
        return f"unknown key {place!r}; known: {', '.join(known)}"
    if error["type"] == "missing":
        return f"{place} is missing"
    return f"{place} = {shown(error['input'])}: {error['msg'].replace('Input should be', 'must be')}"


def _sort(
    parameters: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, dict[str, Array]], dict[str, forms.Sampled], dict[str, Array]]:
    """Parameters that are fixed, listed (by axis), and drawn; and the names of hosts if they are listed."""
    rest = {name: forms.parse(name, raw) for name, raw in parameters.items() if name != "host"}
    hosts = parameters.get("host", [])
    names = hosts if isinstance(hosts, list) else [hosts]
    if "host" in parameters and not (names and all(isinstance(name, str) for name in names)):
        raise SweepError(f"host: {shown(hosts)}: give the name of a host or a list of them")
    tables = [forms.host_fields(name) for name in names]
    fixed = {name: value for table in tables[: not isinstance(hosts, list)] for name, value in table.items()}
    listed: dict[str, dict[str, Array]] = {}
    if isinstance(hosts, list) and tables:
        union = sorted({name for table in tables for name in table} - rest.keys())
        columns = {n: [table.get(n, forms.DEFAULTS[n]) for table in tables] for n in union}
        listed["host"] = {name: forms.parse(name, values) for name, values in columns.items()}
    fixed = {name: value for name, value in fixed.items() if name not in rest}
    fixed |= {name: value for name, value in rest.items() if value is None or isinstance(value, str | int | float)}
    listed |= {name: {name: value} for name, value in rest.items() if isinstance(value, np.ndarray)}
    drawn = {name: value for name, value in rest.items() if isinstance(value, forms.Sampled)}
    return fixed, listed, drawn, {"host": np.array(names, dtype=str)} if "host" in listed else {}


def _axes(
    design: Design,
    listed: Mapping[str, Mapping[str, Array]],
    drawn: Mapping[str, forms.Sampled],
    labels: Mapping[str, Array],
    fixed: Mapping[str, Any],
) -> tuple[Axis, ...]:
    if not design.sampled and drawn:
        name = next(iter(drawn))
        wanted = "steps" if isinstance(drawn[name], forms.Span) else "design: sobol or latin"
        raise SweepError(f"{name}: is to be sampled, but the design is {design.kind}; it needs {wanted}")
    if design.sampled and not drawn:
        raise SweepError(f"design: {design.kind}: nothing to sample; give a range without steps or a distribution")
    if design.sampled and design.samples is None:
        raise SweepError(f"design: {design.kind} needs samples, e.g. {{kind: {design.kind}, samples: 4096}}")
    if not design.sampled and design.samples is not None:
        raise SweepError(f"design: samples = {design.samples}: a {design.kind} takes no samples")
    if design.kind == "zip":
        return (_side_by_side(listed, labels),)
    axes = [Axis("sample", design.samples, draws=drawn, design=design)] if design.samples else []
    for name, columns in listed.items():
        own = {name: labels[name]} if name in labels else {}
        size = len(labels[name]) if name in labels else len(columns[name])
        axes.append(Axis(_label(name, fixed), size, columns, own))
    return tuple(axes) or (Axis("scenario", 1),)


def _side_by_side(listed: Mapping[str, Mapping[str, Array]], labels: Mapping[str, Array]) -> Axis:
    lengths = {name: len(labels[name] if name in labels else columns[name]) for name, columns in listed.items()}
    if len(set(lengths.values())) > 1:
        words = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise SweepError(f"design: zip needs lists of one length; got {words}")
    columns = {name: values for part in listed.values() for name, values in part.items()}
    if labels:
        labels = {**labels, **{name: values for name, values in columns.items() if name in listed}}
    return Axis("scenario", next(iter(lengths.values()), 1), columns, labels)


def _label(name: str, fixed: Mapping[str, Any]) -> str:
    """Name of a parameter in the store: a series of the result is called `rtt` too."""
    return "path_rtt" if name == "rtt" and fixed.get("interval") is not None else name


def _target(total: int, engine: str, fixed: Mapping[str, Any]) -> int:
    target = min(max(total // CHUNKS[1], CHUNK[0]), CHUNK[1], max(total // CHUNKS[0], 64))
    if engine == "packets":  # one scenario at a time: nothing is gained by many
        target = min(max(total // CHUNKS[1], 1), CHUNK[0])
    interval = fixed.get("interval")
    if interval:
        samples = max(float(fixed.get("duration", forms.DEFAULTS["duration"])) / interval, 1.0)
        target = min(target, max(int(CHUNK_BYTES / (samples * SERIES * 8)), 1))
    return -(-target // 64) * 64 if target > 64 else target


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the store remembers them: constants of hosts with their values."""
    plain = dict(parameters)
    hosts = parameters.get("host")
    if hosts is not None:
        names = hosts if isinstance(hosts, list) else [hosts]
        plain["host"] = {name: forms.host_fields(name) for name in names}
    for name, raw in parameters.items():
        if isinstance(raw, Mapping) and "host" in raw:
            plain[name] = {**raw, "value": forms.parse(name, raw)}
    return plain
