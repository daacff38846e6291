"""Sweeps: a plan of many scenarios, simulated chunk by chunk into a Zarr store by any Dask scheduler."""

from tunbp.sweep.compute import run
from tunbp.sweep.plan import Plan, read_plan

__all__ = ["Plan", "read_plan", "run"]
