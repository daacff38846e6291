"""Real output of every other tool, and what its reader makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_trace
from tunbp.traces.limit import limit_of
from tunbp.traces.summary import sentence

from . import fuzz

FIXTURES = Path(__file__).parent / "fixtures"


def text_of(name):
    return (FIXTURES / name).read_text()


@pytest.fixture
def opened(tmp_path):
    def write(content, **options):
        path = tmp_path / "input"
        path.write_text(content)
        return open_trace(path, **options)

    return write


def test_ping_gives_every_reply_at_its_time():
    run, text = open_trace(FIXTURES / "one_run" / "ping.txt"), text_of("one_run/ping.txt")
    replies = re.findall(r"\[([\d.]+)\] .*time=([\d.]+) ms", text)
    assert run["rtt"].values == pytest.approx([float(rtt) * 1e-3 for _, rtt in replies])
    assert run["time"].values == pytest.approx([float(at) - float(replies[0][0]) for at, _ in replies], abs=1e-6)
    assert run.attrs["start"].startswith("2026-11-23T07:41:3")
    assert int(run["probes_sent"]) == 25


def test_ping_without_times_counts_them_from_the_interval():
    run = open_trace(FIXTURES / "ping_plain.txt")
    length = float(re.search(r"time (\d+)ms", text_of("ping_plain.txt"))[1]) * 1e-3
    assert run["time"].values == pytest.approx(np.arange(5) * length / 4)
    assert open_trace(FIXTURES / "ping6.txt").sizes["time"] == 3


def test_quiet_and_unanswered_pings_have_totals_only():
    quiet, lost = open_trace(FIXTURES / "ping_quiet.txt"), open_trace(FIXTURES / "ping_unreachable.txt")
    assert "time" not in quiet.dims
    assert float(quiet["mean_rtt"]) == pytest.approx(0.766e-3)
    assert float(lost["loss_fraction"]) == 1
    assert "no probe was answered" in lost.attrs["findings"]


def test_a_ping_that_was_cut_off_says_so(opened):
    lines = text_of("ping_plain.txt").splitlines(keepends=True)
    run = opened("".join(lines[:4]))
    assert run.sizes["time"] == int(run["probes_received"]) == 3
    assert "cut off" in run.attrs["warnings"]
    with pytest.raises(TraceError, match="neither a reply nor the summary"):
        opened(lines[0])


def test_irtts_json_and_text_tell_the_same():
    whole, summary = open_trace(FIXTURES / "irtt.json.gz"), open_trace(FIXTURES / "irtt.txt")
    assert whole.sizes["time"] == int(whole["probes_sent"]) == int(summary["probes_sent"]) == 20
    for name in ("min_rtt", "mean_rtt", "max_rtt", "rtt_deviation", "mean_send_delay", "mean_receive_delay"):
        assert float(whole[name]) == pytest.approx(float(summary[name]), rel=0.005), name
    assert float(whole["rtt"].mean()) == pytest.approx(float(whole["mean_rtt"]), rel=1e-6)
    assert (np.diff(whole["time"]) > 0).all()


def test_pktgen_threads_lie_along_queue_and_add_up():
    run = open_trace(FIXTURES / "pktgen_two_threads.txt")
    assert run["queue"].values.tolist() == ["d0@0", "d0@1"]
    assert run["thread_sent"].values.tolist() == [20000, 20000]
    assert float(run["sent_packet_rate"]) == 39431 + 45401
    script = open_trace(FIXTURES / "pktgen_script.txt")
    assert script.drop_attrs(deep=False).identical(run.drop_attrs(deep=False))


def test_a_pktgen_dump_without_result_says_what_is_missing(opened):
    text = text_of("pktgen_one.txt")
    with pytest.raises(TraceError, match="no complete result"):
        opened(text[: text.index("Result")] + "Result: OK: 12")


def test_ip_text_and_json_name_the_same_counters():
    text, details = open_trace(FIXTURES / "ip_link.txt"), open_trace(FIXTURES / "ip_link_detail.json")
    assert text["queue"].values.tolist() == details["queue"].values.tolist() == ["lo", "v0"]
    for name in ("tx_packets", "tx_bytes", "tx_dropped", "rx_packets", "mtu", "txqueuelen"):
        assert text[name].sel(queue="lo") == details[name].sel(queue="lo")
    assert details["kind"].sel(queue="v0") == "veth"
    assert text["tx_packets"].sel(queue="v0") > 0


def test_a_log_of_ip_and_tc_is_one_series_on_one_clock():
    run = open_trace(FIXTURES / "ip_tc_series.log")
    stamps = [float(stamp) for stamp in re.findall(r"^(\d+\.\d+)$", text_of("ip_tc_series.log"), re.MULTILINE)]
    assert run["time"].values == pytest.approx(np.array(stamps) - stamps[0], abs=1e-6)
    assert set(run["queue"].values) == {"v0", "htb 1:", "pfifo 10:"}
    assert (np.diff(run["tx_packets"].sel(queue="v0")) >= 0).all()


def test_statistics_that_were_not_asked_for_are_missed(opened):
    with pytest.raises(TraceError, match="run ip with -s"):
        opened('[{"ifindex":1,"ifname":"lo","mtu":65536}]')
    with pytest.raises(TraceError, match="run tc with -s"):
        opened("qdisc noqueue 0: dev lo root refcnt 2\n")


def test_tc_text_and_json_agree_for_every_qdisc():
    text, coded = open_trace(FIXTURES / "tc_kinds.txt"), open_trace(FIXTURES / "tc_kinds.json")
    kinds = {"netem", "fq_codel", "cake", "fq", "pfifo_fast", "noqueue"}
    assert set(text["kind"].values) == set(coded["kind"].values) == kinds
    # the two were printed one after the other; neighbour discovery went through cake in between
    quiet = text["queue"].values[text["kind"].values != "cake"]
    for name in ("qdisc_packets", "qdisc_bytes", "qdisc_dropped", "qdisc_backlog", "qdisc_new_flows"):
        assert text[name].sel(queue=quiet).values.tolist() == pytest.approx(
            coded[name].sel(queue=quiet).values.tolist(), nan_ok=True
        ), name
    assert int(text["qdisc_dropped"].sel(queue="v0 netem 1:")) == 16
    assert set(open_trace(FIXTURES / "tc_htb_pfifo.txt")["kind"].values) == {"noqueue", "htb", "pfifo"}


def test_a_backlog_in_kibibytes_is_bytes(opened):
    head = "qdisc pfifo 1: dev a root\n Sent 1 bytes 1 pkt (dropped 0, overlimits 0 requeues 0) \n"
    run = opened(f"{head} backlog 12Kb 9p requeues 0\n")
    assert int(run["qdisc_backlog_bytes"].item()) == 12 * 1024
    assert int(run["qdisc_backlog"].item()) == 9


def test_ss_gives_windows_in_bytes_and_rates_in_bits():
    run = open_trace(FIXTURES / "ss.log")
    bulk = run.isel(time=0, stream=1)
    assert float(bulk["rtt"]) == pytest.approx(25.941e-3)
    assert int(bulk["cwnd"]) == 369 * 1448
    assert int(bulk["snd_wnd"]) == 973824
    assert float(bulk["delivery_rate"]) == 34300376
    assert bulk["socket_congestion"] == "cubic"
    assert bulk["socket"] == "10.77.0.1:36590 > 10.77.0.2:5201"
    assert "4 samples show no socket" in run.attrs["warnings"]


def test_nstat_and_ethtool_counters_have_their_names():
    text, coded = open_trace(FIXTURES / "nstat.txt"), open_trace(FIXTURES / "nstat.json")
    known = json.loads(text_of("nstat.json"))["kernel"]
    assert coded["counter"].sel(queue="TcpActiveOpens") == known["TcpActiveOpens"]
    assert text["counter"].sel(queue="TcpActiveOpens") == known["TcpActiveOpens"]
    assert int(open_trace(FIXTURES / "ethtool.txt").sizes["queue"]) == 21


def test_dropped_packets_are_counted_by_reason():
    run = open_trace(FIXTURES / "tun_drops" / "perf_script.txt")
    assert run["drop_events"].sel(queue="FULL_RING") == 91
    assert run.attrs["places"].startswith("tun_net_xmit 91")


def test_the_receive_log_counts_packets_and_gives_bits(opened):
    run = opened("run_time_ns: 2000000000\nDevice tap0 opened\n"
                 "packets_received: 300 | packets_lost: 100 | Speed [Byte/s]: 1250.5\n")  # fmt: skip
    assert (int(run["delivered"]), int(run["total_lost_packets"])) == (300, 100)
    assert float(run["received_rate"]) == 10004
    assert float(run["transmitted_rate"]) == 150
    assert float(run["drop_fraction"]) == 0.25
    assert run.attrs["device"] == "tap0"


def test_netperf_keywords_and_interim_results(opened):
    run = opened("MIGRATED TCP STREAM TEST from 0.0.0.0\n"
                 "Interim result: 90.0 10^6bits/s over 0.5 seconds ending at 1000.5\n"
                 "Interim result: 94.0 10^6bits/s over 0.5 seconds ending at 1001.0\n"
                 "THROUGHPUT=92.00\nTHROUGHPUT_UNITS=10^6bits/s\nELAPSED_TIME=1.0\nTRANSPORT_RETRANS=7\n")  # fmt: skip
    assert run["throughput"].values.tolist() == [90e6, 94e6]
    assert run["time"].values.tolist() == [0.5, 1.0]
    assert (float(run["received_rate"]), int(run["total_retransmits"])) == (92e6, 7)


def test_flent_series_become_rates_and_delays(opened):
    content = {
        "metadata": {"NAME": "tcp_2up", "FLENT_VERSION": "2.1", "SERIES_META": {"TCP upload::1": {"UNITS": "Mbits/s"}}},
        "version": 4, "x_values": [0.0, 0.2, 0.4],
        "results": {"TCP upload::1": [None, 2.0, 4.0], "TCP upload::2": [1, 1, 1], "Ping (ms) ICMP": [10, None, 30]},
    }  # fmt: skip
    run = opened(json.dumps(content))
    assert run["throughput"].sel(stream=1).values[1:].tolist() == [2e6, 4e6]
    assert float(run["mean_rtt"]) == pytest.approx(0.02)
    assert float(run["received_rate"]) == pytest.approx(4e6)
    content["results"]["TCP upload::2"] = [1, 1]
    with pytest.raises(TraceError, match=r"'TCP upload::2' has 2 values, the time axis 3"):
        opened(json.dumps(content))


def test_text_files_keep_their_text_on_request(opened):
    text = text_of("ping_plain.txt")
    assert json.loads(opened(text, raw=True).attrs["raw"]) == text


@pytest.mark.parametrize("name", ["tc_kinds.json", "ip_link_detail.json", "irtt.txt", "ss.log", "nstat.json"])
def test_a_file_cut_in_half_opens_or_names_the_place(opened, name):
    half = text_of(name)[: len(text_of(name)) // 2]
    assert fuzz.check_input(half.encode()) in ("dataset", "error")
    try:
        message = "" if opened(half).data_vars else "nothing"
    except TraceError as error:
        message = str(error)
    assert message == "" or re.search(r"input: byte \d+ \(line \d+\): \w", message)


@pytest.mark.parametrize(("name", "longest", "mean"), [("german", 0.014, 0.008), ("french", 0.044, 0.028)])
def test_windows_ping_is_read_in_any_language(name, longest, mean):
    run = open_trace(FIXTURES / f"ping_windows_{name}.txt")
    assert (int(run["probes_sent"]), int(run["probes_received"])) == (4, 3)
    assert float(run["loss_fraction"]) == 0.25
    assert (float(run["max_rtt"]), float(run["mean_rtt"])) == (longest, mean)
    assert run.sizes["time"] == 3


def test_answers_of_routers_that_windows_counts_as_received_are_lost(opened):
    text = text_of("ping_windows_french.txt").replace(
        "reçus = 3, perdus = 1 (perte 25%)", "reçus = 4, perdus = 0 (perte 0%)"
    )
    run = opened(text.replace("Délai d’attente de la demande dépassé.",
                              "Réponse de 198.51.100.1 : Impossible de joindre l’hôte de destination."))  # fmt: skip
    assert float(run["loss_fraction"]) == 0.25
    assert "1 answers say that the destination cannot be reached" in run.attrs["warnings"]


def test_a_decimal_comma_is_a_decimal_point():
    run = open_trace(FIXTURES / "ping_bsd_comma.txt")
    assert run["rtt"].values == pytest.approx([0.012345, 0.011005])
    assert float(run["rtt_deviation"]) == pytest.approx(0.00067)


def test_netperf_takes_sender_and_receiver_of_udp_apart():
    run = open_trace(FIXTURES / "netperf_udp_stream.txt")
    assert [float(run["sent_rate"]), float(run["received_rate"])] == pytest.approx([1048.11e6, 838.49e6])
    assert (int(run["total_packets"]), int(run["total_lost_packets"]), int(run["send_errors"])) == (10000, 2000, 7)


def test_netperf_results_of_quoted_and_interleaved_tests_go_to_their_tests():
    runs = open_trace(FIXTURES / "netperf_three.txt")
    assert runs["test"].values.tolist() == ["TCP STREAM", "TCP STREAM", "TCP CONNECT/REQUEST/RESPONSE"]
    assert runs["received_rate"].values[:2].tolist() == [8192e3, 16384e3]
    assert runs["transaction_rate"].values[2] == 5123.45


def test_the_kernels_verdict_of_ss_comes_first_and_a_listener_has_no_send_queue():
    run = open_trace(FIXTURES / "ss_limited.txt")
    assert "limited by the receive window 95 %" in run.attrs["findings"]
    assert limit_of(run).name == "receive window"
    assert run["send_queue"].sel(stream=2).values.tolist() == [2500000]
    assert np.isnan(run["send_queue"].sel(stream=1)).all()


def test_acks_that_cake_filters_are_no_drops():
    run = open_trace(FIXTURES / "tc_cake_ack_filter.txt")
    assert [int(run[f"qdisc_{name}"].item()) for name in ("dropped", "ack_dropped", "ecn_marked")] == [10, 300, 4]
    assert int(run["tin_packets"].item()) == 92134
    assert float(run["tin_average_delay"].item()) == pytest.approx(204e-6)


def test_cakes_tins_have_the_same_names_in_text_and_json():
    text, coded = open_trace(FIXTURES / "tc_kinds.txt"), open_trace(FIXTURES / "tc_kinds.json")
    assert text["tin"].values.tolist() == coded["tin"].values.tolist()
    assert [name.split(": ")[1] for name in text["tin"].values] == ["Bulk", "Best Effort", "Voice"]
    assert text["tin_rate"].values.tolist() == pytest.approx(coded["tin_rate"].values.tolist(), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "label", "variable", "value"),
    [
        ("ifconfig.txt", "va", "tx_packets", 238509),
        ("ifconfig_busybox.txt", "va", "tx_packets", 238509),
        ("netstat_i.txt", "va", "tx_packets", 238509),
        ("proc_net_dev.txt", "va", "tx_packets", 238509),
        ("proc_net_snmp.txt", "TcpActiveOpens", "counter", 8),
        ("netstat_s.txt", "TcpActiveOpens", "counter", 8),
        ("proc_net_netstat.txt", "TcpExtTCPLossProbes", "counter", 221),
        ("softirqs.txt", "NET_TX CPU0", "counter", 96),
        ("dropwatch_old.txt", "tun_net_xmit", "drop_events", 95),
        ("bpftrace_stacks.txt", "@drops[tun_net_xmit, 77]", "drop_events", 91),
        ("bpftrace_reasons.txt", "@drops[77]", "drop_events", 91),
    ],
)
def test_counters_are_what_the_tool_printed(name, label, variable, value):
    assert int(open_trace(FIXTURES / name)[variable].sel(queue=label)) == value


def test_all_ways_to_print_an_interface_agree():
    runs = [open_trace(FIXTURES / name) for name in ("ifconfig.txt", "ifconfig_busybox.txt", "proc_net_dev.txt")]
    for name in ("rx_bytes", "rx_packets", "rx_errors", "tx_bytes", "tx_packets", "tx_dropped", "tx_collisions"):
        assert len({int(run[name].sel(queue="va")) for run in runs}) == 1, name
    assert {int(run["txqueuelen"].sel(queue="va")) for run in runs[:2]} == {1000}


def test_fping_gives_a_run_for_each_host():
    one, two = open_trace(FIXTURES / "fping.txt"), open_trace(FIXTURES / "fping_two.txt")
    assert one["rtt"].values == pytest.approx([0.569e-3, 0.063e-3, 0.062e-3, 0.060e-3])
    assert two["loss_fraction"].values.tolist() == [0, 1]
    assert two["start"].values[0].startswith("2026-11-26T22:18:00")


def test_mtr_says_the_paths_loss_not_that_of_a_hop_that_answers_rarely():
    run = open_trace(FIXTURES / "mtr_rate_limited.json")
    assert float(run["loss_fraction"]) == 0
    assert run["hop_loss"].values == pytest.approx([0, 0.7, 0])
    assert float(run["mean_rtt"]) == pytest.approx(12.2e-3)
    assert "they limit answers" in run.attrs["warnings"]


def test_mtrs_text_is_read_as_its_json_is():
    run = open_trace(FIXTURES / "mtr_report.txt")
    assert run["hop"].values.tolist() == ["1 _gateway", "2 192.0.2.1", "3 ???", "4 example.org"]
    assert run["hop_loss"].values == pytest.approx([0, 0, 1, 0.1])
    assert (float(run["min_rtt"]), float(run["max_rtt"])) == pytest.approx((54e-3, 60.1e-3))
    assert (int(run["probes_sent"]), run.attrs["host"]) == (10, "laptop")


def test_mtr_is_read_in_any_order_of_columns_and_as_csv():
    run, exact = open_trace(FIXTURES / "mtr_columns.txt"), open_trace(FIXTURES / "mtr.csv")
    assert run["hop"].values.tolist() == exact["hop"].values.tolist() == ["1 10.99.0.2"]
    assert [float(run[name]) for name in ("min_rtt", "mean_rtt", "max_rtt")] == pytest.approx([1e-4] * 3)
    assert (float(exact["min_rtt"]), float(exact["max_rtt"])) == pytest.approx((60e-6, 80e-6))
    assert int(run["probes_sent"]) == int(exact["probes_sent"]) == 3


def test_fping_gives_times_side_by_side_with_dashes_for_lost_ones():
    runs = open_trace(FIXTURES / "fping_table.txt")
    assert runs["rtt"].isel(run=0).values == pytest.approx([23e-6, 45e-6, 50e-6, 40e-6, 48e-6])
    assert runs["loss_fraction"].values.tolist() == [0, 1]


def test_ftrace_of_kfree_skb_counts_drops_by_reason():
    run = open_trace(FIXTURES / "ftrace_drops.txt")
    assert {str(label): int(run["drop_events"].sel(queue=label)) for label in run["queue"].values} == {
        "FULL_RING": 3, "NOT_SPECIFIED": 1,
    }  # fmt: skip
    assert float(run["duration"]) == pytest.approx(2212.321232 - 2211.111222)


def test_netperfs_table_of_chosen_columns_is_read_by_its_titles(opened):
    run = open_trace(FIXTURES / "netperf_omni_columns.txt")
    assert (float(run["received_rate"]), float(run["duration"])) == (4721.33e6, 10.0)
    assert (int(run["total_retransmits"]), float(run["mean_rtt"])) == (121, pytest.approx(27.72e-6))
    with pytest.raises(TraceError, match=r"line 1\): netperf failed: establish control"):
        opened("establish control: are you sure there is a netserver listening on a at port 12865?\n")


def test_netperf_says_protocol_and_direction():
    udp = open_trace(FIXTURES / "netperf_udp_stream.txt")
    assert (udp.attrs["protocol"], udp.attrs["direction"]) == ("UDP", "forward")


def test_a_value_of_iperf_2s_csv_that_is_no_number_is_refused_with_its_line(opened):
    with pytest.raises(TraceError, match=r"byte \d+ \(line 2\): a value of the row is not a number"):
        opened(text_of("iperf2_udp.csv").replace("4998000,0.000", "4998000,0.0.0"))


def test_netperf_connect_request_response_counts_transactions():
    run = open_trace(FIXTURES / "netperf_crr.txt")
    assert (float(run["transaction_rate"]), float(run["duration"])) == (9283.53, 10.0)


def test_iperf_2_is_named_and_its_csv_is_exact():
    text, exact = open_trace(FIXTURES / "iperf2.txt"), open_trace(FIXTURES / "iperf2.csv")
    assert "iperf 2, rounded text" in text.attrs["warnings"]
    assert (float(text["sent_rate"]), text.sizes["time"]) == (12.9e9, 3)
    assert float(exact["sent_rate"]) == 6077162281 + 6704888814
    assert open_trace(FIXTURES / "iperf2_server.txt").sizes["run"] == 5
    udp = open_trace(FIXTURES / "iperf2_udp.txt")
    assert (int(udp["total_packets"]), float(udp["received_rate"])) == (854, 5.01e6)
    enhanced = open_trace(FIXTURES / "iperf2_enhanced.txt")
    assert int(enhanced["total_retransmits"]) == 631
    assert enhanced["rtt"].values == pytest.approx([1165e-6, 459e-6])


def test_old_pktgen_says_nsec_and_means_microseconds(opened):
    label = text_of("pktgen_one.txt").replace("usec", "nsec")
    assert float(opened(label)["duration"]) == float(open_trace(FIXTURES / "pktgen_one.txt")["duration"])


@pytest.mark.parametrize("name", ["bottleneck.pcap", "bottleneck.pcapng"])
def test_a_capture_gives_the_rate_retransmits_and_round_trips_of_its_flows(name):
    run = open_trace(FIXTURES / name)
    assert str(run["socket"].values[0]) == "10.77.0.1:45242 > 10.77.0.2:5201"
    # tshark 4.0: payload of the flow, tcp.analysis.retransmission, tcp.analysis.ack_rtt: 156 of 0.308 ms on average,
    # one of them of 42.4 ms, whose ACK waited for a retransmission
    assert int(run["sent_bytes"]) == int(run["transferred"].sel(stream=1).sum()) == 495253
    assert int(run["total_retransmits"]) == int(run["retransmits"].sel(stream=1).sum()) == 55
    assert float(run["min_rtt"]) == pytest.approx(2e-6, abs=1e-6)
    assert float(run["mean_rtt"]) == pytest.approx((156 * 307.763e-6 - 42.418e-3) / 155, rel=0.02)
    # the sender itself says 4.8 Mbit/s sent and 3.86 received; the capture is behind the queue that dropped
    assert float(run["received_rate"]) == pytest.approx(3.855e6, rel=0.05)
    assert run.attrs["protocol"] == "TCP"


def test_a_capture_that_is_cut_off_gives_what_precedes_the_cut(tmp_path):
    whole = (FIXTURES / "bottleneck.pcap").read_bytes()
    (tmp_path / "cut.pcap").write_bytes(whole[: len(whole) // 2])
    run = open_trace(tmp_path / "cut.pcap")
    assert 0 < int(run["sent_bytes"]) < 495253
    (tmp_path / "head.pcap").write_bytes(whole[:24])
    with pytest.raises(TraceError, match="0 packets, none of them TCP or UDP"):
        open_trace(tmp_path / "head.pcap")


@pytest.mark.parametrize("name", ["tracepoints_perf.txt", "tracepoints_ftrace.txt"])
def test_tracepoints_give_occupancy_sojourn_and_drops_of_the_ring(name):
    run = open_trace(FIXTURES / name)
    # the device counted 48 offered, 19 dropped, with a queue of 10
    assert (int(run["sent"]), int(run["delivered"]), int(run["dropped_ring"])) == (48, 29, 19)
    assert run["drop_events"].sel(queue="FULL_RING") == 19
    assert 9 <= float(run["ring_occupancy"].max()) <= 10
    assert 0 < float(run["ring_sojourn"]) < 0.02
    assert run.attrs["device"] == "tun0"
    assert sentence(run).startswith("tracepoints: the ring of tun0 dropped 39.6 % of 48 packets")


@pytest.mark.parametrize("name", ["retis.txt", "retis.jsonl"])
def test_retis_counts_drops_by_reason(name):
    run = open_trace(FIXTURES / name)
    assert {str(label): int(run["drop_events"].sel(queue=label)) for label in run["queue"].values} == {
        "FULL_RING": 2, "NO_SOCKET": 1,
    }  # fmt: skip


def test_ndt_gives_the_servers_tcp_info_and_the_kernels_verdict():
    run = open_trace(FIXTURES / "ndt7.json")
    assert float(run["received_rate"]) == pytest.approx(80e6)
    assert run["throughput"].values == pytest.approx([80e6] * 8)
    assert run["cwnd"].values.tolist() == [200 * 1448] * 8
    assert float(run["min_rtt"]) == pytest.approx(19.8e-3)
    assert limit_of(run).name == "receive window"
    assert run.attrs["direction"] == "reverse"


def test_qlog_is_the_same_as_document_and_as_sequence():
    whole, sequence = open_trace(FIXTURES / "qlog.json"), open_trace(FIXTURES / "qlog.sqlog")
    assert whole.drop_attrs(deep=False).identical(sequence.drop_attrs(deep=False))
    assert (int(whole["total_packets"]), int(whole["total_lost_packets"])) == (40, 1)
    assert int(whole["sent_bytes"]) == 40 * 1252
    assert float(whole["min_rtt"]) == pytest.approx(30e-3)
    assert whole.sizes["time"] == 10


def test_every_format_has_a_fixture_and_a_row_that_says_what_is_read():
    from tunbp.traces.formats import READERS

    assert len({reader.name for reader in READERS}) == len(READERS)
    for reader in READERS:
        assert reader.commands
        assert reader.versions
        assert reader.gives
    opened_by = set()
    for path in FIXTURES.rglob("*"):
        if path.is_file() and path.name not in ("iperf3_refused.json", "iperf3_text.txt", "README.md"):
            run = open_trace(path)
            opened_by |= {*run.attrs["tool"].split("; "), *(map(str, run["tool"].values) if "tool" in run else [])}
    # run.json and the receive log are made by the tests themselves; flent's files by convert
    assert {reader.name for reader in READERS} - opened_by <= {"tunbp lab", "tun receive log", "flent"}


def test_ip_stats_and_rows_that_grep_left_of_proc_net_dev_are_counters():
    stats, rows = open_trace(FIXTURES / "ip_stats.txt"), open_trace(FIXTURES / "proc_net_dev_grep.txt")
    assert int(stats["tx_packets"].sel(queue="va")) == 205842
    assert int(rows["tx_packets"].sel(queue="va")) == 222453


def test_fpings_list_of_times_is_its_summary():
    assert "summary is missing" not in open_trace(FIXTURES / "fping_list.txt").attrs["warnings"]


def test_sixteen_processors_are_no_interfaces(opened):
    numbers = " ".join(f"{number}" for number in range(16))
    run = opened(f"{' '.join(f'CPU{n}' for n in range(16))}\n HI: {numbers}\n NET_TX: {numbers}\n NET_RX: {numbers}\n")
    assert run.attrs["tool"] == "/proc/softirqs"
    with pytest.raises(TraceError, match="not the output of a tool"):
        opened(f"IpExt: {numbers}\n")
