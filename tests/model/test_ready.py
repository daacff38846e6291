"""Kernels made ready are those that simulations ask for."""

import sys

import pytest
import xarray as xr

from tunbp.model import compiled, ready
from tunbp.model.engines import flattened
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

batch = sys.modules["tunbp.model.engines.fluid.batch"]


def asked_for(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, object]]:
    """Widths and kinds of the kernels of a simulation, in which nothing was compiled anew."""
    asked = set()

    def remember(width, kind):
        asked.add((width, kind))
        return kernel(width, kind)

    kernel = batch.kernel
    monkeypatch.setattr(batch, "kernel", remember)
    place = compiled.folder() / compiled.processor()
    for width, kind in batch_kinds(scenario):
        batch.make_ready(width, kind, place)
    monkeypatch.setattr(compiled, "_compile", lambda *_: pytest.fail("compiled anew"))
    simulate(scenario)
    return asked


def batch_kinds(scenario: Scenario) -> list[tuple[int, object]]:
    prepared = batch.prepare(scenario, flattened(scenario.broadcast()))
    return [(1, kind) for kind in prepared.kinds]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"driver": "7.3"},
        {"path_rate": 1e4, "ack_cost": 1e-6},
        {"streams": 2},
        {"source": "open", "offered_rate": 1e4},
    ],
    ids=["stock", "backpressure", "as predict", "several flows", "open loop"],
)
def test_what_is_made_ready_is_what_a_simulation_asks_for(fields, monkeypatch):
    asked = asked_for(Scenario(duration=0.5, warmup=0.0, rtt=0.05, **fields), monkeypatch)
    assert asked
    assert asked <= set(ready.usual())


def widths_of_a_run_alone(monkeypatch: pytest.MonkeyPatch, duration: float, **fields: object) -> list[int]:
    """Widths of the kernels that one scenario asks for, none of which is compiled or run."""
    asked = []

    def instead(width, kind):
        asked.append(width)
        return lambda *_: None

    monkeypatch.setattr(batch, "kernel", instead)
    simulate(Scenario(duration=duration, warmup=0.0, rtt=0.05, **fields))
    return asked


def test_a_kernel_that_is_not_ready_is_compiled_once_for_one_scenario_and_for_many(monkeypatch):
    assert widths_of_a_run_alone(monkeypatch, 30.0) == [1]
    assert widths_of_a_run_alone(monkeypatch, 30.0, congestion="bbr") == [batch.WIDTHS[True]]


def test_a_long_run_alone_has_a_kernel_of_its_own(monkeypatch):
    assert widths_of_a_run_alone(monkeypatch, 10_000.0, congestion="bbr") == [1]
    assert widths_of_a_run_alone(monkeypatch, 200.0, congestion="bbr", streams=64) == [1]


def test_one_by_one_and_in_a_tile_a_kind_that_is_not_ready_gives_the_same_bits(monkeypatch):
    ring = xr.DataArray([20, 50, 100, 400], dims="ring")
    several = Scenario(congestion="bbr", ring=ring, duration=2.0, rtt=0.02)
    together = simulate(several)
    monkeypatch.setattr(batch, "OWN_KERNEL_PAYS", 0.0)
    xr.testing.assert_identical(simulate(several), together)


def test_the_packets_engine_is_made_ready_with_the_rest(monkeypatch, tmp_path):
    places = []
    monkeypatch.setattr(ready.packets, "make_ready", places.append)
    ready._make(None, tmp_path)
    assert places == [tmp_path]


@pytest.mark.parametrize("fields", [{}, {"driver": "7.3"}, {"streams": 8}, {"origin": "forwarded"}, {"rtt": 2e-4}])
def test_paced_draws_of_a_prediction_are_made_ready_for_whole_tiles(fields):
    prepared = batch_kinds(Scenario(path_rate=1e4, ack_cost=1e-6, **{"rtt": 0.05, **fields}, pacing=True))
    assert {(batch.WIDTHS[kind.single], kind) for _, kind in prepared} <= set(ready.usual())
