"""iperf3 JSON of every shape: made by iperf3 3.12, cut and repeated at run time."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_trace
from tunbp.traces.limit import limit_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def document(name):
    return json.loads((FIXTURES / name).read_text())


@pytest.fixture
def written(tmp_path):
    def write(content, name="run.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_tcp_run_has_every_interval_and_total_in_si_units():
    run, raw = open_trace(FIXTURES / "iperf3_tcp.json"), document("iperf3_tcp.json")
    sums = [interval["streams"][0] for interval in raw["intervals"]]
    assert run["throughput"].values.tolist() == [s["bits_per_second"] for s in sums]
    assert run["transferred"].values.tolist() == [s["bytes"] for s in sums]
    assert run["cwnd"].values.tolist() == [s["snd_cwnd"] for s in sums]
    assert run["snd_wnd"].values.tolist() == [s["snd_wnd"] for s in sums]
    assert run["rtt"].values == pytest.approx([s["rtt"] * 1e-6 for s in sums])
    assert run["time"].values.tolist() == [s["end"] for s in sums]
    assert float(run["received_rate"]) == raw["end"]["sum_received"]["bits_per_second"]
    assert float(run["mean_rtt"]) == pytest.approx(raw["end"]["streams"][0]["sender"]["mean_rtt"] * 1e-6)
    assert run["retransmits"].dtype == run["cwnd"].dtype == np.int64


def test_attributes_say_where_the_run_comes_from():
    attrs = open_trace(FIXTURES / "iperf3_tcp.json").attrs
    assert (attrs["tool"], attrs["version"], attrs["host"], attrs["congestion"]) == (
        "iperf3",
        "3.12",
        "lab",
        "cubic",
    )
    assert attrs["command"] == "iperf3 -c 10.77.0.2 -t 4 -J"
    assert attrs["kernel"].startswith("Linux 7.3.4+deb13-amd64")
    assert attrs["start"] == "2026-11-23T07:41:33Z"
    assert re.fullmatch("[0-9a-f]{64}", attrs["sha256"])


def test_parallel_streams_keep_their_own_series_and_omitted_seconds_end_at_zero():
    run, raw = open_trace(FIXTURES / "iperf3_parallel_omit.json"), document("iperf3_parallel_omit.json")
    assert dict(run.sizes) == {"time": 6, "stream": 3}
    assert run["omitted"].values.tolist() == [True, True, False, False, False, False]
    assert float(run["time"][1]) == 0 > float(run["time"][0])
    assert (np.diff(run["time"]) > 0).all()
    kept = run["transferred"].where(~run["omitted"], drop=True).sum()
    assert kept == sum(s["bytes"] for i in raw["intervals"][2:] for s in i["streams"])
    assert run["stream_sent_rate"].values.tolist() == [s["sender"]["bits_per_second"] for s in raw["end"]["streams"]]


def test_both_directions_of_a_bidirectional_test_stay_apart():
    run, raw = (
        open_trace(FIXTURES / "iperf3_bidir_parallel.json"),
        document("iperf3_bidir_parallel.json")["end"],
    )
    assert run["sender"].values.tolist() == ["client", "client", "server", "server"]
    assert run.attrs["direction"] == "both"
    assert float(run["received_rate"]) == raw["sum_received"]["bits_per_second"]
    assert float(run["reverse_received_rate"]) == raw["sum_received_bidir_reverse"]["bits_per_second"]
    assert int(run["reverse_total_retransmits"]) == raw["sum_sent_bidir_reverse"]["retransmits"]
    forward = [s["sender"]["min_rtt"] for s in raw["streams"] if s["sender"]["sender"]]
    assert float(run["min_rtt"]) == pytest.approx(min(forward) * 1e-6)


def test_a_reverse_run_takes_the_senders_windows_from_the_servers_output():
    alone = open_trace(FIXTURES / "iperf3_reverse.json")
    both = open_trace(FIXTURES / "iperf3_reverse_server_json.json")
    assert "rtt" not in alone
    assert alone.attrs["direction"] == both.attrs["direction"] == "reverse"
    server = document("iperf3_reverse_server_json.json")["server_output_json"]["intervals"]
    assert both["cwnd"].values.tolist() == [i["streams"][0]["snd_cwnd"] for i in server]


def test_udp_counts_datagrams_lost_and_sent():
    run, total = open_trace(FIXTURES / "iperf3_udp.json"), document("iperf3_udp.json")["end"]["sum"]
    assert int(run["total_packets"]) == total["packets"]
    assert int(run["total_lost_packets"]) == total["lost_packets"]
    assert float(run["mean_jitter"]) == pytest.approx(total["jitter_ms"] * 1e-3)
    assert "retransmits" not in run


def test_sctp_ipv6_and_the_servers_own_file_open():
    assert open_trace(FIXTURES / "iperf3_sctp.json").attrs["protocol"] == "SCTP"
    assert "fd77::2" in open_trace(FIXTURES / "iperf3_ipv6_bytes.json").attrs["command"]
    server = open_trace(FIXTURES / "iperf3_server.json")
    assert server.attrs["role"] == "server"
    assert int(server["received_bytes"]) > 0
    assert "sent_bytes" not in server, "a server does not know what the client sent, and writes 0"


def test_an_interrupted_run_keeps_its_intervals_and_says_so():
    run = open_trace(FIXTURES / "iperf3_interrupted.json")
    assert run.sizes["time"] == 3
    assert "the client has terminated" in run.attrs["warnings"]


def test_several_tests_among_log_lines_lie_along_run():
    run = open_trace(FIXTURES / "iperf3_two_runs.log")
    assert dict(run.sizes) == {"run": 2, "time": 1}
    text = (FIXTURES / "iperf3_two_runs.log").read_text()
    rates = re.findall(r'"sum_received":\s*\{[^}]*"bits_per_second":\s*([\d.]+)', text)
    assert run["received_rate"].values.tolist() == pytest.approx([float(rate) for rate in rates], rel=1e-12)


@pytest.mark.parametrize("share", [0.35, 0.5, 0.8, 0.95])
def test_a_file_cut_anywhere_gives_the_complete_intervals_and_a_warning(written, share):
    text = (FIXTURES / "iperf3_tcp.json").read_bytes()
    cut = int(len(text) * share)
    # an interval is complete when its closing brace, two tabs deep, stands before the cut
    whole = len(re.findall(rb"\n\t\t\}(?=, \{|\],)", text[: cut + 1]))
    run = open_trace(written(text[:cut]))
    assert run.sizes["time"] == whole >= 1
    assert f"byte {cut}" in run.attrs["warnings"]
    assert int(run["sent_bytes"]) == int(run["transferred"].sum())


def test_a_file_cut_before_the_first_interval_names_the_byte(written):
    text = (FIXTURES / "iperf3_tcp.json").read_bytes()[:700]
    with pytest.raises(TraceError, match=r"run\.json: byte 700 \(line 2\d\): damaged JSON"):
        open_trace(written(text))


def test_a_wrong_type_names_the_field(written):
    text = (FIXTURES / "iperf3_tcp.json").read_text().replace('"bytes":\t', '"bytes":\t"x", "was":\t', 1)
    text = text.replace('"bytes":\t0', '"bytes":\t"many"', 1)
    with pytest.raises(TraceError, match=r"Expected `float \| null`, got `str` - at `\$\."):
        open_trace(written(text))


def test_a_json_stream_opens_like_the_whole_document(written):
    raw = document("iperf3_tcp.json")
    lines = [{"event": "start", "data": raw["start"]}]
    lines += [{"event": "interval", "data": interval} for interval in raw["intervals"]]
    lines += [{"event": "end", "data": raw["end"]}]
    stream = open_trace(written("\n".join(json.dumps(line) for line in lines)))
    whole = open_trace(FIXTURES / "iperf3_tcp.json")
    assert stream.drop_attrs(deep=False).identical(whole.drop_attrs(deep=False))
    cut = open_trace(written("\n".join(json.dumps(line) for line in lines[:3]), "cut.json"))
    assert cut.sizes["time"] == 2
    assert "no end section" in cut.attrs["warnings"]


def test_a_json_stream_with_the_full_output_after_it_is_one_run(written):
    raw = document("iperf3_tcp.json")
    lines = [{"event": "start", "data": raw["start"]}, {"event": "interval", "data": raw["intervals"][0]}]
    text = "\n".join(json.dumps(line) for line in lines) + "\n" + json.dumps(raw, indent=1)
    assert dict(open_trace(written(text)).sizes) == {"time": 4}


@pytest.mark.parametrize("change", ["gzip", "utf-16", "byte order mark", "carriage returns", "log lines"])
def test_wrapping_does_not_change_what_is_read(written, change):
    text = (FIXTURES / "iperf3_tcp.json").read_bytes()
    content = {
        "gzip": gzip.compress(text),
        "utf-16": text.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + text,
        "carriage returns": text.replace(b"\n", b"\r\n"),
        "log lines": b"+ iperf3 -J {x}\n" + text + b"\nexit {0}\n",
    }[change]
    run, plain = open_trace(written(content)), open_trace(FIXTURES / "iperf3_tcp.json")
    assert run.drop_attrs(deep=False).identical(plain.drop_attrs(deep=False))
    assert run.attrs["warnings"] == ""


def test_a_cut_gzip_file_gives_what_precedes_the_cut(written):
    packed = gzip.compress((FIXTURES / "iperf3_tcp.json").read_bytes())
    run = open_trace(written(packed[: int(len(packed) * 0.8)]))
    assert 1 <= run.sizes["time"] <= 4
    assert "gzip data end early" in run.attrs["warnings"]


def test_not_a_number_is_missing(written):
    text = (FIXTURES / "iperf3_udp.json").read_text()
    text = re.sub(r'"jitter_ms":\t[\d.]+', '"jitter_ms":\t-nan', text)
    run = open_trace(written(text))
    assert "mean_jitter" not in run
    assert "not a number" in run.attrs["warnings"]


def test_a_refused_connection_and_plain_text_say_what_to_do():
    with pytest.raises(TraceError, match="iperf3 says: unable to connect to server: Connection refused"):
        open_trace(FIXTURES / "iperf3_refused.json")
    with pytest.raises(TraceError, match="run it again with -J"):
        open_trace(FIXTURES / "iperf3_text.txt")


def test_unknown_fields_stay_reachable_on_request():
    run = open_trace(FIXTURES / "iperf3_tcp.json", raw=True)
    assert json.loads(run.attrs["raw"]) == document("iperf3_tcp.json")
    assert "raw" not in open_trace(FIXTURES / "iperf3_tcp.json").attrs


def test_both_directions_under_the_same_keys_are_told_apart(written):
    text = (FIXTURES / "iperf3_bidir.json").read_text()
    # as 3.7 and 3.8 wrote it: forward first
    twice = re.sub(r'"(sum_sent|sum_received)_bidir_reverse"(?=:\s*\{\s*"start")', r'"\1"', text)
    assert twice != text
    known, found = open_trace(FIXTURES / "iperf3_bidir.json"), open_trace(written(twice))
    for name in ("sent_rate", "received_rate", "reverse_sent_rate", "reverse_received_rate", "total_retransmits"):
        assert float(found[name]) == float(known[name])


def stream_of(raw, end=False):
    lines = [{"event": "start", "data": raw["start"]}]
    lines += [{"event": "interval", "data": interval} for interval in raw["intervals"]]
    return "\n".join(json.dumps(line) for line in [*lines, *([{"event": "end", "data": raw["end"]}] if end else [])])


def test_without_an_end_each_direction_is_that_of_its_own_streams(written):
    raw = document("iperf3_bidir.json")
    run = open_trace(written(stream_of(raw)))
    length = sum(interval["streams"][0]["seconds"] for interval in raw["intervals"])
    for sender, name in ((True, "sent_rate"), (False, "reverse_received_rate")):
        amount = sum(s["bytes"] for interval in raw["intervals"] for s in interval["streams"] if s["sender"] is sender)
        assert float(run[name]) == pytest.approx(8 * amount / length)
    assert "received_rate" not in run
    reverse = open_trace(written(stream_of(document("iperf3_reverse.json")), "reverse.json"))
    assert "sent_rate" not in reverse, "what the client of -R counts is what arrived"
    assert float(reverse["received_rate"]) == pytest.approx(
        float(open_trace(FIXTURES / "iperf3_reverse.json")["received_rate"]), rel=0.05
    )


def test_the_same_test_twice_in_a_file_is_counted_once(written):
    text = (FIXTURES / "iperf3_tcp.json").read_text()
    run = open_trace(written(text + "\n" + text))
    assert dict(run.sizes) == {"time": 4}
    assert "counted once" in run.attrs["warnings"]


def test_a_failed_test_among_others_is_the_files_warning_not_theirs(written):
    texts = [(FIXTURES / name).read_text() for name in ("iperf3_tcp.json", "iperf3_refused.json", "iperf3_udp.json")]
    runs = open_trace(written("\n".join(texts)))
    assert dict(runs.sizes)["run"] == 2
    assert "Connection refused" in runs.attrs["warnings"]
    own = runs["warnings"].values if "warnings" in runs.coords else [""]
    assert not any("refused" in text for text in own)


def test_the_set_rate_is_that_of_all_streams_of_a_direction(written):
    raw = document("iperf3_parallel_omit.json")
    raw["start"]["test_start"]["target_bitrate"] = 4_000_000
    assert float(open_trace(written(json.dumps(raw)))["set_rate"]) == 4e6 * 3


def test_a_rate_that_the_kernel_paces_is_a_set_rate_though_the_senders_buffer_was_filled_at_once(written):
    raw = document("iperf3_tcp.json")
    raw["start"]["fq_rate"] = raw["end"]["sum_received"]["bits_per_second"]
    raw["end"]["sum_sent"]["bits_per_second"] *= 1.03
    run = open_trace(written(json.dumps(raw)))
    assert limit_of(run).name == "rate set in the tool"
    assert "--fq-rate" in run.attrs["command"]


def test_a_round_trip_of_0_was_not_measured(written):
    text = re.sub(r'("(?:min_|mean_|max_)?rtt":)\s*\d+', r"\1 0", (FIXTURES / "iperf3_tcp.json").read_text())
    run = open_trace(written(text))
    assert not {"rtt", "min_rtt", "mean_rtt", "max_rtt"} & set(run.data_vars)


def test_the_receiver_of_udp_in_reverse_counts_what_arrived(written):
    raw = document("iperf3_udp.json")
    raw["start"]["test_start"]["reverse"] = 1
    for interval in raw["intervals"]:
        interval["streams"][0] |= {"bytes": 1000, "seconds": 1.0, "lost_packets": 3, "packets": 4}
    for name in ("sum_sent", "sum_received"):
        raw["end"].pop(name, None)
    run = open_trace(written(json.dumps(raw)))
    assert float(run["received_rate"]) == pytest.approx(8000)
    assert float(run["sent_rate"]) == raw["end"]["sum"]["bits_per_second"]
