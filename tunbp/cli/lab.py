"""`tunbp lab`: measure the real kernel, stock against backpressure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tunbp.cli.lab_probe import probe
from tunbp.cli.units import Quantity
from tunbp.quantities import label_unit, significant

if TYPE_CHECKING:
    from typing import Any

    import xarray as xr

    from tunbp.lab.cells import Cell
    from tunbp.lab.plans import Plan
    from tunbp.lab.session import Order
    from tunbp.statistics import Interval


REPORT = click.option(
    "--report", type=click.Choice(["tables", "ktap"]), default="tables", help="For people, or for a kernel CI."
)


@click.group()
def lab() -> None:
    """Measure the real kernel, stock against backpressure, in namespaces or a VM of its own."""


lab.add_command(probe)


@lab.command()
def check() -> None:
    """Say what this machine can measure, and what to install for the rest.

    The exit status is 0 when at least one experiment can run, natively or in a VM.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from tunbp.lab.check import possible, runnable, survey

    console = Console()
    items = survey()
    table = Table("", "what", "found", "to get it", box=None)
    for item in items:
        mark = "[green]yes[/]" if item.there else "[yellow]no[/]"
        table.add_row(mark, item.name, escape(item.found), "" if item.there else escape(item.remedy))
    console.print(table)
    rows = possible(items)
    plans = Table("plan", "cells", "on this kernel", "in a VM (--vm fetched)", box=None)
    in_vm = runnable(items, "vm")
    for row in rows:
        missing = in_vm[row.experiment.name]
        reasons = "; ".join(f"{count} cells: {why}" if row.cells else why for why, count in row.reasons.items())
        plans.add_row(
            row.plan,
            f"{row.cells} of {row.total}",
            f"[yellow]{reasons}[/]" if reasons else "[green]all[/]",
            f"[yellow]lacks {', '.join(missing)}[/]" if missing else "[green]all[/]",
        )
    console.print("\n[bold]Plans[/] (tunbp lab run PLAN)")
    console.print(plans)
    sys.exit(0 if any(row.cells or not in_vm[row.experiment.name] for row in rows) else 1)


@lab.command()
@click.argument("plan")
@click.option(
    "--vm",
    "vm_kernels",
    multiple=True,
    metavar="KERNEL",
    help="Measure in a VM: an image, a version, `fetched`, or an edit of `lab module`; given twice: compare both.",
)
@click.option("--repeat", type=click.IntRange(min=1), help="Repetitions of each cell (5).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the results.")
@click.option(
    "--variants",
    type=click.Choice(["auto", "both", "stock", "backpressure"]),
    default="auto",
    help="What to compare; `auto` takes stock alone on a kernel without the flag.",
)
@click.option("--only", multiple=True, metavar="CELLS", help="Only cells whose name fits, like `120ms-*`.")
@click.option("--at-most", type=Quantity("4min", "s"), help="Begin no run after this time; resumable.")
@REPORT
@click.option("--cpus", type=click.IntRange(min=1), help="Processors of the VM (2; emulated: what the cells need).")
def run(
    plan: str,
    vm_kernels: tuple[str, ...],
    repeat: int | None,
    out: Path | None,
    variants: str,
    only: tuple[str, ...],
    at_most: float | None,
    report: str,
    cpus: int | None,
) -> None:
    """Run PLAN: a plan that comes with the package (`tunbp lab check` lists them), or a YAML file.

    Finished runs are kept: an interrupted measurement goes on when the same command is given again. With two kernels
    (`--vm A --vm B`) repetitions alternate between them, and a verdict in 72 columns ends with status 1 when B breaks a
    rule of IFF_BACKPRESSURE.
    """
    from tunbp.lab import plans, session, vm
    from tunbp.lab.collect import collect, save
    from tunbp.lab.experiments import EXPERIMENTS
    from tunbp.lab.module import modified

    if len(vm_kernels) > 2:
        raise click.UsageError("--vm: one kernel to measure, or two to compare")
    path = plans.find(plan)
    content, cells = plans.load(path)
    kernels = [vm.resolve_kernel(name) for name in vm_kernels]
    kernel = kernels[0] if kernels else None
    place = vm_kernels[0] if vm_kernels and vm_kernels[0] in modified() else kernel.parent.name if kernel else "native"
    default = Path("results") / f"lab_{path.stem}_{'compared' if len(kernels) == 2 else place}"
    order = session.Order(out or default, repeat or content.repeat, variants, kernel, cpus, only, at_most)
    out = order.out
    if kernel and (obstacle := vm.kvm_obstacle()):
        click.secho(
            f"KVM is not usable: {obstacle}. The VM is emulated, which takes minutes per TCP run. "
            f"To get KVM: {vm.KVM_REMEDY}.",
            fg="yellow",
            err=True,
        )
    if len(kernels) == 2:
        _review(content, cells, order, kernels)
        return
    state = _follow(content, cells, order)
    for cell, reason in state["skipped"].items():
        click.secho(f"not run: {cell}: {reason}", fg="yellow", err=True)
    if state.get("paused"):
        click.secho("Time is up before all runs were made; the same command goes on from here.", fg="yellow", err=True)
    if state["variants"] == ["stock"] and variants == "auto" and EXPERIMENTS[content.experiment].has_flag:
        click.secho(
            "This kernel has no IFF_BACKPRESSURE, so only stock was measured. To compare: "
            f"`tunbp lab kernel`, then `tunbp lab run {plan} --vm fetched`.",
            fg="yellow",
            err=True,
        )
    written = save(out)
    click.echo(f"Results: {written}, raw outputs in {out / 'runs'}", err=report == "ktap")
    _report(collect(out), report)


def _review(plan: Plan, cells: list[Cell], order: Order, kernels: list[Path]) -> None:
    """Measure with both kernels in turn, in the order ABBA, and print the verdict; status 1 when B breaks a rule."""
    from dataclasses import replace

    from tunbp.errors import LabError
    from tunbp.lab.collect import collect, save

    sides = {
        name: replace(order, out=order.out / name, kernel=kernel) for name, kernel in zip("AB", kernels, strict=True)
    }
    for repetition in range(1, order.repeat + 1):
        for name in "AB" if repetition % 2 else "BA":
            try:
                _follow(plan, cells, replace(sides[name], repeat=repetition))
            except LabError as error:
                raise LabError(f"kernel {name} ({sides[name].kernel}): {error}") from None
    for side in sides.values():
        save(side.out)
    click.echo(f"A is {kernels[0]}\nB is {kernels[1]}")
    _print_review(*(collect(side.out) for side in sides.values()))


def _print_review(first: xr.Dataset, second: xr.Dataset) -> None:
    """Print the verdict on two kernels; status 1 when B breaks a rule."""
    from tunbp.lab.review import broken, review

    click.echo("\n".join(review(first, second)))
    if broken(second):
        raise click.exceptions.Exit(1)


def _follow(plan: Plan, cells: list[Cell], order: Order) -> dict[str, Any]:
    """Measure with a progress bar; an interruption says how to go on."""
    import signal

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tunbp.lab.session import measure

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("left"),
               TimeRemainingColumn()]  # fmt: skip
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to end as by Ctrl-C
    # the time left from all runs so far: the default looks at the last half minute, which may hold none
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=1e9) as progress:
        task = progress.add_task("booting" if order.kernel else "starting", total=None)

        def follow(finished: int, total: int | None) -> None:
            if total is not None:
                progress.update(task, description="runs", completed=finished, total=total)

        try:
            return measure(plan, cells, order, follow)
        except KeyboardInterrupt:
            raise click.ClickException(
                f"interrupted; finished runs are kept in {order.out}, the same command goes on from them"
            ) from None


@lab.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@REPORT
def show(folder: Path, report: str) -> None:
    """Print the comparison of a measurement made before, and write its netCDF again."""
    from tunbp.lab.collect import collect, save

    click.echo(f"Results: {save(folder)}", err=report == "ktap")
    _report(collect(folder), report)


@lab.command()
@click.argument("first", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("second", type=click.Path(path_type=Path, exists=True, file_okay=False))
def compare(first: Path, second: Path) -> None:
    """Compare measurements of one plan on two kernels (A, B), in 72 columns; status 1 when B breaks a rule.

    FIRST and SECOND are folders of `lab run`, or bundles of them.
    """
    from tunbp.lab.collect import measured

    _print_review(measured(first), measured(second))


@lab.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
def bundle(folder: Path, target: Path) -> None:
    """Make data to publish of a measurement: netCDF, plan, host, and all raw outputs as one .tar.xz."""
    from tunbp.lab.collect import bundle as write_bundle

    for path in write_bundle(folder, target):
        click.echo(f"{path} ({path.stat().st_size / 1e3:.0f} kB)")


@lab.command()
@click.option("--suite", default=None, help="Debian suite to take the kernel from (trixie-backports).")
@click.option("--mirror", default=None, help="Address of a Debian archive (the one apt is set up for).")
def kernel(suite: str | None, mirror: str | None) -> None:
    """Fetch and unpack a kernel with the flag into the user's cache, for `run --vm fetched`."""
    from tunbp.lab.kernel import SUITE, fetch

    image = fetch(suite or SUITE, mirror)
    click.echo(f"{image.parent.name}: {image}\nUse it with: tunbp lab run ring --vm fetched")


@lab.command()
@click.argument("edit")
@click.option("--suite", default=None, help="Debian suite of the kernel (trixie-backports).")
@click.option("--mirror", default=None, help="Address of a Debian archive (the one apt is set up for).")
@click.option("--vm", "base", default="fetched", show_default=True, metavar="KERNEL", help="Kernel to change.")
def module(edit: str, suite: str | None, mirror: str | None, base: str) -> None:
    """Build a tun driver changed by EDIT, for `run --vm NAME`.

    EDIT is a sed script or patch for drivers/net/tun.c, or one that comes with the package: the faults no_wake,
    wake_at_one, drop_not_stop, flag_ignored and stop_without_qdisc, or another wake threshold, wake_at_eighth and
    wake_when_empty.
    """
    from tunbp.lab import module as driver
    from tunbp.lab.kernel import SUITE
    from tunbp.lab.vm import resolve_kernel

    path = driver.find_edit(edit)
    driver.check_rights()
    image = resolve_kernel(base)
    built = driver.build(path, image, driver.make_root(suite or SUITE, mirror))
    click.echo(f"{built}\nUse it with: tunbp lab run review --vm {base} --vm {path.stem}")


@lab.command()
@click.option("--kernels", is_flag=True, help="Remove fetched kernels, changed ones and the root too.")
def clean(kernels: bool) -> None:
    """End what a killed measurement left behind; only processes that it recorded."""
    import shutil

    from tunbp.lab.clean import clean_recorded
    from tunbp.lab.kernel import cache_folder, remove_leftovers
    from tunbp.lab.module import modified_folder

    ended, removed = clean_recorded(), remove_leftovers()
    for pid in ended:
        click.echo(f"ended process {pid} and all that it had started")
    for folder in removed:
        click.echo(f"removed {folder}")
    if not ended and not removed:
        click.echo("nothing was left")
    if kernels:
        for folder in (cache_folder(), modified_folder(), *cache_folder().parent.glob("root-*")):
            shutil.rmtree(folder, ignore_errors=True)


def _report(runs: xr.Dataset, form: str) -> None:
    """Print a measurement as tables for people, or as KTAP; a test that fails ends with status 1."""
    from tunbp.lab.ktap import ktap

    if form == "tables":
        print_comparison(runs)
        return
    lines = list(ktap(runs))
    click.echo("\n".join(lines))
    if any(line.startswith("not ok") for line in lines):
        raise click.exceptions.Exit(1)


def print_comparison(runs: xr.Dataset) -> None:
    """Print one table per variable: medians with intervals, the paired difference, and what it decides."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from tunbp.lab.experiments import EXPERIMENTS
    from tunbp.lab.statistics import compare

    console = Console()
    for variable in EXPERIMENTS[runs.attrs["experiment"]].shown:
        if variable not in runs:
            continue
        array = runs[variable]
        units, size = label_unit(array.attrs["units"])
        rows = [row for row in compare(runs, variable) if row.stock.count + row.backpressure.count]
        known = ("stock", "backpressure", "difference")
        columns = [name for name in known if any(getattr(row, name).count for row in rows)]
        table = Table(title=f"{array.attrs['long_name']} \\[{units}]", box=box.SIMPLE, title_justify="left")
        kinds = dict.fromkeys(getattr(row, name).words for row in rows for name in columns if getattr(row, name).count)
        table.caption, table.caption_justify = "\n".join(kinds), "left"
        compared = "difference" in columns
        for name in ["cell", *columns, *(["verdict"] if compared else [])]:
            table.add_column(name, no_wrap=name in ("cell", "verdict"))
        for row in rows:
            figures = [_interval(getattr(row, name), size) for name in columns]
            verdict = [row.verdict] if row.difference.count else []
            table.add_row(row.cell, *figures, *verdict)
        console.print(table)


def _interval(part: Interval, size: float) -> str:
    """Estimate and, when there is one, interval, in the units that are shown."""
    if not part.count:
        return "-"
    median, low, high = (significant(value / size, 3) for value in (part.estimate, part.low, part.high))
    return f"{median} ({low} to {high})" if part.low == part.low else f"{median} (n = {part.count})"
