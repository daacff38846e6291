"""After the batch: collect what the notebooks wrote into numbers, page and crate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunbp.project import project_root
from tunbp.results import citing, files
from tunbp.results.numbers import macro_name, macros
from tunbp.site import crate, environment, notebook_page, page
from tunbp.site.collected import Collected, collect


def finish(results_dir: Path | str) -> Path:
    """Write what belongs to the run as a whole: numbers, citing, environment, pages and the RO-Crate.

    Files: `numbers.json`, `numbers.tex`, `figures.tex`, `figures.bib`, `environment.json`, a page per notebook,
    `index.html`, `workflow/Makefile`, `ro-crate-metadata.json`.

    Parameters
    ----------
    results_dir
        Folder of results that the notebooks wrote into. Nothing is computed here: what no notebook wrote is
        missing on the page.

    Returns
    -------
    Path of `index.html`.

    Raises
    ------
    OutputError
        If the folder does not exist, a record is damaged, or two notebooks disagree about a number.
    """
    folder = Path(results_dir).resolve()
    collected = collect(folder)
    _write_numbers(collected)
    _write_citing(collected)
    facts = environment.write(folder)
    for notebook in sorted((folder / "notebooks").glob("*.ipynb")):
        notebook_page.write_page(notebook)
    written = page.write(collected, facts)
    crate.write(collected)
    return written


def _write_numbers(collected: Collected) -> None:
    numbers = sorted(collected.numbers.values(), key=lambda number: number.name)
    content: dict[str, Any] = {
        number.name: number.record() | {"run": collected.numbers_from[number.name], "macro": macro_name(number.name)}
        for number in numbers
    }
    files.write_json(collected.folder / "numbers.json", {"commit": collected.commit, "numbers": content})
    head = f"Headline numbers of tunbp, made by the notebooks; do not edit.\ncommit {collected.commit}"
    files.write(collected.folder / "numbers.tex", macros(numbers, head))


def _write_citing(collected: Collected) -> None:
    figures = list(collected.figures.values())
    head = "Figures of tunbp with their captions; \\input this and use \\tunbpfigure{ID}; entries are in figures.bib."
    files.write(collected.folder / "figures.tex", citing.figures_tex(figures, head))
    files.write(collected.folder / "figures.bib", citing.figures_bib(figures, project_root()))
