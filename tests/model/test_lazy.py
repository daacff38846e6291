"""Batches that are computed later: what their results will be called is known without simulating anything."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.model.lazy import result_of
from tunbp.model.scenario import Scenario
from tunbp.schema import VARIABLES


@pytest.mark.parametrize("fields", [{}, {"ring": xr.DataArray([10, 20], dims="ring")}, {"interval": 1.0}])
def test_names_and_units_of_results_need_no_scenario(fields: dict[str, object]) -> None:
    result = result_of(Scenario(**fields), "fluid")  # type: ignore[arg-type]
    assert "received_rate" in result
    assert result["received_rate"].size == 0
    assert ("throughput" in result) == ("interval" in fields)
    assert {str(name) for name in result.data_vars} <= VARIABLES.keys()
    assert all(values.dtype.kind == "f" for values in result.data_vars.values())


def test_a_batch_of_nothing_keeps_its_dims() -> None:
    scenario = Scenario(ring=xr.DataArray(np.array([1.0]), dims="ring"), rtt=xr.DataArray([0.1, 0.2], dims="rtt"))
    assert dict(result_of(scenario, "fluid")["received_rate"].sizes) == {"ring": 0, "rtt": 0}
