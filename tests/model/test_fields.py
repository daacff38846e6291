"""The table of scenario fields: it describes `Scenario`, and every default is allowed by its own row."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import xarray as xr

from tunbp.model.fields import BATCH_WIDE, FIELDS, OPTIONAL, RANGES, parameters
from tunbp.model.scenario import Scenario


def test_there_is_one_row_per_field_of_a_scenario_in_its_order_with_its_default() -> None:
    fields = dataclasses.fields(Scenario)
    assert [field.name for field in fields] == list(FIELDS)
    assert [field.default for field in fields] == [row.default for row in FIELDS.values()]


@pytest.mark.parametrize("name", FIELDS)
def test_a_default_is_allowed_by_its_row(name: str) -> None:
    row = FIELDS[name]
    if row.choices:
        assert row.default in row.choices
    elif row.default is None:
        assert row.none
    else:
        assert row.holds(row.default)


@pytest.mark.parametrize("name", RANGES)
def test_ends_of_a_range_are_in_it_as_the_row_says(name: str) -> None:
    row = RANGES[name]
    assert bool(row.holds(row.low)) == row.closed
    assert not row.holds(row.low - 1e-9 if abs(row.low) < 1 else row.low * (1 - np.sign(row.low) * 1e-9))
    if math.isfinite(row.high):
        assert row.holds(row.high)
        assert not row.holds(row.high * 1.001)
    assert not row.holds(np.nan)
    assert bool(row.holds(row.low + 0.5)) != row.integer


def test_many_values_are_judged_one_by_one() -> None:
    assert FIELDS["ring"].holds([[0, 1], [1.5, np.inf]]).tolist() == [[False, True], [False, False]]


def test_the_docstring_of_a_scenario_says_every_row() -> None:
    assert Scenario.__doc__ is not None
    assert parameters() in Scenario.__doc__
    for name, row in FIELDS.items():
        assert f"{name} : " in parameters()
        assert row.meaning in parameters()
        assert bool(row.none) == (name in OPTIONAL)


def test_only_fields_of_the_whole_batch_refuse_an_array() -> None:
    for name in BATCH_WIDE:
        with pytest.raises(Exception, match=f"^{name}: one value holds for the whole batch"):
            Scenario().replace(**{name: xr.DataArray([0.01, 0.02], dims="x")})
