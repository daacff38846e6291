"""The table of qdiscs: limits as of the kernel, and what the laboratory uses without a model."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import NOT_SIMULATED, QDISCS, fact, qdisc_limit


@pytest.mark.parametrize(
    ("name", "limit"),
    [("noqueue", 0), ("pfifo", 700), ("pfifo_fast", 700), ("fq_codel", 10240), ("netem", 1000)],
)
def test_a_qdisc_holds_what_the_kernel_lets_it_hold_unless_it_is_told(name: str, limit: int) -> None:
    assert qdisc_limit(name, None, 700) == limit
    assert qdisc_limit(name, np.nan, 700) == limit
    assert qdisc_limit(name, 5, 700) == (0 if name == "noqueue" else 5)


def test_limits_broadcast() -> None:
    found = qdisc_limit(["pfifo", "fq_codel"], [np.nan, 9], [[10], [20]])
    assert found.tolist() == [[10, 9], [20, 9]]


def test_facts_are_columns_of_the_rows() -> None:
    assert fact(list(QDISCS), "attached").tolist() == [name != "noqueue" for name in QDISCS]
    assert fact(["pfifo", "fq_codel"], "codel").tolist() == [False, True]


def test_a_scenario_takes_every_row_and_nothing_that_is_not_simulated() -> None:
    assert FIELDS["qdisc"].choices == tuple(QDISCS)
    assert not QDISCS.keys() & NOT_SIMULATED.keys()
    assert "txqueuelen for pfifo, txqueuelen for pfifo_fast, 10240 for fq_codel" in FIELDS["qdisc_limit"].none
