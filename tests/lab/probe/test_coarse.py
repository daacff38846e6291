"""Processor time is divided among packets of both directions."""

import numpy as np
import pytest

from tunbp.lab.probe.coarse import shares


def test_both_costs_come_out_of_their_sum():
    generator = np.random.default_rng(3)
    read, written = generator.integers(100, 5000, (2, 100)).astype(float)
    cpu = 16e-6 * read + 9e-6 * written + generator.normal(0, 5e-4, 100)
    per_read, per_written = shares(cpu, read, written)
    assert per_read.value == pytest.approx(16e-6, rel=0.03)
    assert per_written.value == pytest.approx(9e-6, rel=0.05)
    assert per_read.low < 16e-6 < per_read.high
    assert per_written.low < 9e-6 < per_written.high


def test_one_direction_alone_says_nothing_of_the_other():
    read = np.linspace(100, 5000, 50)
    per_read, per_written = shares(20e-6 * read, read, np.zeros(50))
    assert per_read.value == pytest.approx(20e-6)
    assert not per_written.known()


def test_too_few_samples_give_nothing():
    per_read, _ = shares(np.ones(5), np.ones(5), np.ones(5))
    assert not per_read.known()
    assert per_read.count == 5
