"""Directions of iperf 2's tests: what a client sends is never added to what it receives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def read(text):
    return opening.read(source_of(Path("input"), text.encode()))


@pytest.mark.parametrize(
    ("name", "sent", "received"), [("iperf2_dual.txt", 47e6, 1.06e9), ("iperf2_full_duplex.txt", 51.2e6, 855e6)]
)
def test_both_directions_at_once_have_a_rate_each(name, sent, received):
    run = open_trace(FIXTURES / name)
    assert (float(run["sent_rate"]), float(run["reverse_received_rate"])) == (sent, received)
    assert "received_rate" not in run
    assert run.attrs["direction"] == "both"
    assert sorted(run["sender"].values) == ["client", "server"]


def test_one_direction_after_the_other_are_two_runs():
    runs = open_trace(FIXTURES / "iperf2_tradeoff.txt")
    assert float(runs["sent_rate"][0]) == 47.6e6
    assert float(runs["received_rate"][1]) == 8.43e9
    assert runs["sent_rate"].isnull().values.tolist() == [False, True]


def test_rows_with_a_star_are_of_the_other_direction():
    run = open_trace(FIXTURES / "iperf2_reverse.txt")
    assert float(run["received_rate"]) == 11.6e9
    assert "sent_rate" not in run


def test_the_second_connection_of_a_client_is_told_by_its_port():
    text = (FIXTURES / "iperf2_tradeoff.txt").read_text()
    without = "\n".join(line for line in text.splitlines() if not line.startswith("Server listening"))
    for name in ("sent_rate", "received_rate"):
        assert read(without)[name].values == pytest.approx(read(text)[name].values, nan_ok=True)


def test_rounded_rates_and_bytes_are_no_mistake_in_units():
    run = open_trace(FIXTURES / "iperf2_dual.txt")
    assert '"units"' not in run.attrs["findings"]


def test_a_connection_that_failed_is_refused_with_its_reason():
    with pytest.raises(TraceError, match=r"line 1\): iperf 2 failed: connect failed: Connection refused"):
        read("connect failed: Connection refused\n")
