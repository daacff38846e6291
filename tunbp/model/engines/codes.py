"""What sends, and whom a reader serves first: codes of scenario fields in the compiled kernels."""

from __future__ import annotations

from tunbp.model.fields import FIELDS

SOURCES = {name: code for code, name in enumerate(FIELDS["source"].choices)}
TCP, OPEN, FRAMES, PKTGEN = SOURCES.values()

POLICIES = {name: code for code, name in enumerate(FIELDS["reader_policy"].choices)}
LINK_FIRST, FAIR, SEPARATE = POLICIES.values()
"""Codes of `Scenario.source` and `Scenario.reader_policy`, in the order of the fields' choices."""
