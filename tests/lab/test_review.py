"""Two kernels reviewed: what the verdict says of real drivers with a fault, measured in a VM and bundled."""

import itertools
import json

import pytest
import xarray as xr

from tunbp import open_trace
from tunbp.evidence.datasets import data_path
from tunbp.lab.module import faults
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


@pytest.mark.parametrize("name", ["unchanged", *faults()])
def test_the_facts_of_a_measurement_name_the_edit_of_its_driver(name):
    edit = None if name == "unchanged" else name
    assert json.loads(runs(name).attrs["facts"])["tun_edit"] == edit
    assert json.loads((FAULTS / name / "host.json").read_text())["tun_edit"] == edit


def test_two_kernels_in_turn_give_the_verdict_on_the_one_with_the_fault():
    both = data_path("measured") / "lab_two_kernels"
    first, second = (open_trace(both / side / "lab_ring.nc") for side in "AB")
    times = {side: xr.decode_cf(found)["begun"].to_numpy() for side, found in (("A", first), ("B", second))}
    order = [side for _, side in sorted((time, side) for side, each in times.items() for time in each)]
    assert [side for side, _ in itertools.groupby(order)] == ["A", "B", "A", "B"]  # A, B, B, A, A, B
    found = verdicts(first, second)
    assert (found[DROPS, WITH_QDISC], found[WAKES, WITH_QDISC]) == ("higher", "lower")
    without_flag = [said for (_, cell), said in found.items() if "stock" in cell or "noqueue" in cell]
    assert set(without_flag) == {"no difference found"}
    lines = list(review(first, second))
    assert lines[2].startswith("B: 7.3.4+deb13-amd64, tun changed by drop_not_stop")
    assert max(map(len, lines)) <= 72
    assert broken(first) == []
    assert len(broken(second)) == 1


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
