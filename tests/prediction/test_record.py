"""The JSON of a prediction."""

import json

import pytest

from tunbp.prediction import predict
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
