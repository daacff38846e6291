"""Before and after a change."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from tunbp.cli import tunbp
from tunbp.errors import TraceError
from tunbp.evidence.datasets import nodrop
from tunbp.traces.compare import compare

RNG = np.random.default_rng(7)


def run_of(runs, variant):
    return runs.isel(run=int(np.flatnonzero((runs["variant"].to_numpy() == variant) & (runs["ring"] == 100).to_numpy()
                                            & (runs["device"] == "tap").to_numpy())[0]))  # fmt: skip


def test_two_raw_runs_give_the_change_of_their_means_with_an_interval():
    runs = nodrop()
    stock, patched = (run_of(runs, variant) for variant in ("stock", "patched"))
    found = compare(stock, patched)
    assert found.interval.low < float(patched.received_rate / stock.received_rate) - 1 < found.interval.high
    assert found.verdict in ("Faster.", "Slower.", "No change shown: the interval holds zero.")
    assert "retransmits" in found.beside


def test_three_runs_each_are_compared_from_run_to_run():
    before, after = (
        xr.Dataset({"received_rate": ("run", np.array(v))}) for v in ([90e6, 100e6, 110e6], [190e6, 2e8, 21e7])
    )
    found = compare(before, after)
    assert found.verdict == "Faster."
    assert found.interval.low < 1.0 < found.interval.high + 0.1
    assert "3 and 3 runs" in str(found)


def test_equal_runs_are_called_different_in_five_of_a_hundred_cases():
    different = 0
    for _ in range(400):
        before, after = (xr.Dataset({"received_rate": ("run", np.exp(0.2 * RNG.normal(size=5)))}) for _ in "ab")
        different += compare(before, after).verdict in ("Faster.", "Slower.")
    assert 8 <= different <= 34  # 20 expected; 0.1 and 99.9 % of the binomial


def test_single_numbers_do_not_tell():
    found = compare(xr.Dataset({"received_rate": 90e6}), xr.Dataset({"received_rate": 95e6}))
    assert found.verdict.startswith("Cannot tell")


def test_a_file_without_a_rate_is_named():
    with pytest.raises(TraceError, match=r"^AFTER: no rate in this file"):
        compare(xr.Dataset({"received_rate": 90e6}), xr.Dataset({"mean_rtt": 0.1}))


def test_the_command_prints_a_verdict_and_one_json_object():
    files = ["tests/traces/fixtures/iperf3_tcp.json"] * 2
    shown = CliRunner().invoke(tunbp, ["compare", *files], catch_exceptions=False)
    assert shown.output.startswith("Cannot tell")
    told = json.loads(CliRunner().invoke(tunbp, ["compare", *files, "--json"], catch_exceptions=False).stdout)
    assert told["change"] == 0.0
    assert told["low"] is None
