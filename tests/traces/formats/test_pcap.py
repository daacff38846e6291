"""Captures of a flow beside others."""

from __future__ import annotations

import io
from pathlib import Path

import dpkt
import pytest

from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_the_rate_of_the_largest_flow_is_that_of_its_own_time_not_of_the_captures():
    stored = (FIXTURES / "bottleneck.pcap").read_bytes()
    reader = dpkt.pcap.Reader(io.BytesIO(stored))
    written = io.BytesIO()
    writer = dpkt.pcap.Writer(written, linktype=reader.datalink())
    for when, packet in reader:
        writer.writepkt(packet, when)
    datagram = dpkt.udp.UDP(sport=1, dport=2, data=b"later", ulen=13)
    around = dpkt.ip.IP(src=b"\n\0\0\1", dst=b"\n\0\0\2", p=17, data=datagram, len=33)
    writer.writepkt(bytes(dpkt.ethernet.Ethernet(data=around)), when + 60.0)
    alone, beside = open_trace(FIXTURES / "bottleneck.pcap"), opening.read(source_of(Path("input"), written.getvalue()))
    assert beside["time"][-1] > 60
    for name in ("duration", "sent_rate", "received_rate", "mean_rtt"):
        assert float(beside[name]) == pytest.approx(float(alone[name]))
