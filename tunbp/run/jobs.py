"""What a batch runs and why: the notebooks asked for, their checked parameters, and what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tunbp.errors import ParamsError, ReproduceError
from tunbp.run import state as runstate
from tunbp.run.params import cell_values, load, model, validate
from tunbp.run.state import Inputs, State

Outcome = Literal["done", "failed", "unchanged", "not run"]


@dataclass
class Job:
    """One notebook of a batch: what to run, why, and what came of it."""

    name: str
    notebook: Path
    cells: int
    parameters: dict[str, Any]
    inputs: Inputs
    reason: str
    before: State | None
    outcome: Outcome = "not run"
    seconds: float = 0.0
    figures: int = 0
    error: str = ""


def find_notebooks(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """Notebooks of the project, all or by name.

    Parameters
    ----------
    root
        Folder of the project.
    names
        Full names, with or without `.ipynb` or the folder, or an unambiguous beginning such as `01`.

    Returns
    -------
    list[Path]
        Paths in the order of their names, or of `names`.

    Raises
    ------
    ReproduceError
        If there are no notebooks, or a name fits none or several.
    """
    found = {path.stem: path for path in sorted((root / "notebooks").glob("[!_.]*.ipynb"))}
    if not found:
        raise ReproduceError(
            f"{root / 'notebooks'}: no notebooks there; "
            "they come with the project's source, not with the installed package: run this inside a clone"
        )
    chosen = {}
    for name in names:
        stem = Path(name).name.removesuffix(".ipynb")
        fits = [stem] if stem in found else [known for known in found if known.startswith(stem)]
        if len(fits) != 1:
            what = f"fits several notebooks: {', '.join(fits)}" if fits else f"is none of {', '.join(found)}"
            raise ReproduceError(f"notebook {name!r} {what}")
        chosen[fits[0]] = found[fits[0]]
    return list((chosen or found).values())


def read_params(files: Sequence[Path], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Checked values of parameter files, by the notebook they are for.

    Parameters
    ----------
    files
        YAML files.
    names
        Notebooks that were asked for: a file that does not say its notebook belongs to the only one.

    Returns
    -------
    dict[str, dict[str, Any]]
        Notebook name to parameter values.

    Raises
    ------
    ParamsError
        If a file is wrong, is for a notebook that was not asked for, or two are for the same one.
    """
    values: dict[str, dict[str, Any]] = {}
    for file in files:
        notebook, given = load(file, names[0] if len(names) == 1 else None)
        if names and notebook not in names:
            raise ParamsError(f"{file}: is for notebook {notebook}, which is not among {', '.join(names)}")
        if notebook in values:
            raise ParamsError(f"{file}: a second parameter file for notebook {notebook}")
        if "out_dir" in given:
            raise ParamsError(f"{file}: out_dir = {given['out_dir']!r}: in a batch run, use --out instead")
        values[notebook] = given
    return values


def what_to_run(
    root: Path, results: Path, notebooks: Sequence[Path], params: Mapping[str, Mapping[str, Any]]
) -> list[Job]:
    """Every notebook as a job, `reason` empty where its results are still good.

    Parameters
    ----------
    root
        Folder of the project.
    results
        Folder of results.
    notebooks
        Files.
    params
        Notebook name to values that replace its own.

    Returns
    -------
    list[Job]
        One job per notebook, in their order.

    Raises
    ------
    ParamsError
        If the parameters a notebook would run with are wrong; nothing has been written then.
    ReproduceError
        If a notebook cannot be read.
    """
    library = runstate.hash_library(root)
    jobs = []
    for notebook in notebooks:
        name, content = notebook.stem, _read_notebook(notebook)
        given = dict(params.get(name, {}))
        declared = _declared(content)
        _check(name, notebook, declared, given)
        inputs = Inputs(
            notebook=runstate.hash_notebook(content),
            parameters=runstate.hash_json(given),
            library=library,
            data=runstate.hash_data(root, {**declared, **given}),
        )
        before = runstate.read(results, name)
        cells = len(content["cells"]) + 1  # and the one that papermill adds
        jobs.append(Job(name, notebook, cells, given, inputs, _reason(results, inputs, before), before))
    return jobs


def _read_notebook(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        runstate.hash_notebook(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReproduceError(f"{path}: not a notebook that can be read ({error})") from error
    assert isinstance(content, dict)
    return content


def _declared(content: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters and literal defaults of the cell tagged `parameters`."""
    for cell in content["cells"]:
        if "parameters" in cell.get("metadata", {}).get("tags", ()):
            return cell_values("".join(cell["source"])) or {}
    return {}


def _check(name: str, notebook: Path, declared: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """The rules of the notebook's own first cells, before anything runs."""
    if model(name):
        fixed = {key: value for key, value in declared.items() if value is not ...}
        validate(name, fixed, str(notebook))
        validate(name, given, f"parameters of {name}")
    elif unknown := sorted(given.keys() - declared.keys()):
        known = ", ".join(sorted(declared)) or "none"
        raise ParamsError(f"parameters of {name}: unknown parameter {unknown[0]!r}; known: {known}")


def _reason(results: Path, inputs: Inputs, before: State | None) -> str:
    if before is None:
        return "not done yet"
    if before.verdict != "done":
        return {"failed": "failed before", "running": "interrupted before"}[before.verdict]
    if changed := inputs.changed(before.inputs):
        return " and ".join(changed) + " changed"
    return "" if runstate.intact(results, before.outputs) else "results are missing or changed"
