"""Intervals hold what they promise, also where samples are correlated."""

import os

import numpy as np
import pytest

from tunbp.lab.probe.intervals import FEWEST_BLOCKS, mean, quantile, rate, ratio

BLOCKS, REPEATS = 40, 300


def correlated(generator, size=4000, memory=0.95):
    """An autoregressive sample: neighbours share most of what they are."""
    noise = generator.standard_normal(size)
    values = np.empty(size)
    values[0] = noise[0] / np.sqrt(1 - memory**2)
    for i in range(1, size):
        values[i] = memory * values[i - 1] + noise[i]
    return values


@pytest.fixture(scope="module")
def samples():
    generator = np.random.default_rng(7)
    return [correlated(generator) for _ in range(REPEATS)], np.repeat(np.arange(BLOCKS), 4000 // BLOCKS)


def test_the_mean_of_correlated_samples_is_covered(samples):
    values, block = samples
    found = [mean(sample, block) for sample in values]
    # the standard error of the share of 300 is 1.3 %; blocks of 100 hold 20 correlation lengths of 5 on each side
    assert 0.90 <= np.mean([e.low <= 0 <= e.high for e in found]) <= 0.98


def test_independent_intervals_would_not_cover_it(samples):
    values, _ = samples
    reach = [1.96 * sample.std() / np.sqrt(sample.size) for sample in values]
    assert np.mean([abs(sample.mean()) <= r for sample, r in zip(values, reach, strict=True)]) < 0.5


def test_a_quantile_of_correlated_samples_is_covered(samples):
    values, block = samples
    true = 0.6744897501960817 / np.sqrt(1 - 0.95**2)  # third quartile of the stationary normal distribution
    found = [quantile(sample, 0.75, block) for sample in values]
    assert 0.88 <= np.mean([e.low <= true <= e.high for e in found]) <= 0.99


SIGMA = 0.5
MEMORY = 0.34
"""What a sample shares with the one before it where blocks are few: correlation that ends well within a block of 50."""
DATA = {
    "AR(1)": (
        lambda generator, size: correlated(generator, size, MEMORY),
        0.0,
        0.6744897501960817 / np.sqrt(1 - MEMORY**2),
    ),
    "normal": (lambda generator, size: generator.standard_normal(size), 0.0, 0.6744897501960817),
    "log-normal": (
        lambda generator, size: np.exp(SIGMA * generator.standard_normal(size)),
        np.exp(SIGMA**2 / 2),
        np.exp(SIGMA * 0.6744897501960817),
    ),
}
"""Distribution -> (draw, mean, third quartile)."""
SOAK = pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="2,000 repetitions: make soak")


@pytest.mark.parametrize("times", [pytest.param(300, id="300"), pytest.param(2000, id="soak_2000", marks=SOAK)])
@pytest.mark.parametrize("data", DATA)
def test_the_fewest_blocks_cover_as_stated(data, times):
    draw, centre, quartile = DATA[data]
    generator, block = np.random.default_rng(FEWEST_BLOCKS), np.repeat(np.arange(FEWEST_BLOCKS), 50)
    samples = [draw(generator, block.size) for _ in range(times)]
    luck = 3 * np.sqrt(0.95 * 0.05 / times) if times < 2000 else 0.0
    for found, truth in (
        ([mean(sample, block) for sample in samples], centre),
        ([quantile(sample, 0.75, block) for sample in samples], quartile),
    ):
        assert abs(np.mean([e.low <= truth <= e.high for e in found]) - 0.95) <= 0.03 + luck


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
    found = mean(np.tile([1.0, 3.0], 40), np.repeat(np.arange(8), 10)).inverse()
    assert found.value == pytest.approx(0.5)
    assert found.low <= found.value <= found.high


def test_an_empty_sample_has_no_value():
    assert not mean(np.empty(0), np.empty(0, np.int64)).known()
    assert not quantile(np.empty(0), 0.5, np.empty(0, np.int64)).known()
