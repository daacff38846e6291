"""Notebook 04: qdisc and latency."""
