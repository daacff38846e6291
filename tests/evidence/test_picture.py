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
