"""The fluid engine against the exact packet-level twin on random scenarios."""

import numpy as np
import pytest
import xarray as xr

from tunbp import Scenario, simulate

COUNT = 80


def random_batch(count: int) -> Scenario:
    """Paths of 5 to 200 ms, rings of 10 to 2000, half stock, half with stalls, half with bunched ACKs."""
    rng = np.random.default_rng(5)

    def spread(low, high):
        return xr.DataArray(np.exp(rng.uniform(np.log(low), np.log(high), count)), dims="case")

    def half():
        return xr.DataArray(rng.choice([0.0, 1.0], count), dims="case")

    drivers = rng.choice(["stock", "v3", "v7", "7.3"], count, p=[0.5, 0.15, 0.15, 0.2])
    reader = spread(20e3, 200e3)
    return Scenario(
        driver=xr.DataArray(drivers, dims="case"),
        congestion=xr.DataArray(rng.choice(["cubic", "reno"], count, p=[0.8, 0.2]), dims="case"),
        ring=np.round(spread(10, 2000)),
        drain_rate=reader,
        burst_rate=reader * spread(1.2, 20),
        rtt=spread(5e-3, 0.2),
        receive_window=spread(2e5, 4e6),
        ack_interval=half() * spread(2e-4, 2e-2),
        stall_rate=half() * spread(0.1, 3),
        stall_mean=spread(1e-3, 1e-2),
        wake_cost=spread(1e-6, 1e-5),
        seed=xr.DataArray(np.arange(count), dims="case"),
        qdisc="pfifo",
        qdisc_limit=20_000,
        duration=20.0,
        warmup=3.0,
    )


@pytest.fixture(scope="module")
def difference():
    scenario = random_batch(COUNT)
    fluid, packets = simulate(scenario), simulate(scenario, engine="packets")
    relative = np.abs(fluid["received_rate"] / packets["received_rate"] - 1.0)
    return relative.values, scenario.driver.values == "stock"


def test_the_median_difference_is_below_one_percent(difference):
    relative, _ = difference
    assert np.median(relative) <= 0.01


def test_backpressure_differs_by_less_than_two_percent_in_95_of_100_cases(difference):
    relative, stock = difference
    assert np.percentile(relative[~stock], 95) <= 0.02


def test_stock_differs_by_less_than_five_percent_in_half_of_the_cases(difference):
    # measured 4 % here and 1 % over 300 cases; its tail is wide (95th percentile about 60 %): where a burst just fits
    # a small ring, one packet more or less decides between two regimes
    relative, stock = difference
    assert np.median(relative[stock]) <= 0.05
