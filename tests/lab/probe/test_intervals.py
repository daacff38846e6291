"""Intervals hold what they promise, also where samples are correlated."""

import os
from itertools import product

import numpy as np
import pytest
from scipy import signal, stats

from tunbp.lab.probe.intervals import mean, quantile, rate, ratio
from tunbp.statistics import FEWEST_BLOCKS

SIGMA = 0.5


def autoregression(generator, shape, memory):
    """Standard normal values along the last axis, each of which shares `memory` with the one before it."""
    noise = generator.standard_normal(shape) * np.sqrt(1 - memory**2)
    noise[..., 0] /= np.sqrt(1 - memory**2)
    return signal.lfilter([1], [1, -memory], noise)


def log_normal(generator, shape):
    return np.exp(SIGMA * generator.standard_normal(shape))


QUARTILE = stats.norm.ppf(0.75)
DATA = {
    "normal": (lambda generator, shape: generator.standard_normal(shape), 0.0, QUARTILE),
    "log-normal": (log_normal, np.exp(SIGMA**2 / 2), np.exp(SIGMA * QUARTILE)),
    "AR(1), 0.34": (lambda generator, shape: autoregression(generator, shape, 0.34), 0.0, QUARTILE),
    "AR(1), 0.8": (lambda generator, shape: autoregression(generator, shape, 0.8), 0.0, QUARTILE),
    "AR(1), 0.95": (lambda generator, shape: autoregression(generator, shape, 0.95), 0.0, QUARTILE),
}
"""Distribution -> (draw, mean, third quartile)."""
SOAK = pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="2,000 repetitions: make soak")
POINTS = 0.03


def luck(times):
    """What 3 standard errors of so few repetitions explain."""
    return 3 * np.sqrt(0.95 * 0.05 / times) if times < 2000 else 0.0


def cover(found, truth):
    return np.mean([one.low <= truth <= one.high for one in found])


def cases(all_of_them, quick):
    """All with 2,000 repetitions in the soak, some with 300 in the test suite."""
    soak = [pytest.param(*case, 2000, id="soak-" + "-".join(map(str, case)), marks=SOAK) for case in all_of_them]
    return [pytest.param(*case, 300, id="-".join(map(str, case))) for case in quick] + soak


@pytest.mark.parametrize(
    ("data", "blocks", "size", "times"),
    cases(
        product(DATA, (FEWEST_BLOCKS, 40), (50, 100)),
        [*((data, FEWEST_BLOCKS, 50) for data in ("normal", "log-normal", "AR(1), 0.34")), ("AR(1), 0.95", 40, 50)],
    ),
)
def test_a_mean_and_a_quantile_are_covered_as_stated(data, blocks, size, times):
    draw, centre, quartile = DATA[data]
    generator, block = np.random.default_rng(blocks + size), np.repeat(np.arange(blocks), size)
    samples = draw(generator, (times, block.size))
    for found, truth in (
        ([mean(sample, block) for sample in samples], centre),
        ([quantile(sample, 0.75, block) for sample in samples], quartile),
    ):
        assert cover(found, truth) == pytest.approx(0.95, abs=POINTS + luck(times))


def test_intervals_of_independent_samples_would_not_cover_correlated_ones():
    samples = DATA["AR(1), 0.95"][0](np.random.default_rng(7), (300, 4000))
    reach = 1.96 * samples.std(axis=1) / np.sqrt(samples.shape[1])
    assert np.mean(abs(samples.mean(axis=1)) <= reach) < 0.5


def bunches(generator, mean_in_block, shape):
    """Events that come four at a time on average."""
    return np.array([generator.geometric(0.25, n).sum() for n in generator.poisson(mean_in_block / 4, shape).ravel()])


EVENTS = {
    "independent": lambda generator, expected, shape: generator.poisson(expected, shape),
    "in bunches": lambda generator, expected, shape: bunches(generator, expected, shape).reshape(shape),
    "at a rate that drifts": lambda generator, expected, shape: generator.poisson(
        expected * np.exp(SIGMA * autoregression(generator, shape, 0.34) - SIGMA**2 / 2)
    ),
}


@pytest.mark.parametrize(
    ("events", "total", "times"),
    cases(
        [
            case for case in product(EVENTS, (2, 10, 50, 400, 10_000)) if case != ("in bunches", 10)
        ],  # two or three bunches: 89 %
        [("independent", 10), ("independent", 400), ("in bunches", 400), ("at a rate that drifts", 400)],
    ),
)
def test_a_rate_is_covered_as_stated_and_more_often_where_events_are_few(events, total, times):
    blocks = 40
    counts = EVENTS[events](np.random.default_rng(total), total / blocks, (times, blocks))
    covered = cover([rate(count, np.ones(blocks)) for count in counts], total / blocks)
    assert covered >= 0.95 - POINTS - luck(times)
    # counts are whole numbers: of few of them the exact interval of a Poisson mean covers more than it states
    assert covered <= 0.95 + POINTS + luck(times) or total <= 10


def test_fewer_blocks_have_no_interval():
    block = np.repeat(np.arange(FEWEST_BLOCKS - 1), 50)
    found = mean(np.arange(block.size), block)
    assert np.isnan([found.low, found.high]).all()
    assert not found.known()


def test_counts_are_at_least_as_wide_as_poisson():
    none = rate(np.zeros(10), np.ones(10))
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(3.689 / 10, rel=1e-3)  # Garwood: no event, 97.5 %
    assert none.count == 0
    even = rate(np.full(10, 4), np.ones(10))  # the same count in every block: no spread to resample
    assert even.low == pytest.approx(28.58 / 10, rel=1e-3)  # Garwood: 40 events
    assert even.high == pytest.approx(54.47 / 10, rel=1e-3)


def test_a_ratio_weighs_blocks_by_what_they_hold():
    found = ratio([1, 1, 8], [1, 1, 2], np.array([0, 0, 1]))
    assert found.value == 10 / 4
    assert np.isnan(found.low)  # two blocks are no sample
    assert not found.known()


def test_the_inverse_exchanges_the_ends():
    found = mean(np.tile([1.0, 3.0], 40), np.repeat(np.arange(16), 5)).inverse()
    assert found.value == pytest.approx(0.5)
    assert found.low <= found.value <= found.high


def test_the_inverse_of_a_time_whose_interval_reaches_zero_has_no_upper_end():
    one_block_holds_all = np.concatenate([np.full(60, 1e-6), np.full(5, 1e-3)])
    time = mean(one_block_holds_all, np.repeat(np.arange(13), 5))
    assert time.low < 0 < time.value
    found = time.inverse()
    assert found.low == pytest.approx(1 / time.high)
    assert found.low < found.value < found.high == np.inf
    assert not found.known()


def test_an_empty_sample_has_no_value():
    assert not mean(np.empty(0), np.empty(0, np.int64)).known()
    assert not quantile(np.empty(0), 0.5, np.empty(0, np.int64)).known()
