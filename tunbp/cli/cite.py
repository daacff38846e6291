"""`tunbp cite` and `tunbp archive`: how to cite a figure, and one zip for a DOI deposit."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from tunbp.project import project_root

_results = click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder of results (results/ of the project).",
)


@click.command()
@click.argument("figure")
@_results
def cite(figure: str, results: Path | None) -> None:
    """Print the BibTeX entry and the caption of FIGURE, its id or one of its files."""
    from tunbp.site.collected import find_figure

    record = find_figure(_folder(results), figure)
    click.echo(str(record["bibtex"]).rstrip())
    click.echo()
    click.echo(textwrap.fill(f"{str(record['title']).rstrip('.')}. {record['caption']}", 100))


@click.command()
@_results
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Zip to write (tunbp-VERSION.zip).")
def archive(results: Path | None, output: Path | None) -> None:
    """Pack results, parameters, data hashes and CITATION.cff into one zip with reproducible bytes."""
    from tunbp import __version__
    from tunbp.results.files import sha256
    from tunbp.site import archive as packer

    target = output or Path(f"tunbp-{__version__}.zip")
    names = packer.write(_folder(results), project_root(), target)
    click.echo(f"{target}: {len(names)} files, {target.stat().st_size / 1e6:.1f} MB")
    click.echo(f"sha256 {sha256(target)}")


def _folder(results: Path | None) -> Path:
    return results.absolute() if results else project_root() / "results"
