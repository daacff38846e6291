"""`tunbp trace` and `tunbp convert`: what a file is, what it is worth, and its content in the schema."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tunbp import quantities
from tunbp.errors import OutputError, TraceError

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console
    from rich.table import Table

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
ROWS = 12
"""Most interfaces, qdiscs, counters, sockets, hops or runs that a table shows."""
TABLES = {
    "queue": (
        "tx_packets", "tx_dropped", "rx_packets", "rx_dropped", "qdisc_packets", "qdisc_dropped", "qdisc_ecn_marked",
        "qdisc_backlog", "counter", "drop_events", "thread_sent", "thread_rate", "thread_errors",
    ),
    "tin": ("tin_rate", "tin_packets", "tin_dropped", "tin_marked", "tin_ack_dropped", "tin_average_delay"),
    "hop": ("hop_loss", "hop_min_rtt", "hop_mean_rtt", "hop_max_rtt"),
    "stream": (
        "rtt", "socket_min_rtt", "cwnd", "snd_wnd", "unacked", "send_queue", "delivery_rate", "socket_retransmits",
        "socket_busy_time", "socket_rwnd_limited_time", "socket_sndbuf_limited_time",
    ),
}  # fmt: skip
"""Variables worth a column in the table of each dim; of a series the last value is shown."""
HEADS = {
    "tx_packets": "sent", "tx_dropped": "dropped", "rx_packets": "received", "rx_dropped": "dropped on reception",
    "qdisc_packets": "sent by qdisc", "qdisc_dropped": "dropped by qdisc", "qdisc_ecn_marked": "marked",
    "qdisc_backlog": "backlog", "counter": "value", "drop_events": "dropped", "thread_sent": "sent",
    "thread_rate": "rate", "thread_errors": "refused", "tin_rate": "rate", "tin_packets": "packets",
    "tin_dropped": "dropped", "tin_marked": "marked", "tin_ack_dropped": "ACKs filtered",
    "tin_average_delay": "average delay", "hop_loss": "lost", "hop_min_rtt": "min RTT", "hop_mean_rtt": "mean RTT",
    "hop_max_rtt": "max RTT", "rtt": "RTT", "socket_min_rtt": "min RTT", "cwnd": "cwnd", "snd_wnd": "window",
    "unacked": "in flight", "send_queue": "send queue", "delivery_rate": "delivery rate",
    "socket_retransmits": "sent again", "socket_busy_time": "busy", "socket_rwnd_limited_time": "window-limited",
    "socket_sndbuf_limited_time": "buffer-limited",
}  # fmt: skip
"""Short column heads."""
ALWAYS = ("tx_dropped", "qdisc_dropped", "tin_dropped", "hop_loss", "thread_errors")
"""Columns that are shown even if they are all zero."""
SOCKETS = 3
"""Most sockets that are shown."""
PANELS = ("throughput", "retransmits", "rtt", "ping_rtt", "cwnd", "qdisc_backlog")
"""Series that `--plot` draws, top to bottom."""


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--json-schema", is_flag=True, help="Print the JSON Schema of what --json prints, and end.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the series to this file (PDF, PNG, SVG).",
)
def trace(files: tuple[Path, ...], as_json: bool, json_schema: bool, plot: Path | None) -> None:
    """Say what measurement FILES are and what they are worth; a folder is one run of several tools, or many runs."""
    from rich.console import Console

    if json_schema:
        from tunbp.cli.trace_record import schema

        click.echo(json.dumps(schema(), indent=1))
        return
    if not files:
        raise click.UsageError("Missing argument 'FILES...'.")
    console = Console()
    opened, failed = open_all(files)
    if as_json:
        from tunbp.cli.trace_record import records

        click.echo(json.dumps(records(opened, failed), indent=1))
    elif len(opened) == 1:
        show(console, *next(iter(opened.items())))
    elif opened:
        show_several(console, opened)
    if plot is not None and opened:
        draw(opened, plot)
        click.echo(f"series drawn to {plot}", err=True)
    from tunbp.cli.terminal import printable

    for text in failed.values():
        click.secho(f"Error: {printable(text)}", fg="red", err=True)
    if failed:
        sys.exit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--raw", is_flag=True, help="Keep the file's whole text in the attribute raw.")
def convert(file: Path, target: Path, raw: bool) -> None:
    """Convert a measurement FILE (or folder) to TARGET: OUT.nc or OUT.zarr in the schema, or OUT.flent.gz for flent."""
    from tunbp.traces import open_trace, save
    from tunbp.traces.saving import check_name

    check_name(target)
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


def show(console: Console, name: str, run: xr.Dataset) -> None:
    """Print one file: the answer in a sentence, what it is, its numbers, the limit, the findings."""
    from rich import box
    from rich.table import Table

    from tunbp import schema
    from tunbp.cli.terminal import plain
    from tunbp.traces.findings import findings
    from tunbp.traces.summary import sentence, totals

    console.print(f"[bold]{plain(sentence(run))}[/bold]", soft_wrap=True)
    console.print(f"[dim]{plain(', '.join([name, *facts(run)]))}[/dim]", soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 2))
    for key, value in totals(run).items():
        variable = schema.VARIABLES[key]
        share = key in ("datagram_loss", "drop_fraction", "loss_fraction")
        shown = quantities.percent(value) if share else quantities.show(value, variable.units)
        table.add_row(variable.long_name, shown)
    if ("received_rate" in run or "sent_rate" in run) and (bound := limit(run)):
        table.add_row("limited by", plain(bound))
    if table.row_count:
        console.print(table)
    for extra in (*(table_of(run, dim) for dim in TABLES), run_table(run)):
        if extra is not None:
            console.print(extra)
    carried = findings(run)
    if carried:
        table = Table("severity", "check", "finding", box=box.SIMPLE_HEAD, pad_edge=False)
        for finding in carried:
            colour = COLOURS[finding.severity]
            table.add_row(f"[{colour}]{finding.severity}[/{colour}]", finding.check, plain(finding.message))
        console.print(table)
    else:
        console.print("  no findings\n")


def show_several(console: Console, opened: dict[str, xr.Dataset]) -> None:
    """Print several files as one table, and below it what is wrong with them."""
    from rich import box
    from rich.table import Table

    from tunbp.cli.terminal import plain
    from tunbp.traces.checks import duplicates
    from tunbp.traces.findings import findings
    from tunbp.traces.runs import labels
    from tunbp.traces.summary import sentence

    short = dict(zip(opened, labels(list(opened), whole=True), strict=True))
    table = Table("file", "what it says", "findings", box=box.SIMPLE_HEAD, pad_edge=False)
    serious = []
    for name, run in opened.items():
        found = findings(run)
        counted = [
            f"[{COLOURS[kind]}]{number} {kind}{'s' if number > 1 and kind != 'info' else ''}[/]"
            for kind in ("error", "warning")
            if (number := sum(finding.severity == kind for finding in found))
        ]
        table.add_row(plain(short[name]), plain(sentence(run)), ", ".join(counted) or "-")
        serious += [(name, finding) for finding in found if finding.severity != "info"]
    console.print(table)
    for finding in duplicates({short[name]: run for name, run in opened.items()}):
        console.print(f"[red]{finding.severity}[/red]  {plain(finding.message)}", soft_wrap=True)
    for name, finding in serious:
        colour = COLOURS[finding.severity]
        console.print(
            f"[{colour}]{finding.severity}[/{colour}]  {plain(short[name])}: {plain(finding.message)}", soft_wrap=True
        )


def facts(run: xr.Dataset) -> list[str]:
    """Direction, streams, runs, congestion control, start and machine, as far as the file tells."""
    told = run.attrs
    streams = run.sizes.get("stream", 1)
    words = [
        "" if told.get("direction") in (None, "", "forward") else told["direction"],
        f"{streams} streams" if streams > 1 else "",
        f"{run.sizes['run']} runs" if "run" in run.dims else "",
        told.get("congestion", ""),
        told.get("start", ""),
        told.get("host", ""),
        told.get("kernel", "").split(" #")[0],
    ]
    return [word for word in words if word]


def table_of(run: xr.Dataset, dim: str) -> Table | None:
    """Interfaces, qdiscs, counters, tins, hops or sockets with their numbers; None if there are none."""
    import numpy as np
    from rich import box
    from rich.table import Table

    from tunbp.cli.terminal import plain

    if dim not in run.dims or (dim == "stream" and "socket" not in run.coords):
        return None
    if dim == "stream":
        return socket_table(run)
    names = [name for name in TABLES[dim] if name in run and dim in run[name].dims and "run" not in run[name].dims]
    if not names:
        return None
    labels = run[dim].to_numpy()
    last = run[names].isel(time=-1) if "time" in run[names].dims else run[names]
    values = np.column_stack([np.asarray(last[name].to_numpy(), dtype=float) for name in names])
    # a column in which nothing was counted is worth its width only if it could have told of drops
    worth = [n for n, name in enumerate(names) if np.nansum(np.abs(values[:, n])) > 0 or name in ALWAYS]
    names, values = [names[n] for n in worth], values[:, worth]
    table = Table(dim, *(HEADS[name] for name in names), box=box.SIMPLE_HEAD, pad_edge=False)
    order = [row for row in range(len(values)) if np.nansum(np.abs(values[row])) > 0]
    for row in order[:ROWS]:
        table.add_row(plain(str(labels[row])), *map(_cell, values[row], names))
    silent = len(values) - min(len(order), ROWS)
    if silent:
        table.caption = f"{silent} more" + ("" if len(order) > ROWS else " without any packet")
    return table


def socket_table(run: xr.Dataset) -> Table | None:
    """Sockets as columns, what the kernel last said of them as rows; None if it said nothing."""
    import numpy as np
    from rich import box
    from rich.table import Table

    from tunbp.cli.terminal import plain
    from tunbp.traces.limit import last_known

    columns = {name: last_known(run, name) for name in TABLES["stream"] if name in run}
    columns = {name: values for name, values in columns.items() if np.isfinite(values).any()}
    if not columns:
        return None
    told = np.sum([np.isfinite(values) for values in columns.values()], axis=0)
    order = sorted(np.flatnonzero(told), key=lambda index: -told[index])[:SOCKETS]
    names = np.atleast_1d(run["socket"].to_numpy())
    table = Table(
        "", *(plain(str(names[i]).replace(" > ", "\n> ")) for i in order), box=box.SIMPLE_HEAD, pad_edge=False
    )
    for name, values in columns.items():
        table.add_row(HEADS[name], *(_cell(float(values[i]), name) for i in order))
    if len(names) > len(order):
        table.caption = f"{len(names) - len(order)} more"
    return table


def _cell(value: float, name: str) -> str:
    """A number of a table: counts bare, shares in percent, the rest with its unit."""
    from tunbp import schema

    unit = schema.VARIABLES[name].units
    if math.isnan(value):
        return ""
    if name == "hop_loss":
        return quantities.percent(value)
    return f"{value:,.0f}" if unit in ("packet", "1") and value == round(value) else quantities.show(value, unit, 3)


def run_table(run: xr.Dataset) -> Table | None:
    """Totals of each run of a file that holds several; None if it holds one."""
    from rich import box
    from rich.table import Table

    from tunbp import schema
    from tunbp.cli.terminal import plain
    from tunbp.traces.summary import TOTALS

    if "run" not in run.dims:
        return None
    names = [name for name in TOTALS if name in run and run[name].dims == ("run",)][:6]
    table = Table("run", *(schema.VARIABLES[name].long_name for name in names), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in range(min(run.sizes["run"], ROWS)):
        values = [quantities.show(float(run[name][row]), schema.VARIABLES[name].units) for name in names]
        table.add_row(plain(str(run["run"].to_numpy()[row])), *values)
    if run.sizes["run"] > ROWS:
        table.caption = f"{run.sizes['run'] - ROWS} more"
    return table


def draw(opened: dict[str, xr.Dataset], target: Path) -> None:
    """Draw the series of all files, one panel per variable, one column per file."""
    from tunbp.escape import figure as drawn_as_it_is
    from tunbp.plots import style
    from tunbp.plots.saving import check_name, save
    from tunbp.plots.series import time_series

    drawn = {name: run for name, run in opened.items() if "time" in run.dims and "run" not in run.dims}
    shown = [name for name in PANELS if any(_is_series(run, name) for run in drawn.values())]
    if not shown:
        raise OutputError(f"{target}: none of the files has a series over time to draw")
    check_name(target)
    import matplotlib.pyplot as plt

    style.use()
    figure, axes = plt.subplots(
        len(shown), len(drawn), squeeze=False, sharex="col",
        figsize=(style.COLUMN_WIDTH * max(len(drawn), 1), 1.3 * len(shown) + 0.6), layout="constrained",
    )  # fmt: skip
    for panels, (name, run) in zip(axes.T, drawn.items(), strict=True):
        panels[0].set_title(drawn_as_it_is(Path(name).name), fontsize="small")
        for panel, variable in zip(panels, shown, strict=True):
            panel.set_visible(_is_series(run, variable))
            if _is_series(run, variable):
                one = run[[variable]].dropna("time", how="all")
                time_series([panel], [(one, "measured", "backpressure")], [variable])
                panel.set(xlabel="", ylabel=textwrap.fill(panel.get_ylabel(), 20))
        lowest = [panel for panel in panels if panel.get_visible()][-1]
        lowest.set_xlabel("Time (s)")
        lowest.tick_params(labelbottom=True)
    save(figure, target)
    plt.close(figure)


def _is_series(run: xr.Dataset, name: str) -> bool:
    """Whether a Dataset has this variable over time."""
    return name in run and "time" in run[name].dims
