"""Sweeps: a plan of many scenarios, simulated chunk by chunk into a Zarr store by any Dask scheduler."""

from tunbp.sweep.plan import Plan, read_plan
from tunbp.sweep.run import run

__all__ = ["Plan", "read_plan", "run"]
