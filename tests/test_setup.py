"""Setting up: which Python is taken, which pip settings count, and that CI runs what the README says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOWNLOADS = {"PIP_CERT", "PIP_CLIENT_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"}
DOWNLOADS |= {"PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_PROXY", "PIP_RETRIES", "PIP_TIMEOUT", "PIP_TRUSTED_HOST"}


@pytest.fixture
def setup() -> types.ModuleType:
    """The script that makes the environment."""
    spec = importlib.util.spec_from_file_location("setup_venv", ROOT / "tools" / "venv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_of_pip_s_settings_only_where_to_download_from_is_kept(
    setup: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://example.org/simple\nuser = true\n[install]\ntarget = /nowhere\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    monkeypatch.setenv("PIP_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    environment = setup.pip_environment(sys.executable)
    kept = {name: value for name, value in environment.items() if name.startswith(("PIP_", "PYTHON"))}
    assert kept.pop("PIP_CONFIG_FILE") == "/dev/null"
    assert kept["PIP_INDEX_URL"] == "https://example.org/simple"
    assert kept["PIP_PROXY"] == "http://proxy.example.org:3128"
    assert kept.keys() <= DOWNLOADS


@pytest.mark.parametrize(
    ("calling", "others", "taken"),
    [((3, 12), {}, "me"), ((3, 10), {"python3.13": (3, 13)}, "python3.13"), ((3, 14), {}, "me")],
)
def test_a_python_that_the_lock_is_for_is_taken(
    setup: types.ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    calling: tuple[int, int],
    others: dict,
    taken: str,
) -> None:
    versions = {"me": calling, **others}
    monkeypatch.setattr(setup.sys, "executable", "me")
    monkeypatch.setattr(setup.shutil, "which", lambda name: name if name in versions else None)
    monkeypatch.setattr(setup, "version", versions.get)
    monkeypatch.setattr(setup.subprocess, "call", lambda *_, **__: 0)
    assert setup.find_python() == taken


def test_a_python_that_is_too_old_and_one_without_venv_are_named(
    setup: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup, "version", lambda python: (3, 9))
    with pytest.raises(SystemExit) as caught:
        setup.find_python()
    assert "tunbp needs Python 3.11, 3.12 or 3.13" in str(caught.value)
    monkeypatch.setattr(setup, "version", lambda python: (3, 11))
    monkeypatch.setattr(setup.subprocess, "call", lambda *_, **__: 1)
    with pytest.raises(SystemExit) as caught:
        setup.find_python()
    assert "apt-get install python3-venv (or python3.11-venv)" in str(caught.value)


def test_an_environment_whose_folder_was_moved_is_recognized(setup: types.ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "venv" / "bin" / "pip"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!{tmp_path}/venv/bin/python\n")
    assert setup.made_here(str(tmp_path / "venv"))
    (tmp_path / "venv").rename(tmp_path / "moved")
    assert not setup.made_here(str(tmp_path / "moved"))
    assert not setup.made_here(str(tmp_path / "none"))


def test_every_make_target_is_explained_and_can_be_planned() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    targets = set(phony[1].split())
    explained = set(re.findall(r'@echo "make (\w+) ', makefile))
    assert targets - explained == {"help", "install"}
    planned = subprocess.run(["make", "-n", *sorted(targets)], cwd=ROOT, capture_output=True, text=True)
    assert planned.returncode == 0, planned.stderr


def test_ci_runs_the_commands_of_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    first = re.findall(r"^(make \w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert first[:2] == ["make reproduce", "make test"]
    assert [command for command in first[:2] if command not in ci] == []
    assert "notebooks/01_openvpn_throughput.ipynb" in ci
    assert "-f params/openvpn_real_path.yaml" in ci
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT).returncode == 0
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
