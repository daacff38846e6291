"""Notebook 06: your path."""
