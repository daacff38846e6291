"""What a batch of draws costs, and how it is simulated within that."""

import numpy as np
import pytest
import xarray as xr

from tunbp.model.engines import flattened
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.prediction.steps import COARSE, KEPT, SHORTEST, STEPS, asked, cost, lasting, simulated

PATH = Scenario(rtt=0.05, drain_rate=60e3, driver="7.3", duration=2.0, stall_rate=1.0, stall_mean=5e-3)


def batch(rings=(25, 500), count=4, **fields):
    return PATH.replace(
        ring=xr.DataArray(list(rings), dims="ring"), seed=xr.DataArray(np.arange(count), dims="draw"), **fields
    )


def test_with_the_engine_s_own_steps_it_is_the_engine_s_own_result():
    mine, whole = simulated(batch(), None), simulate(batch(), engine="auto")
    assert all(mine[name].equals(whole[name]) for name in KEPT)


def test_fewer_steps_change_a_long_ring_little_and_a_short_one_which_keeps_its_own_not_at_all():
    values = flattened(batch(count=1).broadcast())
    assert asked(values).tolist() == pytest.approx([4 * 0.05 * 60e3 / 25, 4 * 0.05 * 60e3 / 500])
    calm = batch(driver="stock", duration=10.0, stall_rate=0.0)
    mine, whole = simulated(calm, 64), simulate(calm, engine="auto")
    assert mine["received_rate"].dims == whole["received_rate"].dims
    short, long = (mine["received_rate"].isel(ring=place) for place in (0, 1))
    assert np.array_equal(short, whole["received_rate"].isel(ring=0))
    assert not np.array_equal(long, whole["received_rate"].isel(ring=1))
    assert long.to_numpy() == pytest.approx(whole["received_rate"].isel(ring=1).to_numpy(), rel=0.1)


def test_what_the_packets_engine_simulates_stays_with_it():
    small = batch(rings=(3,), streams=8)
    mine, whole = simulated(small, 64), simulate(small, engine="packets")
    assert np.array_equal(mine["received_rate"], whole["received_rate"])


def test_a_short_ring_or_link_buffer_costs_steps_and_a_doubtful_path_packets():
    def of(ring=1000, **fields):
        return cost(flattened(batch(rings=(ring,), **fields).broadcast()), 10.0, None, None)

    usual, behind = of(), of(path_rate=30e3, path_buffer=1000.0)
    assert usual == pytest.approx((4 * 256 / 0.05, 0.0))
    assert behind == pytest.approx(usual)
    assert of(path_rate=60e3, path_buffer=20.0)[0] > 2 * usual[0]
    assert of(ring=25)[0] > 1.7 * usual[0]
    exact, once = of(path_rate=300.0, path_buffer=15.0)
    assert exact < usual[0]
    assert once > 0.0, "packets of a slow link are few, and each run has to be prepared"


def test_a_duration_shrinks_to_what_can_be_paid_and_steps_only_where_it_cannot():
    def of(count, **fields):
        whole = batch(rings=(500, 5000), count=count, duration=600.0, **fields)
        return whole, lasting(whole.replace(ring=500, seed=0), whole, None)

    whole, time = of(64)
    assert time.least is None
    assert SHORTEST * 0.05 < time.duration < 600.0
    assert time.warmup / time.duration == pytest.approx(float(whole.warmup) / 600.0), "the warm-up keeps its share"
    assert time.duration * cost(flattened(whole.broadcast()), 600.0, None, None)[0] == pytest.approx(STEPS)
    whole, time = of(1024)
    assert time.least == COARSE[1]
    assert time.duration * cost(flattened(whole.broadcast()), 600.0, None, time.least)[0] == pytest.approx(STEPS)
    many = of(4096, streams=8)[1]
    assert (many.duration, many.least) == (SHORTEST * 0.05, COARSE[-1]), "200 round trips are the least"
    assert of(1024, dt=1e-3)[1].least is None, "a step that was asked for is kept"
    rough = lasting(whole.replace(ring=500, seed=0), whole, 1e6)
    assert (rough.duration, rough.least) == (30 * 0.05, None), "a rough picture is short"


@pytest.mark.parametrize(
    ("asked_for", "lasts"),
    [({"rtt": 1e-3}, (10.0, 5.0)), ({"rtt": 2e-3}, (60.0, 10.0)), ({"rtt": 1e-3, "warmup": 0.0}, (60.0, 0.0)),
     ({"rtt": 1e-3, "duration": 8.0, "warmup": 6.0}, (8.0, 6.0))],
)  # fmt: skip
def test_a_short_path_is_simulated_until_it_is_steady_unless_its_beginning_was_asked_for(asked_for, lasts):
    whole = batch(rings=(500,), count=2, **{"duration": 60.0, "warmup": 10.0, **asked_for})
    assert lasting(whole.replace(ring=500, seed=0), whole, None) == (*lasts, None)


@pytest.mark.parametrize("slow", [{}, {"path_rate": 1e4, "path_loss": 1e-3}, {"driver": "7.3"}])
def test_ten_seconds_of_a_short_path_say_what_sixty_do(slow):
    path = Scenario(rtt=1e-3, ring=100, drain_rate=60e3, ack_cost=2e-6, stall_rate=1.0, stall_mean=0.005, **slow)
    short, long = (simulate(path.replace(duration=d, warmup=w)) for d, w in ((10.0, 5.0), (60.0, 10.0)))
    assert float(short.received_rate) == pytest.approx(float(long.received_rate), rel=0.02)
    assert float(short.sparse_latency) == pytest.approx(float(long.sparse_latency), rel=0.1)
