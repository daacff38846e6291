"""Notebook 02: pktgen and the wake rules."""
