"""Simulation: what is simulated, the kernel's stop/wake rules, the engines, limits and calibration."""
