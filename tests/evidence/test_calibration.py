"""Calibrations: each constant is fitted to rows that say so, within its range, and recorded with both."""

from __future__ import annotations

import pytest
import xarray as xr

from tunbp.evidence.calibration import CALIBRATIONS, Calibration, entry
from tunbp.evidence.studies import STUDIES
from tunbp.model.calibrate import Fit
from tunbp.model.hosts import table


def name(job: Calibration) -> str:
    return f"{job.host} {job.group}".strip()


@pytest.mark.parametrize("job", CALIBRATIONS, ids=name)
def test_a_calibration_has_fitted_rows_of_its_host(job: Calibration) -> None:
    rows = STUDIES[job.study]().rows
    own = rows[(rows["host"] == job.host) & (rows["role"] == "fitted")]
    assert len(own[own["group"] == job.group] if job.group else own) >= 1
    assert all(free.low < free.high for free in job.free.values())


@pytest.mark.parametrize("job", CALIBRATIONS, ids=name)
def test_what_the_host_table_calls_fitted_is_what_a_calibration_fits(job: Calibration) -> None:
    recorded = table()[job.host]["fitted"]
    jobs = [other for other in CALIBRATIONS if other.host == job.host]
    assert set(recorded) == {constant for other in jobs for constant in other.free}
    for constant in job.free:
        assert recorded[constant]["study"] == job.study
        rows = STUDIES[job.study]().rows.loc[recorded[constant]["rows"]]
        assert set(rows["role"]) == {"fitted"}
        assert set(rows["host"]) == {job.host}


def test_an_entry_has_value_interval_unit_study_and_rows() -> None:
    job = next(job for job in CALIBRATIONS if job.host == "i5-vhost")
    rows = ("vhost-1000-0ms-stock",)
    found = Fit({"drain_rate": 45123.456}, {"drain_rate": (44000.0, 46000.04)}, xr.DataArray(0.0), rows, (), 0.01)
    assert entry(job, found) == {
        "drain_rate": {
            "value": 45123.0,
            "interval": [44000.0, 46001.0],
            "units": "packet/s",
            "study": "raw",
            "rows": ["vhost-1000-0ms-stock"],
        }
    }


def test_rounding_never_takes_the_value_out_of_its_interval() -> None:
    job = next(job for job in CALIBRATIONS if job.host == "i5-vhost")
    found = Fit({"drain_rate": 45326.4}, {"drain_rate": (45326.4, 45341.2)}, xr.DataArray(0.0), (), (), 0.0)
    written = entry(job, found)["drain_rate"]
    assert written["interval"][0] <= written["value"] <= written["interval"][1]


def test_a_fit_from_which_nothing_can_be_drawn_says_why_it_has_no_interval() -> None:
    job = next(job for job in CALIBRATIONS if job.host == "i5-vhost")
    found = Fit({"drain_rate": 45326.4}, {"drain_rate": (45326.4, 45326.4)}, xr.DataArray(0.0), (), (), 0.0)
    written = entry(job, found)["drain_rate"]
    assert "interval" not in written
    assert written["no_interval"].startswith("each row enters as one mean")
