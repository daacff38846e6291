"""Processor time is divided among packets of both directions."""

from itertools import product

import numpy as np
import pytest

from tests.lab.probe.test_intervals import DATA, POINTS, cases, cover, luck
from tunbp.lab.probe.coarse import FEWEST, shares


def test_both_costs_come_out_of_their_sum():
    generator = np.random.default_rng(3)
    read, written = generator.integers(100, 5000, (2, 100)).astype(float)
    cpu = 16e-6 * read + 9e-6 * written + generator.normal(0, 5e-4, 100)
    per_read, per_written = shares(cpu, read, written)
    assert per_read.value == pytest.approx(16e-6, rel=0.03)
    assert per_written.value == pytest.approx(9e-6, rel=0.05)
    assert per_read.low < 16e-6 < per_read.high
    assert per_written.low < 9e-6 < per_written.high


@pytest.mark.parametrize(
    ("data", "count", "times"),
    cases(
        [*product(("normal", "log-normal", "AR(1), 0.34"), (FEWEST, 100, 600)), *product(["AR(1), 0.8"], (100, 600))],
        [("AR(1), 0.8", 100)],
    ),
)
def test_costs_are_covered_as_stated(data, count, times):
    draw, centre, _ = DATA[data]
    generator = np.random.default_rng(count)
    packets = generator.integers(100, 5000, (2, times, count)).astype(float)
    errors = 5e-4 * (draw(generator, (times, count)) - centre)
    found = [
        shares(16e-6 * read + 9e-6 * written + error, read, written)
        for read, written, error in zip(*packets, errors, strict=True)
    ]
    for covered in (cover([read for read, _ in found], 16e-6), cover([written for _, written in found], 9e-6)):
        assert covered == pytest.approx(0.95, abs=POINTS + luck(times))


def test_one_direction_alone_says_nothing_of_the_other():
    read = np.linspace(100, 5000, 50)
    per_read, per_written = shares(20e-6 * read, read, np.zeros(50))
    assert per_read.value == pytest.approx(20e-6)
    assert not per_written.known()


def test_too_few_samples_give_nothing():
    per_read, _ = shares(np.ones(5), np.ones(5), np.ones(5))
    assert not per_read.known()
    assert per_read.count == 5
