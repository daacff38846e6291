"""One-line formulas that a prediction must beat, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tunbp.evidence import baselines
from tunbp.evidence.held_out import CALIBRATION, Cell, paper

CELL = next(cell for cell in paper() if cell.use != CALIBRATION)


def like(**known: Any) -> Cell:
    from dataclasses import replace

    return replace(CELL, known={"rtt": 0.1, "ring": 500, "mss": 1250.0, **known})


def test_a_window_or_a_ring_is_carried_once_per_round_trip() -> None:
    assert baselines.window_over_rtt(like(receive_window=1e6), []) == pytest.approx(80e6)
    assert baselines.window_over_rtt(like(), []) == pytest.approx(8 * baselines.WINDOW / 0.1)
    assert baselines.ring_over_rtt(like(), []) == pytest.approx(50e6)


def test_mathis_law_needs_a_known_loss() -> None:
    assert math.isnan(baselines.loss_law(like(), []))
    expected = 8 * 1250 * math.sqrt(1.5 / 1e-4) / 0.1
    assert baselines.loss_law(like(path_loss=1e-4), []) == pytest.approx(expected, rel=0.01)


def test_known_hosts_are_those_of_the_same_program() -> None:
    known = [cell for cell in paper() if cell.use == CALIBRATION]
    same = sorted(cell.measured for cell in known if cell.product == CELL.product)
    assert len(same) >= 1
    middle = same[len(same) // 2] if len(same) % 2 else (same[len(same) // 2 - 1] + same[len(same) // 2]) / 2
    assert baselines.known_hosts(CELL, known) == pytest.approx(middle)
