from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tunbp.results import files


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    target = files.write(tmp_path / "a" / "x.txt", "old")

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("tunbp.atomic.os.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        files.write(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["x.txt"]


def test_json_is_plain_sorted_and_without_nan(tmp_path):
    content = {
        "z": np.float64(1.5),
        "a": pd.DataFrame({"x": [1.0, math.nan]}),
        "d": xr.Dataset({"rate": ("ring", [1.0, math.inf], {"units": "bit/s"})}),
        "t": pd.Timestamp("2026-01-01"),
        "s": {3, 1},
    }
    text = files.write_json(tmp_path / "x.json", content).read_text()
    back = json.loads(text)
    assert list(back) == ["a", "d", "s", "t", "z"]
    assert back["a"] == {"x": [1.0, None]}
    assert back["d"]["rate"] == {"dims": ["ring"], "units": "bit/s", "values": [1.0, None]}
    assert (back["s"], back["t"], back["z"]) == (["1", "3"], "2026-01-01T00:00:00", 1.5)
