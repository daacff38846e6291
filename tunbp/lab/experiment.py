"""What an experiment is: one row that says all that the rest of the laboratory must know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunbp.lab.cells import Cell

Measure = Callable[[Mapping[str, Any], bool, Path], dict[str, Any]]
"""`measure(cell, backpressure, folder)`: makes its own namespaces, leaves raw outputs in `folder`, and returns
totals under the schema's names in SI units together with the flags that the kernel echoed (`echo`)."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Parameters
    ----------
    name
        As the command line and plans name it.
    question
        What it answers, one line.
    cell
        The type of its cells.
    needs
        What must be there, by the names of `tunbp lab check`.
    programs
        C programs of the laboratory that it uses, by name; they are compiled before anything starts.
    shown
        Variables of the table that is printed after a measurement, by their names in the schema.
    measure
        Measures one cell once.
    has_flag
        Whether its device can have IFF_BACKPRESSURE; one that cannot is measured as it is, "stock", alone.
    """

    name: str
    question: str
    cell: type[Cell]
    needs: tuple[str, ...]
    shown: tuple[str, ...]
    measure: Measure
    programs: tuple[str, ...] = ()
    has_flag: bool = True
