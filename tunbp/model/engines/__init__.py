"""The two engines, of one shape: a kernel, a batch around it, and results that both return alike."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import xarray as xr

from tunbp import schema
from tunbp.errors import ScenarioError
from tunbp.model.engines.doubt import doubtful, reasons
from tunbp.model.engines.fluid import batch as fluid
from tunbp.model.engines.packets import batch as packets
from tunbp.model.fields import FIELDS
from tunbp.model.scenario import Scenario

Array = np.ndarray[Any, Any]
Results = dict[str, Array]

ENGINES = ("fluid", "packets", "auto")
"""`auto` is the fluid engine, and the packets engine for the scenarios for which fluid is not to be relied on."""


def check(engine: str) -> None:
    """Refuse an engine that is not there.

    Raises
    ------
    ScenarioError
        Names those there are.
    """
    if engine not in ENGINES:
        raise ScenarioError(f"engine: {engine!r} is not known; allowed: {', '.join(ENGINES)}")


def flattened(fields: dict[str, xr.DataArray]) -> dict[str, Array]:
    """Every field of a batch, one value per scenario.

    Parameters
    ----------
    fields
        What `Scenario.broadcast` returns.

    Returns
    -------
    dict[str, Array]
        Shape (scenario,); texts as numpy's strings, whatever they came as.
    """
    flat = {name: field.values.ravel() for name, field in fields.items()}
    return {name: values.astype(str) if values.dtype == object else values for name, values in flat.items()}


def run(scenario: Scenario, engine: str, threads: int | None = None) -> xr.Dataset:
    """Run a whole batch now; arguments and result as of `tunbp.model.simulate.simulate`."""
    fields = scenario.broadcast()
    template = fields["ring"]
    shape = template.shape
    flat = flattened(fields)
    workers = threads or int(os.environ.get("NUMBA_NUM_THREADS", 0)) or os.cpu_count() or 1
    if engine == "packets":
        totals, series = packets.run_batch(scenario, flat, workers)
    elif engine == "auto":
        totals, series = _each_by_its_engine(scenario, flat, workers)
    else:
        if reason := reasons(flat, scenario.duration, scenario.dt):
            warnings.warn(f'fluid engine: {reason}: not to be relied on there; use engine="packets"', stacklevel=3)
        totals, series = fluid.run(scenario, flat, workers)
    dims = tuple(str(d) for d in template.dims)
    data: dict[str, Any] = {name: (dims, values.reshape(shape)) for name, values in totals.items()}
    coords: dict[Any, Any] = {name: _described(c) for field in fields.values() for name, c in field.coords.items()}
    if scenario.interval is not None:
        data |= {name: ((*dims, "time"), values.reshape(*shape, values.shape[-1])) for name, values in series.items()}
        samples = next(iter(series.values())).shape[-1]
        coords["time"] = (
            "time",
            scenario.interval * np.arange(1, samples + 1),
            {"units": "s", "long_name": "time"},
        )
    dataset = schema.describe(xr.Dataset(data, coords))
    return dataset.assign_attrs(engine=engine, **_scalars(scenario))


def _each_by_its_engine(scenario: Scenario, flat: dict[str, Array], workers: int) -> tuple[Results, Results]:
    """Totals and series that both engines have, each scenario by the fluid engine unless that is doubtful."""
    exact = doubtful(flat, scenario.duration, scenario.dt)
    if not exact.any():
        return fluid.run(scenario, flat, workers)
    there = packets.run_batch(scenario, {name: values[exact] for name, values in flat.items()}, workers)
    here = fluid.run(scenario, {name: values[~exact] for name, values in flat.items()}, workers)

    def merged(which: int) -> Results:
        whole = {}
        for name, values in here[which].items():
            whole[name] = np.empty((exact.size, *values.shape[1:]))
            whole[name][exact], whole[name][~exact] = there[which][name], values
        return whole

    return merged(0), merged(1)


def _described(coordinate: xr.DataArray) -> xr.DataArray:
    """A coordinate named like a field carries that field's unit and name, unless it says something else."""
    row = FIELDS.get(str(coordinate.name))
    return coordinate if row is None else coordinate.assign_attrs({**row.attributes, **coordinate.attrs})


def _scalars(scenario: Scenario) -> dict[str, Any]:
    return {
        k: +v if isinstance(v, bool) else v
        for k, v in scenario.parameters().items()
        if isinstance(v, str | int | float)
    }
