"""Notebook 03: the raw iperf3 runs."""
