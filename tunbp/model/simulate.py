"""`simulate(scenario)`: a scenario or batch, run by an engine, as a Dataset of the schema."""

from __future__ import annotations

import xarray as xr

from tunbp.model.engines import check, run
from tunbp.model.lazy import simulate_lazily
from tunbp.model.scenario import Chunked, Scenario


def simulate(scenario: Scenario | Chunked, engine: str = "fluid", threads: int | None = None) -> xr.Dataset:
    """Simulate every scenario of a batch.

    Parameters
    ----------
    scenario
        One scenario or a batch (fields that are DataArrays); `Scenario.chunk` of a batch gives a Dataset that
        Dask computes when it is asked for.
    engine
        "fluid" (vectorized; warns where it is not to be relied on), "packets" (the exact packet-level twin, one
        scenario at a time), or "auto" (fluid, and packets for the scenarios of which fluid would warn).
    threads
        Worker threads; None: ``NUMBA_NUM_THREADS`` if set, else one per core. Results do not depend on it.

    Returns
    -------
    xarray.Dataset
        Totals over ``duration - warmup`` with the batch's dims and coordinates; with `interval` also series over
        `time`. Names and units are those of `tunbp.schema`; the scenario's scalar fields are kept as attributes.

    Raises
    ------
    ScenarioError
        If `engine` is unknown.
    """
    check(engine)
    if isinstance(scenario, Chunked):
        return simulate_lazily(scenario, engine)
    return run(scenario, engine, threads)
