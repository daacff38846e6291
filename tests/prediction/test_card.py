"""The card says nothing that its own table contradicts, in one unit a sentence."""

import re

import pytest

from tunbp.prediction import predict
from tunbp.prediction.card import card, words
from tunbp.prediction.causes import SHAPER


@pytest.fixture(scope="module")
def loss():
    return predict({"rtt": 0.1, "path_loss": 0.01, "duration": 12.0, "warmup": 4.0}, [25], count=32)


def test_an_interval_is_told_in_the_unit_of_its_middle():
    found = predict({"rtt": 0.05, "duration": 4.0, "warmup": 0.5}, [], count=32)
    for middle, ends in re.findall(r"[\d.]+ ([KMG]bit/s) \(90 %: [\d.]+ to [\d.]+ ([KMG]bit/s)\)", str(card(found))):
        assert middle == ends


def test_bbr_is_advised_with_what_the_stages_would_allow_it(loss):
    said = str(card(loss))
    assert re.search(r"Try BBR .*: it does not slow down at such loss; .* allow up to [\d.]+ Mbit/s", said)


def test_where_the_path_loses_more_than_a_small_ring_the_ring_widens_nothing(loss):
    small, usual = (loss.quantiles("received_rate", ring, "stock") for ring in (25, 500))
    assert small["high90"] / small["low90"] < 1.6 * usual["high90"] / usual["low90"]


def test_what_waits_before_a_slow_link_is_said_with_its_remedy():
    found = predict({"rtt": 0.04, "path_rate": 860.0, "duration": 6.0, "warmup": 1.0}, [], count=32)
    assert "fq_codel or CAKE there" in str(card(found))


def test_a_constant_is_named_as_people_call_it():
    assert (words("path_rate"), words("byte_cost")) == ("link rate", "byte cost")


def test_commands_name_the_device_as_its_program_does():
    found = predict({"rtt": 0.08, "ring": 100, "duration": 4.0, "warmup": 0.5}, [5000], count=32)
    assert "`ip link set dev wg0 txqueuelen 5000`" in str(card(found, program="wireguard-go"))
    assert "`ip link set dev tun3 txqueuelen 5000`" in str(card(found, "tun3"))


def test_behind_a_qdisc_that_shapes_neither_ring_nor_flag_is_advised():
    shaped = {"rtt": 0.04, "qdisc": "cake", "qdisc_rate": 2000.0, "drain_rate": 60e3, "duration": 6.0, "warmup": 1.0}
    told = card(predict(shaped, [5000], count=32))
    assert next(iter(told.holds)) == SHAPER
    assert "neither a longer ring nor the flag gains anything" in str(told)
    assert "ip link set" not in str(told)
    assert "tunbp backpressure" not in str(told)
