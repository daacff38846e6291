"""Calibrations: each constant is fitted to rows that say so, within its range, and recorded with both."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.evidence import calibration
from tunbp.evidence.calibration import CALIBRATIONS, Calibration, entry, posterior_of, prior_of, write_draws
from tunbp.evidence.held_out import native
from tunbp.evidence.studies import STUDIES
from tunbp.model.calibrate import Fit
from tunbp.model.fields import FIELDS
from tunbp.model.hosts import host, table


def name(job: Calibration) -> str:
    return f"{job.host} {job.group}".strip()


@pytest.mark.parametrize("job", CALIBRATIONS, ids=name)
def test_a_calibration_has_fitted_rows_of_its_host(job: Calibration) -> None:
    rows = STUDIES[job.study]().rows
    own = rows[(rows["host"] == job.host) & (rows["role"] == "fitted")]
    assert len(own[own["group"] == job.group] if job.group else own) >= 1
    assert all(free.low < free.high for free in job.free.values())


@pytest.mark.parametrize("job", CALIBRATIONS, ids=name)
def test_what_the_host_table_calls_inferred_is_what_a_calibration_infers(job: Calibration) -> None:
    recorded = table()[job.host]["inferred"]
    jobs = [other for other in CALIBRATIONS if other.host == job.host]
    assert set(recorded) == {constant for other in jobs for constant in other.free}
    for constant in job.free:
        assert recorded[constant]["study"] == job.study
        rows = STUDIES[job.study]().rows.loc[recorded[constant]["rows"]]
        assert set(rows["role"]) == {"fitted"}
        assert set(rows["host"]) == {job.host}


def test_an_entry_has_value_unit_study_and_rows_and_says_what_is_at_a_bound() -> None:
    job = next(job for job in CALIBRATIONS if job.host == "i5-vhost")
    rows = ("vhost-1000-0ms-stock",)
    found = Fit({"drain_rate": 45123.456}, xr.DataArray(0.0), rows, (), 0.01)
    told = {"value": 45123.0, "units": "packet/s", "study": "raw", "rows": ["vhost-1000-0ms-stock"]}
    assert entry(job, found) == {"drain_rate": told}
    with pytest.warns(UserWarning, match="at an end of the range searched: drain_rate"):
        bound = Fit({"drain_rate": 7e4}, xr.DataArray(0.0), rows, (), 0.01, ("drain_rate",))
    assert entry(job, bound)["drain_rate"]["at_bound"]


def test_a_prior_is_wider_than_the_range_that_was_searched_and_within_the_field_s_bounds() -> None:
    for job in CALIBRATIONS:
        for constant, free in job.free.items():
            prior = prior_of(constant, free)
            assert prior.first <= free.low < free.high <= prior.second
            assert FIELDS[constant].holds([prior.first, prior.second]).all()


@pytest.fixture(scope="module")
def posterior():
    return posterior_of(next(job for job in CALIBRATIONS if job.host == "5600x-pktgen-tap"), 64)


def test_a_posterior_holds_the_value_that_meets_the_rows_best(posterior) -> None:
    low, high = np.quantile(posterior["wake_cost"], (0.05, 0.95))
    assert low < host("5600x-pktgen-tap")["wake_cost"] < high
    assert 1.05 < high / low < 4.0
    assert float(posterior["contraction"].sel(constant="wake_cost")) > 0.7


def test_draws_are_written_beside_those_of_other_hosts(posterior, tmp_path) -> None:
    path = tmp_path / "hosts.nc"
    write_draws(path, {("5600x-pktgen-tap", "wake_cost"): posterior})
    write_draws(path, {("5600x-pktgen-tap", "patch_overhead"): posterior})
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        assert stored["constant"].to_numpy().tolist() == ["wake_cost", "patch_overhead"]
        assert np.allclose(stored["draws"][0], posterior["wake_cost"], rtol=1e-6)


def test_draws_that_leave_a_packet_no_time_count_nothing() -> None:
    values = {"drain_rate": np.array([1e6, 1e6]), "patch_overhead": np.array([-2e-6, -5e-7])}
    assert calibration._leaves_no_time(values).tolist() == [True, False]
    assert values["patch_overhead"].tolist() == [0.0, -5e-7]


def test_measured_constants_of_the_native_host_are_those_of_its_floods() -> None:
    known = next(iter(native())).known
    for constant, value in host("native-openvpn").items():
        assert value == pytest.approx(known[constant], rel=1e-4)
