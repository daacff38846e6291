"""Accounting of a ring run, and the packets that were sent."""

import socket

import pytest

from tunbp.lab import packet
from tunbp.lab.experiments.ring import account
from tunbp.lab.sender import Flow, send

SENT = {1: {"sent": 1000, "refused": 0, "seconds": 2.0, "block_rates": [10.0, 30.0, 20.0]}}
SEEN = {"packets": {"1": 700}, "others": 3, "rate": 350.0, "latency": {"1": {"mean": 0.1, "p95": 0.2}}}


def test_every_packet_has_a_place():
    found = account(SENT, SEEN, ring=200, qdisc=100)
    assert found["unaccounted"] == 0
    assert found["drop_fraction"] == pytest.approx(0.3)
    assert found["lost_rate"] == pytest.approx(100)
    assert found["burst_rate"] == pytest.approx(20)
    assert found["queue_latency_p95"] == pytest.approx(0.2)


def test_packets_that_nobody_counted_are_shown():
    assert account(SENT, SEEN, ring=200, qdisc=90)["unaccounted"] == 10


def test_the_sparse_flow_is_counted_apart():
    sent = SENT | {2: {"sent": 50, "refused": 0, "seconds": 2.0, "block_rates": []}}
    seen = SEEN | {"packets": {"1": 700, "2": 40}}
    found = account(sent, seen, ring=310, qdisc=0)
    assert (found["sparse_sent"], found["sparse_delivered"]) == (50, 40)
    assert found["sent"] == 1050
    assert found["unaccounted"] == 0


@pytest.fixture
def receiver(monkeypatch):
    inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inlet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    inlet.bind(("127.0.0.1", 0))
    inlet.setblocking(False)
    monkeypatch.setattr(packet, "PORT", inlet.getsockname()[1])
    yield inlet
    inlet.close()


def arrived(inlet):
    found = []
    while True:
        try:
            found.append(packet.unpack(inlet.recv(2048), offset=0))
        except BlockingIOError:
            return found


@pytest.mark.parametrize("gso", [False, True])
def test_a_burst_arrives_whole_and_its_speed_is_measured(receiver, gso):
    counts = send(Flow("127.0.0.1", packet.BULK, rate=200.0, duration=0.15, burst=20, size=200, gso=gso))
    got = arrived(receiver)
    assert [sequence for _, sequence, _ in got] == list(range(counts["sent"]))
    assert counts["sent"] in (20, 40)  # one burst every 0.1 s; a busy machine may miss the second
    assert all(speed > 200 for speed in counts["block_rates"])


def test_a_steady_flow_keeps_to_its_mean_rate(receiver):
    counts = send(Flow("127.0.0.1", packet.SPARSE, rate=500.0, duration=0.2, size=64))
    assert counts["sent"] <= 101
    assert {flow for flow, _, _ in arrived(receiver)} == {packet.SPARSE}
    assert counts["block_rates"] == []
