"""NDT's totals: the client's JSON of today and of old, its events, NDT 5."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def read(text):
    return opening.read(source_of(Path("input"), text.encode()))


def test_the_clients_summary_has_a_run_for_each_direction():
    runs = open_trace(FIXTURES / "ndt7_client.json")
    assert runs["received_rate"].values == pytest.approx([93.1e6, 37.9e6])
    assert runs["min_rtt"].values == pytest.approx([21.3e-3, 24e-3])
    assert runs["direction"].values.tolist() == ["reverse", "forward"]


@pytest.mark.parametrize("keys", [("Value", "Unit"), ("value", "unit")])
def test_old_clients_give_what_they_sent_as_upload(keys):
    value, unit = keys
    runs = read(
        f'{{"Server":"a","Client":"b","Download":{{"{value}":18.99,"{unit}":"Mbit/s"}},'
        f'"Upload":{{"{value}":1.12,"{unit}":"Mbit/s"}},"MinRTT":{{"{value}":28.3,"{unit}":"ms"}}}}'
    )
    assert float(runs["received_rate"][0]) == pytest.approx(18.99e6)
    assert float(runs["sent_rate"][1]) == pytest.approx(1.12e6)
    assert runs["min_rtt"].values == pytest.approx([28.3e-3] * 2)


def test_the_clients_events_give_the_rate_over_time():
    runs = open_trace(FIXTURES / "ndt7_client_events.jsonl")
    assert float(runs["received_rate"][0]) == pytest.approx(118180480 * 8 / 10.000211)
    assert float(runs["sent_rate"][1]) == pytest.approx(47180480 * 8 / 10.000311)
    first = runs["throughput"].isel(run=0, time=0)
    assert float(first) == pytest.approx(2818048 * 8 / 0.2501)
    assert float(runs["min_rtt"][0]) == pytest.approx(19.831e-3)


def test_ndt_5_is_what_the_server_counted():
    runs = open_trace(FIXTURES / "ndt5.json")
    assert float(runs["sent_rate"][0]) == pytest.approx(12.44e6)
    assert float(runs["received_rate"][1]) == pytest.approx(4.195e6)
    assert float(runs["min_rtt"][0]) == pytest.approx(63.992e-3)
