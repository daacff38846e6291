"""Everything the notebooks of a results folder wrote, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunbp.errors import OutputError
from tunbp.results.numbers import Number, from_record
from tunbp.run import state as runstate


@dataclass(frozen=True)
class Collected:
    """Records of all runs, figures, tables and numbers of a results folder, and of its failed notebooks."""

    folder: Path
    runs: dict[str, Mapping[str, Any]]
    figures: dict[str, Mapping[str, Any]]
    tables: dict[str, Mapping[str, Any]]
    numbers: dict[str, Number]
    numbers_from: dict[str, str]
    failures: dict[str, str]

    @property
    def commit(self) -> str:
        """Commit of all runs, or all commits when they differ."""
        return ", ".join(sorted({str(run["commit"]) for run in self.runs.values()})) or "unknown"

    def notebook_file(self, notebook: str) -> Path | None:
        """Executed notebook of a run, None if it is not there.

        Parameters
        ----------
        notebook
            Its name, without the ending.

        Returns
        -------
        Path | None
            Path of the executed notebook.
        """
        path = self.folder / "notebooks" / f"{notebook}.ipynb"
        return path if path.is_file() else None


def collect(folder: Path) -> Collected:
    """Read every record of a results folder.

    Parameters
    ----------
    folder
        A folder of results.

    Returns
    -------
    Collected
        Records, checked against each other.

    Raises
    ------
    OutputError
        If the folder does not exist, a record is damaged, or two runs give one number different values.
    """
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; run the notebooks first (`make reproduce`)")
    runs = _records(folder / "numbers")
    numbers: dict[str, Number] = {}
    numbers_from: dict[str, str] = {}
    for name, run in runs.items():
        for key, record in run["numbers"].items():
            number = from_record(key, record)
            if key in numbers and str(numbers[key]) != str(number):
                raise OutputError(
                    f"number {key!r}: {numbers_from[key]} says {numbers[key]}, {name} says {number}; rename one"
                )
            numbers[key], numbers_from[key] = number, name
    failures = {s.notebook: s.error for s in runstate.read_all(folder) if s.verdict == "failed"}
    tables = _records(folder / "tables")
    return Collected(folder, runs, figures(folder), tables, numbers, numbers_from, failures)


def figures(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Records of the figures of a results folder, by id; none where nothing was run.

    Parameters
    ----------
    folder
        A folder of results.

    Returns
    -------
    dict[str, Mapping[str, Any]]
        Figure id to its record.
    """
    return _records(folder / "figures")


def find_figure(folder: Path, name: str) -> Mapping[str, Any]:
    """Record of one figure, by its id or the name of one of its files.

    Parameters
    ----------
    folder
        A folder of results.
    name
        Id, or name of a file such as `gain.pdf`.

    Returns
    -------
    Mapping[str, Any]
        Its record.

    Raises
    ------
    OutputError
        If there is none: names those there are.
    """
    there = figures(folder)
    wanted = Path(name).name
    wanted = wanted.partition(".")[0] if Path(wanted).suffix in {".pdf", ".svg", ".png", ".json", ".bib"} else wanted
    if wanted in there:
        return there[wanted]
    known = ", ".join(sorted(there)) or "none yet; run the notebooks first (`make reproduce`)"
    raise OutputError(f"figure {name!r}: not in {folder / 'figures'}. Figures there: {known}")


def _records(folder: Path) -> dict[str, Mapping[str, Any]]:
    records = {}
    for path in sorted(folder.glob("*.json")):
        try:
            records[path.stem] = json.loads(path.read_text())
        except ValueError as error:
            raise OutputError(f"{path}: damaged ({error}); delete it and run its notebook again") from error
    return records
