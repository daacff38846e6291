"""Several senders: what a packet costs under each wake rule, part by part."""

from __future__ import annotations

import pandas as pd
import pytest

from tunbp.evidence import senders
from tunbp.model.drivers import DRIVERS
from tunbp.model.hosts import host
from tunbp.plots.style import VARIANTS


def parts(streams: int) -> pd.DataFrame:
    return senders.cost_parts(streams).pivot_table(index="variant", columns="part", values="seconds")


def test_stock_costs_the_reader_alone() -> None:
    stock = parts(8).loc["stock"]
    assert stock["reader and patch"] == pytest.approx(1 / host("librecast")["drain_rate"])
    assert stock.drop("reader and patch").eq(0.0).all()


def test_one_sender_never_contends_and_more_senders_do_more() -> None:
    alone, few, many = parts(1), parts(2), parts(16)
    assert alone["contention"].eq(0.0).all()
    pushed = [name for name in alone.index if name != "stock"]
    assert (abs(many.loc[pushed, "contention"]) > abs(few.loc[pushed, "contention"])).all()


def test_rarer_wakes_cost_less_each_packet() -> None:
    cost = parts(4)["stop/wake"]
    assert cost["wake_batch"] > cost["wake_half"] > 0
    assert cost["wake_empty"] <= cost["wake_half"]


def test_every_rule_is_drawn_in_a_style_and_modelled_by_a_driver() -> None:
    assert set(senders.LOOKS) == set(senders.LIBRECAST_DRIVERS)
    assert set(senders.LOOKS.values()) <= set(VARIANTS)
    assert set(senders.LIBRECAST_DRIVERS.values()) <= set(DRIVERS)


def test_headline_numbers_are_changes_in_per_cent() -> None:
    rules = pd.DataFrame(
        [("pktgen, TAP, 1 sender", "freed batch", 0.9, 0.95), ("iperf3, TAP, 8 streams", "freed batch", 0.8, 0.85)],
        columns=["case", "rule", "published", "model"],
    )
    found = senders.headline(pd.DataFrame({"error": [-0.1, 0.2, 0.05]}), rules)
    values = {name: value for name, (value, unit, _) in found.items() if unit == "%"}
    assert values == {
        "senders_median_error": pytest.approx(10.0),
        "senders_early_pktgen_published": pytest.approx(-10.0),
        "senders_early_pktgen_model": pytest.approx(-5.0),
        "senders_early_streams_published": pytest.approx(-20.0),
        "senders_early_streams_model": pytest.approx(-15.0),
    }


def test_every_published_change_is_of_the_side_that_is_whole_and_names_both_sources():
    table = senders.published_changes().set_index("row")
    merged = table[(table["streams"] == 8) & (table["wake_policy"] == "half_or_empty")]
    assert sorted(merged["patched"]) == [9.13e9, 9.83e9]
    assert sorted(merged["source_id"]) == ["S19", "S21"]
    assert (merged["stock"] == 13.5e9).all()
    assert set(table.loc[table["streams"] < 8, "side"]) == {"sender"}
    assert set(table.loc[table["streams"] >= 8, "side"]) == {"receiver"}
    assert (table["stock_source"] == "S19").all()
