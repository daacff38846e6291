"""Intervals within a run, and the smallest effect that lone means can show."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.evidence.repetition import change, halves, lone_means, repeats, smallest_effect, spread


def test_change_is_worded_by_its_interval() -> None:
    noise = np.random.default_rng(5).normal(0, 1, (2, 300))
    same = change(100 + noise[0], 100 + noise[1])
    assert same.verdict.startswith("no difference seen; ")
    # one pair's width varies; the normal approximation of independent seconds is the least that can be expected
    assert 0.8 < same.smallest / (2.80 * np.sqrt(2 / 300) / 100) < 2.5
    assert change(100 + noise[0], 114 + noise[1]).verdict.startswith("faster by 14")
    assert change(100 + noise[0], 90 + noise[1]).verdict.startswith("slower by ")
    assert change(1 + 0.01 * noise[0], 4 + 0.01 * noise[1]).verdict.startswith("faster by a factor of 3.99 to 4.01")


def test_runs_of_a_few_seconds_decide_nothing() -> None:
    assert change([1.0, 2.0, 1.5], [9.0, 9.5, 9.2]).verdict == "not known: the runs are too short"


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


def test_halves_of_noise_differ_by_what_the_noise_says():
    chance = np.random.default_rng(5)
    spread = 0.2
    runs = np.exp(np.linspace(0, 4, 400)[:, None] + spread * chance.normal(size=(400, 2)))
    found = halves(runs, splits=5)
    # a half is one run here: the median of |N(0, 2 s^2)|
    assert np.log(found.middle) == pytest.approx(0.6745 * np.sqrt(2) * spread, rel=0.1)
    assert found.middle < found.worst
    assert found.ranks > 0.95


def test_halves_are_split_alike_at_every_call_and_of_odd_numbers():
    runs = [[1.0, 2.0, 3.0], [2.0, 2.5, 4.0], [9.0, 8.0]]
    assert halves(runs, splits=20) == halves(runs, splits=20)
    assert halves(runs, splits=20).worst <= 3.0
