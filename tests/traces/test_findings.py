"""Findings as a Dataset carries them."""

from __future__ import annotations

import xarray as xr

from tunbp.traces.findings import Finding, as_json, findings

FOUND = [Finding("limit", "info", "held by the window"), Finding("totals", "error", "sums differ by 3 %")]


def test_findings_come_back_as_they_were_written() -> None:
    assert findings(xr.Dataset(attrs={"findings": as_json(FOUND)})) == FOUND
    assert findings(xr.Dataset()) == []


def test_those_of_several_runs_name_the_run_and_errors_come_first() -> None:
    texts = [as_json(FOUND[:1]), as_json(FOUND[1:])]
    runs = xr.Dataset(coords={"run": ["a", "b"], "findings": ("run", texts)}, attrs={"findings": as_json(FOUND[:1])})
    assert [(found.severity, found.message) for found in findings(runs)] == [
        ("error", "b: sums differ by 3 %"), ("info", "held by the window"), ("info", "a: held by the window"),
    ]  # fmt: skip
