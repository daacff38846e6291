"""Notebook 08: sensitivity."""
