"""Dropped packets as perf, ftrace and bpftrace print them: what was lost, cleared or counted on is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def read(text):
    return opening.read(source_of(Path("input"), text.encode()))


def drops(run):
    return dict(zip(run["queue"].values.tolist(), run["drop_events"].values.tolist(), strict=True))


def test_events_that_ftrace_lost_are_said():
    run = open_trace(FIXTURES / "ftrace_lost.txt")
    assert drops(run) == {"FULL_RING": 3, "NOT_SPECIFIED": 1}
    assert "211 events were lost while recording" in run.attrs["warnings"]


def test_events_that_were_lost_between_a_devices_packets_are_said():
    text = (FIXTURES / "tracepoints_ftrace.txt").read_text()
    run = read(text + "CPU:0 [LOST 7 EVENTS]\n")
    assert "7 events were lost while recording" in run.attrs["warnings"]
    assert "events were lost" not in read(text).attrs["warnings"]


def test_perf_trace_prints_milliseconds_first():
    run = open_trace(FIXTURES / "perf_trace.txt")
    assert drops(run) == {"3": 2}
    assert float(run["duration"]) == pytest.approx(1.204e-3)


def test_a_reason_that_was_wrapped_into_the_next_line_belongs_to_its_event():
    text = (FIXTURES / "ftrace_lost.txt").read_text()
    wrapped = read(text.replace(" reason:", "\nreason:"))
    assert drops(wrapped) == drops(read(text))
    cut = read(text.replace("location=tun", "\nlocation=tun", 1))
    assert drops(cut) == {"FULL_RING": 2, "NOT_SPECIFIED": 1}
    assert "cut off or wrapped and left out" in cut.attrs["warnings"]


def test_maps_that_are_cleared_at_each_printing_add_up():
    run = open_trace(FIXTURES / "bpftrace_intervals.txt")
    assert drops(run) == {"@drops[FULL_RING]": 430, "@drops[NOT_SPECIFIED]": 3}
    assert "cleared in between" in run.attrs["warnings"]


def test_maps_that_count_on_are_totals_at_their_last_printing():
    run = read("@drops[A]: 10\n@drops[B]: 2\n\n@drops[A]: 30\n@drops[B]: 2\n\n@drops[A]: 31\n@drops[B]: 5\n")
    assert drops(run) == {"@drops[A]": 31, "@drops[B]": 5}
    assert "no count shrinks" in run.attrs["warnings"]


def test_stacks_of_one_place_in_one_printing_add_up():
    stack = "@drops[\n    kfree_skb_reason+1\n    tun_net_xmit+2\n    {}+3\n]: {}\n"
    run = read(stack.format("dev_hard_start_xmit", 4) + stack.format("sch_direct_xmit", 5))
    assert drops(run) == {"@drops[tun_net_xmit]": 9}
    assert not run.attrs["warnings"]


def test_json_of_bpftrace_gives_the_counts_of_its_text():
    assert drops(open_trace(FIXTURES / "bpftrace.jsonl")) == {"@drops[2]": 17, "@drops[71]": 4211, "@drops[5]": 1}
    stack = "\n    kfree_skb_reason+1\n    tun_net_xmit+2\n"
    line = json.dumps({"type": "map", "data": {"@drops": {stack: 9}}}) + "\n"
    assert drops(read(line)) == {"@drops[tun_net_xmit]": 9}
