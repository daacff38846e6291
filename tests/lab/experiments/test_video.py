"""Frames of a stream, and what of them came through."""

import pytest

from tunbp.lab.experiments.video import PAYLOAD, PLACES, VideoCell, account, frames

CELL = VideoCell(ring=500, rtt=0.02, bit_rate=20e6, duration=20.0).model_dump()


def test_a_stream_has_the_rate_that_was_asked_for():
    stream = frames(CELL)
    assert len(stream) == 600
    bits = sum(frame.packets for frame in stream) * PAYLOAD * 8
    assert bits / 20.0 == pytest.approx(20e6, rel=0.03)
    keys = [frame.packets for frame in stream if frame.key]
    others = [frame.packets for frame in stream if not frame.key]
    assert len(keys) == 10
    assert sum(keys) / len(keys) == pytest.approx(8 * sum(others) / len(others), rel=0.2)
    assert [frame.due for frame in stream[:3]] == pytest.approx([0, 1 / 30, 2 / 30])
    assert frames(CELL) == stream


def test_a_frame_is_broken_when_one_of_its_packets_is_missing():
    stream = frames(CELL)
    arrived = {n * PLACES + place: 0.02 for n, frame in enumerate(stream) for place in range(frame.packets)}
    whole = account(stream, arrived)
    assert (whole["broken_fraction"], whole["broken_key_fraction"], whole["drop_fraction"]) == (0, 0, 0)
    del arrived[60 * PLACES + 3]  # of a key frame
    del arrived[61 * PLACES], arrived[61 * PLACES + 1]
    found = account(stream, arrived)
    assert found["broken_fraction"] == pytest.approx(2 / 600)
    assert found["broken_key_fraction"] == pytest.approx(1 / 10)
    assert found["sent"] - found["delivered"] == 3
    assert found["queue_latency_p95"] == 0.02
