"""Docstrings of public functions have numpydoc's sections: every argument, and what is returned."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tunbp"

INTERNAL = {
    "cli/": "commands: their options have help",
    "lab/experiments/": "functions of an `Experiment`, whose attributes say what they take and return",
    "lab/forwarder.py": "a program that an experiment runs",
    "lab/kernel.py": "what `tunbp lab kernel` calls",
    "lab/module.py": "what `tunbp lab module` calls",
    "lab/probe/": "what `tunbp lab probe` calls",
    "lab/review.py": "what `tunbp lab run --vm A --vm B` calls",
    "lab/runner.py": "the program that makes the runs of a measurement",
    "lab/vm.py": "what `tunbp lab run --vm` calls",
    "model/engines/": "behind `tunbp.model.simulate.simulate`",
    "model/congestion/": "functions of a `Control`, whose attributes say what they take and return",
    "traces/formats/": "functions of a `Reader`, whose attributes say what they take and return",
}
"""What is called by this package only: a sentence has to do there."""

PUBLIC = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not path.relative_to(PACKAGE).as_posix().startswith(tuple(INTERNAL))
]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions and methods without an underscore, but for those that pydantic or xarray calls."""
    for node in tree.body:
        for item in [node, *(node.body if isinstance(node, ast.ClassDef) else [])]:
            if not isinstance(item, ast.FunctionDef) or item.name.startswith("_") or node.name.startswith("_"):  # type: ignore[attr-defined]
                continue
            if not any("validator" in ast.unparse(mark) for mark in item.decorator_list):
                yield item


def section(doc: str, *titles: str) -> str | None:
    """Text of one section of a docstring; None if it has none."""
    found = re.search(rf"^(?:{'|'.join(titles)})\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    return found[1] if found else None


def lacking(function: ast.FunctionDef) -> list[str]:
    """What the docstring of a function with arguments does not say."""
    arguments = function.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    stars = [f"{'*' * (1 + (a is arguments.kwarg))}{a.arg}" for a in (arguments.vararg, arguments.kwarg) if a]
    wanted = [name for name in (*named, *stars) if name not in ("self", "cls")]
    if not wanted:
        return []
    doc = ast.get_docstring(function) or ""
    heads = [line for line in (section(doc, "Parameters") or "").splitlines() if line and not line.startswith(" ")]
    told = {name.strip() for line in heads for name in line.split(" : ")[0].split(",")}
    found = [name for name in wanted if name not in told]
    nothing = function.returns is None or ast.unparse(function.returns) in ("None", "NoReturn", "Iterator[None]")
    return found if nothing or section(doc, "Returns", "Yields") else [*found, "what it returns"]


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_argument_and_what_is_returned_has_its_line(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert {f"{f.name}, line {f.lineno}": lacking(f) for f in functions(tree) if lacking(f)} == {}


def test_what_is_missing_is_found() -> None:
    doc = "Add.\\n\\n    Parameters\\n    ----------\\n    a\\n        One."
    source = f'def f(a: int, *b: int, **c: int) -> int:\n    """{doc}"""'
    (function,) = functions(ast.parse(source))
    assert lacking(function) == ["*b", "**c", "what it returns"]


def test_every_internal_place_is_there() -> None:
    assert [name for name in INTERNAL if not (PACKAGE / name).exists()] == []
