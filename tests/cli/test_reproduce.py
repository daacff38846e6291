"""`tunbp reproduce` as a user meets it: names, files and mistakes on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tunbp.cli import main


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two notebooks that nobody runs here; the working directory is in it."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["x = 1"], "outputs": []}
    for name in ("01_one", "06_your_path"):
        content = {
            "cells": [cell] if name == "01_one" else [],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[Any, str]:
    """Exit status and what was printed."""
    with pytest.raises(SystemExit) as caught:
        main(["reproduce", *args])
    captured = capsys.readouterr()
    return caught.value.code, captured.out + captured.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# notebook: 06_your_path\nring: 0\n", "p.yaml: ring = 0: must be greater than or equal to 1"),
        ("# notebook: 06_your_path\nrtt: 60e-3\n", "p.yaml: rtt = '60e-3': YAML reads 60e-3 as text"),
        ("# notebook: 06_your_path\nrtt: -0.1\n", "p.yaml: rtt = -0.1: must be greater than or equal to 0"),
        ("# notebook: 06_your_path\nburst_rate: -1\n", "p.yaml: burst_rate = -1: must be greater than 0"),
        ("# notebook: 06_your_path\nbogus: 1\n", "p.yaml: unknown parameter 'bogus'"),
        ("# notebook: 01_one\nz: 1\n", "parameters of 01_one: unknown parameter 'z'; known: x"),
        ("# notebook: 09_none\nz: 1\n", "notebook '09_none' is none of 01_one, 06_your_path"),
        ("ring: 25\n", "p.yaml: which notebook is it for?"),
    ],
)
def test_wrong_parameters_stop_everything_before_anything_is_written(
    project: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (project / "p.yaml").write_text(text)
    before = sorted(project.rglob("*"))
    status, printed = call(capsys, "--params", "p.yaml")
    assert status == 1
    assert words in printed
    assert "Traceback" not in printed
    assert sorted(project.rglob("*")) == before


def test_missing_parameter_file_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = call(capsys, "06", "--params", "none.yaml")
    assert (status, "none.yaml: cannot be read" in printed) == (1, True)


def test_unknown_notebook_is_named_with_the_known_ones(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = call(capsys, "nine")
    assert (status, "'nine' is none of 01_one, 06_your_path" in printed) == (1, True)


def test_jobs_must_be_at_least_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = call(capsys, "--jobs", "0")
    assert (status, "0 is not in the range x>=1" in printed) == (2, True)


def test_names_jobs_folder_and_parameters_reach_the_batch(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = []
    monkeypatch.setattr("tunbp.run.batch.run", batches.append)
    (project / "p.yaml").write_text("x: 7\n")
    status, _ = call(capsys, "01", "--params", "p.yaml", "--jobs", "3", "--out", "elsewhere")
    assert status == 0
    (batch,) = batches
    assert [(job.name, job.parameters, job.reason) for job in batch.jobs] == [("01_one", {"x": 7}, "not done yet")]
    assert (batch.workers, batch.results) == (3, project / "elsewhere")


def test_all_notebooks_go_into_the_project_s_results_by_default(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []
    monkeypatch.setattr("tunbp.run.batch.run", batches.append)
    monkeypatch.chdir(project / "notebooks")
    monkeypatch.setattr(sys, "argv", ["tunbp", "reproduce"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    assert [job.name for job in batches[0].jobs] == ["01_one", "06_your_path"]
    assert batches[0].results == project / "results"
