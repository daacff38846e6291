"""Run a plan: the chunks that are missing, on the threads of this machine or on a Dask cluster."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy.typing as npt
import xarray as xr
from rich.console import Console

from tunbp.errors import SweepError
from tunbp.model.lazy import simulate_arrays
from tunbp.model.scenario import Scenario
from tunbp.sweep.estimate import check_disk, check_memory, check_time, weights
from tunbp.sweep.plan import Plan
from tunbp.sweep.progress import Meter
from tunbp.sweep.store import Store, check, differences, library, open_store

Array: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = tuple[int, ...]

THREADS = "threads"
"""Scheduler that needs no cluster: the threads of this process."""

BATCH = 1024
"""Chunks handed to the threads at once."""

AHEAD = 3
"""Chunks that a cluster holds per thread: one computed, one waiting, one on its way back."""

CONNECT_SECONDS = 10.0
WORKER_SECONDS = 60.0
"""How long to wait for a scheduler to answer, and for the workers that were asked for."""

LOOK_SECONDS = 2.0
"""How often to see whether there are workers while nothing is done."""


def run(
    plan: Plan,
    out: Path | str,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    console: Console | None = None,
) -> xr.Dataset:
    """Compute what is missing of a sweep, and open its store.

    Parameters
    ----------
    plan
        The plan, of `read_plan`.
    out
        Folder of the Zarr store; what it already holds of this plan is kept.
    scheduler
        "threads", or the address of a Dask scheduler (`tcp://host:8786`); None: the Dask client that is
        active in this session, else threads.
    workers
        Threads; or workers that the scheduler must have before it starts.
    console
        Where progress is shown.

    Returns
    -------
    xarray.Dataset
        The store, opened lazily.

    Raises
    ------
    SweepError
        Before the first chunk if the plan, the store, the disk or the scheduler is not good; later if the
        cluster is lost or a worker has another version. Chunks written so far are kept.
    """
    path, console = Path(out), console or Console()
    check(path, plan)
    check_memory(plan, workers if workers and scheduler == THREADS else threads_here())
    if not path.exists():
        check_disk(plan, path, plan.chunks)
    with _cluster(scheduler, workers) as client:
        check_time(plan, (workers or threads_here()) if client is None else max(sum(client.nthreads().values()), 1))
        _fill(plan, path, client, workers, console)
    result: xr.Dataset = xr.open_zarr(path)
    return result


def _fill(plan: Plan, path: Path, client: Any, workers: int | None, console: Console) -> None:
    """Compute the chunks that the store does not hold whole."""
    with open_store(path, plan) as store:
        done, damaged = store.done(threads_here())
        check_disk(plan, path, plan.chunks - len(done))  # by now coordinates and kept chunks are there
        cost = weights(plan)
        before = sum(cost[index] for index in done)
        missing = [index for index in cost if index not in done]
        if done:
            console.print(f"{path}: {len(done)} of {plan.chunks} chunks are there and kept", highlight=False)
        if damaged:
            console.print(f"{path}: {len(damaged)} chunks are damaged and computed again", highlight=False)
        with Meter(plan.chunks, sum(cost.values()), len(done), before, console) as meter:
            if client is None:
                _on_threads(plan, store, missing, cost, meter, workers or threads_here())
            else:
                _on_cluster(plan, store, missing, cost, meter, client)


def threads_here() -> int:
    """Threads this process may use: the cores it is allowed to run on."""
    return len(os.sched_getaffinity(0))


def compute_there(scenario: Scenario, engine: str, dims: list[str], expected: Mapping[str, str]) -> dict[str, Array]:
    """Results of one chunk, computed on a worker, which must be of the same version.

    Parameters
    ----------
    scenario
        The chunk's batch.
    engine
        ``"fluid"`` or ``"packets"``.
    dims
        Order of the dims.
    expected
        Versions of packages that the worker must have.

    Returns
    -------
    dict[str, Array]
        Arrays by the names of `tunbp.schema`.

    Raises
    ------
    SweepError
        If it is not: what differs.
    """
    if found := differences(library(), dict(expected)):
        raise SweepError("a worker has other versions than this command (worker -> here): " + "; ".join(found))
    return simulate_arrays(scenario, engine, dims)


def _on_threads(
    plan: Plan, store: Store, missing: list[Index], cost: Mapping[Index, float], meter: Meter, workers: int
) -> None:
    import dask

    lock = threading.Lock()
    dims = list(plan.sizes)

    def work(index: Index) -> None:
        store.write(index, simulate_arrays(plan.scenario(plan.region(index)), plan.engine, dims))
        with lock:
            meter.advance(cost[index])

    waiting = iter(missing)
    while batch := list(islice(waiting, BATCH)):
        tasks = [dask.delayed(work, pure=False)(index) for index in batch]
        dask.compute(*tasks, scheduler="threads", num_workers=workers)


@contextmanager
def _cluster(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """The Dask client of a scheduler; None for threads.

    Raises
    ------
    SweepError
        If `distributed` is not installed, or the scheduler or its workers do not answer.
    """
    if scheduler is None:
        yield _active_client()
        return
    if scheduler == THREADS:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise SweepError(
            f"scheduler: {scheduler!r} needs the package 'distributed': pip install 'tunbp[sweep]'"
        ) from None
    if "://" not in scheduler:
        raise SweepError(f"scheduler: {scheduler!r}; give 'threads' or an address, e.g. tcp://host:8786")
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise SweepError(f"scheduler: nothing answers at {scheduler} ({_first_line(error)})") from None
    try:
        wanted = workers or 1
        try:
            client.wait_for_workers(wanted, timeout=WORKER_SECONDS)
        except TimeoutError:
            there = len(client.nthreads())
            raise SweepError(
                f"scheduler: {scheduler} has {there} of {wanted} workers after {WORKER_SECONDS:.0f} s; "
                f"start them with: dask worker {scheduler}"
            ) from None
        yield client
    finally:
        client.close(timeout=CONNECT_SECONDS)


def _active_client() -> Any:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_client()
    except ValueError:
        return None


def _on_cluster(
    plan: Plan, store: Store, missing: list[Index], cost: Mapping[Index, float], meter: Meter, client: Any
) -> None:
    """Keep the cluster busy with a bounded number of chunks; only this process writes to the store."""
    versions, dims = library(), list(plan.sizes)
    waiting = deque(missing)
    running: dict[Any, Index] = {}
    alone = False
    try:
        while waiting or running:
            with _connected(meter):
                threads = sum(client.nthreads().values())
                while waiting and len(running) < AHEAD * threads:
                    index = waiting.popleft()
                    scenario = plan.scenario(plan.region(index))
                    task = client.submit(compute_there, scenario, plan.engine, dims, versions, pure=False)
                    running[task] = index
                finished = [(future, future.result()) for future in _finished(list(running))]
            if not threads and not alone:
                meter.say("no worker is left; waiting for one to join")
            alone = not threads
            for future, results in finished:
                index = running.pop(future)
                store.write(index, results)
                meter.advance(cost[index])
    finally:
        with suppress(Exception):  # the scheduler may be gone: there is nothing left to cancel then
            client.cancel(list(running))


def _finished(futures: list[Any]) -> set[Any]:
    """Futures that are done, as soon as there is one; none after a while, so that one can look around."""
    from distributed import wait

    if not futures:
        time.sleep(LOOK_SECONDS)
        return set()
    try:
        done: set[Any] = wait(futures, timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED").done
    except TimeoutError:
        return set()
    return done


@contextmanager
def _connected(meter: Meter) -> Iterator[None]:
    """Say what happened to a cluster that is lost, or to a chunk that no worker survives.

    Raises
    ------
    SweepError
        What happened, and how much is kept.
    """
    from distributed import KilledWorker

    kept = f"{meter.done} of {meter.chunks} chunks are kept, the same command computes the others"
    try:
        yield
    except KilledWorker as error:
        raise SweepError(f"workers died over one chunk, again and again ({error}); {kept}") from None
    except (OSError, TimeoutError, CancelledError) as error:
        raise SweepError(f"the scheduler is gone ({type(error).__name__}); {kept}") from None
    except ImportError as error:
        raise SweepError(f"a worker cannot import what it needs: {error}; install tunbp on every worker") from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
