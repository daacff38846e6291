"""`tunbp trace` and `tunbp convert`: what a file is, what it is worth, and its content in the schema."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunbp import quantities
from tunbp.errors import OutputError, TraceError

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
ROWS = 12
"""Most interfaces, qdiscs, counters or runs that a table shows."""
TOTALS = (
    "received_rate", "sent_rate", "reverse_received_rate", "transaction_rate", "sent_packet_rate",
    "transmitted_rate", "total_retransmits", "min_rtt", "mean_rtt", "max_rtt", "ping_min_rtt",
    "ping_mean_rtt", "sent", "delivered", "send_errors", "dropped_ring", "dropped_qdisc",
    "total_lost_packets", "drop_fraction", "loss_fraction", "mean_jitter", "cpu_host", "cpu_remote",
    "duration",
)  # fmt: skip
"""Totals worth a line, most telling first."""
COLUMNS = (
    "tx_packets", "tx_dropped", "rx_packets", "rx_dropped", "qdisc_packets", "qdisc_dropped", "qdisc_backlog",
    "counter", "drop_events", "thread_sent", "thread_rate", "thread_errors",
)  # fmt: skip
"""Variables over `queue` worth a column."""
PANELS = ("throughput", "retransmits", "rtt", "ping_rtt", "cwnd", "qdisc_backlog")
"""Series that `--plot` draws, top to bottom."""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the series to this file (PDF, PNG, SVG).",
)
def trace(files: tuple[Path, ...], as_json: bool, plot: Path | None) -> None:
    """Say what measurement FILES are and what they are worth; a folder is one run of several tools."""
    from rich.console import Console

    console = Console()
    opened, failed = open_all(files)
    if as_json:
        records = [record(name, run) for name, run in opened.items()]
        records += [{"file": name, "error": text} for name, text in failed.items()]
        click.echo(json.dumps(records, indent=1))
    else:
        for name, run in opened.items():
            show(console, name, run)
        show_duplicates(console, opened)
    if plot is not None and opened:
        draw(opened, plot)
        click.echo(f"series drawn to {plot}", err=True)
    for text in failed.values():
        click.secho(f"Error: {text}", fg="red", err=True)
    if failed:
        sys.exit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--raw", is_flag=True, help="Keep the file's whole text in the attribute raw.")
def convert(file: Path, target: Path, raw: bool) -> None:
    """Convert a measurement FILE (or the folder of one run) to TARGET, OUT.nc or OUT.zarr, in the schema."""
    from tunbp.traces import open_trace, save

    if target.suffix not in (".nc", ".zarr"):
        raise OutputError(f"{target}: the name must end with .nc (netCDF) or .zarr (Zarr)")
    run = open_trace(file, raw=raw)
    save(run, target)
    sizes = ", ".join(f"{size} {dim}" for dim, size in run.sizes.items()) or "totals only"
    click.echo(f"{target}: {len(run.data_vars)} variables, {sizes}")


def open_all(files: tuple[Path, ...]) -> tuple[dict[str, xr.Dataset], dict[str, str]]:
    """Datasets by file name, and the messages of those that could not be read."""
    from tunbp.traces import open_trace

    opened: dict[str, xr.Dataset] = {}
    failed: dict[str, str] = {}
    for file in files:
        try:
            opened[str(file)] = open_trace(file)
        except TraceError as error:
            failed[str(file)] = str(error)
    return opened, failed


def limit(run: xr.Dataset) -> str:
    """What held the rate of one run, in words; empty where the file does not tell."""
    from tunbp.traces.limit import UNKNOWN, limit_of

    if "run" in run.dims:
        return ""
    found = limit_of(run)
    return "not told by this file" if found.name == UNKNOWN else found.name


def totals(run: xr.Dataset) -> dict[str, float]:
    """Totals of one run by name, those without a value left out."""
    found = {name: float(run[name]) for name in TOTALS if name in run and not run[name].ndim}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def record(name: str, run: xr.Dataset) -> dict[str, Any]:
    """What `--json` prints of one file."""
    from dataclasses import asdict

    from tunbp import schema
    from tunbp.traces.findings import findings

    numbers = {key: {"value": value, "units": schema.VARIABLES[key].units} for key, value in totals(run).items()}
    return {
        "file": name,
        "attributes": {key: value for key, value in run.attrs.items() if key not in ("findings", "raw")},
        "sizes": {str(dim): size for dim, size in run.sizes.items()},
        "variables": sorted(map(str, run.data_vars)),
        "numbers": numbers,
        "limit": limit(run),
        "findings": [asdict(finding) for finding in findings(run)],
    }


def show(console: Console, name: str, run: xr.Dataset) -> None:
    """Print one file: what it is, its numbers, the limit, the findings."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from tunbp import schema
    from tunbp.traces.findings import findings

    console.print(f"[bold]{escape(name)}[/bold]  {escape(headline(run))}")
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 2))
    for key, value in totals(run).items():
        variable = schema.VARIABLES[key]
        table.add_row(variable.long_name, quantities.show(value, variable.units))
    if ("received_rate" in run or "sent_rate" in run) and (bound := limit(run)):
        table.add_row("limited by", escape(bound))
    console.print(table)
    for extra in (queue_table(run), run_table(run)):
        if extra is not None:
            console.print(extra)
    carried = findings(run)
    if carried:
        table = Table("severity", "check", "finding", box=box.SIMPLE_HEAD, pad_edge=False)
        for finding in carried:
            colour = COLOURS[finding.severity]
            table.add_row(f"[{colour}]{finding.severity}[/{colour}]", finding.check, escape(finding.message))
        console.print(table)
    else:
        console.print("  no findings\n")


def headline(run: xr.Dataset) -> str:
    """Tool, version, protocol, streams, congestion control, start and machine in one line."""
    told = run.attrs
    streams = run.sizes.get("stream", 1)
    words = [
        f"{told.get('tool', '')} {told.get('version', '')}".strip(),
        told.get("protocol", ""),
        "" if told.get("direction") in (None, "", "forward") else told["direction"],
        f"{streams} streams" if streams > 1 else "",
        f"{run.sizes['run']} runs" if "run" in run.dims else "",
        told.get("congestion", ""),
        told.get("start", ""),
        told.get("host", ""),
        told.get("kernel", "").split(" #")[0],
    ]
    return ", ".join(word for word in words if word)


def queue_table(run: xr.Dataset) -> Any:
    """Interfaces, qdiscs, counters or threads with their numbers; None if there are none."""
    import numpy as np
    from rich import box
    from rich.table import Table

    names = [name for name in COLUMNS if name in run and "run" not in run[name].dims]
    if not names:
        return None
    table = Table("queue", *(name.replace("_", " ") for name in names), box=box.SIMPLE_HEAD, pad_edge=False)
    last = run[names].isel(time=-1) if "time" in run[names].dims else run[names]
    values = np.column_stack([np.asarray(last[name].to_numpy(), dtype=float) for name in names])
    order = [row for row in range(len(values)) if np.nansum(np.abs(values[row])) > 0]
    for row in order[:ROWS]:
        cells = ["" if math.isnan(value) else f"{value:.0f}" for value in values[row]]
        table.add_row(str(run["queue"].to_numpy()[row]), *cells)
    silent = len(values) - min(len(order), ROWS)
    if silent:
        table.caption = f"{silent} more" + ("" if len(order) > ROWS else " without any packet")
    return table


def run_table(run: xr.Dataset) -> Any:
    """Totals of each run of a file that holds several; None if it holds one."""
    from rich import box
    from rich.table import Table

    from tunbp import schema

    if "run" not in run.dims:
        return None
    names = [name for name in TOTALS if name in run and run[name].dims == ("run",)][:6]
    table = Table("run", *(schema.VARIABLES[name].long_name for name in names), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in range(min(run.sizes["run"], ROWS)):
        values = [quantities.show(float(run[name][row]), schema.VARIABLES[name].units) for name in names]
        table.add_row(str(run["run"].to_numpy()[row]), *values)
    if run.sizes["run"] > ROWS:
        table.caption = f"{run.sizes['run'] - ROWS} more"
    return table


def show_duplicates(console: Console, opened: dict[str, xr.Dataset]) -> None:
    """Say which files are the same measurement."""
    from rich.markup import escape

    from tunbp.traces.checks import duplicates

    for finding in duplicates(opened):
        console.print(f"[red]{finding.severity}[/red]  {finding.check}  {escape(finding.message)}")


def draw(opened: dict[str, xr.Dataset], target: Path) -> None:
    """Draw the series of all files, one panel per variable, one column per file."""
    from tunbp.atomic import replacing
    from tunbp.plots import style
    from tunbp.plots.figures import time_series

    drawn = {name: run for name, run in opened.items() if "time" in run.dims and "run" not in run.dims}
    shown = [name for name in PANELS if any(_is_series(run, name) for run in drawn.values())]
    if not shown:
        raise OutputError(f"{target}: none of the files has a series over time to draw")
    if target.suffix not in (".pdf", ".png", ".svg"):
        raise OutputError(f"{target}: the name must end with .pdf, .png or .svg")
    import matplotlib.pyplot as plt

    style.use()
    figure, axes = plt.subplots(
        len(shown), len(drawn), squeeze=False, sharex="col",
        figsize=(style.COLUMN_WIDTH * max(len(drawn), 1), 1.3 * len(shown) + 0.6), layout="constrained",
    )  # fmt: skip
    for panels, (name, run) in zip(axes.T, drawn.items(), strict=True):
        panels[0].set_title(Path(name).name, fontsize="small")
        for panel, variable in zip(panels, shown, strict=True):
            panel.set_visible(_is_series(run, variable))
            if _is_series(run, variable):
                one = run[[variable]].dropna("time", how="all")
                time_series([panel], [(one, "measured", "backpressure")], [variable])
                panel.set(xlabel="", ylabel=textwrap.fill(panel.get_ylabel(), 20))
        lowest = [panel for panel in panels if panel.get_visible()][-1]
        lowest.set_xlabel("Time (s)")
        lowest.tick_params(labelbottom=True)
    with replacing(target) as part:
        figure.savefig(part, format=target.suffix[1:])
    plt.close(figure)


def _is_series(run: xr.Dataset, name: str) -> bool:
    """Whether a Dataset has this variable over time."""
    return name in run and "time" in run[name].dims
