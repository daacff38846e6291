"""What reader and driver make of a scenario, against the wake-cycle law by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tunbp.model.fields import FIELDS
from tunbp.model.service import Service, numbers, service_times

MU, LAMBDA, COST = 200e3, 2e6, 4e-6


def flat(**changes: Any) -> dict[str, np.ndarray]:
    point = {name: row.default for name, row in FIELDS.items()}
    point |= {"drain_rate": MU, "burst_rate": LAMBDA, "ring": 1000, "qdisc": "pfifo", "wake_cost": COST} | changes
    return {name: np.array([value], dtype=object) for name, value in point.items()}


def seconds(**changes: Any) -> Service:
    return service_times(flat(**changes))


def test_numbers_are_floats_and_what_is_not_known_is_nan() -> None:
    found = numbers(flat(guest_rate=None))
    assert np.isnan(found["guest_rate"][0])
    assert found["ring"].dtype == float
    assert "driver" not in found


def test_a_stock_ring_takes_the_service_time_and_has_no_wake_cycle() -> None:
    found = seconds(driver="stock")
    assert (found.free[0], found.full[0], found.pushing[0]) == (1 / MU, 1 / MU, 0.0)
    assert found.per_stop[0] == 1.0
    assert found.per_cycle[0] == np.inf


@pytest.mark.parametrize(("version", "k"), [("7.3", 500), ("v3", 1000), ("v7", 16)])
def test_a_saturated_reader_pays_a_wake_per_cycle(version: str, k: int) -> None:
    found = seconds(driver=version)
    cycle = k if version == "v7" else k / (1 - MU / LAMBDA)  # counted from the stop: the ring fills again meanwhile
    assert found.per_stop[0] == k
    assert found.per_cycle[0] == pytest.approx(cycle)
    assert found.full[0] == pytest.approx(1 / MU + COST / cycle, rel=1e-9)
    assert found.free[0] == 1 / MU


def test_without_a_qdisc_the_ring_drops_and_no_wake_is_paid() -> None:
    found = seconds(driver="7.3", qdisc="noqueue")
    assert found.pushing[0] == 0.0
    assert found.full[0] == found.free[0] == 1 / MU


def test_the_slower_of_reader_and_guest_counts() -> None:
    found = seconds(driver="7.3", guest_rate=100e3)
    assert found.free[0] == found.full[0] == 1 / 100e3


def test_past_the_qdisc_the_ring_fills_as_fast_as_pktgen_offers() -> None:
    found = seconds(driver="7.3", source="pktgen", offered_rate=400e3)
    assert found.per_cycle[0] == pytest.approx(500 / (1 - MU / 400e3))
