"""Calibration finds the constants that data were simulated with, and says how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.errors import ScenarioError
from tunbp.model.calibrate import Free, fit
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

ROWS = ["open-1", "open-10", "open-100", "open-1000"]
POINT = Scenario(
    source="open", driver="v3", offered_rate=1.8e6, burst_rate=1.81e6, rtt=1e-3, duration=0.3, warmup=0.1,
    ring=xr.DataArray([1, 10, 100, 1000], dims="row", coords={"row": ROWS}),
)  # fmt: skip
TRUTH = {"drain_rate": 196e3, "wake_cost": 5.1e-6}
FREE = {"drain_rate": Free(5e4, 5e5), "wake_cost": Free(1e-7, 1e-4)}


def data() -> xr.DataArray:
    return simulate(POINT.replace(**TRUTH)).transmitted_rate


def test_known_constants_come_back() -> None:
    found = fit(POINT, FREE, data(), quantity="transmitted_rate", seeds=1, screen=32)
    for name, value in TRUTH.items():
        assert found.values[name] == pytest.approx(value, rel=0.02)
    assert found.rms < 0.01
    assert found.fitted == tuple(ROWS)
    assert found.held_out == ()
    assert found.model.values == pytest.approx(data().values, rel=0.02)


def test_rows_held_out_are_predicted_and_not_used() -> None:
    wrong = data().copy()
    wrong[2] *= 3.0  # must not matter
    use = xr.DataArray([True, True, False, True], dims="row")
    found = fit(POINT, FREE, wrong, fitted=use, quantity="transmitted_rate", seeds=1, screen=32)
    assert found.held_out == ("open-100",)
    assert found.values["wake_cost"] == pytest.approx(5.1e-6, rel=0.02)
    assert float(found.model.sel(row="open-100")) == pytest.approx(float(data()[2]), rel=0.02)


def test_samples_enter_as_their_mean() -> None:
    noise = xr.DataArray([[0.9, 1.1]] * 4, dims=("row", "sample"))
    found = fit(POINT, FREE, data() * noise, quantity="transmitted_rate", seeds=1, screen=32)
    assert found.values["drain_rate"] == pytest.approx(TRUTH["drain_rate"], rel=0.02)


def test_a_constant_at_an_end_of_its_range_is_warned_of() -> None:
    narrow = {**FREE, "drain_rate": Free(5e4, 1.8e5)}
    with pytest.warns(UserWarning, match="at an end of the range searched: drain_rate"):
        found = fit(POINT, narrow, data(), quantity="transmitted_rate", seeds=1, screen=32)
    assert found.at_bound == ("drain_rate",)


def test_rows_that_no_constants_meet_are_warned_of() -> None:
    wrong = data().copy()
    wrong[3] *= 0.5
    with pytest.warns(UserWarning, match="the fitted rows are missed by"):
        fit(POINT, FREE, wrong, quantity="transmitted_rate", seeds=1, screen=32)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"^driver: not a numeric field of Scenario; cannot be fitted$"):
        fit(POINT, {"driver": Free(0, 1)}, data())
    with pytest.raises(ScenarioError, match=r"^no row is fitted; allowed: at least one of open-1, "):
        fit(POINT, FREE, data(), fitted=xr.DataArray([False] * 4, dims="row"))


def test_ranges_are_searched_in_their_logarithm_or_not() -> None:
    x = np.array([0.0, 0.5, 1.0])
    assert Free(1.0, 100.0).decode(x) == pytest.approx([1.0, 10.0, 100.0])
    assert Free(1.0, 3.0, log=False).decode(x) == pytest.approx([1.0, 2.0, 3.0])
