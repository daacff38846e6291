"""Bursts come out of packets whose entries are known."""

import numpy as np
import pytest

from tests.lab.probe.windows import READER, SENDER, Story
from tunbp.lab.probe.arrivals import Arrivals
from tunbp.lab.probe.blocks import Blocks
from tunbp.lab.probe.events import IN, OUT

MICROSECOND = 1_000
SERVICE, GAP, APART = 20 * MICROSECOND, 4 * MICROSECOND, 5_000 * MICROSECOND


def arrivals(sizes):
    """Bursts of these many packets, one every `APART`, each read before the next one comes."""
    story, number = Story(), 0
    for burst, size in enumerate(sizes):
        for place in range(size):
            story.tell(burst * APART + place * GAP, IN, number, SENDER)
            story.tell(burst * APART + (place + 1) * SERVICE, OUT, number, READER)
            number += 1
    window = story.observed(len(sizes) * APART)
    return Arrivals([window], Blocks([window]), SERVICE / 1e9, 0.0)


def test_bursts_have_their_number_size_and_speed():
    found = arrivals([10] * 100)
    assert found.bursts.size.tolist() == [10] * 100
    assert found.bursts.duration == pytest.approx(9 * GAP / 1e9)
    assert found.burst_rate.known()
    assert found.burst_rate.value == pytest.approx(1e9 / GAP)


@pytest.mark.parametrize("pairs", [1, 5])
def test_single_packets_and_a_few_pairs_give_no_interval_of_the_speed(pairs):
    found = arrivals([2] * pairs + [1] * 200)
    assert np.bincount(found.bursts.size).tolist() == [0, 200, pairs]
    assert not found.burst_rate.known()  # so it is no constant of `constants.yaml`
    assert found.burst_rate.count == pairs
