"""The experiments of the laboratory: a module here is one experiment and exports its row, `EXPERIMENT`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tunbp.lab.experiment import Experiment

_MODULES = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
EXPERIMENTS: dict[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in _MODULES}
"""Rows of all experiments, by name."""
