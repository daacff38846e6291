"""`netstat -i` of macOS and FreeBSD."""

from __future__ import annotations

from pathlib import Path

from tunbp.traces import open_trace, opening
from tunbp.traces.findings import findings
from tunbp.traces.source import source_of
from tunbp.traces.summary import sentence

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_netstat_of_macos_counts_each_interface_once_by_its_link():
    run = open_trace(FIXTURES / "netstat_macos.txt")
    assert run["queue"].values.tolist() == ["lo0", "en0", "utun3"]
    assert run["rx_bytes"].sel(queue="en0") == 21998113322
    assert run["tx_packets"].sel(queue="en0") == 9211301
    assert (int(run["tx_dropped"].sel(queue="utun3")), int(run["mtu"].sel(queue="utun3"))) == (371, 1380)
    assert run["kind"].values.tolist() == ["", "", "tun"]


def test_netstat_of_freebsd_counts_drops_on_reception_and_errors_in_sending():
    run = open_trace(FIXTURES / "netstat_freebsd.txt")
    assert run["rx_dropped"].values.tolist() == [17, 0, 0]
    assert run["tx_errors"].sel(queue="tun0") == 45
    assert "tx_dropped" not in run
    assert sentence(run) == "netstat -i (BSD): 3 interfaces, em0 dropped 17 packets on reception."
    assert "tun0 failed to send 45 of 87,256 packets" in [finding.message for finding in findings(run)]


def test_a_line_of_nothing_but_odd_blanks_is_no_row():
    text = (FIXTURES / "netstat_macos.txt").read_text().replace("\nutun3", "\n\x0b\x0c\nutun3")
    run = opening.read(source_of(Path("input"), text.encode()))
    assert run["queue"].values.tolist() == ["lo0", "en0", "utun3"]
