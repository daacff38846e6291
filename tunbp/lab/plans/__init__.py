"""Plans of measurements: the YAML files beside this module, or files of your own.

A plan names its experiment and lists blocks of cells; in a block any value may be a list, and the block
stands for every combination. All quantities are in SI units.
"""

from __future__ import annotations

from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tunbp.errors import ParamsError
from tunbp.lab.cells import Cell
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.yaml_file import read_mapping, shown

FOLDER = Path(__file__).parent

MOST_CELLS = 10_000
"""Most cells of a plan: at 20 seconds each, twice that in variants, five repetitions, three weeks."""


class Plan(BaseModel):
    """Contents of a plan: the experiment, repetitions, and blocks of cells."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment: str
    repeat: Annotated[int, Field(ge=1, le=1000)] = 5
    cells: Annotated[list[dict[str, Any]], Field(min_length=1)]


def bundled() -> list[str]:
    """Names of the plans that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find(name: str) -> Path:
    """The file of the plan meant by `name`: one that comes with the package, or a path.

    Parameters
    ----------
    name
        Name of a bundled plan, or path of a file.

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    ParamsError
        If there is none; the message lists the bundled ones.
    """
    for path in (FOLDER / f"{name}.yaml", Path(name)):
        if path.is_file():
            return path
    raise ParamsError(f"no plan {name!r}: neither a file nor one of: {', '.join(bundled())}")


def load(path: Path) -> tuple[Plan, list[Cell]]:
    """Read a plan and expand its blocks of cells.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    tuple[Plan, list[Cell]]
        The plan, and its cells in order.

    Raises
    ------
    ParamsError
        If the file, a key or a value is wrong, or two cells are the same.
    """
    _, content = read_mapping(path)
    try:
        plan = TypeAdapter(Plan).validate_python(content)
    except ValidationError as error:
        raise _wrong(path, "", error) from error
    if plan.experiment not in EXPERIMENTS:
        raise ParamsError(f"{path}: no experiment {plan.experiment!r}; there are {', '.join(EXPERIMENTS)}")
    kind = EXPERIMENTS[plan.experiment].cell
    count = sum(prod(len(value) for value in block.values() if isinstance(value, list)) for block in plan.cells)
    if count > MOST_CELLS:
        raise ParamsError(f"{path}: {count:,} cells; at most {MOST_CELLS:,}")
    cells: list[Cell] = []
    for number, block in enumerate(plan.cells):
        try:
            cells += [kind.model_validate(values) for values in expand(block)]
        except ValidationError as error:
            raise _wrong(path, f"cells[{number}].", error) from error
    labels = [cell.label for cell in cells]
    if repeated := {label for label in labels if labels.count(label) > 1}:
        raise ParamsError(f"{path}: duplicate cells: {', '.join(sorted(repeated))}")
    return plan, cells


def expand(block: dict[str, Any]) -> list[dict[str, Any]]:
    """Every combination of a block whose values may be lists.

    Parameters
    ----------
    block
        Field to value, or to a list of values.

    Returns
    -------
    list[dict[str, Any]]
        One dict per combination, the last field varying fastest.

    Examples
    --------
    >>> expand({"ring": [25, 100], "rtt": 0.06})
    [{'ring': 25, 'rtt': 0.06}, {'ring': 100, 'rtt': 0.06}]
    """
    choices = [value if isinstance(value, list) else [value] for value in block.values()]
    return [dict(zip(block, values, strict=True)) for values in product(*choices)]


def _wrong(path: Path, where: str, error: ValidationError) -> ParamsError:
    lines = [
        f"{path}: {where}{'.'.join(map(str, item['loc']))}: {item['msg']} (got {shown(item['input'])})"
        for item in error.errors()
    ]
    return ParamsError("\n".join(lines))
