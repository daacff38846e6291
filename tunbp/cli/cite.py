"""`tunbp cite` and `tunbp archive`: how to cite a figure, and one zip for a DOI deposit."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from tunbp.project import project_root

_results = click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder of results (./results where it has figures, else results/ of the project).",
)


@click.command()
@click.argument("figure", required=False)
@click.option("--paper", is_flag=True, help="The paper whose results are reproduced.")
@click.option("--software", is_flag=True, help="tunbp itself.")
@_results
def cite(figure: str | None, paper: bool, software: bool, results: Path | None) -> None:
    r"""Print the BibTeX entry and the caption of FIGURE, its id or one of its files.

    Without FIGURE and options: what can be cited. figures.tex of the results has \\tunbpfigure{ID} for LaTeX.
    """
    from tunbp.results import citing
    from tunbp.site.collected import figures, find_figure

    root = project_root()
    record = find_figure(_folder(results), figure) if figure is not None else None
    entries = [citing.paper_bibtex(root)] if paper else []
    entries += [citing.software_bibtex(root, str(record["commit"]) if record else "")] if software else []
    if record is not None:
        words = textwrap.fill(f"{str(record['title']).rstrip('.')}. {record['caption']}", 100)
        entries = [str(record["bibtex"]), *entries, words]
    if entries:
        entries = [citing.PREAMBLE, *entries] if any(r"\url{" in entry for entry in entries) else entries
        click.echo("\n".join(entry.rstrip() + "\n" for entry in entries).rstrip())
        return
    known = figures(_folder(results))
    for name, record in known.items():
        click.echo(f"{name:28} {record['title']}")
    click.echo("--paper                      the paper whose results are reproduced")
    click.echo("--software                   tunbp itself")
    if not known:
        click.echo("Figures can be cited once there are some: run `tunbp reproduce`.")


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
    here = Path("results").absolute()
    if results is not None:
        return results.absolute()
    return here if (here / "figures").is_dir() else project_root() / "results"
