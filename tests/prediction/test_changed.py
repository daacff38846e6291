"""The same draws with something changed say what a path asked anew would."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.infer.priors import BYTE_COST
from tunbp.prediction import predict
from tunbp.prediction.changed import FEWEST, MOST, SHARE, changed, draws_of

PATH = {"rtt": 0.1, "duration": 4.0, "warmup": 1.0}


@pytest.fixture(scope="module")
def found():
    return predict({**PATH, "send_buffer": 64e3}, [100, 1000, 2000], count=64)


def test_the_first_draws_are_the_same_and_only_what_was_changed_differs(found):
    again = changed(found, {})
    count = again.draws.sizes["draw"]
    for name in ("drain_rate", "received_rate", "latency", "ceiling"):
        here = found.draws[name]
        if "ring" in here.dims:
            here = here.sel(ring=[found.ring], variant=["stock"])
        np.testing.assert_array_equal(again.draws[name], here.isel(draw=slice(count)))


def test_a_larger_send_buffer_carries_what_a_path_with_it_carries(found):
    again = changed(found, {"send_buffer": 4e6})
    asked = predict({**PATH, "send_buffer": 4e6}, [], count=16)
    np.testing.assert_array_equal(
        again.draws["expected_rate"][:16], asked.draws["expected_rate"].sel(variant=["stock"])
    )


def test_what_was_drawn_of_a_changed_field_is_drawn_no_more(found):
    assert "receive_window" not in changed(found, {"receive_window": 2e7}).unknown
    assert not {"pacing", "hystart"} & set(changed(found, {"congestion": "bbr"}).unknown)
    assert "path_rate" in changed(found, {"congestion": "bbr"}).unknown


def test_longer_packets_cost_more_by_a_constant_that_was_not_drawn_before(found):
    assert BYTE_COST not in found.unknown
    assert BYTE_COST in changed(found, {"mss": 9000}).unknown


def test_a_path_that_has_the_flag_is_changed_with_it():
    found = predict({**PATH, "send_buffer": 64e3}, [], count=16, variant="backpressure")
    assert list(changed(found, {"send_buffer": 1e6}).draws["variant"].to_numpy()) == ["backpressure"]


@pytest.mark.parametrize("scenarios", [1, 2, 4])
def test_a_change_takes_a_small_part_of_the_draws(found, scenarios):
    count = draws_of(found, scenarios)
    assert FEWEST <= count <= MOST
    whole = found.draws.sizes["draw"] * found.draws.sizes["ring"] * found.draws.sizes["variant"]
    assert count == FEWEST or count * scenarios <= SHARE * whole
