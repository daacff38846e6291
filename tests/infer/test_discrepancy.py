"""The model's error and the noise of one run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from tunbp.infer.ceilings import busy, ceilings
from tunbp.infer.discrepancy import NEAREST, discrepancy
from tunbp.infer.priors import table

SIZES = discrepancy()
NORMAL = st.floats(-3.0, 3.0)


@given(st.floats(0.01, 1.0), NORMAL)
def test_an_error_of_what_losses_cost_never_passes_the_ceiling(share, losses):
    moved = SIZES.expected(np.array(share), np.array(1.0), np.array(1.0), 500, 0.0, losses)
    assert 0.0 < float(moved) <= 1.0 / NEAREST


def test_a_rate_far_below_its_ceiling_moves_by_the_whole_factor_and_one_at_it_hardly():
    up = SIZES.expected(np.array([1e-3, 0.99]), np.array(1.0), np.array(1.0), 500, 0.0, 1.0) / np.array([1e-3, 0.99])
    assert up[0] == pytest.approx(np.exp(SIZES.losses), rel=0.01)
    assert up[1] == pytest.approx(1.0, abs=0.04)


def test_a_ring_smaller_than_a_block_is_known_least():
    low, high = (SIZES.expected(np.array(1e-3), np.array(1.0), np.array(1.0), ring, 0.0, 1.0) for ring in (500, 25))
    assert high / low == pytest.approx(np.exp(SIZES.small_ring - SIZES.losses), rel=0.02)
    assert high > low


def test_programs_that_sleep_are_known_better_than_busy_ones():
    low, high = (SIZES.run(np.array(1.0), np.array(load), np.array(0.95)) for load in (0.01, 1.0))
    assert 1.0 < low < high
    assert high == pytest.approx(np.exp(SIZES.replicate * t.ppf(0.95, SIZES.freedom)))


def test_every_size_has_its_source():
    assert all(row["source"] and row["value"] > 0 for row in table()["noise"].values())


def test_a_ceiling_is_that_of_the_stage_with_its_acks():
    found = ceilings({"drain_rate": 10e3, "ack_cost": 1e-4, "mss": 1250, "rtt": 0.1, "path_rate": 2e3}, 2)
    assert found["reader"] == pytest.approx([1e4 * 1e4 / 1.5] * 2)
    assert found["link"] == pytest.approx([2e3 * 1e4] * 2)
    assert np.isinf(found["window"]).all()
    assert (busy(found) == found["reader"]).all()
