"""The JSON of a prediction."""

import json

import pytest

from tunbp.cli.predict_record import read
from tunbp.prediction import predict
from tunbp.prediction.card import card
from tunbp.prediction.conditioning import Observation
from tunbp.prediction.record import QUANTITIES, record

FIVE = {"median", "low50", "high50", "low90", "high90"}


@pytest.fixture(scope="module")
def told():
    return json.loads(json.dumps(record(predict({"rtt": 0.05, "ring": 50, "duration": 3.0}, [500], count=16))))


def test_every_row_has_its_quantiles_and_what_holds_it(told):
    for row in told["rows"]:
        assert row.keys() == {"ring", "variant", "held_by", *QUANTITIES}
        assert all(row[name].keys() == FIVE for name in QUANTITIES)
        assert sum(row["held_by"].values()) == pytest.approx(1.0)


def test_the_gain_is_told_at_every_ring_and_first_at_the_present_one(told):
    assert [gain["ring"] for gain in told["gains"]] == [50, 500]
    assert told["gain"] == told["gains"][0]


def test_dropped_packets_are_the_share_of_what_was_sent(told):
    stock = told["rows"][0]
    share, packets = (stock[name]["median"] for name in ("drop_fraction", "dropped"))
    sent = stock["received_rate"]["median"] * 2.5 / (8 * 1448)
    assert packets == pytest.approx(share * sent, rel=1.0)


@pytest.fixture(scope="module")
def offered():
    found = predict({"rtt": 0.12, "ring": 100, "duration": 4.0}, [500, 2000], count=16)
    advice = card(found)
    return advice, json.loads(json.dumps(record(found, [], advice.remedies, advice.verdict)))


def test_what_is_printed_follows_the_published_schema(told, offered):
    run = Observation({"received_rate": 47e6})
    fitted = predict({"rtt": 0.02, "ring": 100, "duration": 2.0}, [], count=16, observed=[run])
    for printed in (told, offered[1], json.loads(json.dumps(record(fitted)))):
        assert read(printed).model_dump(mode="json", by_alias=True)["rows"] == printed["rows"]
    with pytest.raises(ValueError, match="remedies"):
        read({**told, "remedies": [{"name": "txqueuelen"}]})


def test_each_remedy_of_the_card_has_its_command_its_host_and_what_the_path_carries_then(offered):
    advice, printed = offered
    assert printed["verdict"] == advice.verdict
    remedies = {remedy["name"]: remedy for remedy in printed["remedies"]}
    ring = remedies["txqueuelen"]
    assert ring["commands"] == [f"ip link set dev tun0 txqueuelen {advice.ring}"]
    assert ring["keep"] == [
        {"file": "OpenVPN's config below /etc/openvpn", "lines": [f"txqueuelen {advice.ring}"], "note": ""}
    ]
    assert (ring["side"], ring["changes"]) == ("device", {"ring": advice.ring})
    row = next(row for row in printed["rows"] if (row["ring"], row["variant"]) == (advice.ring, "stock"))
    assert (ring["received_rate"], ring["latency"], ring["held_by"]) == (
        row["received_rate"],
        row["latency"],
        row["held_by"],
    )
    flag = next(row for row in printed["rows"] if (row["ring"], row["variant"]) == (100, "backpressure"))
    assert remedies["flag"]["received_rate"] == flag["received_rate"]
    assert remedies["flag"]["commands"] == ["tunbp backpressure -- openvpn ..."]
    assert all(command in str(advice) for remedy in remedies.values() for command in remedy["commands"])


def test_what_limits_then_is_told_of_every_remedy_that_is_predicted():
    found = predict({"rtt": 0.04, "ring": 500, "duration": 4.0, "path_rate": 863.0}, [], count=8)
    link = json.loads(json.dumps(record(found, [], card(found).remedies)))["remedies"]
    assert [remedy["name"] for remedy in link] == ["cake"]
    assert sum(link[0]["held_by"].values()) == pytest.approx(1.0)
    assert "the rate of the qdisc" in link[0]["held_by"]


def test_what_is_not_predicted_has_null_for_numbers_and_words_for_a_command(offered):
    program = next(remedy for remedy in offered[1]["remedies"] if remedy["name"] == "program")
    assert program["received_rate"] is program["held_by"] is program["draws"] is None
    assert program["commands"] == []
    assert "kernel module (DCO: " in program["how"]


def test_where_no_advice_follows_no_remedy_is_told():
    run = Observation({"received_rate": 1e6})
    found = predict({"rtt": 0.05, "duration": 2.0, "drain_rate": 6e4}, [], count=16, observed=[run])
    assert card(found).remedies == ()
