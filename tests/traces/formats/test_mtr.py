"""mtr's JSON of before 0.93, whose numbers of hops and rounds are texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.traces import open_trace

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_numbers_that_older_mtr_writes_as_texts_are_read():
    run = open_trace(FIXTURES / "mtr_strings.json")
    assert run["hop"].values.tolist() == ["1 _gateway", "2 ???", "3 one.one.one.one"]
    assert float(run["mean_rtt"]) == pytest.approx(12.51e-3)
    assert float(run["loss_fraction"]) == pytest.approx(0.1)


def test_a_round_trip_of_more_than_a_second_loses_its_decimals_and_not_its_row():
    run = open_trace(FIXTURES / "mtr_slow.txt")
    assert [float(run[name]) for name in ("min_rtt", "mean_rtt", "max_rtt")] == pytest.approx([2.431, 2.730, 3.072])
