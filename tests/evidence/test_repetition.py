"""Intervals within a run, and the smallest effect that lone means can show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunbp.evidence.repetition import (
    block_interval,
    block_means,
    change,
    lone_means,
    repeats,
    smallest_effect,
    spread,
)  # fmt: skip


def test_interval_of_a_constant_series_is_that_value() -> None:
    assert block_interval(np.full(60, 3.0), 10) == (3.0, 3.0)


def test_independent_seconds_give_the_textbook_interval() -> None:
    series = np.random.default_rng(3).normal(100, 10, 2000)
    low, high = block_interval(series, 1, resamples=4000)
    expected = 1.96 * series.std() / np.sqrt(2000)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.06)  # 4000 resamples: about 2 % per quantile


def test_blocks_widen_the_interval_of_a_correlated_series() -> None:
    slow = np.repeat(np.random.default_rng(4).normal(100, 10, 30), 10)
    alone, blocks = (np.subtract(*block_interval(slow, block)[::-1]) for block in (1, 30))
    assert blocks > 2 * alone


@given(st.lists(st.floats(0, 1e10), min_size=1, max_size=40), st.integers(1, 60))
def test_means_of_resamples_stay_within_the_series(series: list[float], block: int) -> None:
    means = block_means(series, block, resamples=50)
    assert means.shape == (50,)
    assert min(series) * (1 - 1e-9) <= means.min()
    assert means.max() <= max(series) * (1 + 1e-9)


def test_change_is_worded_by_its_interval() -> None:
    noise = np.random.default_rng(5).normal(0, 1, (2, 300))
    same = change(100 + noise[0], 100 + noise[1], 10)
    assert same.verdict.startswith("no difference seen; ")
    assert same.smallest == pytest.approx(2.80 * np.sqrt(2 / 300) / 100, rel=0.35)  # blocks of 10: 30 per run
    assert change(100 + noise[0], 114 + noise[1], 10).verdict.startswith("faster by 14")
    assert change(100 + noise[0], 90 + noise[1], 10).verdict.startswith("slower by ")
    assert change(1 + 0.01 * noise[0], 4 + 0.01 * noise[1], 10).verdict.startswith("faster by a factor of 4 to 4.0")


def test_spread_of_one_mean_from_differences_of_pairs() -> None:
    assert spread([0.02, -0.02]) == pytest.approx(0.02 / np.sqrt(2))


def test_smallest_effect_of_many_runs_is_the_textbook_value() -> None:
    assert smallest_effect(1.0, 1e6, runs=100) == pytest.approx(2.80 * np.sqrt(2 / 100), rel=1e-3)
    assert smallest_effect(0.01, 4) > smallest_effect(0.01, 40)


def test_1132_against_1134_kpps_shows_nothing() -> None:
    found = lone_means()
    assert found["difference"] == pytest.approx(0.00177, abs=1e-5)
    assert found["runs"] == 50
    assert found["spread"] == pytest.approx(0.0185, abs=5e-4)
    assert found["smallest"] == pytest.approx(0.0974, abs=1e-3)
    assert found["verdict"].endswith("it shows neither a gain nor a loss")
    assert len(repeats()) == 4
