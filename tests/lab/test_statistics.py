"""Intervals and paired comparisons."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tunbp.lab.statistics import compare, median_interval, paired_interval, tail_probability


def runs(stock, backpressure):
    values = [*stock, *backpressure]
    return xr.Dataset(
        {"received_rate": ("run", np.array(values, dtype=float))},
        {
            "cell": ("run", ["cell"] * len(values)),
            "variant": ("run", ["stock"] * len(stock) + ["backpressure"] * len(backpressure)),
            "repetition": ("run", [*range(1, len(stock) + 1), *range(1, len(backpressure) + 1)]),
        },
    )


def test_tail_probability_follows_the_published_formula_and_tends_to_the_nominal_one():
    # Hesterberg 2015, table 6: nominal 2.5 % becomes 0.17 % for n = 5 and 1.06 % for n = 10 (95 % interval)
    assert tail_probability(5) == pytest.approx(0.00095, abs=2e-5)
    assert tail_probability(10) == pytest.approx(0.0086, abs=2e-4)
    assert tail_probability(10_000) == pytest.approx(0.025, abs=1e-4)


def test_interval_of_a_large_sample_covers_the_normal_approximation():
    sample = np.random.default_rng(3).normal(10, 2, 400)
    found = median_interval(sample)
    half = 1.96 * 1.2533 * 2 / np.sqrt(400)  # standard error of a normal sample's median
    assert found.high - found.low == pytest.approx(2 * half, rel=0.3)
    assert found.low < 10 < found.high


def test_few_repetitions_give_the_whole_range_and_two_give_no_interval():
    found = median_interval([3.0, 1.0, 2.0])
    assert (found.median, found.low, found.high) == (2.0, 1.0, 3.0)
    assert np.isnan(median_interval([1.0, 2.0]).low)
    assert np.isnan(median_interval([]).median)


def test_three_differences_of_one_sign_do_not_decide_unless_they_agree():
    assert paired_interval([1.0, 5.0, 12.0]).low < 0
    assert paired_interval([9.0, 10.0, 11.0]).low > 0


@settings(deadline=None, max_examples=30)  # 20,000 resamples each
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=8))
def test_the_median_lies_inside_its_interval(values):
    for found in (median_interval(values), paired_interval(values)):
        assert found.low <= found.median <= found.high


def test_a_clear_gain_is_called_higher_and_a_clear_loss_lower():
    (gain,) = compare(runs([10, 11, 10, 12, 11], [20, 22, 19, 21, 23]), "received_rate")
    assert gain.verdict == "higher"
    assert gain.difference.median == pytest.approx(10)
    (loss,) = compare(runs([20, 22, 19, 21, 23], [10, 11, 10, 12, 11]), "received_rate")
    assert loss.verdict == "lower"


def test_a_cell_whose_interval_includes_zero_is_undecided():
    (row,) = compare(runs([10, 20, 15, 12, 18], [12, 15, 21, 11, 17]), "received_rate")
    assert row.difference.low < 0 < row.difference.high
    assert row.verdict == "undecided"


def test_pairs_share_their_repetition_so_that_a_common_drift_cancels():
    drift = np.array([0, 100, 200, 300, 400])
    (row,) = compare(runs(50 + drift, 60 + drift), "received_rate")
    assert row.difference.low == pytest.approx(10)
    assert row.verdict == "higher"


def test_stock_alone_is_shown_without_a_comparison():
    (row,) = compare(runs([1, 2, 3], []), "received_rate")
    assert row.stock.count == 3
    assert row.difference.count == 0
    assert row.verdict == "undecided"
