"""The fluid engine against the exact packet-level twin on random scenarios."""

import importlib
import os

import numpy as np
import pytest
import xarray as xr

from tunbp import Scenario, simulate

engine = importlib.import_module("tunbp.model.simulate")

COUNT = 80
SOAK = 1000


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


def errors(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Relative differences of throughput by case, and which cases are stock."""
    fluid, packets = simulate(scenario), simulate(scenario, engine="packets")
    relative = np.abs(fluid["received_rate"] / packets["received_rate"] - 1.0)
    return relative.values, scenario.driver.values == "stock"


@pytest.fixture(scope="module")
def difference():
    return errors(random_batch(COUNT))


def test_the_median_difference_is_below_one_percent(difference):
    relative, _ = difference
    assert np.median(relative) <= 0.01


def test_backpressure_differs_by_less_than_two_percent_in_95_of_100_cases(difference):
    relative, stock = difference
    assert np.percentile(relative[~stock], 95) <= 0.02


def test_stock_differs_by_less_than_two_percent_in_half_and_ten_percent_in_three_quarters_of_the_cases(difference):
    # a run of 20 s sees few losses: where random pauses of the reader hit a window, the exact engine itself changes by
    # 28 % in one case of ten when its RTT is changed by 0.1 %
    relative, stock = difference
    assert np.median(relative[stock]) <= 0.02
    assert np.percentile(relative[stock], 75) <= 0.10


@pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="1,000 runs of 100 s packet by packet: make soak")
def test_soak_a_thousand_long_runs_differ_by_three_percent_in_half_and_ten_in_95_of_100_cases():
    relative, _ = errors(random_batch(SOAK).replace(duration=100.0))
    assert np.median(relative) <= 0.03
    assert np.percentile(relative, 95) <= 0.10


def test_halving_the_time_step_changes_half_of_the_runs_by_less_than_half_a_percent(monkeypatch):
    scenario = random_batch(COUNT)
    before = simulate(scenario)["received_rate"]
    slots = engine.round_trip_slots
    monkeypatch.setattr(engine, "round_trip_slots", lambda *arguments: 2 * slots(*arguments))
    change = np.abs(simulate(scenario)["received_rate"] / before - 1.0).values
    assert 0.0 < np.median(change) <= 0.005
    assert np.percentile(change, 75) <= 0.02
