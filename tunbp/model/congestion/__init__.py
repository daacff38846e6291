"""Congestion controls, one file and one row each, and what all TCP senders share."""

from __future__ import annotations

from tunbp.model.congestion import bbr, cubic, reno
from tunbp.model.congestion.control import INITIAL_WINDOW, MIN_WINDOW, UNSEEN, Control
from tunbp.model.congestion.tcp import (
    HYSTART_ACK_DELTA,
    HYSTART_LOW_WINDOW,
    HYSTART_MAX_ACK_DELAY,
    HYSTART_MIN_SAMPLES,
    PACING,
    PACING_SLOW_START,
    RTO_MIN,
    TLP_SLACK,
    TSQ_TIME,
    UNPACED,
)

ROWS: tuple[Control, ...] = (
    cubic.CONTROL,
    reno.CONTROL,
    bbr.CONTROL,
)

CONTROLS = {row.name: row for row in ROWS}
"""Rows by name; of `Scenario.congestion` the first is the default."""

CODES = {row.name: code for code, row in enumerate(ROWS)}
"""Numbers by which compiled code knows them."""

__all__ = [
    "CODES",
    "CONTROLS",
    "HYSTART_ACK_DELTA",
    "HYSTART_LOW_WINDOW",
    "HYSTART_MAX_ACK_DELAY",
    "HYSTART_MIN_SAMPLES",
    "INITIAL_WINDOW",
    "MIN_WINDOW",
    "PACING",
    "PACING_SLOW_START",
    "ROWS",
    "RTO_MIN",
    "TLP_SLACK",
    "TSQ_TIME",
    "UNPACED",
    "UNSEEN",
    "Control",
]
