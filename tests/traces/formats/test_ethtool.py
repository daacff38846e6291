"""`ethtool -S` of drivers that number their queues, of the standards' groups, and what grep left of it."""

from __future__ import annotations

from pathlib import Path

from tunbp.traces import open_trace
from tunbp.traces.summary import sentence

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_a_driver_that_numbers_its_queues_has_a_counter_for_each():
    run = open_trace(FIXTURES / "ethtool_queues.txt")
    assert run.sizes["queue"] == 7
    assert run["counter"].sel(queue="[0]: rx_discard_packets") == 77
    assert run["counter"].sel(queue="[1]: rx_discard_packets") == 5


def test_counters_of_the_standards_are_read_though_they_are_not_indented():
    run = open_trace(FIXTURES / "ethtool_standard.txt")
    assert run["counter"].sel(queue="eth-mac-FramesReceivedOK") == 28727667
    assert run.sizes["queue"] == 6


def test_what_grep_left_is_known_by_the_command_above_it():
    run = open_trace(FIXTURES / "ethtool_grep.txt")
    assert run["counter"].sel(queue="bw_out_allowance_exceeded") == 182233
    assert sentence(run) == "ethtool: 6 counters, bw_out_allowance_exceeded 182233, pps_allowance_exceeded 43."
