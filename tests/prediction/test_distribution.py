"""Predictions as distributions."""

import numpy as np
import pytest

from tunbp.errors import ParamsError
from tunbp.infer.priors import priors
from tunbp.prediction import predict, steps
from tunbp.prediction.card import card
from tunbp.prediction.conditioning import Observation
from tunbp.prediction.record import record

LONG = {"rtt": 0.12, "ring": 500, "drain_rate": 60e3, "duration": 4.0, "warmup": 0.0}


@pytest.fixture(scope="module")
def found():
    return predict(LONG, [25, 5000], count=64)


def test_what_is_given_is_taken_as_known_and_all_else_has_its_prior(found):
    assert found.used["drain_rate"] == {"value": 60e3, "source": "given"}
    assert set(found.unknown) == set(priors()) - {"drain_rate"}
    assert {row["source"] for row in found.used.values()} == {"given", "prior", "default"}


def test_there_is_a_row_for_each_ring_and_variant_with_five_ordered_quantiles(found):
    told = record(found)
    assert told["schema"] == 1
    assert [(row["ring"], row["variant"]) for row in told["rows"]] == [
        (ring, variant) for ring in (25, 500, 5000) for variant in ("stock", "backpressure")
    ]
    for row in told["rows"]:
        for name in ("received_rate", "drop_fraction", "latency", "dropped"):
            q = row[name]
            assert q["low90"] <= q["low50"] <= q["median"] <= q["high50"] <= q["high90"]
        assert row["latency"]["median"] >= 0.12


def test_the_same_seed_gives_the_same_bits(found):
    again = predict(LONG, [25, 5000], count=64)
    assert record(again) == record(found)


def test_the_interval_of_one_run_holds_90_of_100_of_the_model_s_own_runs(found):
    here = found.draws.sel(ring=500, variant="stock")
    q = found.quantiles("received_rate", 500, "stock")
    inside = (here.received_rate >= q["low90"]) & (here.received_rate <= q["high90"])
    assert float(inside.mean()) == pytest.approx(0.9, abs=0.03)


def test_a_measured_rate_moves_the_prediction_onto_it(found):
    measured = 0.6 * found.quantiles("expected_rate", 500, "stock")["median"]
    held = predict(LONG, [25, 5000], count=64, observed=[Observation({"received_rate": measured})])
    q = held.quantiles("received_rate", 500, "stock")
    assert q["low90"] < measured < q["high90"]
    assert abs(np.log(q["median"] / measured)) < 0.1
    assert q["high90"] / q["low90"] < found.quantiles("received_rate", 500, "stock")["high90"] / measured * 2
    assert held.fit.reproduced
    assert 8 < held.fit.effective < 512


def test_a_rate_that_the_model_cannot_give_gets_no_advice():
    far = predict(LONG, [5000], count=64, observed=[Observation({"received_rate": 20e9})])
    said = str(card(far))
    assert "likely constants do not give this run" in said
    assert "ip link set" not in said
    assert "IFF_BACKPRESSURE" not in said


def test_a_link_that_is_given_and_hardly_loads_the_programs_is_known_well():
    slow = predict({"rtt": 0.04, "path_rate": 900.0, "duration": 10.0}, [], count=64)
    q = slow.quantiles("received_rate", 500, "stock")
    assert q["high90"] / q["low90"] < 1.4


def test_draws_are_a_power_of_two():
    with pytest.raises(ParamsError, match=r"^draws: 100; allowed: powers of two"):
        predict(LONG, [], count=100)


def test_short_paths_are_simulated_for_less_time_and_that_is_said(monkeypatch):
    monkeypatch.setattr(steps, "STEPS_SHORT", 1e6)  # the rule, by fewer steps
    short = predict({"rtt": 2e-4, "ring": 500, "duration": 3600.0}, [], count=8)
    assert short.duration < 3600.0
    assert "instead of 3600 s" in short.notes[0]


def test_a_path_for_which_the_fluid_engine_is_no_good_is_simulated_packet_by_packet(monkeypatch):
    path = {"rtt": 0.05, "ring": 3, "drain_rate": 50e3, "streams": 8, "pacing": False, "duration": 2.0}
    stock = {"ring": 3, "variant": "stock"}
    exact = predict(path, [], count=8).draws["expected_rate"].sel(stock)
    whole = steps.simulate
    monkeypatch.setattr(steps, "simulate", lambda batch, engine: whole(batch, engine="fluid"))
    with pytest.warns(UserWarning, match="a ring of fewer than 5 entries"):
        fluid = predict(path, [], count=8).draws["expected_rate"].sel(stock)
    assert float((exact / fluid).median()) > 1.5
