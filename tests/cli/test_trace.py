"""`tunbp trace` and `tunbp convert`: what they print, write and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tunbp.cli.trace import convert, trace
from tunbp.traces import open_trace

FIXTURES = Path(__file__).parents[1] / "traces" / "fixtures"


def run(command, *arguments):
    return CliRunner(env={"COLUMNS": "160"}).invoke(command, [str(argument) for argument in arguments])


def test_trace_says_what_a_file_is_and_what_it_is_worth():
    done = run(trace, FIXTURES / "one_run")
    assert done.exit_code == 0
    assert done.stdout.startswith("iperf3 3.12: 31.54 Mbit/s of TCP arrived in 4 s; held by the rate of the path.")
    assert "31.54 Mbit/s" in done.stdout
    assert "limited by" in done.stdout
    assert "v0 pfifo 10:" in done.stdout
    assert "warning" in done.stdout


def test_trace_prints_json_without_losing_the_files_that_fail():
    done = run(trace, "--json", FIXTURES / "iperf3_tcp.json", FIXTURES / "iperf3_text.txt")
    good, bad = json.loads(done.stdout)
    assert done.exit_code == 1
    assert good["numbers"]["received_rate"] == {
        "value": float(open_trace(FIXTURES / "iperf3_tcp.json")["received_rate"]), "units": "bit/s",
    }  # fmt: skip
    assert {finding["check"] for finding in good["findings"]} == {"duration", "totals", "congestion", "limit"}
    assert "run it again with -J" in bad["error"]


def test_trace_finds_the_same_file_given_twice(tmp_path):
    copy = tmp_path / "copy.json"
    copy.write_bytes((FIXTURES / "iperf3_tcp.json").read_bytes())
    done = run(trace, FIXTURES / "iperf3_tcp.json", copy)
    assert "is the same measurement as" in " ".join(done.stdout.split())


def test_trace_draws_the_series(tmp_path):
    target = tmp_path / "series.pdf"
    done = run(trace, FIXTURES / "one_run", FIXTURES / "iperf3_tcp.json", "--plot", target)
    assert done.exit_code == 0
    assert target.read_bytes().startswith(b"%PDF")
    refused = run(trace, FIXTURES / "nstat.txt", "--plot", target)
    assert "no series" in str(refused.exception) or "has a series" in str(refused.exception)


def test_convert_writes_what_open_trace_reads_back(tmp_path):
    for name in ("run.nc", "run.zarr"):
        done = run(convert, FIXTURES / "iperf3_tcp.json", tmp_path / name)
        assert done.exit_code == 0
        assert "4 time" in done.stdout
        assert open_trace(tmp_path / name).identical(open_trace(FIXTURES / "iperf3_tcp.json"))


def test_convert_refuses_another_ending_before_reading(tmp_path):
    done = run(convert, FIXTURES / "iperf3_tcp.json", tmp_path / "run.csv")
    assert "must end with .nc" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_several_files_are_one_table_with_the_serious_findings_below():
    done = run(trace, FIXTURES / "iperf3_tcp.json", FIXTURES / "ping_unreachable.txt")
    assert "what it says" in done.stdout
    assert "ping: no probe was answered." in done.stdout
    assert "error  ping_unreachable.txt: no probe was answered" in done.stdout


def test_a_file_of_sockets_shows_what_the_kernel_says_of_them():
    shown = " ".join(run(trace, FIXTURES / "ss_limited.txt").stdout.split())
    assert "10.77.0.1:36590 > 10.77.0.2:5201: RTT 120 ms, cwnd 8.69 MB; held by the receive window." in shown
    assert "window-limited 57 s" in shown


def test_the_json_follows_its_schema():
    from tunbp.cli.trace_record import FailedRecord, TraceRecord

    schema = json.loads(run(trace, "--json-schema").stdout)
    assert {"TraceRecord", "FailedRecord"} <= set(schema["$defs"])
    files = sorted(path for path in FIXTURES.iterdir() if path.name != "README.md")
    for each in json.loads(run(trace, "--json", *files).stdout):
        (FailedRecord if "error" in each else TraceRecord).model_validate(each)


HOSTILE = "a[/b][link=x]\x1b[31mred\x1b]52;c;aGFja2Vk\x07\u202egnp\r<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["tables", "json"])
def test_a_hostile_name_in_a_file_does_nothing_on_the_terminal(tmp_path, arguments):
    links = [{"ifname": HOSTILE, "mtu": 1500, "stats64": {"tx": {"packets": 9, "dropped": 3}}}]
    path = tmp_path / "links.json"
    path.write_text(json.dumps(links))
    sockets = tmp_path / "sockets.txt"
    sockets.write_text(
        f"State Recv-Q Send-Q\nESTAB 0 0 {HOSTILE.replace(chr(13), '')} b:2\n\t cubic rtt:1/2 mss:1 cwnd:9\n"
    )
    netperf = tmp_path / "netperf.txt"
    netperf.write_text(f"MIGRATED TCP STREAM TEST from x\nTHROUGHPUT={HOSTILE}\n")
    for given in ([path], [sockets], [path, sockets], [netperf]):
        done = run(trace, *arguments, *given)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        for acting in ("\x1b]", "\x07", "\u202e", "\x1b[31mred"):
            assert acting not in done.output
        assert "Traceback" not in done.output


def test_convert_writes_what_flent_reads(tmp_path):
    import gzip

    target = tmp_path / "run.flent.gz"
    done = run(convert, FIXTURES / "one_run", target)
    assert done.exit_code == 0
    content = json.loads(gzip.decompress(target.read_bytes()))
    assert content["metadata"]["NAME"] == "tcp_upload"
    back, first = open_trace(target), open_trace(FIXTURES / "one_run")
    assert back["throughput"].dropna("time").values == pytest.approx(first["throughput"].dropna("time").values)
    assert back["rtt"].dropna("time").values == pytest.approx(first["ping_rtt"].dropna("time").values)
    refused = run(convert, FIXTURES / "nstat.txt", target)
    assert "no series over time that flent plots" in str(refused.exception)
