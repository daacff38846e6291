"""Measured runs choose among draws: with the ring and the driver that each had."""

import re

import numpy as np
import pytest

from tunbp.prediction import predict
from tunbp.prediction.card import card
from tunbp.prediction.causes import READER, causes
from tunbp.prediction.conditioning import Observation

LONG = {"rtt": 0.12, "ring": 500, "duration": 4.0, "warmup": 0.0}
FLOOD = {"source": "open", "offered_rate": 237e6 / 8 / 1448, "rtt": 1e-4, "ring": 1000, "duration": 4.0}


def seen(rate, **of):
    return Observation({"received_rate": rate}, **of)


def width(found, variant="stock"):
    q = found.quantiles("received_rate", 500, variant)
    return q["high90"] / q["low90"]


@pytest.fixture(scope="module")
def before():
    return predict(LONG, [], count=64)


def test_more_runs_say_more_than_one(before):
    one = predict(LONG, [], count=64, observed=[seen(60e6)])
    several = predict(LONG, [], count=64, observed=[seen(60e6), seen(63e6), seen(58e6)])
    assert width(several) <= width(one) < width(before)
    assert len(several.fit.runs) == 1
    assert several.fit.runs[0].rates == (60e6, 63e6, 58e6)


def test_a_run_with_the_flag_says_what_the_path_carries_with_it(before):
    rate = 0.5 * before.quantiles("received_rate", 500, "backpressure")["median"]
    found = predict(LONG, [], count=64, observed=[seen(rate, variant="backpressure")], variant="backpressure")
    q = found.quantiles("received_rate", 500, "backpressure")
    assert q["low90"] < rate < q["high90"]
    assert width(found, "backpressure") < width(before, "backpressure")
    said = str(card(found))
    assert re.search(
        r"limits? this tunnel[^;]*; the flag, which is set, [\w ]+ \(\d+ %\) makes it over 10 % faster\.", said
    )
    assert "As it is, with txqueuelen 500 and the flag: " in said
    assert "Without the flag IFF_BACKPRESSURE (Linux 7.3) at txqueuelen 500: " in said
    assert "ip link set" not in said


def test_runs_of_two_rings_are_reproduced_each_with_its_own():
    rings = predict({**LONG, "ring": 100}, [], count=64, observed=[seen(30e6, ring=100), seen(80e6, ring=500)])
    assert [(run.ring, run.rates) for run in rings.fit.runs] == [(100, (30e6,)), (500, (80e6,))]
    for run in rings.fit.runs:
        assert run.model[0] < run.rates[0] < run.model[2]
    assert "Your run with txqueuelen 500, stock: 80 Mbit/s, model " in str(card(rings))
    assert "The model was fitted to these runs, which do not test it." in str(card(rings))


def test_a_flood_of_which_less_arrives_is_held_by_the_reader_and_the_lost_share_is_known():
    found = predict(FLOOD, [1000], count=64, product="qemu-tap", observed=[seen(139e6)])
    assert causes(found) == {READER: 1.0}
    lost = found.quantiles("drop_fraction", 1000, "stock")
    assert lost["median"] == pytest.approx(1 - 139 / 237, abs=0.06)


def test_a_flood_that_arrives_whole_only_says_that_the_reader_is_no_slower():
    found = predict(FLOOD, [1000], count=64, product="qemu-tap", observed=[seen(237e6)])
    assert found.fit.reproduced
    speeds = found.draws["drain_rate"].to_numpy()
    assert np.quantile(speeds, 0.1) > 0.8 * FLOOD["offered_rate"]
    assert np.median(speeds) > 2.0 * FLOOD["offered_rate"]
    assert found.quantiles("received_rate", 1000, "stock")["high90"] <= 237e6 * (1 + 1e-9)


def test_segments_sent_again_tell_a_lossless_run_from_one_whose_ring_overflows():
    clean = predict(LONG, [], count=64, observed=[Observation({"received_rate": 60e6, "resent": 0.0})])
    lossy = predict(LONG, [], count=64, observed=[Observation({"received_rate": 60e6, "resent": 3e-3})])
    shares = [found.draws["ring_share"].sel(ring=500, variant="stock").to_numpy() for found in (clean, lossy)]
    assert np.median(shares[0]) < 1e-4 < np.median(shares[1])


def test_processor_time_tells_the_reader_s_speed_where_one_thread_does_the_work():
    def speed(policy="link_first", **more):
        seen = Observation({"received_rate": 60e6, **more})
        return np.median(predict({**LONG, "reader_policy": policy}, [], count=64, observed=[seen]).draws["drain_rate"])

    assert speed(reader_cost=6e-6) > 1.6 * speed(reader_cost=30e-6)
    assert speed("separate", reader_cost=30e-6) == speed("separate")
