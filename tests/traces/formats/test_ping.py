"""ping in other languages, and what Windows says otherwise than others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of
from tunbp.traces.summary import sentence

FIXTURES = Path(__file__).parents[1] / "fixtures"


def read(text):
    return opening.read(source_of(Path("input"), text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize(
    ("name", "rtt", "extremes", "span"),
    [
        ("ping_linux_german.txt", [12.3, 13.1, 12.9], (12.3, 12.766, 13.1, 0.339), 3.005),
        ("ping_linux_ukrainian.txt", [12.3, 9.87, 101], (9.87, 41.057, 101, 42.4), 3.004),
    ],
)
def test_linux_ping_is_read_in_any_language(name, rtt, extremes, span):
    run = open_trace(FIXTURES / name)
    assert run["rtt"].values == pytest.approx(np.array(rtt) * 1e-3)
    assert run["sequence"].values.tolist() == [1, 2, 4]
    assert run["time"].values == pytest.approx(np.array([0, 1, 3]) * span / 3)
    assert (int(run["probes_sent"]), int(run["probes_received"]), float(run["loss_fraction"])) == (4, 3, 0.25)
    found = [float(run[key]) for key in ("min_rtt", "mean_rtt", "max_rtt", "rtt_deviation")]
    assert found == pytest.approx(np.array(extremes) * 1e-3)
    assert not run.attrs["warnings"]


def test_a_line_below_the_title_whose_share_does_not_fit_its_counts_is_no_summary():
    text = (FIXTURES / "ping_linux_german.txt").read_text().replace("25%", "52%")
    run = read(text)
    assert "probes_sent" not in run
    assert "the summary is missing" in run.attrs["warnings"]


@pytest.mark.parametrize(
    ("name", "sent", "received", "extremes"),
    [
        ("ping_windows_japanese.txt", 2, 2, (5, 5, 6)),
        ("ping_windows_chinese.txt", 4, 3, (11, 11, 12)),
        ("ping_windows_russian.txt", 4, 4, (14, 14, 16)),
    ],
)
def test_windows_ping_is_read_in_any_language(name, sent, received, extremes):
    run = open_trace(FIXTURES / name)
    assert (int(run["probes_sent"]), int(run["probes_received"]), run.sizes["time"]) == (sent, received, received)
    found = [float(run[key]) for key in ("min_rtt", "mean_rtt", "max_rtt")]
    assert found == pytest.approx(np.array(extremes) * 1e-3)


@pytest.mark.parametrize(("name", "encoding"), [("chinese", "gbk"), ("japanese", "shift-jis"), ("russian", "cp866")])
def test_windows_ping_in_the_consoles_own_encoding_gives_the_same_numbers(name, encoding):
    text = (FIXTURES / f"ping_windows_{name}.txt").read_text()
    run, same = read(text.encode(encoding)), read(text)
    assert run.drop_attrs(deep=False).identical(same.drop_attrs(deep=False))


def test_windows_ping_over_ipv6_has_times_and_less_than_a_millisecond_is_no_time():
    run = read(
        "Pinging example.org [2001:db8::1] with 32 bytes of data:\nReply from 2001:db8::1: time=13ms \n"
        "Reply from 2001:db8::1: time<1ms \n\nPing statistics for 2001:db8::1:\n"
        "    Packets: Sent = 2, Received = 2, Lost = 0 (0% loss),\nApproximate round trip times in milli-seconds:\n"
        "    Minimum = 0ms, Maximum = 13ms, Average = 6ms\n"
    )
    assert run["rtt"].values == pytest.approx([13e-3, np.nan], nan_ok=True)
    assert [float(run[name]) for name in ("mean_rtt", "max_rtt")] == pytest.approx([6e-3, 13e-3])
    assert "min_rtt" not in run
    assert "1 replies came in less than 1 ms" in run.attrs["warnings"]


def test_each_call_of_ping_in_a_file_is_a_run():
    text = (FIXTURES / "ping_busybox.txt").read_text()
    other = (FIXTURES / "ping_linux_german.txt").read_text()
    runs, once = read(f"$ ping a\n{text}\n$ ping b\n{other}"), read(text)
    assert runs.sizes["run"] == 2
    assert float(runs["mean_rtt"][0]) == float(once["mean_rtt"])
    assert float(runs["mean_rtt"][1]) == pytest.approx(12.766e-3)
    assert runs["rtt"].notnull().sum("time").values.tolist() == [once.sizes["time"], 3]


def test_each_call_of_windows_ping_is_a_run_also_where_the_last_one_is_cut_off():
    text = (FIXTURES / "ping_windows_japanese.txt").read_text()
    runs = read(text + "\n" + text)
    assert runs["probes_sent"].values.tolist() == [2, 2]
    cut = read(text + "\n" + "\n".join(text.splitlines()[:2]))
    assert cut["probes_received"].values.tolist() == [2, 1]
    assert cut["max_rtt"].values == pytest.approx([6e-3, 5e-3])


def test_what_ping_says_instead_of_replies_is_told_once_with_its_number():
    run = open_trace(FIXTURES / "ping_too_large.txt")
    assert "3 probes: local error: message too long, mtu=1500" in run.attrs["warnings"].splitlines()
    router = "From 198.51.100.1 icmp_seq=2 Destination Host Unreachable\n"
    text = (FIXTURES / "ping_plain.txt").read_text()
    told = opening.read(source_of(Path("input"), (text.replace("\n64 bytes", f"\n{router}64 bytes", 1)).encode()))
    assert "1 probe: Destination Host Unreachable" in told.attrs["warnings"].splitlines()


def test_a_ping_that_could_not_begin_is_refused_in_its_own_words():
    with pytest.raises(TraceError, match=r"line 1\): ping failed: ping: nohost: Name or service not known"):
        opening.read(source_of(Path("input"), b"ping: nohost: Name or service not known\n"))


def test_windows_zero_milliseconds_are_less_than_one_and_no_round_trip_time():
    reply = "Reply from 192.0.2.1: bytes=32 time<1ms TTL=128\n"
    counts = "Ping statistics for 192.0.2.1:\n    Packets: Sent = 4, Received = 4, Lost = 0 (0% loss),\n"
    times = "Approximate round trip times in milli-seconds:\n    Minimum = 0ms, Maximum = {}ms, Average = 0ms\n"
    text = f"Pinging 192.0.2.1 with 32 bytes of data:\n{4 * reply}\n{counts}{times}"
    none, some = read(text.format(0)), read(text.format(3))
    assert "mean_rtt" not in none
    assert sentence(none) == "ping Windows: RTT below what it prints (1 ms), 4 of 4 probes answered."
    assert sentence(some) == "ping Windows: RTT up to 3 ms, 4 of 4 probes answered."
