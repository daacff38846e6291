"""What each notebook needs beside the library: one folder each, named as the notebook without its number.

A folder holds `params.py` with the typed parameters (`Params`), and where the notebook has figures or tables of
its own, `figures.py` (with `TEXTS`, the title and caption of each) and `tables.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunbp.results.output import Output
    from tunbp.run.params import NotebookParams


def start(notebook: str, namespace: Mapping[str, Any]) -> tuple[NotebookParams, Output]:
    """Check the parameters of a running notebook and open its results.

    Stands in the cell right after the one tagged `parameters`: `p, out = start("06_your_path", globals())`.

    Parameters
    ----------
    notebook
        Name of the notebook without `.ipynb`.
    namespace
        `globals()` of the notebook.

    Returns
    -------
    parameters, output
        The checked values, and the `Output` that takes figures, tables and numbers and records every input that
        is read from here on.

    Raises
    ------
    ParamsError
        If a parameter is unknown, missing, of the wrong type or out of range.
    """
    from tunbp.results.output import Output
    from tunbp.run.params import check, folder_of

    params = check(notebook, namespace)
    figures = f"tunbp.notebooks.{folder_of(notebook)}.figures"
    texts = importlib.import_module(figures).TEXTS if importlib.util.find_spec(figures) else {}
    return params, Output(params.out_dir, notebook, params, texts=texts)
