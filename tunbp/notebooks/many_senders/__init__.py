"""Notebook 05: many senders."""
