"""Packets followed by their address through a ring that is simulated step by step."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.probe.windows import FULL_RING, READER, SENDER, Story
from tunbp.lab.probe.events import FREE, IN, OUT, QUEUE, RECEIVE
from tunbp.lab.probe.match import DROPPED, READ, UNSEEN, WAITING, Owner, match, occupancy

STEPS = st.lists(st.sampled_from(["put", "put", "get", "write"]), min_size=1, max_size=200)


def tell(steps, size):
    """A ring of `size` whose packets live at addresses that are used again; and its own account of itself."""
    story, ring, free, time = Story(), [], list(range(size + 2)), 0
    fates, levels, first_read = [], [], None
    for step in steps:
        time += 10
        if step == "put":
            address = free.pop()
            story.tell(time, QUEUE, address, SENDER)
            story.tell(time + 1, IN, address, SENDER)
            if len(ring) < size:
                ring.append((address, len(fates)))
                fates.append(WAITING)
            else:
                story.tell(time + 2, FREE, address, SENDER, 0, FULL_RING)
                free.insert(0, address)
                fates.append(DROPPED)
        elif step == "get" and ring:
            address, number = ring.pop(0)
            story.tell(time + 1, OUT, address, READER)
            fates[number] = READ
            free.append(address)
            first_read = first_read or time + 1
        elif step == "write":
            story.tell(time, RECEIVE, free[-1], READER, 52)
        levels.append((time + 5, len(ring)))
    return story, fates, levels, first_read, time + 10


@given(STEPS, st.integers(1, 6))
def test_fates_and_occupancy_are_those_of_the_ring(steps, size):
    story, fates, levels, first_read, end = tell(steps, size)
    packets = match(story.events(), end)
    assert packets.fate.tolist() == fates
    assert packets.begin == (first_read or end)
    known = [(time, level) for time, level in levels if time >= packets.begin]
    assert occupancy(packets, np.array([time for time, _ in known], np.int64)).tolist() == [level for _, level in known]
    assert (packets.reason[packets.fate == DROPPED] == FULL_RING).all()
    assert (packets.entered - packets.queued == 1).all()
    assert packets.received_at.size == steps.count("write")


def test_what_stood_in_the_ring_before_the_window_is_no_packet_of_it():
    story = Story()
    story.tell(10, IN, 1, SENDER)
    story.tell(20, OUT, 99, READER)  # entered before the window
    story.tell(30, OUT, 1, READER)
    packets = match(story.events(), 40)
    assert packets.fate.tolist() == [READ]
    assert packets.begin == 30


def test_a_packet_dropped_by_the_qdisc_never_entered():
    story = Story()
    story.tell(10, QUEUE, 1, SENDER)
    story.tell(11, FREE, 1, SENDER, 0, 64)
    packets = match(story.events(), 20)
    assert packets.fate.size == 0
    assert packets.qdisc_dropped_at.tolist() == [11]
    assert packets.qdisc_reason.tolist() == [64]


def test_packets_of_a_device_of_the_same_name_are_told_apart():
    story = Story()
    for address, reader in ((1, READER), (2, 77), (3, READER)):  # 77 reads the other device
        story.tell(10 * address, IN, address, reader + 100)
        story.tell(10 * address + 5, OUT, address, reader)
    story.tell(40, IN, 4, READER + 100)
    story.tell(41, IN, 5, READER + 100)
    story.tell(42, IN, 6, READER + 100)
    story.tell(43, FREE, 6, READER + 100, 0, FULL_RING)  # this ring of 2 is full
    story.tell(44, IN, 7, 177)
    story.tell(45, RECEIVE, 8, 77, 52)
    found = match(story.events(), 50, Owner((READER,), ring=2))
    assert found.fate.tolist() == [READ, READ, WAITING, WAITING, DROPPED]
    assert found.received_at.size == 0
    assert match(story.events(), 50).fate.size == 7


def test_a_drop_of_the_other_device_does_not_count_while_this_ring_has_room():
    story = Story()
    story.tell(10, IN, 1, SENDER)
    story.tell(11, IN, 2, SENDER)
    story.tell(12, FREE, 2, SENDER, 0, FULL_RING)
    story.tell(20, OUT, 1, READER)
    assert match(story.events(), 30, Owner((READER,), ring=500)).fate.tolist() == [READ]


def test_a_packet_that_entered_before_one_that_was_read_is_not_waiting():
    story = Story()
    story.tell(10, IN, 1, SENDER)  # its end was not seen
    story.tell(20, IN, 2, SENDER)
    story.tell(30, OUT, 2, READER)
    assert match(story.events(), 40).fate.tolist() == [UNSEEN, READ]
