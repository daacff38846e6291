"""Totals of many senders."""

import pytest

from tunbp.lab.experiments.senders import account


def reading(time, delivered, ring, switches, cpu, waited):
    threads = {"pipe": {"cpu": cpu, "waited": waited, "preempted": 1.0}}
    return {"time": time, "delivered": delivered, "ring": ring, "qdisc": 0, "requeues": 2 * ring,
            "switches": switches, "threads": threads}  # fmt: skip


def test_only_the_measured_part_counts():
    found = account(reading(1.0, 100, 10, 50, 0.5, 5.0), reading(3.0, 900, 210, 450, 1.5, 25.0))
    assert (found["sent"], found["delivered"], found["dropped_ring"], found["requeues"]) == (1000, 800, 200, 400)
    assert found["transmitted_rate"] == pytest.approx(400)
    assert found["drop_fraction"] == pytest.approx(0.2)
    assert (found["context_switches"], found["reader_waits"], found["reader_preemptions"]) == (400, 20, 0)
    assert found["reader_cpu"] == pytest.approx(1.0)
