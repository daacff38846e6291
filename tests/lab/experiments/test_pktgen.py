"""Accounting of a pktgen run."""

import pytest

from tunbp.errors import LabError
from tunbp.lab.experiments.pktgen import account, pktgen_counts

REPORT = """Params: count 0  min_pkt_size: 60  max_pkt_size: 60
Current:
     pkts-sofar: 853416  errors: 27
     started: 12us  stopped: 34us idle: 5us
"""


def reading(time, delivered, ring, qdisc):
    return {"time": time, "delivered": delivered, "ring": ring, "qdisc": qdisc}


def test_only_the_measured_part_counts():
    found = account(reading(10.0, 100, 50, 5), reading(14.0, 900, 250, 105))
    assert (found["delivered"], found["dropped_ring"], found["dropped_qdisc"]) == (800, 200, 100)
    assert found["sent"] == 1100
    assert found["drop_fraction"] == pytest.approx(300 / 1100)
    assert found["transmitted_rate"] == pytest.approx(200)
    assert found["lost_rate"] == pytest.approx(50)


def test_the_counts_of_all_threads_are_summed():
    assert pktgen_counts([REPORT, REPORT]) == {"pktgen_sofar": 2 * 853416, "send_errors": 54}


def test_a_report_without_counts_is_an_error():
    with pytest.raises(LabError, match=r"no `pkts-sofar`[^$]*Device not found"):
        pktgen_counts(["Device not found\n"])
