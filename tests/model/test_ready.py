"""Kernels made ready are those that simulations ask for."""

import sys

import pytest

from tunbp.model import compiled, ready
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
    prepared = batch.prepare(scenario, {name: field.values.ravel() for name, field in scenario.broadcast().items()})
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


def test_the_packets_engine_is_made_ready_with_the_rest(monkeypatch, tmp_path):
    places = []
    monkeypatch.setattr(ready.packets, "make_ready", places.append)
    ready._make(None, tmp_path)
    assert places == [tmp_path]
