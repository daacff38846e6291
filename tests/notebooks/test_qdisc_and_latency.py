"""Sentences of captions of notebook 04, from the numbers that are drawn."""

from __future__ import annotations

import pandas as pd

from tunbp.evidence import latency
from tunbp.notebooks.qdisc_and_latency.tables import in_band, needed_by_stock, simulated


def bulk(stock: list[float]) -> pd.DataFrame:
    """Rates of both drivers at three rings, Mbit/s."""
    rows = [(ring, "stock", rate) for ring, rate in zip((10, 100, 1000), stock, strict=True)]
    rows += [(10, "backpressure", 500.0), (100, "backpressure", 790.0), (1000, "backpressure", 800.0)]
    frame = pd.DataFrame(rows, columns=["ring", "variant", "received_rate"])
    return frame.assign(
        received_rate=1e6 * frame["received_rate"], qdisc="fq_codel", seed=1, wait=1e-3, ring_wait=1e-3,
        drop_fraction=0.0, full_ring=frame["ring"] / 6e4,
    )  # fmt: skip


def test_the_ring_that_stock_needs_is_said_or_that_none_is_enough() -> None:
    assert needed_by_stock(bulk([1, 400, 800])) == "Backpressure carries 790 Mbit/s with 100 packets, stock with 1000."
    assert needed_by_stock(bulk([1, 2, 3])).endswith("stock at none of these rings.")


def test_a_ping_is_said_to_lie_inside_the_reported_range_only_where_it_does() -> None:
    low, high = latency.shaped_published()
    rows = [("stock", 500, (low + high) / 2), ("backpressure", 500, 0.9 * low), ("stock", 10, 2 * high)]
    words = in_band(pd.DataFrame(rows, columns=["variant", "ring", "rtt"]))
    assert words.startswith(
        "At 500 packets: stock 720 ms (inside what was reported), backpressure 603 ms (below what was reported)."
    )
    assert "TCP backs off" in words
    above = in_band(pd.DataFrame([("stock", 500, 1.1 * high)], columns=["variant", "ring", "rtt"]))
    assert above.endswith("(above what was reported).")


def test_the_set_up_says_path_and_reader_and_what_stock_drops_at_the_ring_that_is_marked() -> None:
    table = bulk([1, 400, 800]).assign(drop_fraction=0.012)
    facts = simulated({"streams": 2, "rtt": 0.02, "drain_rate": 6e4}, table)
    assert facts[1:4] == ("RTT 20 ms", "reader of 60 Kpps", "2 bulk TCP streams")
    assert facts[-1] == "stock drops 1.2 % of its packets at txqueuelen 100"
