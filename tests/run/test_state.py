"""Fingerprints of a run, and state files that cannot lead out of their folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunbp.errors import ParamsError
from tunbp.run import state


def test_a_state_comes_back_and_another_notebooks_does_not(tmp_path: Path) -> None:
    written = state.State("01_a", "done", {"data": "x"}, {"rtt": 0.1}, {"figures/one.pdf": "0", "figures/one.png": "1"})
    state.write(tmp_path, written)
    found = state.read(tmp_path, "01_a")
    assert found == written
    assert found is not None
    assert found.figures == 1  # one picture in two formats
    assert [one.notebook for one in state.read_all(tmp_path)] == ["01_a"]
    (tmp_path / state.FOLDER / "02_b.json").write_text((tmp_path / state.FOLDER / "01_a.json").read_text())
    assert state.read(tmp_path, "02_b") is None
    state.forget(tmp_path, "01_a")
    assert state.read(tmp_path, "01_a") is None


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", ".state/x", "a\0b"])
def test_a_path_that_leads_out_of_the_results_is_refused(tmp_path: Path, path: str) -> None:
    assert not state.confined(tmp_path, path)
    state.write(tmp_path, state.State("01_a", "done", outputs={path: "0"}))
    assert state.read(tmp_path, "01_a") is None


def test_a_link_out_of_the_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tables").symlink_to(tmp_path)
    assert not state.confined(tmp_path / "results", "tables/x.csv")


def test_outputs_are_intact_only_with_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    outputs = {"a.csv": state.hash_file(tmp_path / "a.csv")}
    assert state.intact(tmp_path, outputs)
    (tmp_path / "a.csv").write_text("2")
    assert not state.intact(tmp_path, outputs)
    assert not state.intact(tmp_path, {"b.csv": "0"})


def test_what_a_notebook_does_is_hashed_and_not_what_it_showed() -> None:
    cell = {"cell_type": "code", "source": ["x = 1\n", "x"], "metadata": {}, "outputs": [], "execution_count": None}
    shown = {**cell, "outputs": [{"text": "1"}], "execution_count": 7}
    other = {**cell, "source": "x = 2\nx"}
    assert state.hash_notebook({"cells": [cell]}) == state.hash_notebook({"cells": [shown]})
    assert state.hash_notebook({"cells": [cell]}) != state.hash_notebook({"cells": [other]})


def test_the_order_of_keys_does_not_change_a_hash() -> None:
    assert state.hash_json({"a": 1, "b": 2}) == state.hash_json(json.loads('{"b": 2, "a": 1}'))


def test_a_folder_is_hashed_by_names_and_contents_without_caches(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("1")
    before = state.hash_folder(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_text("x")
    assert state.hash_folder(tmp_path) == before
    (tmp_path / "run.json").rename(tmp_path / "other.json")
    assert state.hash_folder(tmp_path) != before


def test_a_folder_that_is_no_measurement_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
    with pytest.raises(ParamsError, match="holds more than 2 files and folders"):
        state.hash_folder(tmp_path)
