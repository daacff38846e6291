"""What the machine does for each packet of many senders."""

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tunbp.evidence import live, many_senders
from tunbp.quantities import percent, show, significant

PAGE = Path(__file__).parents[2] / "docs" / "laboratory.md"


def runs(**counted):
    """Two stock runs and one with the flag, of one cell."""
    totals = {"delivered": [100.0, 200.0, 0.0], "duration": [2.0, 2.0, 2.0], "reader_preemptions": [10.0, 60.0, 5.0]}
    coords = {"cell": ("run", ["eight"] * 3), "variant": ("run", ["stock", "stock", "backpressure"])}
    found = xr.Dataset({name: ("run", values) for name, values in (totals | counted).items()}, coords)
    return {"senders": found.assign_attrs(experiment="senders")}


def test_counts_are_divided_by_the_packets_of_each_run_and_then_the_median_is_taken():
    table = many_senders.per_packet(runs(ksoftirqd_cpu=[0.2, 0.4, 0.0])).set_index("variant")
    assert table.loc["stock", "reader_preemptions"] == pytest.approx(0.2)  # of 0.1 and 0.3
    assert table.loc["stock", "ksoftirqd_cpu"] == pytest.approx(0.15)
    assert table.loc["stock", "runs"] == 2


def test_what_was_not_counted_or_divided_by_no_packets_is_missing():
    table = many_senders.per_packet(runs()).set_index("variant")
    assert np.isnan(table.loc["stock", "drops_full_ring"])
    assert np.isnan(table.loc["backpressure", "reader_preemptions"])


def test_other_experiments_are_left_out():
    other = {"ring": runs()["senders"].assign_attrs(experiment="ring")}
    assert many_senders.per_packet(other).empty


def test_natively_the_reader_loses_its_processor_to_many_senders_and_not_to_one():
    table = many_senders.per_packet({"senders_native": live.measurements()["senders_native"]})
    lost = table.set_index("cell")["reader_preemptions"]
    assert lost["tcp-8senders-1queue-ring500-pfifo_fast"] > 5 * lost["tcp-1sender-1queue-ring500-pfifo_fast"]
    assert lost["tcp-8senders-4queues-ring500-pfifo_fast"] < lost["tcp-8senders-1queue-ring500-pfifo_fast"] / 4


def test_the_page_says_what_the_data_say():
    runs = live.measurements()["senders_native"]
    table = many_senders.per_packet({"senders_native": runs}).set_index("cell")
    lines = re.findall(r"^\| (\d+) TCP, (\d) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(lines) == 3
    for senders, queues, said in lines:
        cell = f"tcp-{senders}sender{'s' * (senders > '1')}-{queues}queue{'s' * (queues > '1')}-ring500-pfifo_fast"
        here = runs.isel(run=runs["cell"].to_numpy() == cell)
        assert said.split(" | ") == [
            show(float(here["goodput"].median()), "bit/s", 2),
            f"{significant(table.loc[cell, 'reader_preemptions'], 2)} per packet",
            f"{significant(table.loc[cell, 'context_switches'], 2)} per packet",
            percent(float(here["ring_drop_fraction"].median()), 2),
        ]
    costs = [
        table.loc[f"tcp-{n}sender{'s' * (n > 1)}-1queue-ring500-pfifo_fast", "reader_cpu"] for n in (1, 2, 4, 8, 16)
    ]
    costs.append(table.loc["tcp-8senders-4queues-ring500-pfifo_fast", "reader_cpu"])
    said = re.search(
        r"(\S+) us with one TCP sender, (\S+), (\S+), (\S+) and (\S+) us.*?\n.*? (\S+) us with four", PAGE.read_text()
    )
    assert said is not None
    assert [float(value) for value in said.groups()] == [round(1e6 * cost, 1) for cost in costs]


def test_the_page_says_what_the_flag_did_to_counts_on_one_processor():
    runs = live.measurements()["senders"]
    lines = re.findall(r"^\| (\d) TCP, (stock|backpressure) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(lines) == 4
    for senders, variant, said in lines:
        cell = f"tcp-{senders}sender{'s' * (senders > '1')}-1queue-ring500-pfifo_fast"
        kept = (runs["cell"].to_numpy() == cell) & (runs["variant"].to_numpy() == variant)
        (goodput, dropped, raised, time) = (
            float(runs[name].to_numpy()[kept].item())
            for name in ("goodput", "dropped_ring", "tx_softirqs", "ksoftirqd_cpu")
        )
        share = time / float(runs["duration"].to_numpy()[kept].item())
        found = [show(goodput, "bit/s", 3), f"{dropped:.0f}", f"{raised:.0f}", percent(share, 2)]
        assert said.split(" | ") == found
    flood = runs.isel(run=runs["protocol"].to_numpy() == "udp").set_index(run="variant")
    assert (flood["drops_qdisc_burst"] == 0).all()
    assert flood["dropped_ring"].sel(run="backpressure") == 0
    totals = [
        flood[name].sel(run=variant).item()
        for variant, name in (
            ("stock", "dropped_ring"),
            ("stock", "sent"),
            ("backpressure", "dropped_qdisc"),
            ("backpressure", "sent"),
        )
    ]
    assert [round(total / 1e3) for total in totals] == [73, 98, 74, 99]
