"""Figures, tables, pages and archives of a run; computes no physics."""
