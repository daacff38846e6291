"""Recordings of Linux's TCP over a tunnel whose constants are known, see `record`."""
