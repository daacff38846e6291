"""The card says nothing that its own table contradicts, in one unit a sentence."""

import re

import pytest

from tunbp.prediction import predict
from tunbp.prediction.card import card, words
from tunbp.prediction.causes import SHAPER
from tunbp.quantities import show


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


def test_the_ring_that_is_enough_does_not_hang_on_which_longer_ones_were_simulated():
    path = {"rtt": 0.12, "drain_rate": 60e3, "duration": 8.0, "warmup": 2.0}
    few, many = (
        card(predict(path, rings, count=32)) for rings in ([1000, 2000, 5000], [100, 1000, 2000, 3000, 5000, 10_000])
    )
    assert few.ring == many.ring == 2000


def test_where_only_the_ping_grows_in_the_median_no_command_is_given():
    short = {"rtt": 0.03, "ring": 500, "streams": 8, "duration": 6.0, "warmup": 1.0, "reader_policy": "separate"}
    found = predict(short, [100, 1000, 5000], product="wireguard-go", count=64)
    told = card(found, program="wireguard-go")
    ping = [found.quantiles("latency", ring, "stock")["median"] for ring in (500, 5000)]
    assert ping[1] > 1.2 * ping[0]
    assert "ip link set" not in str(told)
    assert told.ring == 500


def test_a_ping_whose_upper_end_grows_is_not_said_to_stay():
    found = predict({"rtt": 0.12, "ring": 100, "drain_rate": 2e4, "duration": 8.0, "warmup": 2.0}, [5000], count=32)
    now, then = (found.quantiles("latency", ring, "stock") for ring in (100, 5000))
    assert then["high90"] > 1.2 * now["high90"]
    assert f"up to {show(then['high90'], 's', 2)}, {show(now['high90'], 's', 2)} now" in str(card(found))


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
