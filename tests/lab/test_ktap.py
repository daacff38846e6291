"""A measurement as a kernel test: the bundled one passes, and faults of a driver are found."""

import pytest

from tunbp import open_trace
from tunbp.evidence.datasets import data_path
from tunbp.lab.ktap import ktap


@pytest.fixture(scope="module")
def ring():
    return open_trace(data_path("measured") / "lab_ring" / "lab_ring.nc")


def failed(runs):
    return [line.partition(" ")[2].partition(" ")[2].partition(" ")[2] for line in ktap(runs) if line[:6] == "not ok"]


def of(ring, cell, variant="backpressure"):
    return (ring["cell"] == cell) & (ring["variant"] == variant)


def test_the_plan_line_counts_the_results_which_are_numbered(ring):
    lines = list(ktap(ring))
    assert lines[0] == "KTAP version 1"
    results = [line for line in lines if line.startswith(("ok", "not ok"))]
    assert lines[1] == f"1..{len(results)}"
    assert [int(line.removeprefix("not ").split()[1]) for line in results] == list(range(1, len(results) + 1))


def test_the_kernel_that_was_measured_passes(ring):
    assert failed(ring) == []


def test_a_driver_that_drops_instead_of_stopping_or_ignores_the_flag_is_found(ring):
    cell = "steady-ring500-pfifo"
    faulty = ring.assign(dropped_ring=ring["dropped_ring"].where(~of(ring, cell), 1234.0))
    assert failed(faulty) == [f"{cell}: no ring drops under backpressure"]
    ignored = ring.assign_coords(tun_flags=ring["tun_flags"].where(~of(ring, cell), 0x1001))
    assert failed(ignored) == [f"{cell}: TUNGETIFF echoes the flag that was asked for"]


def test_a_driver_that_does_not_wake_the_queue_is_found(ring):
    cell = "steady-ring25-fq_codel"
    faulty = ring.assign(delivered=ring["delivered"].where(~of(ring, cell), 30.0))
    assert failed(faulty) == [f"{cell}: packets flow under backpressure"]


def test_a_driver_that_stops_without_a_qdisc_is_found(ring):
    cell = "steady-ring500-noqueue"
    faulty = ring.assign(ring_drop_fraction=ring["ring_drop_fraction"].where(~of(ring, cell), 0.0))
    assert failed(faulty) == [f"{cell}: drops as before without a qdisc"]


def test_what_was_not_measured_is_skipped(ring):
    stock = ring.sel(run=ring["variant"].to_numpy() == "stock")
    lines = [line for line in ktap(stock) if "no ring drops" in line]
    assert lines
    assert all(line.endswith("# SKIP") for line in lines)
