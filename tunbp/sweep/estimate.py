"""What a sweep will take: time from a short trial of its own scenarios, memory, and room on the disk."""

from __future__ import annotations

import math
import shutil
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from tunbp.errors import SweepError
from tunbp.model.engines.cost import PACKET, SECONDS_PER_STEP, machine_memory
from tunbp.model.engines.fluid.batch import round_trip_slots
from tunbp.model.lazy import result_of
from tunbp.model.scenario import Scenario, sizes_of
from tunbp.model.simulate import simulate
from tunbp.quantities import show, significant
from tunbp.sweep.plan import Plan, Region

TRIAL_CHUNKS = 4
"""Chunks of which the trial simulates a part."""

TRIAL = 512
"""Most scenarios of the trial along each dim of a chunk."""

TRIAL_STEPS = 60e6
"""Scenario-steps of the trial: about a second."""

BASE_MEMORY = 250e6
"""Bytes of the process itself: Python, the libraries, compiled kernels."""

SCENARIO_MEMORY = 3000
"""Bytes per scenario of a chunk while it is computed: its fields, the kernel's table, results."""

BLOCK = 4096
"""Bytes in which file systems give out room."""

LONGEST = 31
"""Days that a sweep may take."""

MOST_ASKED = 64
"""Chunks whose scenarios' steps tell how long the whole takes."""

MOST_WEIGHED = 10_000_000
"""Scenarios up to which every chunk is weighed by its steps; beyond it all count the same."""


@dataclass(frozen=True)
class Estimate:
    """Size of a plan and what it takes.

    Parameters
    ----------
    scenarios, chunks
        How many, in all.
    scenario_seconds
        Processor time per scenario, averaged over the plan; NaN when no trial was made.
    memory
        Bytes of a process with as many threads as were asked for.
    disk
        Bytes of the store at most (files that compress badly).
    """

    scenarios: int
    chunks: int
    scenario_seconds: float
    memory: float
    disk: float

    def seconds(self, workers: int) -> float:
        """Time on a number of equal threads, as far as there are chunks for them.

        Parameters
        ----------
        workers
            Number of threads.

        Returns
        -------
        float
            Seconds.
        """
        rounds = math.ceil(self.chunks / workers) / self.chunks
        return self.scenarios * self.scenario_seconds * max(rounds, 1 / workers)


def estimate(plan: Plan, workers: int, *, trial: bool = True) -> Estimate:
    """Estimate time, memory and disk of a plan.

    Parameters
    ----------
    plan
        The plan.
    workers
        Threads of one process.
    trial
        Simulate a short trial to learn the time; compiles the kernels on first use.

    Returns
    -------
    Estimate
        Nothing is written.
    """
    first = plan.scenario(plan.region(tuple(0 for _ in plan.axes)))
    template = result_of(first, plan.engine)
    samples = template.sizes.get("time", 0)
    series = sum("time" in variable.dims for variable in template.data_vars.values())
    values = len(template.data_vars) - series + series * samples
    inside = math.prod(plan.chunk_shape)
    per_file = [math.ceil(inside * (samples if "time" in v.dims else 1) * 8 / BLOCK) * BLOCK for v in
                template.data_vars.values()]  # fmt: skip
    coordinates = sum(axis.size * (len(axis.columns) + len(axis.draws)) * 8 for axis in plan.axes)
    memory = BASE_MEMORY + coordinates + workers * inside * (SCENARIO_MEMORY + 4 * 8 * values)
    seconds = _trial(plan) if trial else math.nan
    return Estimate(plan.total, plan.chunks, seconds, memory, plan.chunks * sum(per_file) + coordinates)


def check_disk(plan: Plan, path: Path, missing: int) -> None:
    """See whether the chunks that are missing fit on the disk.

    Parameters
    ----------
    plan
        The plan.
    path
        Folder of the store.
    missing
        Chunks that are not there.

    Raises
    ------
    SweepError
        If they do not: what is needed and what is free.
    """
    folder = path.absolute().parent
    needed = estimate(plan, 1, trial=False).disk * missing / plan.chunks
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SweepError(
            f"{path}: {plan.total:,} scenarios take up to {show(needed, 'byte', 3)}, but {folder} has "
            f"{show(free, 'byte', 3)} free; sample fewer, or set a longer interval"
        )


def check_memory(plan: Plan, workers: int) -> None:
    """See whether the chunks that are computed at once fit into the memory.

    Parameters
    ----------
    plan
        The plan.
    workers
        Chunks that are computed at once.

    Raises
    ------
    SweepError
        If they do not: what is needed and what there is.
    """
    needed, here = estimate(plan, workers, trial=False).memory, machine_memory()
    if needed > here:
        raise SweepError(
            f"{plan.source}: {workers} chunks at once take about {show(needed, 'byte', 3)} of memory; this machine has "
            f"{show(here, 'byte', 3)}: sample fewer, or take smaller chunks (--chunk), fewer workers, or a longer"
            " interval"
        )


def check_time(plan: Plan, threads: int) -> None:
    """See whether a plan ends within a month: the guard of the engines is one of a call, this one of their sum.

    Parameters
    ----------
    plan
        The plan.
    threads
        Threads that compute.

    Raises
    ------
    SweepError
        If it does not: about how long it takes.
    """
    places = np.unique(np.linspace(0, plan.chunks - 1, MOST_ASKED).astype(int))
    asked = [plan.scenario(plan.region(tuple(int(i) for i in np.unravel_index(at, plan.grid)))) for at in places]
    per_scenario = np.mean([float(_packets(s) if plan.engine == "packets" else steps(s).mean()) for s in asked])
    days = float(per_scenario) * plan.total * SECONDS_PER_STEP / threads / 86_400
    if days > LONGEST:
        raise SweepError(
            f"{plan.source}: {plan.total:,} scenarios take about {significant(days, 2)} days on {threads} threads; "
            f"allowed are {LONGEST}: sample fewer, shorten the duration, or take more threads (--scheduler)"
        )


def _packets(scenario: Scenario) -> float:
    """Packets of a scenario of a batch, as far as the reader takes them, in steps that take as long."""
    return PACKET * scenario.duration * float(np.mean(np.asarray(scenario.drain_rate, float)))


def weights(plan: Plan) -> dict[tuple[int, ...], float]:
    """How much each chunk takes, in scenario-steps: short round trips need many of them per second.

    Parameters
    ----------
    plan
        The plan.

    Returns
    -------
    dict[tuple[int, ...], float]
        Index of the chunk to scenario-steps.
    """
    if plan.total > MOST_WEIGHED or plan.engine == "packets":
        return dict.fromkeys(plan.indices(), float(math.prod(plan.chunk_shape)))
    cost = steps(plan.scenario())
    return {index: _inside(cost, plan.region(index)) for index in plan.indices()}


def steps(scenario: Scenario) -> xr.DataArray:
    """Time steps of each scenario, once per flow, over the dims on which they depend.

    Parameters
    ----------
    scenario
        A batch.

    Returns
    -------
    xarray.DataArray
        Counts, all flows together.
    """
    fields = (scenario.rtt, scenario.streams, scenario.ring, scenario.drain_rate)
    rtt, streams, ring, drain_rate = (xr.DataArray(value).astype(float) for value in fields)
    times, emptying = xr.broadcast(rtt, ring / drain_rate)
    slots = times.copy(data=round_trip_slots(times.values, scenario.dt, emptying.values))
    flows = streams if isinstance(scenario.source, str) and scenario.source == "tcp" else 1.0
    per_scenario: xr.DataArray = scenario.duration * slots / rtt * flows
    return per_scenario


def _inside(cost: xr.DataArray, region: Region) -> float:
    """Sum of a cost over all scenarios of a region."""
    inside = math.prod(part.stop - part.start for part in region.values())
    mean = cost.isel({dim: region[str(dim)] for dim in cost.dims}).mean().item()
    return float(mean * inside)


def _trial(plan: Plan) -> float:
    """Processor seconds per scenario, from chunks spread evenly over the plan, simulated for a short time."""
    places = np.unique(np.linspace(0, plan.chunks - 1, TRIAL_CHUNKS).astype(int))
    regions = [plan.region(tuple(int(i) for i in np.unravel_index(at, plan.grid))) for at in places]
    picked = [plan.scenario({dim: slice(part.start, min(part.start + TRIAL, part.stop)) for dim, part in
                             region.items()}) for region in regions]  # fmt: skip
    spent = work = 0.0
    for scenario in picked:
        size = math.prod(sizes_of(scenario).values())
        per_second = float(steps(scenario).mean()) / scenario.duration * size
        brief = min(TRIAL_STEPS / len(picked) / per_second, scenario.duration)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # results of these short runs are thrown away
            simulate(scenario.replace(duration=brief / 20, warmup=0.0, interval=None), plan.engine, 1)  # compiles
            start = time.thread_time()
            simulate(scenario.replace(duration=brief, warmup=0.0, interval=None), plan.engine, 1)
            spent += time.thread_time() - start
        work += per_second * brief
    mean = np.mean([float(steps(plan.scenario(region)).mean()) for region in regions])
    return float(mean) * spent / work
