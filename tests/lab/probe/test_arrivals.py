"""Bursts and ACKs come out of packets whose times are known."""

import numpy as np
import pytest

from tests.lab.probe.windows import READER, SENDER, Story
from tunbp.lab.probe.arrivals import Arrivals
from tunbp.lab.probe.blocks import Blocks
from tunbp.lab.probe.events import IN, OUT, RECEIVE

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


def story(entries):
    """A reader that takes each packet a service time after it came, or after the one before."""
    told, free = Story(), 0
    for number, time in enumerate(entries, 1):
        told.tell(time, IN, number, SENDER)
        free = max(free, time) + SERVICE
        told.tell(free, OUT, number, READER)
    return told


def seen(told, end):
    windows = [told.observed(end)]
    return Arrivals(windows, Blocks(windows), SERVICE / 1e9, 0.0)


def test_packets_within_a_service_time_of_each_other_are_one_burst():
    found = seen(story([0, 1000, 2000, 500_000, 900_000, 904_000]), 1_000_000).bursts
    assert found.begin.tolist() == [0, 500_000, 900_000]
    assert found.size.tolist() == [3, 1, 2]
    assert found.duration == pytest.approx([2e-6, 0.0, 4e-6])


def test_what_enters_and_what_is_read_is_counted_per_second_of_the_window():
    found = seen(story(range(0, 1_000_000, 20_000)), 1_000_000)
    assert found.offered_rate.value == pytest.approx(50 / 1e-3, rel=0.05)
    assert found.read_rate.value == pytest.approx(50 / 1e-3, rel=0.05)


def test_short_packets_written_to_the_device_are_acks_and_their_gaps_are_known():
    told = story([1000, 300_000])
    for time, length in ((100_000, 52), (150_000, 1500), (160_000, 52), (260_000, 52)):
        told.tell(time, RECEIVE, 900 + time, READER, length=length)
    found = seen(told, 1_000_000)
    assert found.ack_share == pytest.approx(3 / 4)
    assert found.ack_gaps[0] == pytest.approx([60e-6, 100e-6])
    assert found.two_threads is False


def test_one_direction_alone_does_not_tell_whether_two_threads_serve_it():
    assert seen(story([1000]), 1_000_000).two_threads is None


def test_a_window_without_packets_has_no_bursts_and_no_share():
    found = seen(Story(), 1_000_000)
    assert found.bursts.size.size == 0
    assert np.isnan(found.ack_share)
