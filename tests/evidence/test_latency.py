"""Latency behind a qdisc: which ring is advised, and the published pings beside arithmetic."""

from __future__ import annotations

import pandas as pd
import pytest

from tunbp.evidence import latency
from tunbp.model.drivers import VETH_RING


@pytest.fixture
def bulk() -> pd.DataFrame:
    """Two seeds of two variants over three rings: backpressure is at 98 % of its best from 50 packets on."""
    rates = {"backpressure": {10: 80e6, 50: 98e6, 500: 100e6}, "stock": {10: 1e6, 50: 20e6, 500: 100e6}}
    rows = [
        {"variant": variant, "qdisc": qdisc, "ring": ring, "received_rate": rate + seed, "wait": ring / 60e3,
         "ring_wait": ring / 60e3, "drop_fraction": 0.0, "full_ring": ring / 60e3}
        for variant, row in rates.items() for ring, rate in row.items()
        for qdisc in ("pfifo", "fq_codel") for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_advised_ring_is_the_smallest_with_98_per_cent_behind_fq_codel(bulk: pd.DataFrame) -> None:
    good = latency.sweet_spot(bulk)
    assert (good["ring"], good["qdisc"], good["variant"]) == (50, "fq_codel", "backpressure")
    assert good["received_rate"] == pytest.approx(98e6 + 0.5)


def test_without_fq_codel_the_last_qdisc_counts(bulk: pd.DataFrame) -> None:
    assert latency.sweet_spot(bulk[bulk["qdisc"] == "pfifo"])["qdisc"] == "pfifo"


def test_headline_numbers_are_those_of_that_ring_and_of_the_largest_stock_one(bulk: pd.DataFrame) -> None:
    found = latency.headline(bulk)
    assert {name: value for name, (value, _, _) in found.items()} == {
        "qdisc_small_ring": 50.0,
        "qdisc_small_wait": pytest.approx(50 / 60e3),
        "qdisc_stock_wait": pytest.approx(500 / 60e3),
    }


def test_the_shaped_tuns_ping_is_what_500_packets_take_at_8_megabit() -> None:
    low, high = latency.shaped_published()
    shaped = pd.DataFrame({"variant": ["stock"], "ring": [500], "rtt": [(low + high) / 2], "backlog": [0.0]})
    table = latency.compare(shaped).set_index("case")
    assert table.loc["ping, 500 packets, simulated", "error"] == pytest.approx(0.0)
    assert table.loc["500 x 1500 byte x 8 / 8 Mbit/s", "model"] == pytest.approx(0.75, rel=0.01)


def test_a_full_ring_takes_its_packets_over_the_readers_speed() -> None:
    table = latency.ring_delay([10, 500])
    assert (table["delay"] * table["reader"]).to_list() == pytest.approx(table["ring"].to_list())


def test_veth_rows_have_veths_ring_and_a_published_ping() -> None:
    table = latency.veth()
    assert set(table["ring"]) == {VETH_RING}
    assert (table["delay"] > 0).all()
    assert table["delay"].is_monotonic_decreasing  # byte queue limits shorten it


def test_a_videos_highest_loss_is_found_at_one_ring() -> None:
    frames = pd.DataFrame({"ring": [25, 25, 50], "loss": [0.1, 0.3, 0.9]})
    assert latency.video_range(frames, 25) == (pytest.approx(30.0), "%")
