"""Notebooks 04 to 06: as they are stored, and run in batch with small parameters."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import papermill
import pytest

from tunbp.run.params import MODELS, cell_values

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ["04_qdisc_and_latency", "05_many_senders", "06_your_path"]
SMALL = {
    "04_qdisc_and_latency": {"rings": [10, 500], "seeds": 1, "duration": 5.0},
    "05_many_senders": {"streams": [1, 8], "threads": [1, 4], "duration": 0.5},
    "06_your_path": {"rings": [10, 500], "seeds": 1, "duration": 5.0},
}


def read(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_is_stored_clean_and_its_parameters_are_those_of_its_model(name):
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    defaults = {field: info.default for field, info in MODELS[name].model_fields.items() if field != "out_dir"}
    values = cell_values(tagged[0].source)
    assert {k: v for k, v in values.items() if k != "out_dir"} == defaults
    others = [cell for cell in cells if cell is not tagged[0]]
    assert max(len(cell.source.splitlines()) for cell in others) <= 15


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_runs_in_batch_and_leaves_figures_tables_and_numbers(name, tmp_path):
    done = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        NOTEBOOKS / f"{name}.ipynb", done, {**SMALL[name], "out_dir": str(tmp_path)}, progress_bar=False
    )
    record = json.loads((tmp_path / "numbers" / f"{name}.json").read_text())
    assert record["figures"]
    assert record["tables"]
    assert record["numbers"]
    assert "ipywidgets" not in done.read_text()
    assert "application/vnd.jupyter.widget-view+json" not in done.read_text()
