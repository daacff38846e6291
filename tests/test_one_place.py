"""Defaults, choices and units of scenario fields stand in the tables of `tunbp.model` and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunbp.model.fields import FIELDS, Field
from tunbp.model.qdiscs import NOT_SIMULATED, QDISCS

PACKAGE = Path(__file__).parent.parent / "tunbp"
TABLES = ("model/fields.py", "model/qdiscs.py", "model/congestion/", "model/drivers.py")
"""Where those facts are written."""

APART = ("lab/", "traces/", "schema.py")
"""What sets no scenario: cells of live measurements, formats of tools and results have fields of these names too."""

SOURCES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not path.relative_to(PACKAGE).as_posix().startswith((*TABLES, *APART))
]

CHOICES = {name: row.choices for name, row in FIELDS.items() if row.choices}
UNITS = {row.units for row in FIELDS.values() if len(row.units) > 1 or row.units == "s"}
SAYS_NOTHING: tuple[Any, ...] = (None, 0, 1)
"""Values that a function may have by itself: nothing, and one of something."""


def by_itself(row: Field) -> list[Any]:
    """What a field is when nobody says otherwise: its default, or the number that None stands for."""
    return [row.default, *([float(row.none)] if row.none.isdigit() else [])]


def texts(node: ast.AST) -> list[str]:
    """Texts that a list, tuple, set, the keys of a dict, or a `Literal` consist of; empty if it is none of these."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            values: list[Any] = list(items)
        case ast.Dict(keys=keys):
            values = list(keys)
        case _:
            return []
    constants = [item.value for item in values if isinstance(item, ast.Constant)]
    return [value for value in constants if isinstance(value, str)] if len(constants) == len(values) else []


def constant(node: ast.AST | None) -> Any:
    """A literal value; `...` where there is none."""
    try:
        return ast.literal_eval(node) if node is not None else ...
    except ValueError:
        return ...


def defaults(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Names and the literal values that they have by themselves: arguments, attributes, options, entries of tables."""
    match node:
        case ast.FunctionDef(args=arguments):
            named = [*arguments.posonlyargs, *arguments.args]
            pairs = [*zip(named[len(named) - len(arguments.defaults) :], arguments.defaults, strict=True)]
            pairs += [
                (arg, value) for arg, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value
            ]
            yield from ((argument.arg, constant(value)) for argument, value in pairs)
        case ast.ClassDef(body=body) | ast.Module(body=body):
            for line in body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    yield line.target.id, value_of(line.value)
                elif isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                    yield line.targets[0].id.lower(), value_of(line.value)
        case ast.Call(func=ast.Attribute(attr="option"), args=[ast.Constant(value=str(flag)), *_], keywords=keywords):
            for keyword in keywords:
                if keyword.arg == "default":
                    yield flag.lstrip("-").replace("-", "_"), constant(keyword.value)


def value_of(node: ast.AST | None) -> Any:
    """A literal value, or the one that `Field` is given."""
    match node:
        case ast.Call(func=ast.Name(id="Field"), keywords=keywords):
            return next((constant(keyword.value) for keyword in keywords if keyword.arg == "default"), ...)
    return constant(node)


def repeated(source: str) -> list[str]:
    """What a source repeats of the tables, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 1)
        listed = set(texts(node))
        for name, choices in CHOICES.items():
            known = listed & {*choices}
            if len(known) >= 2 and known == listed and 3 * len(known) >= 2 * len(choices):
                found.append(f"{line}: the choices of {name}: {', '.join(sorted(listed))}")
        if len(listed) > 3 and listed <= {*QDISCS, *NOT_SIMULATED}:
            found.append(f"{line}: names of qdiscs: {', '.join(sorted(listed))}")
        for name, value in defaults(node):
            if name in FIELDS and value in by_itself(FIELDS[name]) and value not in SAYS_NOTHING and value is not ...:
                found.append(f"{line}: the default of {name}: {value}")
        if isinstance(node, ast.Dict):
            entries = [
                (constant(key), constant(value)) for key, value in zip(node.keys, node.values, strict=True) if key
            ]
            units = [key for key, value in entries if isinstance(value, str) and key in FIELDS and value in UNITS]
            if len(units) > 1:
                found.append(f"{line}: units of {', '.join(units)}")
        if isinstance(node, ast.Call):
            said = [value for value in map(constant, node.args) if isinstance(value, str)]
            for row in FIELDS.values():
                if row.units in UNITS & {*said} and {row.long_name, row.name} & {word.lower() for word in said}:
                    found.append(f"{line}: the unit of {row.name}: {row.units}")
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in FIELDS:
            words = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            if any(re.search(rf"\[{re.escape(FIELDS[node.target.id].units)}s?\]", word) for word in words):
                found.append(f"{line}: the unit of {node.target.id} in words")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_default_choice_or_unit_of_a_field_is_repeated(path: Path) -> None:
    assert repeated(path.read_text(encoding="utf-8")) == []


PLANTED = {
    "the default of ring": "def over(ring: int = 500) -> None: ...",
    "the default of drain_rate": "def over(*, drain_rate: float = 60e3) -> None: ...",
    "the default of mss": "class Params:\n    mss: float = Field(default=1448, description='')",
    "the default of rtt": "import click\n\n@click.option('--rtt', default=0.12)\ndef predict(rtt): ...",
    "the default of receive_window": "RECEIVE_WINDOW = 3.0e6",
    "the default of path_buffer": "PATH_BUFFER = 1000",
    "the choices of congestion": "Control = Literal['cubic', 'reno', 'bbr']",
    "the choices of reader_policy": "POLICIES = {'link_first': 0, 'fair': 1, 'separate': 2}",
    "the choices of origin": "origins = ['local', 'forwarded']",
    "names of qdiscs": "QDISCS = ('pfifo', 'fq_codel', 'codel', 'cake')",
    "units of rtt, ring": "UNITS = {'rtt': 's', 'ring': 'packet'}",
    "the unit of burst_rate: packet/s": "label_axis(ax.xaxis, 'Burst rate', 'packet/s')",
    "the unit of rtt in words": "class Params:\n    rtt: float = of('rtt', words='round-trip time [s]')",
}  # fmt: skip


@pytest.mark.parametrize("says", PLANTED)
def test_a_repetition_is_found(says: str) -> None:
    planted = Path(SOURCES[0]).read_text(encoding="utf-8") + "\n\n" + PLANTED[says] + "\n"
    (found,) = repeated(planted)
    assert says in found


def test_own_values_and_facts_of_studies_are_no_repetitions() -> None:
    assert repeated("point = Scenario(ring=500, rtt=0.12, congestion='cubic')") == []
    assert repeated("def over(ring: int = 1000, streams: int = 1) -> None: ...") == []
    assert repeated("variants = ['pfifo', 'fq_codel']") == []
