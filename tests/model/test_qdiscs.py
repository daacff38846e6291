"""The table of qdiscs: limits as of the kernel, and what the laboratory uses without a model."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp import Scenario, simulate
from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import NOT_SIMULATED, QDISCS, fact, qdisc_limit


@pytest.mark.parametrize(
    ("name", "limit"),
    [("noqueue", 0), ("pfifo", 700), ("pfifo_fast", 700), ("fq_codel", 10240), ("netem", 1000)],
)
def test_a_qdisc_holds_what_the_kernel_lets_it_hold_unless_it_is_told(name: str, limit: int) -> None:
    assert qdisc_limit(name, None, 700, 1448) == limit
    assert qdisc_limit(name, np.nan, 700, 1448) == limit
    assert qdisc_limit(name, 5, 700, 1448) == (0 if name == "noqueue" else 5)


def test_limits_broadcast() -> None:
    found = qdisc_limit(["pfifo", "fq_codel"], [np.nan, 9], [[10], [20]], 1448)
    assert found.tolist() == [[10, 9], [20, 9]]


def test_packets_of_64_kb_fill_the_memory_of_fq_codel_before_its_limit_of_packets() -> None:
    assert qdisc_limit("fq_codel", None, 500, 45 * 1448) == 508  # kernel_facts 9: about 500 packets of 64 KB
    assert qdisc_limit("fq_codel", 100, 500, 45 * 1448) == 100
    assert qdisc_limit("pfifo", 1000, 500, 45 * 1448) == 1000


@pytest.mark.parametrize("engine", ["fluid", "packets"])
@pytest.mark.filterwarnings("ignore:fluid engine")
def test_a_full_qdisc_of_64_kb_packets_holds_no_more_than_its_memory(engine: str) -> None:
    video = Scenario(
        driver="backpressure", qdisc="fq_codel", source="frames", frame_rate=60.0, frame_packets=2000,
        iframe_packets=40_000, iframe_every=30, gso_segments=45, drain_rate=1e3, rtt=0.01, ring=500, duration=10.0,
    )  # fmt: skip
    found = simulate(video, engine)
    assert float(found.dropped_qdisc) > 1e6
    assert 508 * 45 < float(found.queued) <= (508 + 501) * 45


def test_facts_are_columns_of_the_rows() -> None:
    assert fact(list(QDISCS), "attached").tolist() == [name != "noqueue" for name in QDISCS]
    assert fact(["pfifo", "fq_codel"], "codel").tolist() == [False, True]


def test_a_scenario_takes_every_row_and_nothing_that_is_not_simulated() -> None:
    assert FIELDS["qdisc"].choices == tuple(QDISCS)
    assert not QDISCS.keys() & NOT_SIMULATED.keys()
    assert "txqueuelen for pfifo, txqueuelen for pfifo_fast, 10240 for fq_codel" in FIELDS["qdisc_limit"].none
