"""Every sample file opens to the truth values of its manifest row, or fails with the documented error."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_trace
from tunbp.traces.findings import findings

FOLDERS = [Path(name) for name in os.environ.get("TUNBP_SAMPLES", "").split(":") if name]
EVERY = [
    {**row, "folder": folder}
    for folder in FOLDERS
    if (folder / "manifest.csv").is_file()
    for row in csv.DictReader((folder / "manifest.csv").open())
]
ROWS = [row for row in EVERY if "special" in row]
"""Rows whose truth is in the tool's own words, walked by a test for each tool."""
PLAIN = [row for row in EVERY if "special" not in row]
"""Rows whose truth is in the names of the schema, in SI units."""
RATE = 1e-6
"""Relative tolerance of rates; counts must be exact."""

pytestmark = pytest.mark.skipif(not EVERY, reason="TUNBP_SAMPLES names no folder with sample files")

REFUSED = {
    "iperf3/error_stderr.txt": "iperf3 failed: iperf3: error - unable to send control message: Bad file",
    "iperf3/server_text_output.txt": "run it again with -J",
    "iperf3/v3.7_error_refused.json": "unable to connect to server: Connection refused",
    "iperf3/v3.9_empty_end_no_error.json": "neither intervals nor totals",
    "iperf3/v3.9_truncated_in_start.json": r"byte 757 \(line 29\)",
}


def rows(kind):
    return [pytest.param(row, id=row["file"]) for row in ROWS if row["kind"] == kind and row["file"] not in REFUSED]


def opened(row):
    return open_trace(row["folder"] / row["file"]), json.loads(row["truth_json"])


def value(dataset, name):
    return float(dataset[name]) if name in dataset else None


def told(dataset, name):
    """A total, 0 where it was not measured or the side was not heard of: that is what iperf3 writes there."""
    return value(dataset, name) or 0


def test_every_row_is_walked_by_a_test():
    walked = {
        "iperf3",
        "flent",
        "pktgen",
        "tc",
        "ip_link",
        "ss",
        "ethtool",
        "nstat",
        "ping",
        "netperf",
        "irtt",
        "drops",
    }
    if ROWS:
        assert {row["kind"] for row in ROWS} == walked
        assert set(REFUSED) <= {row["file"] for row in ROWS}


@pytest.mark.parametrize("row", [pytest.param(row, id=row["file"]) for row in ROWS if row["file"] in REFUSED])
def test_what_holds_no_measurement_is_refused_with_its_reason(row):
    with pytest.raises(TraceError, match=REFUSED[row["file"]]):
        open_trace(row["folder"] / row["file"])


FINDINGS = {
    "iperf3_udp_98_percent_lost.json": r"98\.6 % of the datagrams were lost",
    "tc_cake_series.txt": "29 drops were there before the first snapshot: 0 in the series",
    "ss_rwnd_limited.txt": r"192\.0\.2\.10:20880 .*busy 1341 s, limited by the receive window 29\.9 %, "
                           r"by the send buffer 32\.4 % of it",
    "irtt_clocks_differ.json": r"clocks of both ends differ by about 10\.5 s: one-way delays are not used",
    "iperf2_text.txt": "iperf 2, rounded text",
}  # fmt: skip
"""What a finding must say."""
COUNTED = {
    "proc_net_dev.txt": ("rx_packets", {"lo": 152, "ens33": 109378}),
    "netstat_i.txt": ("tx_packets", {"docker0": 0, "ens33": 312, "lo": 0}),
    "dropwatch.txt": ("drop_events", {"ip_rcv_finish_core.isra.0": 2}),
}
"""Counters as printed: variable, and its values along `queue`."""


@pytest.mark.parametrize("row", [pytest.param(row, id=row["file"]) for row in PLAIN])
def test_every_plain_row_opens_to_its_truth(row):
    path, truth = row["folder"] / row["file"], json.loads(row["truth_json"])
    if "refused" in truth:
        with pytest.raises(TraceError, match=r"ss without -i says nothing about TCP.*backlog, no send queue"):
            open_trace(path)
        return
    run = open_trace(path)
    said = " | ".join(finding.message for finding in findings(run))
    assert "finding" not in truth or row["file"] in FINDINGS or row["file"] in COUNTED
    assert re.search(FINDINGS.get(row["file"], ""), said)
    if row["file"] in COUNTED:
        name, known = COUNTED[row["file"]]
        assert {label: int(run[name].sel(queue=label)) for label in run["queue"].values} == known
    if "time_step" in truth:
        assert np.diff(run["time"]) == pytest.approx(truth["time_step"], abs=1e-3)
    assert run.sizes.get("run", 1) == truth.get("runs", 1)
    for name, known in truth.items():
        if name in ("finding", "runs", "time_step"):
            continue
        several = isinstance(known, list) and "runs" not in truth
        found = run[f"stream_{name}" if several else name].to_numpy().ravel()
        # the manifest gives rates in three to five digits where the tool printed no more
        assert found.tolist() == pytest.approx(known if isinstance(known, list) else [known] * len(found), rel=5e-5)


def test_every_plain_row_is_walked():
    assert set(FINDINGS) | set(COUNTED) <= {row["file"] for row in PLAIN} or not PLAIN


@pytest.mark.parametrize("row", rows("iperf3"))
def test_iperf3(row):
    run, truth = opened(row)
    assert run.attrs["version"] == truth["version"].removeprefix("iperf ")
    assert run.attrs["protocol"] == truth["protocol"]
    assert run.sizes["time"] == truth["intervals"]
    assert run.sizes.get("stream", 1) == truth["num_streams"] == truth["end_streams"]
    omitted = run["omitted"].to_numpy() if "omitted" in run else np.zeros(run.sizes["time"], bool)
    assert omitted.sum() == truth["omitted_intervals"]
    kept = run.isel(time=~omitted)
    assert kept["transferred"].sum() == truth["kept_interval_bytes"]
    assert float(kept["interval"].sum()) == pytest.approx(truth["kept_interval_seconds"], rel=RATE)
    assert (float(kept["retransmits"].sum()) if "retransmits" in kept else None) == truth.get(
        "kept_interval_retransmits"
    )
    only_sum = "sum_sent_bps" not in truth
    assert told(run, "sent_rate") == pytest.approx(truth["sum_bps" if only_sum else "sum_sent_bps"], rel=RATE)
    assert told(run, "sent_bytes") == truth["sum_bytes" if only_sum else "sum_sent_bytes"]
    assert told(run, "sent_duration") == pytest.approx(truth["sum_seconds" if only_sum else "sum_sent_seconds"])
    if only_sum:
        arrived = truth["sum_bps"] * (1 - truth["sum_lost_packets"] / truth["sum_packets"])
        assert told(run, "received_rate") == pytest.approx(arrived, rel=RATE)
    else:
        assert told(run, "received_rate") == pytest.approx(truth["sum_received_bps"], rel=RATE)
        assert told(run, "received_bytes") == truth["sum_received_bytes"]
        assert told(run, "received_duration") == pytest.approx(truth["sum_received_seconds"])
    assert value(run, "total_retransmits") == truth.get("sum_sent_retransmits")
    if truth["protocol"] == "UDP":
        assert value(run, "total_packets") == truth["sum_packets"]
        assert value(run, "total_lost_packets") == truth["sum_lost_packets"]
        assert value(run, "mean_jitter") == pytest.approx(truth["sum_jitter_ms"] * 1e-3, rel=RATE)
    if "end_min_rtt_us" in truth:
        assert told(run, "min_rtt") == pytest.approx(truth["end_min_rtt_us"] * 1e-6, rel=RATE)
        assert told(run, "mean_rtt") == pytest.approx(np.mean(truth["end_mean_rtt_us"]) * 1e-6, rel=RATE)
    if "interval_rtt_us_min" in truth:
        shown = kept["rtt"] if truth["omitted_intervals"] else run["rtt"]
        assert float(shown.min()) == pytest.approx(truth["interval_rtt_us_min"] * 1e-6, rel=RATE)
        assert float(shown.mean()) == pytest.approx(truth["interval_rtt_us_mean"] * 1e-6, rel=RATE)
    else:
        assert "rtt" not in run
    assert run.attrs.get("congestion") == truth.get("sender_tcp_congestion")
    assert run.attrs["direction"] == ("reverse" if truth["reverse"] else "forward")


@pytest.mark.parametrize("row", rows("flent"))
def test_flent(row):
    run, truth = opened(row)
    assert run.attrs["version"] == truth["flent_version"]
    assert run.attrs["file_version"] == str(truth["file_version"])
    assert run.sizes["time"] == truth["points"]
    assert set(run["queue"].values) == set(truth["series"])
    for name, known in truth["series"].items():
        series = run["sample"].sel(queue=name)
        assert int(series.notnull().sum()) == known["n"]
        assert float(series.mean()) == pytest.approx(known["mean"], rel=RATE)


@pytest.mark.parametrize("row", rows("pktgen"))
def test_pktgen(row):
    run, truth = opened(row)
    results = truth["results"]
    for variable, key, scale in (
        ("thread_sent", "packets", 1), ("thread_rate", "pps", 1), ("thread_errors", "errors", 1),
        ("packet_size", "size", 1), ("thread_duration", "total_us", 1e-6), ("thread_idle", "idle_us", 1e-6),
    ):  # fmt: skip
        assert run[variable].to_numpy().ravel() == pytest.approx([result[key] * scale for result in results])
    assert run["thread_sent"].sum() == truth["sum_packets"]
    assert float(run["sent_packet_rate"].sum()) == truth["sum_pps"]
    assert float(run["sent_rate"].sum()) == sum(result["bps"] for result in results)
    device = results[0]["device"] or truth.get("ifname")
    assert device is None or run["queue"].values.tolist() == [device]


@pytest.mark.parametrize("row", rows("tc"))
def test_tc(row):
    run, truth = opened(row)
    assert run.sizes["queue"] == truth["n"]
    if "kinds" in truth:
        kinds, counts = np.unique(run["kind"], return_counts=True)
        assert dict(zip(kinds, counts, strict=True)) == truth["kinds"]
        assert run["qdisc_dropped"].sum() == truth["drops"]
        assert run["qdisc_bytes"].sum() == truth["bytes"]
        return
    for position, known in enumerate(truth["qdiscs"]):
        check_qdisc(run.isel(queue=position), known)


def check_qdisc(qdisc, known):
    kind, handle, device, *numbers = known
    assert (str(qdisc["kind"].item()), str(qdisc["handle"].item())) == (kind, handle)
    assert str(qdisc["device"].item()) == (device or "")
    names = ("qdisc_bytes", "qdisc_packets", "qdisc_dropped", "qdisc_overlimits", "qdisc_requeues")
    assert [int(qdisc[name]) for name in names] == numbers


@pytest.mark.parametrize("row", rows("ip_link"))
def test_ip_link(row):
    run, truth = opened(row)
    if "columns" not in truth:
        for name, known in truth.items():
            counts = run.sel(queue=name)
            assert [int(counts["rx_bytes"]), int(counts["rx_packets"])] == known["rx"]
            assert [int(counts["tx_bytes"]), int(counts["tx_packets"])] == known["tx"]
        return
    names = truth["columns"].split(",")[1:]
    links = run.isel(queue=run["handle"] == "") if "handle" in run.coords else run
    assert links.sizes["queue"] == truth["blocks"]
    for name, *numbers in [*truth["first"], truth["last"]]:
        assert [int(run[column].sel(queue=name)) for column in names] == numbers
    if "first_qdisc" in truth:
        check_qdisc(run.isel(queue=int(np.flatnonzero(run["handle"] != "")[0])), [
            *truth["first_qdisc"][:2], None, *truth["first_qdisc"][3:]
        ])  # fmt: skip


@pytest.mark.parametrize("row", rows("ss"))
def test_ss(row):
    run, truth = opened(row)
    assert run.sizes["time"] == truth["samples"]
    states, counts = np.unique(run["socket_state"], return_counts=True)
    assert {k: v for k, v in zip(states, counts, strict=True) if k} == truth["sockets"]
    assert int((run["socket_congestion"] == "bbr").sum()) == truth["bbr"]
    assert int(run["cwnd_segments"].notnull().sum()) == truth["cwnd_n"]
    if truth["rtt_ms_n"]:
        assert int(run["rtt"].notnull().sum()) == truth["rtt_ms_n"]
        assert float(run["rtt"].min()) == pytest.approx(truth["rtt_ms_min"] * 1e-3, rel=RATE)
        assert float(run["rtt"].max()) == pytest.approx(truth["rtt_ms_max"] * 1e-3, rel=RATE)
    else:
        assert "rtt" not in run


@pytest.mark.parametrize("row", rows("ethtool"))
def test_ethtool(row):
    run, truth = opened(row)
    assert run.sizes["queue"] == truth["counters"]
    assert [[name, str(int(run["counter"].sel(queue=name)))] for name, _ in truth["first"]] == truth["first"]


@pytest.mark.parametrize("row", rows("nstat"))
def test_nstat(row):
    run, truth = opened(row)
    assert run.sizes["queue"] == truth.pop("counters")
    assert {name: str(int(run["counter"].sel(queue=name))) for name in truth} == truth


@pytest.mark.parametrize("row", rows("ping"))
def test_ping(row):
    run, truth = opened(row)
    assert int(run["probes_sent"]) == truth["transmitted"]
    assert int(run["probes_received"]) == truth["received"]
    assert run.sizes.get("time", 0) == truth["reply_lines"]
    if truth["reply_lines"]:
        assert float(run["rtt"].min()) == pytest.approx(truth["reply_min"] * 1e-3, rel=RATE)
        assert float(run["rtt"].mean()) == pytest.approx(truth["reply_mean"] * 1e-3, rel=RATE)
    if truth["rtt_line"]:
        names = ("min_rtt", "mean_rtt", "max_rtt", "rtt_deviation")
        known = [float(word) * 1e-3 for word in truth["rtt_line"].split("/")]
        assert [float(run[name]) for name in names] == pytest.approx(known, rel=RATE)


@pytest.mark.parametrize("row", rows("netperf"))
def test_netperf(row):
    run, truth = opened(row)
    rate = value(run, "transaction_rate") or value(run, "received_rate") / 1e6
    assert rate == pytest.approx(float(truth["throughputs"][0]), rel=RATE)


@pytest.mark.parametrize("row", rows("irtt"))
def test_irtt(row):
    run, truth = opened(row)
    assert (int(run["probes_sent"]), int(run["probes_received"])) == (truth["sent"], truth["received"])
    assert float(run["loss_fraction"]) * 100 == pytest.approx(truth["loss_percent"], rel=RATE)
    known = [float(word.removesuffix("ms")) * 1e-3 for word in truth["rtt_line"].split()]
    found = [float(run[name]) for name in ("min_rtt", "mean_rtt", "max_rtt", "rtt_deviation")]
    assert found == pytest.approx([known[0], known[1], known[3], known[4]], rel=RATE)


@pytest.mark.parametrize("row", rows("drops"))
def test_drops(row):
    run, truth = opened(row)
    assert int(run["drop_events"].sum()) == truth["events"]
    assert {name: int(run["drop_events"].sel(queue=name)) for name in truth["reasons"]} == truth["reasons"]
