"""Dropped packets as perf and ftrace print them: what was lost or wrapped is said."""

from __future__ import annotations

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
