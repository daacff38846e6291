"""Simulation: what is simulated, the kernel's stop/wake rules, the engines, limits and calibration."""

from tunbp.model.compiled import keep_apart

keep_apart()
