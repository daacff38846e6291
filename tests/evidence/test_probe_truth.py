"""The probe's errors beside what is promised of it."""

import json

import pytest

from tunbp.evidence import probe_truth

RUN = {
    "case": "overload", "repetition": 1, "load_average": 0.5, "burst_rate": -0.02, "drops_missed": 1,
    "occupancy_exact": 0.995, "rate_change": [-0.04, -0.1, 0.02], "cost_change": [0.2, 0.1, 0.3], "service_time": 0.06,
    "pace": 0.01,
}  # fmt: skip
PAUSED = {**RUN, "case": "overload, pauses asleep", "pause_rate": -0.09, "pause_mean": 0.02, "service_time": -0.01}


@pytest.fixture
def found(tmp_path, monkeypatch):
    (tmp_path / "measured").mkdir()
    stored = {"host": {"nice": -10}, "skipped": ["overload, 2: busy"], "runs": [RUN, PAUSED]}
    (tmp_path / "measured" / probe_truth.FILE).write_text(json.dumps(stored))
    monkeypatch.setenv("TUNBP_DATA", str(tmp_path))
    return probe_truth.runs()


def test_errors_are_absolute_and_one_run_that_misses_breaks_a_promise(found):
    rows = probe_truth.table(found).set_index("quantity")
    speed = rows.loc["speed of the reader (mu), against its log"]
    assert (speed["runs"], speed["median"], speed["worst"], speed["held"]) == (2, pytest.approx(0.035), 0.06, False)
    pauses = rows.loc["rate of pauses"]
    assert (pauses["runs"], pauses["worst"], pauses["held"]) == (1, 0.09, True)


def test_what_tracing_costs_comes_from_the_reader_that_never_pauses(found):
    rows = probe_truth.table(found).set_index("quantity")
    lost = rows.loc["throughput lost to tracing at 50,000 packets/s"]
    assert (lost["runs"], lost["worst"], lost["held"]) == (1, 0.04, True)
    added = rows.loc["processor time per packet added by tracing at 50,000 packets/s"]
    assert (added["worst"], added["held"]) == (0.2, False)


def test_the_caption_says_how_many_runs_of_how_many_kinds_and_the_drops_that_were_missed(found):
    assert "2 runs of 2 kinds" in probe_truth.words(found)
    assert "nice -10; 1 runs more read too few packets" in probe_truth.words(found)
    assert "differ by 1 packets at most" in probe_truth.words(found)


def test_the_bundled_runs_hold_what_docs_promise_of_speed_bursts_pauses_and_occupancy():
    rows = probe_truth.table(probe_truth.runs())
    assert rows["held"][:6].all()
    assert (rows["runs"] >= 3).all()
