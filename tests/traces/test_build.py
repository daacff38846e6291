"""Datasets from plain arrays: what is missing, what is exact, what text may hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tunbp import schema
from tunbp.traces.build import as_counts, build, clean, counts, decimal, floats, settle, text, utc
from tunbp.traces.source import source_of

SOURCE = source_of(Path("input"), b"what a tool wrote")


def test_counts_are_whole_numbers_only_where_all_are_there() -> None:
    assert counts([1, 2, 3]).dtype == np.int64
    with_a_gap = counts([1, None, 3])
    assert with_a_gap.dtype == np.float64
    assert np.isnan(with_a_gap[1])
    assert counts([1.5, 2.0]).dtype == np.float64


@given(st.integers(-(2**60), 2**60))
def test_a_count_is_never_rounded(value: int) -> None:
    found = as_counts(np.array([float(value)]))
    assert float(found[0]) == float(value)
    assert (found.dtype == np.int64) == (abs(float(value)) < 2.0**53)


def test_values_are_scaled_and_missing_ones_stay_missing() -> None:
    assert floats([1.0, None], 1e-3).tolist()[0] == 1e-3
    assert np.isnan(floats([1.0, None], 1e-3)[1])


def test_a_decimal_comma_is_a_point_and_words_are_refused() -> None:
    assert decimal(b"1,25") == decimal(b"1.25") == 1.25
    with pytest.raises(ValueError, match="could not convert"):
        decimal(b"1,2,5")


@pytest.mark.parametrize(("seconds", "said"), [
    (0.0, "1970-01-01T00:00:00Z"), (1.5, "1970-01-01T00:00:01.500000Z"), (None, ""), (float("nan"), ""), (1e30, ""),
])  # fmt: skip
def test_a_unix_time_is_a_date_in_utc_or_nothing(seconds: float | None, said: str) -> None:
    assert utc(seconds) == said


def test_variables_without_a_value_are_left_out_and_others_have_the_schemas_attributes() -> None:
    columns = {"rtt": (("time",), floats([0.01, 0.02])), "cwnd": (("time",), floats([None, None]))}
    found = build(SOURCE, columns, {"time": (("time",), [1.0, 2.0])}, tool="ss", flavour="new")
    assert list(found.data_vars) == ["rtt"]
    assert found["rtt"].attrs == schema.attributes("rtt")
    assert found["time"].attrs == {"long_name": schema.DIMS["time"], "units": "s"}
    assert (found.attrs["tool"], found.attrs["version"], found.attrs["flavour"]) == ("ss", "", "new")
    assert found.attrs["sha256"] == SOURCE.sha256


def test_a_name_that_the_schema_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError):
        build(SOURCE, {"speed": ((), 1.0)})


def test_what_an_outer_join_filled_is_false_or_empty_again() -> None:
    joined = xr.Dataset(
        {"omitted": ("time", np.array([True, np.nan], object)), "note": ("time", np.array(["a", np.nan], object))}
    )
    found = settle(joined)
    assert found["omitted"].to_numpy().tolist() == [True, False]
    assert found["note"].to_numpy().tolist() == ["a", ""]
    assert found["omitted"].dtype.kind, found["note"].dtype.kind == ("b", "U")


@given(st.text())
def test_clean_text_survives_every_storage(value: str) -> None:
    found = clean(value, 20)
    assert len(found) <= 20
    assert found == clean(found, 20)
    assert "\0" not in found
    assert found.encode("utf-8").decode() == found
    assert text([value], 20)[0] == found
