"""Two kernels reviewed: what the verdict says of real drivers with a fault, measured in a VM and bundled."""

import pytest

from tunbp import open_trace
from tunbp.evidence.datasets import data_path
from tunbp.lab.review import broken, review

FAULTS = data_path("measured") / "lab_faults"


def runs(name):
    return open_trace(FAULTS / name / "lab_ring.nc")


@pytest.fixture(scope="module")
def unchanged():
    return runs("unchanged")


def verdicts(first, second):
    """Verdict of each cell and variant by the variable it stands below."""
    found, variable = {}, ""
    for line in review(first, second):
        if line and not line.startswith(" "):
            variable = line
        elif line.startswith(" steady"):
            cell, _, said = line.strip().partition(": ")
            found[variable, cell] = said
    return found


WITH_QDISC = "steady-ring100-fq_codel, backpressure"
DROPS, WAKES, DELIVERED = (
    "packets dropped by the full ring",
    "NET_TX softirqs of all processors during the run",
    "packets delivered to the receiver",
)


def test_the_unchanged_driver_breaks_no_rule_and_does_not_differ_from_itself(unchanged):
    assert broken(unchanged) == []
    assert set(verdicts(unchanged, unchanged).values()) == {"no difference found"}


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("no_wake", "packets flow under backpressure"),
        ("wake_at_one", "no ring drops under backpressure"),
        ("drop_not_stop", "no ring drops under backpressure"),
        ("flag_ignored", "no ring drops under backpressure"),
        ("stop_without_qdisc", "no send is refused without a qdisc"),
    ],
)
def test_a_fault_breaks_the_rule_it_is_about_and_no_other(fault, rule):
    assert [said.partition(" (")[0].partition(": ")[2] for said in broken(runs(fault))] == [rule]


def test_without_wakes_next_to_nothing_is_delivered(unchanged):
    found = verdicts(unchanged, runs("no_wake"))
    assert (found[DELIVERED, WITH_QDISC], found[WAKES, WITH_QDISC]) == ("lower", "lower")
    assert found[DROPS, WITH_QDISC] == "no difference found"


def test_a_wake_per_packet_shows_in_softirqs_and_loses_packets(unchanged):
    found = verdicts(unchanged, runs("wake_at_one"))
    assert (found[WAKES, WITH_QDISC], found[DROPS, WITH_QDISC]) == ("higher", "higher")


def test_a_verdict_fits_into_a_mail(unchanged):
    lines = list(review(unchanged, runs("no_wake")))
    assert max(map(len, lines)) <= 72
    assert "A keeps the rules of IFF_BACKPRESSURE that were tested" in lines
    assert any(line.startswith("B BREAKS: steady-ring100-fq_codel: packets flow") for line in lines)
