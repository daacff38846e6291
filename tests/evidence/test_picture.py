"""The README's pictures: the wake-cycle law, and what bunches of ACKs do."""

from __future__ import annotations

import inspect

import pytest

from tunbp.evidence import picture
from tunbp.model.hosts import host


def test_wakes_follow_the_law_of_the_5600x() -> None:
    rate = picture.wakes()["transmitted_rate"]
    fields = host("5600x-pktgen-tap")
    stock = inspect.signature(picture.wakes).parameters["stock_rate"].default
    for cycle in (1.0, 1000.0):
        seconds = 1 / stock + fields["patch_overhead"] + fields["wake_cost"] / cycle
        assert float(rate.sel(cycle=cycle, method="nearest")) == pytest.approx(1 / seconds)
    assert (rate.diff("cycle") > 0).all()


def test_the_path_sets_the_clock_while_it_is_slow_and_the_ring_decides_where_it_is_not() -> None:
    found = picture.stages([0.1, 10.0], (100,), duration=20.0).isel(ring=0)
    reader = host("lab-openvpn")
    rate = found["received_rate"] / (8 * reader["mss"] * reader["drain_rate"])
    slow, fast = rate.sel(share=0.1), rate.sel(share=10.0)
    assert slow.values == pytest.approx([0.1, 0.1], rel=0.02)
    assert float(fast.sel(driver="stock")) < 0.2 * float(fast.sel(driver="v3"))
    stock = found.sel(driver="stock")
    assert float(stock["dropped_ring"].sel(share=0.1)) == 0 < float(stock["dropped_ring"].sel(share=10.0))
    assert float(found["dropped_ring"].sel(driver="v3").max()) == 0
