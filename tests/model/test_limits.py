"""The closed-form bounds: textbook values, and which one binds."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.model import limits
from tunbp.model.scenario import Scenario
from tunbp.schema import VARIABLES


def test_bounds_broadcast_over_the_batch_and_are_named_in_the_schema():
    ring = xr.DataArray([10, 500], dims="ring", coords={"ring": [10, 500]})
    driver = xr.DataArray(["stock", "7.3"], dims="driver", coords={"driver": ["stock", "7.3"]})
    known = limits.bounds(Scenario(ring=ring, driver=driver, ack_interval=0.02))
    assert set(known.data_vars) == set(limits.LABELS) <= set(VARIABLES)
    assert dict(known.sizes) == {"ring": 2, "driver": 2}
    assert np.isfinite(known["burst_bound"].sel(driver="stock")).all()
    assert np.isinf(known["burst_bound"].sel(driver="7.3")).all()
    assert known["burst_bound"].attrs["units"] == "bit/s"


@pytest.mark.parametrize(
    ("changes", "bound"),
    [
        ({"receive_window": 1e5}, "receive window"),
        ({"rtt": 0.001}, "reader speed"),
        ({"rtt": 0.001, "ring": 10, "wake_cost": 2e-5}, "stop/wake cycles"),
        ({"driver": "stock", "ring": 100, "ack_interval": 0.01}, "bursts that overflow the ring"),
        ({"source": "open", "offered_rate": 1e3}, "offered load"),
    ],
)
def test_the_smallest_bound_binds(changes, bound):
    assert limits.attribute(Scenario(**{"driver": "7.3", **changes})).item() == bound


def test_burst_law_holds_only_where_bursts_last_longer_than_the_ring():
    long, short = (Scenario(driver="stock", ring=600, drain_rate=60e3, ack_interval=g) for g in (0.0101, 0.0099))
    assert np.isfinite(limits.bounds(long)["burst_bound"])
    assert np.isinf(limits.bounds(short)["burst_bound"])
