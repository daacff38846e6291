"""`netstat -s` of one protocol."""

from __future__ import annotations

from pathlib import Path

from tunbp.traces import open_trace

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_netstat_of_one_protocol_has_the_kernels_names():
    run, whole = open_trace(FIXTURES / "netstat_su.txt"), open_trace(FIXTURES / "netstat_s.txt")
    assert int(run["counter"].sel(queue="UdpInDatagrams")) == 30989
    assert "UdpInDatagrams" in whole["queue"].values
