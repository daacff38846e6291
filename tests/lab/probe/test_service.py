"""The reader's constants come out of a reader that is made of them."""

import numpy as np
import pytest

from tests.lab.probe.windows import READER, SENDER, Story
from tunbp.lab.probe.blocks import Blocks
from tunbp.lab.probe.events import IN, OUT, RECEIVE
from tunbp.lab.probe.service import CAUSES, Service

MICROSECOND = 1_000
SERVICE, ACK, PAUSE = 20 * MICROSECOND, 12 * MICROSECOND, 3_000 * MICROSECOND


def reader(acks=(), pauses=(), packets=2000, away=None):
    """A ring that is never empty: each packet takes `SERVICE`, what is in `acks` or `pauses` (by number) more."""
    story, absences, time = Story(), [], 0
    for number in range(packets):
        story.tell(number, IN, number, SENDER)
    time = packets
    for number in range(packets):
        time += SERVICE
        for i in range(acks.count(number) if number else 0):
            time += ACK
            story.tell(time - SERVICE - i, RECEIVE, packets + number, READER, 52)
        if number in pauses:
            absences.append((time, time + PAUSE, away))
            time += PAUSE
        story.tell(time, OUT, number, READER)
    window = story.observed(time + 1, absences if away is not None else ())
    return Service([window], Blocks([window]))


def test_service_time_and_the_cost_of_an_ack_are_told_apart():
    found = reader(acks=[n for n in range(2000) if n % 5 == 0] + [n for n in range(2000) if n % 10 == 0])
    assert found.service_time().value == pytest.approx(SERVICE / 1e9)
    assert found.ack_cost.value == pytest.approx(ACK / 1e9, rel=1e-6)
    assert found.ack_cost.count == 399
    assert set(found.write_runs.tolist()) == {1, 2}
    assert set(found.read_runs.tolist()) == {5}


@pytest.mark.parametrize("away", [1, 0, None], ids=["preempted", "blocked", "running"])
def test_pauses_have_their_number_length_and_cause(away):
    found = reader(pauses=range(100, 2000, 100), away=away)
    assert found.pauses.length.size == 19
    assert found.pauses.length == pytest.approx(PAUSE / 1e9)
    cause = {1: "preempted", 0: "blocked", None: "running"}[away]
    assert {CAUSES[i] for i in found.pauses.cause} == {cause}
    busy = (1999 * SERVICE + 19 * PAUSE) / 1e9
    assert found.pause_rate(cause).value == pytest.approx(19 / busy)
    assert found.pause_mean(cause).value == pytest.approx(PAUSE / 1e9)
    assert found.service_time().value == pytest.approx(SERVICE / 1e9)  # pauses are no part of it


def test_time_off_the_processor_is_no_part_of_the_readers_own_time():
    story, absences = Story(), []
    for number in range(1000):  # every tenth service is held up for a while that is too short for a pause
        story.tell(number, IN, number, SENDER)
    time = 1000
    for number in range(1000):
        time += SERVICE
        if number % 10 == 5:
            absences.append((time - MICROSECOND, time + 29 * MICROSECOND, 1))
            time += 30 * MICROSECOND
        story.tell(time, OUT, number, READER)
    window = story.observed(time + 1, absences)
    found = Service([window], Blocks([window]))
    assert found.pauses.length.size == 0
    assert found.processor_time.value == pytest.approx(SERVICE / 1e9)
    assert found.service_time().value == pytest.approx((SERVICE + 3 * MICROSECOND) / 1e9, rel=1e-2)


def test_positions_are_counted_from_the_last_time_that_the_ring_was_empty():
    story = Story()
    for train in range(50):  # trains of 10; the first two services of a train take twice as long
        begin, time = train * 10**6, train * 10**6 + 50 * MICROSECOND
        for i in range(10):
            story.tell(begin + i, IN, train * 10 + i, SENDER)
            story.tell(time, OUT, train * 10 + i, READER)
            time += SERVICE * (2 if i < 2 else 1)
    window = story.observed(50 * 10**6, away=[(t * 10**6 - 10, t * 10**6 + 30_000, 0) for t in range(50)])
    found = Service([window], Blocks([window]))
    by_position = found.service_by_position()
    assert by_position[1].value == pytest.approx(2 * SERVICE / 1e9)
    assert by_position[2].value == pytest.approx(1.5 * SERVICE / 1e9)  # places 2 and 3
    assert by_position[4].value == pytest.approx(SERVICE / 1e9)
    assert by_position[16].count == 0
    assert found.wake_latency.value == pytest.approx(50e-6)
    assert found.wake_latency.count == 49  # of the first packet in the window, what went before is not known


def test_without_reads_nothing_is_claimed():
    window = Story().observed(10**9)
    found = Service([window], Blocks([window]))
    assert not found.service_time().known()
    assert not found.ack_cost.known()
    assert found.pauses.length.size == 0
    assert np.isnan(found.pause_rate().value)
