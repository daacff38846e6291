"""Ranges of the sensitivity analysis against the rows of the fields that they span."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.evidence.sensitivity import PUBLISHED_WINDOW, Range, paper_points, ranges
from tunbp.model.fields import FIELDS


@pytest.mark.parametrize("one", ranges(), ids=lambda one: one.name)
def test_a_range_begins_low_ends_high_and_names_its_source(one: Range) -> None:
    low, middle, high = one.at(np.array([0.0, 0.5, 1.0]))
    assert (low, high) == pytest.approx((one.low, one.high))
    assert middle == pytest.approx(np.sqrt(one.low * one.high) if one.log else (one.low + one.high) / 2)
    assert one.source


def test_ranges_of_fields_are_allowed_and_called_as_the_fields_are() -> None:
    fields = [one for one in ranges() if one.name in FIELDS and not FIELDS[one.name].choices]
    assert {one.name for one in fields} == {"rtt", "ring", "drain_rate", "ack_interval", "receive_window"}
    for one in fields:
        assert FIELDS[one.name].holds([one.low, one.high]).all()
        assert (one.label, one.unit) == (FIELDS[one.name].long_name, FIELDS[one.name].units)


def test_the_window_begins_at_the_least_that_was_published() -> None:
    (window,) = (one for one in ranges() if one.name == "receive_window")
    assert window.low == PUBLISHED_WINDOW


def test_the_papers_points_carry_the_published_ratio() -> None:
    points = paper_points().set_index(["table", "ring"])["ratio"]
    assert points["real", 500] == pytest.approx(184.6 / 117.4, rel=1e-3)
    assert points["real", 10] > 100
