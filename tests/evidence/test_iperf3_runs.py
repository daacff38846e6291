"""The raw runs: what held them, which may be compared, and their series."""

from __future__ import annotations

import pytest

from tunbp.errors import DataError
from tunbp.evidence import iperf3_runs


def test_pairs_with_other_round_trips_are_not_compared() -> None:
    pairs = iperf3_runs.pairs(["tap"]).set_index(["ring", "label"])
    assert len(pairs) == 6
    assert pairs.loc[(1000, 0.06), "verdict"] == "not comparable: round trips of 61 and 68 ms"
    assert pairs.loc[(100, 0.0), "change"] == pytest.approx(0.142, abs=1e-3)


def test_pairs_held_by_the_window_say_so() -> None:
    pairs = iperf3_runs.pairs(["tap+vhost-net"]).set_index(["ring", "label"])
    assert pairs.loc[(1000, 0.12), "verdict"].startswith("both window-limited")
    assert pairs.loc[(10, 0.0), "verdict"].startswith("slower by 7.8 to 8.4")


def test_series_are_those_of_the_runs_asked_for() -> None:
    names = ["tap-1000-120ms-stock", "tap-1000-120ms-patched"]
    measured, simulated = iperf3_runs.series(names, duration=30.0)
    assert measured["run"].to_numpy().tolist() == simulated["run"].to_numpy().tolist() == names
    assert simulated.sizes["time"] == 30
    assert float(simulated["min_rtt"].sel(run=names[1])) == pytest.approx(0.094, abs=1e-3)
    shape = iperf3_runs.sawtooth(measured, simulated).set_index(["run", "kind"])
    assert shape.loc[(names[0], "measured"), "throughput"] == pytest.approx(97.6e6, rel=0.01)


def test_unknown_run_is_named() -> None:
    with pytest.raises(DataError, match="'tap/nothing' is not among the 24"):
        iperf3_runs.series(["tap/nothing"])
