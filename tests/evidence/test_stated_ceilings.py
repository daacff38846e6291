"""Intervals hold where somebody states a ceiling of a path whose constants are known."""

from __future__ import annotations

import pytest

from tunbp.evidence.stated_ceilings import STAGES, study


@pytest.fixture(scope="module")
def found():
    return study(("openvpn",), paths=1, each=8, draws=32)


def test_each_truth_is_told_each_ceiling_and_none_passes_its_program_s(found):
    assert list(found["stated"].unique()) == list(STAGES)
    assert (found.groupby("stated").size() == 16).all()
    bound = found[found["stated"] == "--cpu-bound"]
    assert (bound["high90"] >= bound["median"]).all()
    # the same truths, whichever of their ceilings is stated
    assert bound["truth"].tolist() == found[found["stated"] == "--bandwidth"]["truth"].tolist()


def test_intervals_hold_most_truths_and_are_not_wide_enough_for_all_of_twice_their_rate(found):
    # 93 and 85 % of 256 in the whole study (docs/gaps.md); of 32 a calibrated 85 % is below 23 in one case of 100
    assert found["inside90"].sum() >= 23
    twice = found["truth"] * 2.0
    assert ((twice >= found["low90"]) & (twice <= found["high90"])).sum() < found["inside90"].sum()
