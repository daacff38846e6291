"""Totals of many senders."""

import pytest
from pydantic import ValidationError

from tunbp.lab.experiments import senders
from tunbp.lab.experiments.senders import SendersCell, account


def reading(time, delivered, ring, switches, cpu, waited, **events):
    threads = {"pipe": {"cpu": cpu, "waited": waited, "preempted": 1.0}}
    return {"time": time, "delivered": delivered, "ring": ring, "qdisc": 0, "requeues": 2 * ring,
            "switches": switches, "threads": threads, **events,
            "processors": {"NET_TX": [ring, 0], "NET_RX": [0, 7], "softirq_cpu": [cpu / 2, cpu / 4]}}  # fmt: skip


def test_only_the_measured_part_counts():
    found = account(reading(1.0, 100, 10, 50, 0.5, 5.0), reading(3.0, 900, 210, 450, 1.5, 25.0))
    assert (found["sent"], found["delivered"], found["dropped_ring"], found["requeues"]) == (1000, 800, 200, 400)
    assert found["transmitted_rate"] == pytest.approx(400)
    assert found["drop_fraction"] == pytest.approx(0.2)
    assert (found["context_switches"], found["reader_waits"], found["reader_preemptions"]) == (400, 20, 0)
    assert found["reader_cpu"] == pytest.approx(1.0)
    assert found["softirq_cpu"] == pytest.approx(0.75)
    assert found["processors"]["NET_TX"] == [200, 0]
    assert found["processors"]["NET_RX"] == [0, 0]
    assert (found["tx_softirqs"], found["rx_softirqs"]) == (200, 0)


def test_counted_events_are_differences_and_ksoftirqd_is_in_seconds():
    before = reading(1.0, 100, 10, 50, 0.5, 5.0, drops_full_ring=3, ksoftirqd_ns=10**9)
    after = reading(3.0, 900, 210, 450, 1.5, 25.0, drops_full_ring=205, ksoftirqd_ns=3 * 10**9)
    found = account(before, after)
    assert (found["drops_full_ring"], found["ksoftirqd_cpu"]) == (202, 2.0)
    assert "drops_qdisc_burst" not in found, "a kernel without this reason has no count of it"
    assert "ksoftirqd_ns" not in found


class Space:
    """A namespace that notes what its connections begin under, and starts nothing."""

    begins = None

    def run(self, *_):
        return "reno cubic bbr"

    def set_sysctls(self, values):
        (self.begins,) = values.values()

    def start(self, *command, **_):
        raise LookupError(*command[:2])


@pytest.mark.parametrize(("pacing", "begins"), [(False, "reno"), (True, "bbr")])
def test_before_any_program_starts_senders_begin_without_pacing_or_with_it(tmp_path, pacing, begins):
    client, server = Space(), Space()
    cell = SendersCell(protocol="tcp", senders=2, ring=100, pacing=pacing)
    with pytest.raises(LookupError, match="iperf3"), senders._tcp(client, server, cell.model_dump(), tmp_path):
        raise AssertionError("nothing was started")
    assert client.begins == begins
    assert cell.label.endswith("-paced") == pacing


def test_udp_does_not_pace():
    with pytest.raises(ValidationError, match="pacing needs protocol: tcp"):
        SendersCell(protocol="udp", senders=2, ring=100, pacing=True)
