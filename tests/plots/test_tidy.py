"""Tidy tables of what plots are given."""

from __future__ import annotations

import pandas as pd
import pytest
import xarray as xr

from tunbp.errors import OutputError
from tunbp.plots.tidy import by_variant, need, rows


def test_a_dataset_is_one_row_per_point_with_its_coordinates() -> None:
    data = xr.Dataset(
        {"rate": (("variant", "ring"), [[1.0, 2.0], [3.0, 4.0]])}, {"variant": ["a", "b"], "ring": [1, 2]}
    )
    found = rows(data)
    assert found[["variant", "ring", "rate"]].to_numpy().tolist() == [
        ["a", 1, 1.0], ["a", 2, 2.0], ["b", 1, 3.0], ["b", 2, 4.0],
    ]  # fmt: skip
    assert rows(data["rate"])["rate"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_single_result_is_one_row() -> None:
    found = rows(xr.Dataset({"rate": 1.0}, {"ring": 500}))
    assert found.to_dict("records") == [{"rate": 1.0, "ring": 500}]


def test_an_index_with_a_name_becomes_a_column() -> None:
    frame = pd.DataFrame({"x": [1]}, index=pd.Index(["a"], name="row"))
    assert list(rows(frame)) == ["row", "x"]
    assert rows(frame.reset_index()) is not None


def test_other_data_and_missing_columns_are_refused_by_name() -> None:
    with pytest.raises(OutputError, match="got list"):
        rows([1])  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="'y' is not in the data: it has x"):
        need(pd.DataFrame({"x": [1]}), "x", None, "y")


def test_variants_come_in_the_order_of_their_rows_or_one_names_all() -> None:
    table = pd.DataFrame({"driver": ["b", "a", "b"], "x": [1, 2, 3]})
    assert [(name, part["x"].tolist()) for name, part in by_variant(table, "driver")] == [("b", [1, 3]), ("a", [2])]
    assert [name for name, _ in by_variant(table, "stock")] == ["stock"]
