"""Rates and costs per packet from two readings of counters and processor time."""

import pytest

from tunbp.lab.experiments.speed import account


def link(tx=0, dropped=0, rx=0, reached=None):
    """Counters of an end: its tunnel's device, and the outer one that `reached` packets came to (all that it wrote)."""
    outer = rx if reached is None else reached
    devices = {"tun0": (tx, dropped, rx), "eth0": (tx, 0, outer)}
    return [
        {"ifname": name, "stats64": {"tx": {"packets": sent, "dropped": lost}, "rx": {"packets": came}}}
        for name, (sent, lost, came) in devices.items()
    ]


def reading(time, client, server, **cpu):
    return {"time": time, "client": client, "server": server, "cpu": {k: (v, 0.1) for k, v in cpu.items()}}


def test_data_is_read_by_the_client_and_written_by_the_server():
    before = reading(10.0, link(), link(), reader=1.0, far_reader=1.0, relay=0.5)
    after = reading(
        12.0, link(tx=2000, dropped=100), link(rx=1900, reached=1970), reader=1.01, far_reader=1.019, relay=0.504
    )
    found = account(before, after, "data")
    assert found["transmitted_rate"] == pytest.approx(1000)
    assert found["chain_rate"] == pytest.approx(950)
    assert found["dropped_ring"] == 100
    assert found["dropped_far"] == 70
    assert found["reader_cost"] == pytest.approx(5e-6)
    assert found["far_reader_cost"] == pytest.approx(10e-6)
    assert found["relay_cost"] == pytest.approx(2e-6)


def test_acks_are_read_by_the_server_and_written_by_the_client():
    before = reading(0.0, link(), link(), reader=0.0, far_reader=0.0)
    after = reading(1.0, link(rx=1000), link(tx=2000), reader=0.003, far_reader=0.008)
    found = account(before, after, "acks")
    assert found["chain_rate"] == pytest.approx(1000)
    assert found["dropped_far"] == 0
    assert found["reader_cost"] == pytest.approx(3e-6)
    assert found["far_reader_cost"] == pytest.approx(4e-6)
    assert "relay_cost" not in found
