"""`tunbp data`: fetch the raw files, verify the bundled ones, rebuild what was built from them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def data() -> None:
    """Fetch, verify and rebuild the bundled data."""


@data.command("fetch")
@click.argument("name", type=click.Choice(["nodrop"]))
@click.option("--to", "target", type=_FOLDER, help="Folder to put them in  [default: the user's cache].")
def fetch(name: str, target: Path | None) -> None:
    """Get raw files by pinned commit and SHA-256, or from TUNBP_MIRROR (a folder or a URL)."""
    from rich.console import Console
    from rich.progress import Progress

    from tunbp.evidence import nodrop, registry

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=len(registry.remote(name).files))
        folder = nodrop.fetch(target, progress=lambda _: bar.advance(task))
    click.echo(f"{len(registry.remote(name).files)} files, each with its recorded sha256, in {folder}")


@data.command("build-nodrop")
@click.option("--from", "source", type=_FOLDER, required=True, help="Folder that holds 'tap' and 'tap+vhost_net'.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="[default: the bundled netCDF]")
def build_nodrop(source: Path, out: Path | None) -> None:
    """Condense the 24 raw iperf3 runs into one netCDF, byte for byte the same each time."""
    from tunbp.evidence import datasets, nodrop, registry

    target = nodrop.build(source, out or datasets.data_path() / "measured" / "nodrop_iperf3.nc")
    click.echo(f"{target}: {target.stat().st_size} bytes, sha256 {registry.sha256(target)}")


@data.command("add-row")
@click.argument("table", type=click.Choice(["pktgen", "tcp", "perf"]))
@click.argument("row")
@click.argument("values", nargs=-1, required=True, metavar="COLUMN=VALUE...")
@click.option("--like", default="", metavar="ROW", help="For a new row: take the conditions of this one.")
def add_row(table: str, row: str, values: tuple[str, ...], like: str) -> None:
    """Fill in a published value that could not be read, or add a row.

    Claims, validation, notebooks and pages read the tables: what was "not read" is compared from then on.

    Examples: `tunbp data add-row pktgen v12-tap-1t-stock transmitted_rate=1330kpps lost_rate=0`;
    for a row that is not there yet, `--like v8-tap-half variant=stock` and its values.
    """
    from rich.console import Console

    from tunbp.evidence import rows
    from tunbp.sources import cite

    pairs = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not COLUMN=VALUE", param_hint="values")
        pairs[name] = value
    line = rows.add_row(table, row, pairs, like)
    console = Console()
    for name, text in line.items():
        if text:
            console.print(f"{name}: {text}", highlight=False, markup=False)
    console.print(cite(line["source_id"]), soft_wrap=True, highlight=False, markup=False)
    console.print("recorded; see what follows with 'tunbp check'")


@data.command("verify")
@click.option("--update", is_flag=True, help="Record the files as they are now.")
def verify(update: bool) -> None:
    """Compare every bundled file with its recorded SHA-256; exit status 1 if one differs."""
    from rich.console import Console
    from rich.table import Table

    from tunbp.evidence import registry

    if update:
        registry.update()
    verdicts = registry.verify()
    table = Table("file", "verdict")
    for path, verdict in verdicts.items():
        table.add_row(path, verdict, style=None if verdict == "ok" else "red")
    Console().print(table)
    if any(verdict != "ok" for verdict in verdicts.values()):
        sys.exit(1)
