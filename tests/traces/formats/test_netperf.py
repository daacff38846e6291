"""netperf's tables of chosen columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_latencies_and_a_transaction_rate_without_a_throughput_are_taken_by_their_titles():
    run = open_trace(FIXTURES / "netperf_latencies.txt")
    assert float(run["transaction_rate"]) == pytest.approx(33016.121)
    assert [float(run[name]) for name in ("min_rtt", "mean_rtt", "max_rtt")] == pytest.approx(
        [21e-6, 30.12e-6, 1287e-6]
    )
    assert "duration" not in run


def test_a_table_of_columns_that_are_not_known_is_refused_and_never_taken_for_the_classic_one():
    lines = (
        (FIXTURES / "netperf_latencies.txt").read_text().replace("Transaction", "Something  ").replace("Mean", "Odd ")
    )
    for name in ("Minimum", "Maximum", "Stddev"):
        lines = lines.replace(name, "Odd".ljust(len(name)))
    with pytest.raises(TraceError, match="no result line"):
        opening.read(source_of(Path("input"), lines.encode()))


def read(text):
    return opening.read(source_of(Path("input"), text.encode()))


RR = "MIGRATED TCP REQUEST/RESPONSE TEST from 0.0.0.0 () port 0 AF_INET to 192.0.2.2 () port 0 AF_INET : demo\n"


def test_a_throughput_without_unit_of_a_request_test_is_transactions_unless_bits_were_asked_for():
    plain, asked = (
        read(f"$ netperf -t TCP_RR\n{RR}THROUGHPUT=12749.78\n"),
        read(f"$ netperf -t TCP_RR -f m -j\n{RR}THROUGHPUT=75.78\n"),
    )
    assert float(plain["transaction_rate"]) == pytest.approx(12749.78)
    assert float(asked["received_rate"]) == pytest.approx(75.78e6)
    assert "taken as Trans/s" in plain.attrs["warnings"]
    assert "taken as 10^6bits/s" in asked.attrs["warnings"]


@pytest.mark.parametrize("name", ["netperf_udp_stream.txt", "netperf_crr.txt", "netperf_three.txt"])
def test_tables_pasted_without_the_lines_that_name_their_tests_are_known_by_their_titles(name):
    text = (FIXTURES / name).read_text()
    bare = "".join(line for line in text.splitlines(keepends=True) if " from " not in line)
    whole, found = read(text), read(bare)
    assert found.sizes == whole.sizes
    for variable in whole.data_vars:
        assert found[variable].values == pytest.approx(whole[variable].values, nan_ok=True), variable
