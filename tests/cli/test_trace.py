"""`tunbp trace` and `tunbp convert`: what they print, write and return."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from tunbp.cli.trace import convert, trace
from tunbp.traces import open_trace

FIXTURES = Path(__file__).parents[1] / "traces" / "fixtures"


def run(command, *arguments):
    return CliRunner(env={"COLUMNS": "160"}).invoke(command, [str(argument) for argument in arguments])


def test_trace_says_what_a_file_is_and_what_it_is_worth():
    done = run(trace, FIXTURES / "one_run")
    assert done.exit_code == 0
    assert "iperf3; ping; ip; tc" in done.stdout
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
