"""What each stage can carry, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.infer.ceilings import busy, ceilings


def test_an_ack_of_two_segments_costs_the_reader_half_its_time_per_segment() -> None:
    found = ceilings({"mss": 1250.0, "drain_rate": 10e3, "ack_cost": 100e-6}, 1)
    assert found["reader"][0] == pytest.approx(8 * 1250 / (100e-6 + 50e-6))


def test_a_thread_of_its_own_for_acks_costs_the_reader_nothing() -> None:
    shared = {"mss": 1250.0, "drain_rate": 10e3, "ack_cost": 100e-6, "reader_policy": "separate"}
    assert ceilings(shared, 1)["reader"][0] == pytest.approx(100e6)


def test_entries_of_several_segments_carry_more() -> None:
    assert ceilings({"mss": 1250.0, "drain_rate": 10e3, "gso_segments": 45.0}, 1)["reader"][0] == pytest.approx(4.5e9)


def test_the_smaller_window_bounds_tcp_and_udp_has_none() -> None:
    window = {"rtt": 0.1, "receive_window": 4e6, "send_buffer": 1e6, "streams": 2.0}
    assert ceilings(window, 1)["window"][0] == pytest.approx(160e6)
    open_loop = ceilings({**window, "source": "open", "offered_rate": 1e3, "mss": 1250.0}, 1)
    assert open_loop["window"][0] == np.inf
    assert open_loop["offered"][0] == pytest.approx(20e6)


def test_loss_takes_its_share_of_the_path_and_stages_that_are_not_known_do_not_limit() -> None:
    found = ceilings({"mss": 1250.0, "path_rate": 1e3, "path_loss": np.array([0.0, 0.1])}, 2)
    assert found["link"] == pytest.approx([10e6, 9e6])
    assert np.isinf(found["far reader"]).all()


def test_programs_are_as_busy_as_the_slower_reader() -> None:
    found = ceilings({"mss": 1250.0, "drain_rate": 10e3, "far_rate": 5e3, "path_rate": 1e3}, 1)
    assert busy(found)[0] == pytest.approx(50e6)
