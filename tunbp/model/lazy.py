"""A batch in chunks: `simulate` of it is a Dataset of Dask arrays, one task per chunk."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from tunbp.model.engines import run
from tunbp.model.scenario import Chunked, Scenario, sizes_of, varying

Array = npt.NDArray[Any]


def result_of(scenario: Scenario, engine: str) -> xr.Dataset:
    """Result of an empty batch: names, dtypes, attributes and time axis, without simulating anything.

    Parameters
    ----------
    scenario
        The batch whose shape counts.
    engine
        ``"fluid"`` or ``"packets"``.

    Returns
    -------
    xarray.Dataset
        Every variable with length zero along the batch's dims.
    """
    fields = varying(scenario).items()
    if engine == "packets":  # its results are those of its runs: ask one
        one = {name: field.isel({dim: slice(1) for dim in field.dims}) for name, field in fields}
        dataset = run(scenario.replace(**one), engine, threads=1)
        return dataset.isel({dim: slice(0) for dim in dataset.dims if dim != "time"})
    empty = {name: field.isel({dim: slice(0) for dim in field.dims}) for name, field in fields}
    if not empty:
        empty = {"ring": xr.DataArray(np.empty(0), dims="scenario")}
    return run(scenario.replace(**empty), engine, threads=1)


def simulate_lazily(chunked: Chunked, engine: str) -> xr.Dataset:
    """Simulate every chunk when Dask computes it, each with one thread: Dask runs one per thread it has.

    Parameters
    ----------
    chunked
        The batch and its chunk sizes.
    engine
        As of `simulate`.

    Returns
    -------
    xarray.Dataset
        As of `simulate`, with Dask arrays; computed, the same bits.
    """
    scenario, fields = chunked.scenario, varying(chunked.scenario)
    template = result_of(scenario, engine)
    names = [str(name) for name in template.data_vars]
    series = [name for name in names if "time" in template[name].dims]

    def chunk(*values: Array) -> tuple[Array, ...]:
        arrays = np.broadcast_arrays(*values)
        dims = [f"dim_{axis}" for axis in range(arrays[0].ndim)]
        block = {name: xr.DataArray(array, dims=dims) for name, array in zip(fields, arrays, strict=True)}
        return tuple(simulate_arrays(scenario.replace(**block), engine, dims).values())

    sizes = {**sizes_of(scenario), **chunked.sizes}
    parts = [f.drop_vars([c for c in f.coords if c not in f.dims]).rename(None) for f in fields.values()]
    results = xr.apply_ufunc(
        chunk,
        *(part.chunk({dim: sizes[str(dim)] for dim in part.dims}) for part in parts),
        output_core_dims=[["time"] if name in series else [] for name in names],
        output_dtypes=[template[name].dtype for name in names],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {"time": template.sizes["time"]} if series else {}},
    )
    lazy = xr.Dataset(dict(zip(names, results, strict=True)), attrs=template.attrs)
    lazy = lazy.assign({name: lazy[name].assign_attrs(template[name].attrs) for name in names})
    return lazy.assign_coords(time=template.time) if series else lazy


def simulate_arrays(scenario: Scenario, engine: str, dims: list[str]) -> dict[str, Array]:
    """Results of a batch as plain arrays, dims in this order and time last, computed by one thread.

    Parameters
    ----------
    scenario
        A batch, not chunked.
    engine
        ``"fluid"`` or ``"packets"``.
    dims
        Order of the dims of the arrays.

    Returns
    -------
    dict[str, Array]
        Arrays by the names of `tunbp.schema`, SI units.
    """
    dataset = run(scenario, engine, threads=1)
    return {str(name): variable.transpose(*dims, ...).values for name, variable in dataset.data_vars.items()}
