"""Which ring is advised, on draws made by hand."""

from __future__ import annotations

import pytest
import xarray as xr

from tunbp.prediction.distribution import Prediction
from tunbp.prediction.rings import chance_of, enough, why_enough


def made(**rates: list[float]) -> Prediction:
    """Rates of stock by ring, Mbit/s, one per draw; the first ring is the present one."""
    sizes = [int(name[1:]) for name in rates]
    values = [[[1e6 * rate] for rate in draws] for draws in zip(*rates.values(), strict=True)]
    data = xr.DataArray(
        values, dims=("draw", "ring", "variant"), coords={"ring": sizes, "variant": ["stock"]}
    ).transpose("draw", "ring", "variant")
    wait = xr.zeros_like(data) + 0.001 * data["ring"]
    draws = xr.Dataset({"expected_rate": data, "received_rate": data, "latency": wait})
    return Prediction(draws, {}, {}, sizes[0], 1.0)


def spread(base: float, *faster: float) -> list[float]:
    """Four draws: the base, each as much faster as named."""
    return [base * (1.0 + more) for more in (*faster, *([0.0] * (4 - len(faster))))]


def test_a_ring_is_taken_and_a_longer_one_left_by_the_same_two_numbers() -> None:
    slow, fast = spread(100), spread(100, 0.2, 0.2, 0.2)
    taken = made(r100=slow, r500=fast)
    assert enough(taken) == 500
    left = made(r100=slow, r500=fast, r1000=[rate * 1.01 for rate in fast])
    assert enough(left) == 500
    same = made(r500=fast, r1000=[rate * 1.01 for rate in fast])
    assert enough(same) == 500, "what is left out behind a ring is not taken from it"


@pytest.mark.parametrize(
    ("faster", "worth"),
    [
        ((), False),
        ((0.09, 0.09, 0.09, 0.09), False),  # never over a tenth
        ((0.12,), False),  # in one case of four, but nobody sees it in the median
        ((0.12, 0.12, 0.12), True),
    ],
)
def test_a_longer_ring_is_worth_it_by_its_probability_and_by_the_median(faster, worth) -> None:
    found = made(r500=spread(100), r1000=spread(100, *faster))
    assert (enough(found) == 1000) is worth


def test_the_advised_ring_is_worth_it_over_the_present_one() -> None:
    found = made(r500=spread(100), r1000=spread(104), r2000=spread(108), r5000=spread(112, 0.01, 0.01, 0.01))
    assert enough(found) == 5000
    assert chance_of(found, 5000, 500) == 1.0
    assert "It is the longest of the table" in why_enough(found, 5000)


def test_the_rule_is_said_with_the_numbers_of_the_ring_that_it_leaves() -> None:
    fast = spread(100, 0.2, 0.2, 0.2)
    found = made(r100=spread(100), r500=fast, r1000=[rate * 1.03 for rate in fast])
    assert why_enough(found, enough(found)) == (
        "Not longer: 1000 would bring 3 % more (over 10 % more: 0 %), at a ping of 1 s instead of 500 ms"
    )


def test_a_gain_just_below_the_rule_is_not_rounded_up_to_it() -> None:
    fast = spread(100, 0.2, 0.2, 0.2)
    found = made(r100=spread(100), r500=fast, r1000=[rate * 1.048 for rate in fast])
    assert enough(found) == 500
    assert "1000 would bring 4.8 % more" in why_enough(found, 500)
