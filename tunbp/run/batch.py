"""Run the notebooks with papermill, several at once, redoing only what is not done or has changed.

A notebook writes into a staging folder of this try alone: a kernel that outlives its batch for a moment writes into
its own. What it wrote moves into the results folder only when all its cells ran. Its state file says what it was made
from and is written last: no interrupted run is taken for done.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tunbp import atomic
from tunbp.errors import ReproduceError
from tunbp.project import project_root
from tunbp.run import state as runstate
from tunbp.run.jobs import Job
from tunbp.run.params import model
from tunbp.run.state import State
from tunbp.run.worker import SCRATCH, Worker, has_died

REPORT = "tunbp.site.finish"
"""Module whose `finish(results)` is called after the notebooks, if there is one."""

STAGING = ".staging"
"""Folder inside the results folder in which notebooks write while they run, each try into a folder of its own."""

MARKS = {runstate.FOLDER, "figures", "tables", "numbers"}
"""What at least one of lies in a folder that holds results, written by this command or by a notebook alone."""


@dataclass
class Batch:
    """The notebooks of one run, and where their results go."""

    results: Path
    jobs: list[Job]
    workers: int
    console: Console = field(default_factory=Console)
    report_error: str = ""
    publishing: threading.Lock = field(default_factory=threading.Lock)
    running: set[Worker] = field(default_factory=set)
    stopping: bool = False


def run(batch: Batch) -> None:
    """Run every job that has a reason, then the report over all results; print a table.

    Parameters
    ----------
    batch
        Jobs and how to run them; their outcomes are set.

    Raises
    ------
    ReproduceError
        If at least one notebook or the report failed: names, cells and errors.
    KeyboardInterrupt
        If interrupted; finished notebooks stay done, started ones are redone next time.
    """
    started = time.monotonic()
    check_place(batch.results)
    with _locked(batch.results):
        _check_loopback()
        for folder in (batch.results, *(path for path in batch.results.rglob("*") if path.is_dir())):
            atomic.sweep(folder)
        atomic.sweep(Path(tempfile.gettempdir()), SCRATCH)
        shutil.rmtree(batch.results / STAGING, ignore_errors=True)
        todo = [job for job in batch.jobs if job.reason]
        for job in batch.jobs:
            if not job.reason and job.before:
                job.outcome, job.seconds, job.figures = "unchanged", job.before.seconds, job.before.figures
        if todo:
            _run_all(batch, todo)
        _finish(batch, ran=bool(todo))
    _print_table(batch, time.monotonic() - started)
    failures = [f"{job.name}, {job.error}" for job in batch.jobs if job.error]
    failures += [f"report: {batch.report_error}"] if batch.report_error else []
    if failures:
        noun = "part" if len(failures) == 1 else "parts"
        raise ReproduceError(f"{len(failures)} {noun} of the run failed\n" + "\n".join(failures))


def check_place(results: Path) -> None:
    """See that a folder may become one of results, before anything in it is read, removed or written.

    Parameters
    ----------
    results
        Absolute path of the folder.

    Raises
    ------
    ReproduceError
        If it holds the project, a home, or things of somebody else.
    """
    place = results.resolve()
    for what, inside in (("the project", project_root()), ("your home", Path("~").expanduser())):
        if inside.resolve().is_relative_to(place):
            raise ReproduceError(f"{results}: holds {what}; give results a folder of their own")
    try:
        there = set(os.listdir(place)) if place.is_dir() else set()
    except OSError as error:
        raise ReproduceError(f"{results}: results cannot be written there ({error})") from error
    if there and there.isdisjoint(MARKS):
        raise ReproduceError(f"{results}: holds something else than results; give them a folder of their own")


@contextmanager
def _locked(results: Path) -> Iterator[None]:
    folder = results / runstate.FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ReproduceError(f"{results}: results cannot be written there ({error})") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ReproduceError(f"{results}: another run is writing there; wait for it to end") from error
        yield


def _check_loopback() -> None:
    """Raise at once where kernels would wait for minutes: they are spoken to over the loopback interface."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        raise ReproduceError(
            f"the loopback interface does not work ({error}): notebooks cannot run; `ip link set lo up` brings it up"
        ) from error


def _run_all(batch: Batch, todo: list[Job]) -> None:
    # the longest first, so that none of them is left over alone at the end
    todo = sorted(todo, key=lambda job: -_seconds(job))
    waiting = iter(todo)
    count = min(batch.workers, len(todo))
    batch.console.print(f"{len(todo)} of {len(batch.jobs)} notebooks to run, {count} at once")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
    )
    lock = threading.Lock()

    def work() -> None:
        threads = max(1, len(os.sched_getaffinity(0)) // count)
        again: Job | None = None
        while not batch.stopping:
            with Worker(threads) as worker:
                batch.running.add(worker)
                while not batch.stopping:
                    job, retried = again, again is not None
                    with lock:
                        job = job or next(waiting, None)
                    if job is None:
                        return
                    died = _run_one(batch, job, worker, progress)
                    # out of memory, perhaps: its notebook is tried once more, those that wait are not lost
                    again = job if died and not retried else None
                    if worker.gone:
                        break
                batch.running.discard(worker)

    with (
        Progress(*columns, console=batch.console, disable=not batch.console.is_terminal) as progress,
        ThreadPoolExecutor(count) as pool,
    ):
        futures = [pool.submit(work) for _ in range(count)]
        try:
            wait(futures)
        except BaseException:
            batch.stopping = True
            for worker in list(batch.running):
                worker.stop()
            raise
        for future in futures:
            future.result()


def _seconds(job: Job) -> float:
    """How long a notebook took before, else about how long it takes; one of which nothing is known comes first."""
    if job.before and job.before.seconds:
        return job.before.seconds
    found = model(job.name)
    return 60.0 * found.minutes if found else float("inf")


def _run_one(batch: Batch, job: Job, worker: Worker, progress: Progress) -> bool:
    """Run one notebook into its staging folder and publish what it wrote, or note how it failed.

    Returns
    -------
    bool
        Whether its process ended while it ran, so that another try may do better.
    """
    task = progress.add_task(job.name, total=job.cells)
    old = job.before.outputs if job.before else {}
    state = State(job.name, "running", asdict(job.inputs), job.parameters, dict(old), job.seconds)
    start, died = time.monotonic(), False
    try:
        runstate.write(batch.results, state)
        (batch.results / STAGING).mkdir(exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=batch.results / STAGING, prefix=f"{job.name}."))
        executed = staging / "notebooks" / f"{job.name}.ipynb"
        executed.parent.mkdir()
        parameters = {**job.parameters, "out_dir": str(staging)}
        event = worker.execute(job.notebook, executed, parameters, lambda: progress.advance(task))
        if batch.stopping:
            return False
        died = has_died(event)
        job.error = _describe_failure(job, event, executed) if event["event"] == "failed" else ""
        job.seconds = round(time.monotonic() - start, 1)
        job.error = _publish(batch, job, state, staging) or job.error
    except OSError as error:
        job.error = f"results cannot be written: {error}"
    job.outcome = "failed" if job.error else "done"
    progress.update(task, completed=job.cells)
    if not batch.console.is_terminal:
        batch.console.print(f"{job.name}: {job.outcome} in {job.seconds:.1f} s ({job.reason})")
    return died


def _describe_failure(job: Job, event: Mapping[str, Any], executed: Path) -> str:
    """Cell and error of a failed notebook; cells are counted as in the notebook, without papermill's own."""
    if event["cell"] is None:
        return f"{event['error']}: {event['message']}"
    number = event["cell"] + 1
    try:
        cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        cells = []
    added = {"injected-parameters", "papermill-error-cell-tag"}
    ours = [i for i, cell in enumerate(cells) if not added & set(cell["metadata"].get("tags", ()))]
    matching = [n for n, i in enumerate(ours, 1) if "".join(cells[i]["source"]) == event["source"]]
    number = min(matching, key=lambda n: abs(n - number), default=number)
    line = next((line.strip() for line in event["source"].splitlines() if line.strip()), "")
    return f"cell {number} ({line[:60]}): {event['error']}: {event['message']}"


def _publish(batch: Batch, job: Job, state: State, staging: Path) -> str:
    """Move what a notebook wrote into the results folder; of a failed one only the notebook with its error.

    Returns
    -------
    str
        Empty, or why it could not be published.
    """
    results, own = batch.results, f"notebooks/{job.name}.ipynb"
    found = (path for path in staging.rglob("*") if path.is_file() and not atomic.is_part(path))
    written = {path.relative_to(staging).as_posix(): path for path in found}
    if own in written:
        _rename_staging(written[own], staging, results)
    with batch.publishing:
        others = {
            path: other.notebook
            for other in runstate.read_all(results)
            if other.notebook != job.name
            for path in other.outputs
        }
        error = job.error
        if clash := sorted(written.keys() & others.keys()):
            error = f"writes {clash[0]}, which notebook {others[clash[0]]} has written too"
        keep = {own} & written.keys() if error else written.keys()
        # if this is killed half-way, the next run knows what is not to stay
        state.outputs = {**dict.fromkeys(keep, ""), **state.outputs}
        runstate.write(results, state)
        for path in state.outputs.keys() - keep:
            (results / path).unlink(missing_ok=True)
        state.outputs = {path: runstate.hash_file(written[path]) for path in sorted(keep)}
        for path in keep:
            (results / path).parent.mkdir(parents=True, exist_ok=True)
            written[path].replace(results / path)
        state.verdict, state.seconds, state.error = ("failed" if error else "done"), job.seconds, error
        job.figures = state.figures
        runstate.write(results, state)
    shutil.rmtree(staging, ignore_errors=True)
    return error


def _rename_staging(executed: Path, staging: Path, results: Path) -> None:
    """Make an executed notebook speak of the results folder, not of where it was staged."""
    text = executed.read_text(encoding="utf-8")
    shown = os.path.relpath(results)
    shown = str(results) if shown.startswith("..") else shown
    executed.write_text(text.replace(str(staging), shown), encoding="utf-8")


def _finish(batch: Batch, *, ran: bool) -> None:
    """Build the report over all results when they or the code changed, or its files are gone."""
    if importlib.util.find_spec(REPORT) is None:
        return
    states = runstate.read_all(batch.results)
    library = batch.jobs[0].inputs.library
    made_from = runstate.hash_json([library, [[s.notebook, s.verdict, s.inputs, s.outputs] for s in states]])
    record = batch.results / runstate.FOLDER / "_report.json"
    if not ran and _report_is_good(batch.results, record, made_from):
        return
    record.unlink(missing_ok=True)
    try:
        importlib.import_module(REPORT).finish(batch.results)
    except Exception as error:
        batch.report_error = f"{type(error).__name__}: {error}"
        return
    theirs = {path for state in states for path in state.outputs}
    files = (p.relative_to(batch.results) for p in batch.results.rglob("*") if p.is_file())
    made = [p.as_posix() for p in files if not p.parts[0].startswith(".") and p.as_posix() not in theirs]
    outputs = {path: runstate.hash_file(batch.results / path) for path in sorted(made)}
    try:
        runstate.write_json(record, {"made_from": made_from, "outputs": outputs})
    except OSError as error:
        batch.report_error = f"results cannot be written: {error}"


def _report_is_good(results: Path, record: Path, made_from: str) -> bool:
    try:
        before = json.loads(record.read_text(encoding="utf-8"))
        return bool(before["made_from"] == made_from) and runstate.intact(results, before["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _print_table(batch: Batch, seconds: float) -> None:
    table = Table("Notebook")
    table.add_column("Seconds", justify="right")
    table.add_column("Figures", justify="right")
    table.add_column("Verdict")
    styles = {"done": "green", "failed": "bold red", "unchanged": "dim", "not run": "yellow"}
    for job in batch.jobs:
        verdict = f"[{styles[job.outcome]}]{job.outcome}[/]"
        table.add_row(job.name, f"{job.seconds:.1f}", str(job.figures), verdict)
    batch.console.print(table)
    where = os.path.relpath(batch.results)
    where = str(batch.results) if where.startswith("..") else where
    batch.console.print(f"{seconds:.1f} s; results in {where}", highlight=False)
