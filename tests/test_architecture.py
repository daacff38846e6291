"""The shape of the package: who may import whom, documented names, a well-formed schema, no stray paths."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tunbp
from tunbp.schema import DIMS, VARIABLES, attributes

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tunbp"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

BASE = {"atomic", "errors", "escape", "opened", "project", "quantities", "schema", "sources", "statistics", "yaml_file"}
ALLOWED = {
    "atomic": set[str](),
    "opened": set[str](),
    "errors": set[str](),
    "escape": set[str](),
    "extras": set[str](),
    "project": set[str](),
    "quantities": {"errors"},
    "yaml_file": {"errors"},
    "sources": {"errors", "opened", "project"},
    "schema": set[str](),
    "statistics": set[str](),
    "model": {"errors", "opened", "quantities", "schema"},
    "traces": BASE,
    "lab": BASE | {"traces"},
    "evidence": BASE | {"infer", "model", "prediction", "traces"},
    "infer": BASE | {"model"},
    "prediction": BASE | {"infer", "model", "traces"},
    "plots": BASE | {"model"},
    "results": BASE | {"plots"},
    "run": BASE | {"model"},
    "site": BASE | {"plots", "results", "run"},
    "notebooks": BASE | {"evidence", "infer", "model", "plots", "prediction", "results", "run", "traces"},
}
"""What each part may import besides itself: data flows one way. Other parts sit on top, only below `cli`."""

TABLES = {"tunbp.model.qdiscs"}
"""Tables of names that every part may read."""


def imports(path: Path, module: str) -> set[str]:
    """Modules of this package that a file imports, anywhere in it."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            # `from tunbp import schema` names a module, `from tunbp.schema import DIMS` one of its names
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
    return {name for name in found if name.split(".")[0] == "tunbp"}


def part(module: str) -> str:
    """First name below the package: `tunbp.model.fluid` belongs to `model`."""
    return [*module.split("."), ""][1]


@pytest.mark.parametrize("module", MODULES)
def test_imports_follow_the_arrows(module: str) -> None:
    mine = part(module)
    targets = {part(name) for name in imports(MODULES[module], module) - TABLES} - {mine, ""}
    if mine in ALLOWED:
        assert targets <= ALLOWED[mine]
    if mine not in {"cli", ""}:
        assert "cli" not in targets


def imported_late(path: Path) -> set[str]:
    """Modules of this package that functions of a file import when they are called."""
    bodies = [n.body for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    nodes = [node for body in bodies for node in ast.walk(ast.Module(body, []))]
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


MAY_IMPORT_LATE = {"tunbp.traces.backend"}
"""xarray imports every backend that is installed: this one takes in the readers when it is asked for a file."""


@pytest.mark.parametrize("module", sorted(MODULES.keys() - MAY_IMPORT_LATE))
def test_no_module_is_imported_late_by_its_own_wing(module: str) -> None:
    mine = part(module)
    late = {name for name in imported_late(MODULES[module]) if name.split(".")[0] == "tunbp" and part(name) == mine}
    assert mine in {"cli", "evidence", "results"} or late == set()


def test_modules_import_each_other_in_no_circle() -> None:
    arrows = {module: imports(path, module) & MODULES.keys() - {module} for module, path in MODULES.items()}
    while arrows:
        ends = [module for module, targets in arrows.items() if not targets & arrows.keys()]
        assert ends, f"a circle among {sorted(arrows)}"
        arrows = {module: targets for module, targets in arrows.items() if module not in ends}


HEAVY = {"numba", "xarray", "pandas", "matplotlib", "papermill", "nbformat", "IPython", "dask", "scipy"}


@pytest.mark.parametrize(
    "modules",
    ["tunbp, tunbp.cli", "tunbp.cli.reproduce, tunbp.run.batch, tunbp.run.jobs"],
    ids=["the package", "deciding that nothing is to be redone"],
)
def test_import_loads_nothing_heavy(modules: str) -> None:
    code = f"import sys, {modules}; print(sorted({HEAVY!r} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


UNUSED = {"dask", "matplotlib", "seaborn", "papermill", "nbformat", "IPython", "zarr", "SALib"}


@pytest.mark.parametrize(
    "command",
    [["trace", "tests/traces/fixtures/iperf3_reverse.json"], ["check", "--claims"], ["lab", "check"]],
    ids=lambda command: command[0],
)
def test_a_command_loads_nothing_that_it_does_not_use(command: list[str]) -> None:
    code = f"""
import sys
from tunbp.cli import main
try:
    main({command!r})
except SystemExit:
    pass
print(sorted(name for name in {UNUSED!r} if sys.modules.get(name)))
"""
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    assert printed.splitlines()[-1] == "[]"


def test_dask_is_there_again_after_a_command_did_without_it() -> None:
    code = """
from tunbp.cli import without_dask
with without_dask():
    import xarray
    xarray.DataArray([1.0])
import dask.array
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", tunbp.__all__)
def test_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(tunbp, name)
    assert isinstance(value, str) or len(inspect.getdoc(value) or "") > 20


@pytest.mark.parametrize("module", MODULES)
def test_every_public_definition_has_a_docstring(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    missing = [] if ast.get_docstring(tree) else [module]
    for node in tree.body:
        for item in [node, *getattr(node, "body", [])] if isinstance(node, ast.ClassDef) else [node]:
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            if isinstance(item, kinds) and not item.name.startswith("_") and not node.name.startswith("_"):  # type: ignore[attr-defined]
                missing += [] if ast.get_docstring(item) else [item.name]
    assert missing == []


@pytest.mark.parametrize("name", VARIABLES)
def test_schema_variable_is_well_formed(name: str) -> None:
    variable = VARIABLES[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert re.fullmatch(r"1|(1|s|byte|bit|packet)(/(s|packet))?", variable.units), "SI and counted things only"
    assert variable.long_name
    assert variable.long_name == variable.long_name.strip()
    assert set(variable.dims) <= DIMS.keys()
    assert attributes(name) == {"units": variable.units, "long_name": variable.long_name}


def test_schema_long_names_tell_variables_of_the_same_dims_apart() -> None:
    names = [(variable.long_name, variable.dims) for variable in VARIABLES.values()]
    assert sorted(names) == sorted(set(names))


def test_every_command_names_a_module_that_has_it() -> None:
    import click

    from tunbp.cli import COMMANDS

    found = {name: getattr(importlib.import_module(module), attr) for name, (module, attr, _) in COMMANDS.items()}
    assert [name for name, command in found.items() if not isinstance(command, click.Command)] == []
    assert [name for name, command in found.items() if not command.help] == []


MADE = {"__pycache__", "generated", "api"}
"""Folders that tools fill (`make docs`: pages of this machine's own run)."""


def test_no_file_names_a_place_of_the_machine_it_was_written_on() -> None:
    places = re.compile(r"(?<![\w.:/~-])/(work|root|home|Users)/\w")
    found = []
    for top in (*ROOT.glob("*"), ROOT / ".ci"):
        if top.name in {"results", "build", "dist"} or (top.name.startswith(".") and top.name != ".ci"):
            continue
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and not MADE.intersection(path.parts) and not path.parent.name.endswith(".egg-info"):
                text = path.read_bytes().decode(errors="ignore")
                found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in places.finditer(text)]
    assert found == []


ACROSS = {
    "tests/cli/test_main.py": "the command line's entry: `tunbp.cli` itself",
    "tests/lab/probe/test_leftovers.py": "what a probe that was killed leaves",
    "tests/lab/probe/test_truth.py": "a probe against a device whose constants are known",
    "tests/lab/test_kills.py": "measurements in a VM that are killed",
    "tests/lab/test_live.py": "experiments on this machine's kernel",
    "tests/lab/probe/test_rights.py": "what an ordinary user is told",
    "tests/model/engines/test_kernel_rules.py": "single events of both engines as Linux has them",
    "tests/model/test_closed_forms.py": "both engines against textbook formulas",
    "tests/model/test_linux_events.py": "both engines against recordings of Linux' TCP",
    "tests/model/test_pacing.py": "both engines and a recording of Linux",
    "tests/model/test_path_stage.py": "equations of the stages behind the reader, by both engines",
    "tests/model/test_references.py": "both engines against event simulations, and against themselves in other units",
    "tests/notebooks/test_notebooks.py": "every notebook by papermill",
    "tests/notebooks/test_saving.py": "notebooks as JupyterLab saves them",
    "tests/plots/test_plots.py": "figures of all kinds as pictures",
    "tests/prediction/test_ten_questions.py": "questions as people typed them",
    "tests/site/test_sources_of_results.py": "links of a results folder",
    "tests/traces/test_datasets.py": "one schema for all formats",
    "tests/traces/test_fuzz.py": "damaged files of all formats",
    "tests/traces/test_manifest.py": "sample files of all formats",
    "tests/traces/test_pasted.py": "what people paste, in all formats",
}
"""Tests of several modules together; all others stand where the module they test does."""


def mirrors(path: Path) -> bool:
    """Whether a test file is named after a module or a folder in its place of the package."""
    place = PACKAGE / path.relative_to(ROOT / "tests").parent / path.stem.removeprefix("test_")
    return place.is_dir() or place.with_suffix(".py").is_file()


@pytest.mark.parametrize("folder", sorted(p.name for p in (ROOT / "tests").iterdir() if (PACKAGE / p.name).is_dir()))
def test_tests_mirror_the_package(folder: str) -> None:
    files = [p for p in (ROOT / "tests" / folder).rglob("test_*.py") if p.relative_to(ROOT).as_posix() not in ACROSS]
    assert [str(p) for p in files if not mirrors(p)] == []
