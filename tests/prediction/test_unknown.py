"""What is not known of a path, and how drawn constants act on it."""

import numpy as np
import pytest
import xarray as xr

from tunbp import Scenario
from tunbp.infer.priors import BYTE_COST, HEADROOM, LIFT, SHARED, corrections, draws
from tunbp.prediction import distribution, predict, steps
from tunbp.prediction.unknown import LINK, READER, acting

LONG = {"rtt": 0.12, "ring": 500, "duration": 2.0, "warmup": 0.0}


def test_a_reader_behind_which_the_chain_is_slower_is_faster_than_its_flood():
    unknown = {HEADROOM: corrections()[HEADROOM]}
    drawn = draws(unknown, {}, 64)
    speed = {rate: acting(Scenario(drain_rate=70e3, path_rate=rate), unknown, drawn) for rate in (45e3, 90e3)}
    assert np.median(speed[45e3]["drain_rate"]) == pytest.approx(1.9 * 70e3, rel=0.03)
    assert (speed[45e3]["drain_rate"] >= 70e3).all()
    assert (speed[90e3]["drain_rate"] == 70e3).all()


def test_where_programs_share_processors_the_reader_itself_carries_what_the_chain_does():
    unknown = {name: corrections()[name] for name in (HEADROOM, SHARED, LIFT)}
    drawn = draws(unknown, {}, 64) | {"ack_cost": np.full(64, 1e-5)}
    base = Scenario(drain_rate=70e3, path_rate=45e3)
    found = acting(base, unknown | {"ack_cost": corrections()[LIFT]}, drawn)
    itself = drawn[SHARED] == 1.0
    assert itself.mean() == pytest.approx(0.7, abs=0.03)
    speed = np.minimum(45e3 * drawn[LIFT], 70e3)
    assert found["drain_rate"].values[itself] == pytest.approx(speed[itself])
    assert found["ack_cost"].values[itself] == pytest.approx(1e-5 * 70e3 / speed[itself])
    assert (found["path_rate"].values[itself] > 1e6).all()  # nothing behind it is slower
    assert (found["path_rate"].values[~itself] == 45e3).all()
    assert (found["drain_rate"].values[~itself] >= 70e3).all()


@pytest.mark.parametrize(("source", "chances"), [("given", {0.0, 1.0}), (READER, {1.0}), (LINK, None)])
def test_a_rate_in_bits_is_a_links_and_a_flood_that_lost_in_the_ring_alone_is_the_readers(source, chances):
    given = {**LONG, "drain_rate": 70e3, "path_rate": 45e3}
    found = predict(given, [], count=8, sources={"path_rate": source})
    assert (set(found.draws[SHARED].values) if SHARED in found.draws else None) == chances


@pytest.mark.parametrize(
    ("sender", "open_question"),
    [({}, True), ({"congestion": "reno"}, True), ({"congestion": "bbr"}, False), ({"qdisc": "fq"}, False),
     ({"source": "open", "offered_rate": 1e4}, False), ({"pacing": False}, False)],
)  # fmt: skip
def test_whether_tcp_paces_is_unknown_where_nothing_says_so(sender, open_question, monkeypatch):
    def nothing(batch, least):  # what is asked does not depend on what the engine says, which compiles for each sender
        ring = batch.broadcast()["ring"]
        return xr.Dataset({name: xr.full_like(ring, 1.0, float) for name in steps.KEPT})

    monkeypatch.setattr(distribution, "simulated", nothing)
    assert ("pacing" in predict({**LONG, **sender}, [], count=8).unknown) is open_question


@pytest.mark.parametrize(
    ("given", "source", "open_question"),
    [
        ({"drain_rate": 70e3, "path_rate": 45e3}, "given", True),
        ({"drain_rate": 70e3, "path_rate": 45e3}, "constants", False),
        ({"drain_rate": 70e3}, "given", False),
        ({"drain_rate": 70e3, "path_rate": 45e3, "source": "open", "offered_rate": 60e3}, "given", False),
    ],
)
def test_what_a_flood_leaves_open_is_an_unknown_that_a_probe_answers(given, source, open_question):
    found = predict({**LONG, **given}, [], count=8, sources={"drain_rate": source})
    assert (HEADROOM in {row["name"] for row in found.ranking()}) is open_question
    assert HEADROOM not in found.used


def test_long_packets_take_a_drawn_reader_longer_and_not_one_whose_speed_is_given():
    short, long = (
        predict({"rtt": 0.02, "ring": 500, "mss": mss, "duration": 1.0}, [], count=8, product="passt")
        for mss in (1448.0, 65480.0)
    )
    assert BYTE_COST not in short.draws
    reader = [found.draws["ceiling"].sel(stage="reader") / found.draws["drain_rate"] for found in (short, long)]
    bytes_of = 1.0 / (1.0 + long.draws["drain_rate"] * long.draws[BYTE_COST] * (65480.0 - 1448.0))
    assert np.allclose(reader[1] / 65480.0 / bytes_of, reader[0] / 1448.0, rtol=0.5)
    assert (reader[1] < 65480.0 / 1448.0 * reader[0]).all()
    given = predict({"rtt": 0.02, "ring": 500, "mss": 65480.0, "drain_rate": 20e3, "duration": 1.0}, [], count=8)
    assert BYTE_COST not in given.draws


@pytest.mark.parametrize(("source", "counts"), [("tcp", True), ("open", False)])
def test_only_sources_whose_entries_have_several_segments_pay_for_their_bytes(source, counts):
    offered = {} if source == "tcp" else {"source": source, "offered_rate": 20e3}
    found = predict({**LONG, "duration": 0.5, "gso_segments": 45, **offered}, [], count=8, product="passt")
    assert (BYTE_COST in found.draws) is counts
