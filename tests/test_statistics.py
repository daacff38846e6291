"""Coverage of every interval, and what each says where the values are too few."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tunbp.evidence.datasets import nodrop
from tunbp.lab.kernels import difference
from tunbp.statistics import (
    FEWEST_STEPS,
    change_interval,
    mean_interval,
    median_interval,
    next_run_interval,
    paired_interval,
    series_interval,
)
from tunbp.traces.compare import compare

SIZES = (3, 5, 30, 300)
SIGMA = 0.5
"""Of the log-normal data: a coefficient of variation of 53 %."""
POINTS = 0.03


def normal(random: np.random.Generator, n: int) -> np.ndarray:
    return 10 + random.standard_normal(n)


def log_normal(random: np.random.Generator, n: int) -> np.ndarray:
    return np.exp(SIGMA * random.standard_normal(n))


def autoregression(phi: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    def draw(random: np.random.Generator, n: int) -> np.ndarray:
        e = random.standard_normal(n)
        x = np.empty(n)
        x[0] = e[0] / np.sqrt(1 - phi**2)
        for t in range(1, n):
            x[t] = phi * x[t - 1] + e[t]
        return 10 + x * np.sqrt(1 - phi**2)

    return draw


def raw_autocorrelations() -> dict[str, float]:
    """Of consecutive seconds in the 24 raw runs: median, 9th decile, highest but the run that switches once."""
    found = {}
    for run in nodrop()["run"].to_numpy():
        x = nodrop()["throughput"].sel(run=run).to_numpy()
        x = x - x.mean()
        found[str(run)] = float(x[1:] @ x[:-1] / (x @ x))
    del found["tap-1-0ms-stock"]
    values = np.array(list(found.values()))
    return {"median": float(np.median(values)), "9th decile": float(np.quantile(values, 0.9)), "high": values.max()}


RAW = raw_autocorrelations()
INDEPENDENT = {"normal": (normal, 10.0, 10.0), "log-normal": (log_normal, np.exp(SIGMA**2 / 2), 1.0)}
"""Distribution -> (draw, mean, median)."""
SERIES = {
    "normal": (normal, 10.0),
    "log-normal": (log_normal, np.exp(SIGMA**2 / 2)),
    **{f"AR(1), {name} of the raw runs": (autoregression(phi), 10.0) for name, phi in RAW.items()},
}


def repetitions() -> list:
    soak = pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="2,000 repetitions: make soak")
    return [pytest.param(300, id="300"), pytest.param(2000, id="soak_2000", marks=soak)]


def assert_covers(covered: np.ndarray, level: float) -> None:
    """Within 3 points of the level, beyond what 3 standard errors of so few repetitions explain."""
    luck = 3 * np.sqrt(level * (1 - level) / covered.size) if covered.size < 2000 else 0.0
    assert abs(covered.mean() - level) <= POINTS + luck, f"covers {covered.mean():.3f}, says {level:.3f}"


@pytest.mark.parametrize("times", repetitions())
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("data", INDEPENDENT)
def test_the_median_is_covered_at_the_level_stated(data: str, n: int, times: int) -> None:
    draw, _, median = INDEPENDENT[data]
    random = np.random.default_rng(n)
    found = [median_interval(draw(random, n)) for _ in range(times)]
    assert len({one.level for one in found}) == 1
    assert_covers(np.array([one.low <= median <= one.high for one in found]), found[0].level)
    assert found[0].level >= 0.95 or n < 6


@pytest.mark.parametrize("times", repetitions())
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("data", INDEPENDENT)
def test_the_difference_of_pairs_is_covered(data: str, n: int, times: int) -> None:
    draw = INDEPENDENT[data][0]
    random = np.random.default_rng(n + 1)
    drift = autoregression(RAW["high"])
    covered = []
    for _ in range(times):
        common = drift(random, n)  # a drift that both of a pair share
        found = paired_interval(draw(random, n) + common, draw(random, n) + common + 2.0)
        covered.append(found.low <= 2.0 <= found.high)
    assert_covers(np.array(covered), 0.95)


@pytest.mark.parametrize("times", repetitions())
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("data", INDEPENDENT)
def test_the_next_run_falls_inside_as_often_as_stated(data: str, n: int, times: int) -> None:
    draw = INDEPENDENT[data][0]
    random = np.random.default_rng(n + 2)
    found = [(next_run_interval(draw(random, n)), draw(random, 1)[0]) for _ in range(times)]
    level = found[0][0].level
    assert level == pytest.approx(min(0.95, (n - 1) / (n + 1)))
    assert_covers(np.array([one.low <= following <= one.high for one, following in found]), level)


@pytest.mark.parametrize("times", repetitions())
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("data", SERIES)
def test_the_mean_of_a_series_is_covered(data: str, n: int, times: int) -> None:
    draw, mean = SERIES[data]
    random = np.random.default_rng(n + 3)
    found = [series_interval(draw(random, n)) for _ in range(times)]
    if n < FEWEST_STEPS:
        assert all(np.isnan([one.low, one.high, one.level]).all() for one in found)
    else:
        assert_covers(np.array([one.low <= mean <= one.high for one in found]), 0.95)


@pytest.mark.parametrize("times", repetitions())
@pytest.mark.parametrize("n", [30, 300])
@pytest.mark.parametrize("data", SERIES)
def test_equal_runs_show_a_change_in_five_of_a_hundred_pairs(data: str, n: int, times: int) -> None:
    draw, _ = SERIES[data]
    random = np.random.default_rng(n + 4)
    found = [change_interval(draw(random, n), draw(random, n)) for _ in range(times)]
    assert_covers(np.array([one.low <= 0 <= one.high for one in found]), 0.95)


@pytest.mark.parametrize("times", repetitions())
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("data", INDEPENDENT)
def test_welchs_differences_of_kernels_and_of_folders_of_runs_are_covered(data: str, n: int, times: int) -> None:
    draw = INDEPENDENT[data][0]
    random = np.random.default_rng(n + 3)
    absolute, relative = [], []
    for _ in range(times):
        first, second = draw(random, n), 1.5 * draw(random, n)
        found = difference(first, second - 0.5 * INDEPENDENT[data][1])
        absolute.append(found is not None and found.low <= 0.0 <= found.high)
        if data == "log-normal":  # rates are compared as ratios: what varies must do so in proportion
            before, after = (xr.Dataset({"received_rate": ("run", values)}) for values in (first, second))
            ratio = compare(before, after).interval
            relative.append(ratio.low <= 0.5 <= ratio.high)
    assert_covers(np.array(absolute), 0.95)
    if relative:
        assert_covers(np.array(relative), 0.95)


@pytest.mark.parametrize("n", [3, 5, 30])
def test_the_mean_of_normal_values_is_covered_and_no_wider_than_students(n: int) -> None:
    sample = normal(np.random.default_rng(5), n)
    found = mean_interval(sample)
    expected = stats.ttest_1samp(sample, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_order_statistics_have_the_textbook_levels() -> None:
    # David and Nagaraja, section 7.1: 2^(1-n) is missed outside the range
    assert [median_interval(range(n)).level for n in (3, 5, 6)] == [0.75, 0.9375, 0.96875]
    found = median_interval(range(30))
    expected = stats.quantile_test(np.arange(30), p=0.5).confidence_interval()
    assert (found.low, found.high) == (expected.low, expected.high)


def test_two_values_have_no_interval_and_say_so() -> None:
    for interval in (median_interval, mean_interval, next_run_interval):
        found = interval([1.0, 2.0])
        assert np.isnan([found.low, found.high, found.level]).all()
        assert found.estimate == 1.5
        assert found.words == "no interval: 2 values are too few"
        assert np.isnan(interval([]).estimate)


def test_words_name_the_level_that_is_reached() -> None:
    assert median_interval([1.0, 2.0, 3.0]).words == "75 % interval of the median, 3 values"
    assert next_run_interval(range(6)).words == "71.4 % interval of a single run, 6 values"


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=60))
def test_the_estimate_lies_inside_its_interval(values: list[float]) -> None:
    for found in (median_interval(values), mean_interval(values), next_run_interval(values)):
        assert found.low <= found.estimate <= found.high


def test_a_constant_series_is_known_exactly() -> None:
    found = series_interval(np.full(60, 3.0))
    assert (found.low, found.high) == (3.0, 3.0)


def test_independent_seconds_give_nearly_the_textbook_interval() -> None:
    random = np.random.default_rng(3)
    widths = [
        np.subtract(found.high, found.low) for found in (series_interval(normal(random, 3000)) for _ in range(60))
    ]
    # Student's t of 30 block means, and an autocorrelation that is not known
    textbook = 2 * stats.t.ppf(0.975, 29) / np.sqrt(3000)
    assert 1.0 < np.mean(widths) / textbook < 1.2


def test_autocorrelation_widens_the_interval_and_an_alternating_series_narrows_it() -> None:
    random = np.random.default_rng(4)
    width = {phi: np.subtract(*[getattr(series_interval(autoregression(phi)(random, 40)), end)
                                for end in ("high", "low")]) for phi in (-0.8, 0.0, 0.8)}  # fmt: skip
    assert width[-0.8] < width[0.0] < width[0.8]
