"""Totals of a flood through veth."""

import pytest

from tunbp.lab.experiments.veth import EXPERIMENT, VethCell, account
from tunbp.model import drivers


def reading(time, delivered, dropped, stops):
    return {"time": time, "delivered": delivered, "dropped_ring": dropped, "dropped_qdisc": 0, "requeues": 3 * stops,
            "queue_stops": stops, "tx_softirqs_raised": 2 * stops}  # fmt: skip


def test_only_the_measured_part_counts():
    found = account(reading(1.0, 100, 10, 1), reading(3.0, 6500, 210, 101))
    assert (found["sent"], found["delivered"], found["dropped_ring"]) == (6600, 6400, 200)
    assert (found["queue_stops"], found["tx_softirqs_raised"], found["requeues"]) == (100, 200, 300)
    assert (found["duration"], found["transmitted_rate"], found["lost_rate"]) == (2.0, 3200, 100)
    assert found["drop_fraction"] == pytest.approx(200 / 6600)


def test_the_ring_of_a_veth_cannot_be_chosen_and_is_the_one_that_the_model_knows():
    assert VethCell().ring == drivers.VETH_RING == 256
    with pytest.raises(ValueError, match="256"):
        VethCell(ring=100)
    assert not EXPERIMENT.has_flag
