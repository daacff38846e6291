"""Runs side by side: what they are called, and on which times they lie."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.errors import TraceError
from tunbp.traces.runs import combine, labels


def test_names_lose_what_all_files_share() -> None:
    assert labels(["a/b/one.json", "a/b/two.json.gz"]) == ["one", "two"]
    assert labels(["a/x/run.json", "a/y/run.json"]) == ["x/run", "y/run"]
    assert labels(["a/one.json", "a/one.txt"], whole=True) == ["one.json", "one.txt"]


def test_names_that_repeat_are_numbered() -> None:
    assert labels(["a/one.json", "a/one.txt"]) == ["one.json [1]", "one.txt [2]"]


def series(ends: list[float], **attributes: str) -> xr.Dataset:
    rate = np.arange(len(ends), dtype=float)
    return xr.Dataset({"throughput": ("time", rate)}, coords={"time": np.array(ends)}, attrs=attributes)


def test_ends_of_intervals_that_differ_by_microseconds_are_one_time() -> None:
    found = combine([series([1.000012, 2.000003, 3.0]), series([1.0, 2.000041, 2.99998])], ["a", "b"])
    assert found["time"].values.tolist() == [1.0, 2.0, 3.0]
    assert found["throughput"].isnull().sum() == 0
    assert found["run"].values.tolist() == ["a", "b"]


def test_times_without_a_common_interval_stay_and_what_is_missing_is_nan() -> None:
    found = combine([series([1.0, 2.0, 3.0]), series([1.0, 1.37, 2.9])], ["a", "b"])
    assert found.sizes == {"run": 2, "time": 5}
    assert int(found["throughput"].isnull().sum()) == 4


def test_what_differs_between_runs_lies_along_them() -> None:
    found = combine([series([1.0, 2.0], tool="iperf3", mode="up"), series([1.0, 2.0], tool="iperf3", mode="down")],
                    ["a", "b"])  # fmt: skip
    assert found.attrs["tool"] == "iperf3"
    assert found["mode"].values.tolist() == ["up", "down"]


def test_a_file_of_several_runs_is_not_one_of_several() -> None:
    run = series([1.0]).expand_dims(run=["x"])
    with pytest.raises(TraceError, match="several runs"):
        combine([run, run], ["a", "b"])
