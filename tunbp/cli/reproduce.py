"""`tunbp reproduce`: run the notebooks in batch and collect their results."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--jobs",
    "-j",
    "workers",
    type=click.IntRange(min=1),
    help="Notebooks at once (as many as there are cores).",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (results/).")
@click.option(
    "--params",
    "params_files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Parameters of one notebook, as YAML; may be given once per notebook.",
)
def reproduce(names: tuple[str, ...], workers: int | None, out: Path | None, params_files: tuple[Path, ...]) -> None:
    """Run the notebooks NAMES (all of them, or those of --params) and collect figures and tables.

    Only what is not done, or whose notebook, parameters, library or data changed, is run again. A notebook
    that fails does not stop the others; the exit status is then 1.
    """
    from tunbp.project import project_root
    from tunbp.run.batch import Batch, check_place, run
    from tunbp.run.jobs import find_notebooks, read_params, what_to_run

    root = project_root()
    results = out.absolute() if out else root / "results"
    check_place(results)
    asked = [path.stem for path in find_notebooks(root, names)] if names else []
    params = read_params(params_files, asked)
    notebooks = find_notebooks(root, asked or list(params))
    jobs = what_to_run(root, results, notebooks, params)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(Batch(results, jobs, workers or len(os.sched_getaffinity(0))))
    except KeyboardInterrupt:
        click.secho("Interrupted. Run the same command again: only what is not done is redone.", fg="yellow", err=True)
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
