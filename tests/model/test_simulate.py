"""`simulate`: same bits in any order, tile, thread or chunk; time steps; series; what is refused."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.model.batches import generated
from tunbp import schema
from tunbp.errors import ScenarioError
from tunbp.model.engines.fluid import batch
from tunbp.model.engines.fluid.batch import round_trip_slots
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate


def mixed(count: int = 70, **fixed: Any) -> Scenario:
    """More scenarios than one tile holds, some with fq_codel, of two round-trip times."""
    return generated(count, 5, (0.05, 0.02), **({"duration": 1.0, "congestion": "cubic", "interval": 0.25} | fixed))


@pytest.fixture(scope="module")
def reference() -> xr.Dataset:
    return simulate(mixed(), threads=1)


def reordered(scenario: Scenario, order: np.ndarray[Any, Any]) -> Scenario:
    fields = scenario.parameters().items()
    return scenario.replace(**{k: v.isel(run=order) if isinstance(v, xr.DataArray) else v for k, v in fields})


def test_the_order_of_a_batch_changes_no_bit(reference: xr.Dataset) -> None:
    order = np.random.default_rng(2).permutation(70)
    xr.testing.assert_equal(simulate(reordered(mixed(), order)), reference.isel(run=order))


@pytest.mark.parametrize("members", [[3], [5, 9, 40], range(8), range(20, 45)])
def test_a_part_of_a_batch_has_the_bits_of_the_whole(reference: xr.Dataset, members: Any) -> None:
    part = np.array(members)
    xr.testing.assert_equal(simulate(reordered(mixed(), part)), reference.isel(run=part))


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_no_bit(reference: xr.Dataset, threads: int) -> None:
    xr.testing.assert_identical(simulate(mixed(), threads=threads), reference)


def test_scenarios_one_by_one_have_the_bits_of_tiles(reference: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FEW", {True: 1000, False: 1000})
    xr.testing.assert_identical(simulate(mixed()), reference)


def test_chunks_change_no_bit(reference: xr.Dataset) -> None:
    lazy = simulate(mixed().chunk(run=16))
    assert lazy.received_rate.chunks == ((16, 16, 16, 16, 6),)
    xr.testing.assert_equal(lazy.compute(), reference)


def test_seeds_are_repeatable_and_differ() -> None:
    point = {"stall_rate": 50.0, "stall_mean": 2e-3, "ring": 100, "rtt": 0.02, "duration": 5.0}
    rates = simulate(Scenario(**point, seed=xr.DataArray([7, 7, 8], dims="seed"))).received_rate.values
    assert rates[0] == rates[1] != rates[2]


def test_results_are_in_the_schema_with_the_batch_s_dims() -> None:
    ring = xr.DataArray([10, 100], dims="ring", coords={"ring": [10, 100]})
    delay = xr.DataArray([0.02, 0.05], dims="rtt_in")
    result = simulate(Scenario(ring=ring, rtt=delay, duration=1.0, interval=0.1))
    assert result.sizes == {"ring": 2, "rtt_in": 2, "time": 10}
    assert set(result.data_vars) <= set(schema.VARIABLES)
    assert all(result[name].attrs["units"] == schema.VARIABLES[name].units for name in result.data_vars)
    assert result.time.values == pytest.approx(0.1 * np.arange(1, 11))
    assert result.attrs["engine"] == "fluid"
    assert result.attrs["drain_rate"] == 60e3


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"^engine: 'ns3' is not known; allowed: fluid, packets, auto$"):
        simulate(Scenario(), engine="ns3")


def test_series_add_up_to_the_totals() -> None:
    result = simulate(mixed(interval=0.1))
    bits = float(result.attrs["mss"]) * 8
    # what the reader took, that is delivered or on its way
    taken = result.throughput.sum("time") * 0.1 / bits
    assert taken.values == pytest.approx((result.delivered + result.in_flight).values, rel=0.1, abs=60.0)
    whole = simulate(mixed(interval=0.5))
    assert whole.throughput.mean("time").values == pytest.approx(result.throughput.mean("time").values, rel=1e-9)
    assert whole.retransmits.sum("time").values == pytest.approx(result.retransmits.sum("time").values, rel=1e-9)
    assert (result.rtt >= result.min_rtt * (1 - 1e-12)).all()


@pytest.mark.parametrize("engine", ["fluid", "packets", "auto"])
def test_a_run_shorter_than_its_interval_has_totals_and_no_sample(engine: str) -> None:
    result = simulate(Scenario(rtt=0.05, duration=0.5, interval=2.0), engine=engine)
    assert result.sizes["time"] == 0
    assert float(result.delivered) > 0


def test_the_warm_up_is_left_out() -> None:
    point = Scenario(ring=5000, driver="7.3", duration=20.0)
    whole, late = simulate(point), simulate(point.replace(warmup=10.0))
    early = simulate(point.replace(duration=10.0))
    assert float(early.delivered + late.delivered) == pytest.approx(float(whole.delivered), rel=1e-9)
    assert late.received_rate > whole.received_rate


@pytest.mark.parametrize(("rtt", "dt", "slots"), [
    (0.12, None, 256), (1e-3, None, 80), (2e-4, None, 32), (1.0, None, 256), (0.12, 1e-4, 1280), (0.1, 0.1, 4),
    (0.1, 0.02, 5), (0.1, 0.01, 10), (0.1, 0.011, 10), (0.1, 0.0099, 12),
])  # fmt: skip
def test_a_round_trip_has_a_number_of_steps_from_the_ladder(rtt: float, dt: float | None, slots: int) -> None:
    assert round_trip_slots(np.array([rtt]), dt).tolist() == [slots]


def test_a_step_is_never_longer_than_wanted() -> None:
    rtt = np.exp(np.random.default_rng(0).uniform(np.log(1e-4), np.log(1.0), 1000))
    for dt in (1e-5, 1e-4, 1e-3):
        slots = round_trip_slots(rtt, dt)
        assert (rtt / slots <= dt * (1 + 1e-9))[slots > 4].all()
        assert (slots <= np.maximum(1.26 * np.ceil(rtt / dt), 4)).all()


def halved(driver: str, rings: list[int]) -> np.ndarray[Any, Any]:
    """Throughput at 1024 steps per RTT over that at 512, 120 ms with stalls, mean over 16 seeds of each point."""
    points = Scenario(
        driver=driver,
        rtt=0.12,
        ring=xr.DataArray(rings, dims="ring"),
        ack_interval=xr.DataArray([0.0, 2e-3], dims="ack"),
        seed=xr.DataArray(np.arange(16), dims="seed"),
        stall_rate=1.0,
        stall_mean=5e-3,
        warmup=20.0,
        duration=80.0,
        origin="forwarded",  # blocks of a local sender leave within a step: 3.2 % at a ring of 500
    )
    coarse, fine = (simulate(points.replace(dt=0.12 / n)).received_rate.mean("seed") for n in (512, 1024))
    return np.asarray((fine / coarse - 1.0).values.ravel())


def test_half_the_time_step_changes_backpressure_by_half_a_percent_at_most() -> None:
    assert np.abs(halved("7.3", [50, 100, 500, 5000])).max() <= 0.005


def test_half_the_time_step_changes_stock_by_little_where_the_ring_holds_many_bunches() -> None:
    # two percent at rings of 500 and more; at 100 packets, about one bunch of ACKs, the two steps differ by 18 %
    change = np.abs(halved("stock", [500, 1000, 5000]))
    assert np.median(change) <= 0.01
    assert change.max() <= 0.03


def test_auto_takes_each_scenario_from_the_engine_that_holds_there(recwarn: pytest.WarningsRecorder) -> None:
    ring = xr.DataArray([4, 500], dims="ring")
    batch = Scenario(duration=0.2, rtt=0.02, streams=8, ring=ring, interval=0.05)
    auto, packets = simulate(batch, engine="auto"), simulate(batch, engine="packets")
    assert [w for w in recwarn if "fluid engine" in str(w.message)] == []
    fluid = simulate(batch.replace(ring=ring[1:]))
    for name in auto.data_vars:
        np.testing.assert_array_equal(auto[name].isel(ring=0), packets[name].isel(ring=0))
        np.testing.assert_array_equal(auto[name].isel(ring=1), fluid[name].isel(ring=0))


def test_ordinary_paths_get_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    simulate(Scenario(duration=0.2, rtt=0.02))
    assert [w for w in recwarn if "fluid engine" in str(w.message)] == []


def test_series_take_less_than_twice_their_size_while_they_are_made() -> None:
    scenario = Scenario(seed=xr.DataArray(np.arange(256), dims="run"), interval=1e-3, duration=1.0, rtt=0.05)
    simulate(scenario.replace(duration=0.1))
    tracemalloc.start()
    try:
        size = simulate(scenario).nbytes
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 10e6
    assert peak < 2.0 * size
