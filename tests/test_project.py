"""Where the project and its data are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.project import data_folder, project_root

ROOT = Path(__file__).parent.parent


def test_the_project_is_the_folder_above_with_its_own_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    (tmp_path / "notebooks" / "mine").mkdir(parents=True)
    assert project_root(tmp_path / "notebooks" / "mine") == tmp_path.resolve()


def test_another_projects_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp-extras"\n')
    assert project_root(tmp_path) == ROOT


def test_the_environment_names_another_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNBP_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("TUNBP_DATA")
    assert (data_folder() / "claims.yaml").is_file()
