"""What the reader counts."""

from array import array

import pytest

from tunbp.lab import packet
from tunbp.lab.reader import Counts, quantiles

SECOND = 10**9


def frame(flow, sent_ns):
    return bytes(packet.IP_AND_UDP) + packet.pack(flow, 0, sent_ns, 64)


def test_packets_are_counted_by_flow_and_foreign_ones_apart():
    counts = Counts(warmup_ns=0)
    for flow in (1, 1, 2):
        counts.add(frame(flow, 0), 5, packet.IP_AND_UDP)
    counts.add(b"router solicitation", 6, packet.IP_AND_UDP)
    assert counts.report()["packets"] == {"1": 2, "2": 1}
    assert counts.report()["others"] == 1


def test_the_warm_up_is_cut_from_rate_and_latency_but_not_from_the_totals():
    counts = Counts(warmup_ns=2 * SECOND)
    for second in range(1, 8):  # one packet per second, each 10 ms under way after the warm-up, 1 s before
        late = SECOND // 100 if second > 2 else SECOND
        counts.add(frame(1, second * SECOND - late), second * SECOND, packet.IP_AND_UDP)
    report = counts.report()
    assert report["packets"]["1"] == 7
    assert report["rate"] == pytest.approx(1.0)
    assert report["latency"]["1"]["max"] == pytest.approx(0.010)


def test_nothing_read_is_reported_as_no_rate():
    report = Counts(0).report()
    assert report["rate"] is None
    assert report["packets"] == {}


def test_quantiles_are_in_seconds():
    found = quantiles(array("q", [n * 1_000_000 for n in range(1, 102)]))
    assert found["p50"] == pytest.approx(0.051)
    assert found["mean"] == pytest.approx(0.051)
    assert found["max"] == pytest.approx(0.101)
