"""pyproject.toml, environment.yml, requirements.lock and what is installed say the same."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import tunbp

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"dask-core": "dask", "playwright-python": "playwright"}
"""Names on conda-forge that differ from those on PyPI."""


def _declared(*extras: str) -> dict[str, SpecifierSet]:
    """Packages of the core and of some extras, and their bounds; extras may name other extras."""
    found = {}
    todo = [*map(Requirement, PROJECT["dependencies"]), Requirement(f"tunbp[{','.join(extras)}]")]
    while todo:
        each = todo.pop()
        if each.name == "tunbp":
            todo += [
                Requirement(line) for extra in sorted(each.extras) for line in PROJECT["optional-dependencies"][extra]
            ]
        else:
            found[each.name.lower()] = each.specifier
    return found


def _conda() -> dict[str, SpecifierSet]:
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    lines: list[str] = []
    for entry in content["dependencies"]:
        lines += entry["pip"] if isinstance(entry, dict) else [entry]
    found = map(Requirement, (line for line in lines if line not in {"pip", "-e ."}))
    return {CONDA_NAMES.get(r.name.lower(), r.name.lower()): r.specifier for r in found}


def _locked() -> list[tuple[str, str, Marker | None, str]]:
    """Name, version, marker and the block of text of every pin."""
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    pins = []
    for block in blocks:
        if block.startswith("#"):
            continue
        match = re.match(r"([\w.-]+)==(\S+)(?: ; (.*?))? \\\n", block)
        assert match, block[:80]
        pins.append((match[1], match[2], Marker(match[3]) if match[3] else None, block))
    return pins


def test_conda_environment_has_the_same_packages_and_bounds() -> None:
    conda = _conda()
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert conda == _declared("all")


@pytest.mark.parametrize(("name", "bounds"), sorted(_declared("all").items(), key=str))
def test_installed_version_is_within_the_bounds(name: str, bounds: SpecifierSet) -> None:
    assert metadata.version(name) in bounds


def test_all_is_every_extra_but_the_documentation() -> None:
    every = {extra for extra in PROJECT["optional-dependencies"] if extra not in {"all", "docs"}}
    assert _declared("all") == _declared(*every)


def test_this_python_is_one_the_project_supports() -> None:
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in SpecifierSet(PROJECT["requires-python"])


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_pins_every_package_once_and_within_its_bounds(python: str) -> None:
    here = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    applies = [(name, version) for name, version, marker, _ in _locked() if not marker or marker.evaluate(here)]
    versions = dict(applies)
    assert len(versions) == len(applies)
    outside = {name: versions.get(name) for name, spec in _declared("all").items() if versions.get(name) not in spec}
    assert outside == {}


def test_lock_has_hashes_and_no_addresses() -> None:
    assert all("--hash=sha256:" in block for *_, block in _locked())
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_console_script_and_version_are_those_of_the_metadata() -> None:
    assert metadata.version("tunbp") == tunbp.__version__
    scripts = {
        entry.name: entry.value for entry in metadata.distribution("tunbp").entry_points.select(group="console_scripts")
    }
    assert scripts["tunbp"] == PROJECT["scripts"]["tunbp"]


def test_citation_names_the_version_title_and_licence_of_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == tunbp.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["title"].startswith("tunbp: ")
    assert {"cff-version", "message", "authors"} <= citation.keys()
