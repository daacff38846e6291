"""`ss` with filters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of
from tunbp.traces.summary import sentence

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_where_one_state_was_asked_for_there_is_no_column_of_states():
    run = open_trace(FIXTURES / "ss_one_state.txt")
    assert run["socket"].values.tolist() == ["10.99.0.1:50226 > 10.99.0.2:5201", "10.99.0.1:50230 > 10.99.0.2:5201"]
    assert run["rtt"].values[0] == pytest.approx([33e-6, 15.673e-3])
    assert run["send_queue"].values[0].tolist() == [0, 477840]


def test_without_a_segment_size_the_window_is_told_in_segments():
    text = "ESTAB 0 218040 192.0.2.10:42022 192.0.2.1:5001\n\t cubic rto:212 rtt:11.25/0.5 cwnd:114 unacked:114\n"
    said = sentence(opening.read(source_of(Path("input"), text.encode())))
    assert said == "ss: 1 socket; 192.0.2.10:42022 > 192.0.2.1:5001: RTT 11.2 ms, cwnd 114 segments."
