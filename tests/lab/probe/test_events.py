"""Records of tracepoints as one sequence of events."""

import numpy as np
import pytest

from tunbp.errors import LabError
from tunbp.lab.probe import events
from tunbp.lab.probe.instance import Window

PACKET = np.dtype([("time", "i8"), ("skbaddr", "u8"), ("common_pid", "i4"), ("len", "i4")])
FREED = np.dtype([("time", "i8"), ("skbaddr", "u8"), ("common_pid", "i4"), ("reason", "i4")])


def window(**records):
    return Window(**(dict.fromkeys(Window.__annotations__) | {"records": records}))


def test_events_are_in_order_of_time_and_those_of_one_moment_in_the_order_of_a_packets_life():
    found = events.packet_events(
        window(
            skb_copy_datagram_iovec=np.array([(9, 1, 7, 1000)], PACKET),
            kfree_skb=np.array([(5, 2, 8, 80)], FREED),
            net_dev_start_xmit=np.array([(5, 2, 8, 900), (4, 1, 8, 1000)], PACKET),
            net_dev_queue=np.array([(4, 1, 8, 1000)], PACKET),
        )
    )
    assert found.time.tolist() == [4, 4, 5, 5, 9]
    assert found.kind.tolist() == [events.QUEUE, events.IN, events.IN, events.FREE, events.OUT]
    assert found.length.tolist() == [1000, 1000, 900, 0, 1000]
    assert found.reason.tolist() == [0, 0, 0, 80, 0]


def test_a_kernel_without_reasons_gives_none():
    bare = np.array([(5, 2, 8)], np.dtype(FREED.descr[:3]))
    assert events.packet_events(window(kfree_skb=bare)).reason.tolist() == [0]


def test_a_window_without_records_has_no_events():
    assert events.packet_events(window()).time.size == 0


def test_a_kernel_that_lacks_a_tracepoint_is_named_with_what_helps():
    there = {event.partition("/")[2]: None for event in events.PACKET[1:]}
    with pytest.raises(LabError, match=r"no tracepoint net/net_dev_start_xmit; use --coarse"):
        events.check(there)
    events.check(there | {"net_dev_start_xmit": None})


def test_only_the_readers_threads_and_its_device_pass_the_filters():
    found = events.filters("tun7", [11, 12])
    assert found["net_dev_start_xmit"] == 'name == "tun7"'
    assert found["skb_copy_datagram_iovec"] == "common_pid == 11 || common_pid == 12"
    assert found["sched_switch"] == "prev_pid == 11 || prev_pid == 12 || next_pid == 11 || next_pid == 12"
    assert set(found) == {event.partition("/")[2] for event in (*events.PACKET, *events.OTHER)}
