"""Notebook 09: what the data say."""
