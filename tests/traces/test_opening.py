"""A text into which several tools printed is one run of all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_together, open_trace, opening
from tunbp.traces.source import source_of
from tunbp.traces.summary import sentence

FIXTURES = Path(__file__).parent / "fixtures"


def read(*texts):
    return opening.read(source_of(Path("input"), "\n\n".join(texts).encode()))


def of(name):
    return (FIXTURES / name).read_text()


def test_ping_ip_and_tc_in_one_report_are_one_run():
    run = open_trace(FIXTURES / "pasted_report.md")
    assert run.attrs["tool"] == "ping; ip; tc"
    assert float(run["mean_rtt"]) == pytest.approx(42.033e-3)
    assert run["tx_dropped"].sel(queue="tun0") == 4711
    assert sentence(run) == (
        "ping: RTT 42 ms on average (40.9 ms to 44 ms), 3 of 3 probes answered. "
        "Beside it tun0 dropped 4711 packets and fq_codel 0 dropped 3 packets."
    )


def test_iperf3s_json_between_text_leads_and_pings_numbers_have_their_own_names():
    run = read("Hi,", of("iperf3_tcp.json"), of("ping_plain.txt"))
    alone, ping = open_trace(FIXTURES / "iperf3_tcp.json"), open_trace(FIXTURES / "ping_plain.txt")
    assert run["received_rate"].equals(alone["received_rate"])
    assert run["mean_rtt"].equals(alone["mean_rtt"])
    assert float(run["ping_mean_rtt"]) == float(ping["mean_rtt"])


def test_what_of_a_report_cannot_be_read_is_named_and_the_rest_is_used():
    run = read(of("iperf3_text.txt"), of("ss_limited.txt"))
    assert run.attrs["tool"] == "ss"
    assert "left out: byte 0 (line 1): iperf3's plain text is rounded" in run.attrs["warnings"]
    with pytest.raises(TraceError, match="plain text is rounded"):
        read(of("iperf3_text.txt"))


def test_counters_that_cannot_be_read_leave_the_rest_of_a_report():
    run = read(of("ping_plain.txt"), "5: tun0: <POINTOPOINT> mtu 1500 qdisc fq state UNKNOWN qlen 500")
    assert run.attrs["tool"] == "ping"
    assert "interfaces without statistics" in run.attrs["warnings"]


def test_counters_before_and_after_in_one_report_are_their_difference():
    before = of("ip_link.txt")
    run = read(before, of("ping_plain.txt"), before)
    assert run.attrs["difference"]
    assert (run["tx_packets"] == 0).all()


def test_several_runs_of_one_tool_leave_out_what_belongs_to_none_of_them():
    runs = read(of("iperf2_tradeoff.txt"), of("ping_plain.txt"))
    assert runs.sizes["run"] == 2
    assert "left out: ping: with 2 runs of iperf 2 they are of no one run" in runs.attrs["warnings"]


SEVERAL = ("pasted_report.md", "ip_tc_series.log")


@pytest.mark.parametrize(
    "path", [p for p in sorted(FIXTURES.iterdir()) if p.is_file() and p.name != "README.md"], ids=lambda path: path.name
)
def test_no_tools_output_is_taken_for_that_of_another_beside_it(path):
    try:
        run = open_trace(path)
    except TraceError:
        return
    assert ("; " in run.attrs["tool"]) == (path.name in SEVERAL)
    assert "left out: byte" not in run.attrs["warnings"]


def test_of_two_snapshots_that_are_named_the_first_is_before(tmp_path):
    later = of("ip_link.txt").replace("23084     329", "33084     429")
    assert later != of("ip_link.txt")
    for name, words in (("b.txt", of("ip_link.txt")), ("a.txt", later)):
        (tmp_path / name).write_text(words)
    found = open_together([tmp_path / "b.txt", tmp_path / "a.txt"])
    assert found.attrs["difference"]
    assert float(found["rx_packets"].sum()) == 100.0


def test_counters_beside_several_runs_are_of_no_one_run_and_are_named(tmp_path):
    found = open_together([FIXTURES / "iperf3_tcp.json", FIXTURES / "iperf3_server.json", FIXTURES / "ip_link.txt"])
    assert found.sizes["run"] == 2
    assert "left out: " in found.attrs["warnings"]
    assert "ip_link.txt" in found.attrs["warnings"]
