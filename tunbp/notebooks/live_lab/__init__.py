"""Notebook 07: the live laboratory."""
