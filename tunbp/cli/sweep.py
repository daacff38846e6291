"""`tunbp sweep`: simulate a plan of many scenarios into a Zarr store."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tunbp.quantities import clock, show

if TYPE_CHECKING:
    from rich.console import Console

    from tunbp.sweep import Plan


@click.command()
@click.argument("file", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Zarr store to write, or to continue.")
@click.option(
    "--scheduler",
    default="threads",
    show_default=True,
    help="threads: the cores of this machine; or the address of a Dask scheduler, tcp://host:8786.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Threads (one per core); workers the scheduler must have before it starts (1).",
)
@click.option("--chunk", type=click.IntRange(min=1), help="Scenarios per chunk (chosen by the plan's size).")
@click.option("--plan", "only_plan", is_flag=True, help="Print size, estimated time and memory, and stop.")
@click.option("--verify", "only_verify", is_flag=True, help="Check every chunk of the store, and stop.")
def sweep(
    file: Path, out: Path | None, scheduler: str, workers: int | None, chunk: int | None, only_plan: bool,
    only_verify: bool,
) -> None:  # fmt: skip
    """Simulate every scenario of PLAN, a YAML file, chunk by chunk into a Zarr store.

    Killed anywhere and started again, it keeps the chunks that are whole (each has a checksum) and computes the
    others; the store is then the same to the byte. A store made from another plan or by another version is refused.
    """
    from rich.console import Console

    from tunbp.sweep import read_plan

    if out is None and not only_plan:
        raise click.UsageError("--out is missing: where to write the store, e.g. --out sweep.zarr (or --plan)")
    plan = read_plan(file, chunk)
    console = Console()
    if only_plan:
        _print_plan(plan, out, scheduler, workers, console)
        return
    assert out is not None
    if only_verify:
        _print_verdict(plan, out)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from tunbp.sweep import run

        run(plan, out, scheduler=scheduler, workers=workers, console=console)
    except KeyboardInterrupt:
        click.secho("Interrupted. The same command continues: computed chunks are kept.", fg="yellow", err=True)
        sys.stderr.flush()
        os._exit(130)  # threads in the middle of a chunk would be waited for; what is written is whole
    console.print(f"{plan.total:,} scenarios in {out}", highlight=False)


def _print_plan(plan: Plan, out: Path | None, scheduler: str, workers: int | None, console: Console) -> None:
    """Size, time, memory and disk of a plan, and what stands against running it."""
    from rich.table import Table

    from tunbp.sweep.compute import THREADS, threads_here
    from tunbp.sweep.estimate import check_disk, check_memory, check_time, estimate
    from tunbp.sweep.store import check

    threads = workers or threads_here()
    if out is not None:
        check(out, plan)
        check_disk(plan, out, plan.chunks)
    check_memory(plan, threads)
    check_time(plan, threads)
    found = estimate(plan, threads if scheduler == THREADS else 1)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    dims = " x ".join(f"{dim} {size:,}" for dim, size in plan.sizes.items())
    table.add_row("scenarios", f"{found.scenarios:,} ({dims})")
    table.add_row("chunks", f"{found.chunks:,} of {' x '.join(map(str, plan.chunk_shape))}")
    each = f"{show(found.scenario_seconds, 's', 3)} per scenario and thread"
    table.add_row("time", f"about {clock(found.seconds(threads))} on {threads} threads ({each})")
    table.add_row("memory", f"about {show(found.memory, 'byte', 2)} per process")
    table.add_row("disk", f"at most {show(found.disk, 'byte', 2)}")
    for note in plan.notes():
        table.add_row("note", note)
    console.print(table, highlight=False)


def _print_verdict(plan: Plan, out: Path) -> None:
    """What `--verify` found; exit status 1 if a chunk is damaged or missing."""
    from tunbp.sweep.compute import threads_here
    from tunbp.sweep.store import verify

    whole, faults = verify(out, plan, threads_here())
    for line in faults:
        click.echo(line)
    click.echo(f"{out}: {whole} of {plan.chunks} chunks are whole")
    if faults:
        click.echo("The same command without --verify computes the others.")
        sys.exit(1)
