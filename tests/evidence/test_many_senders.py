"""What the machine does for each packet of many senders."""

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tunbp.evidence import experiments, live, many_senders
from tunbp.lab.statistics import compare
from tunbp.quantities import percent, show, significant

PAGE = Path(__file__).parents[2] / "docs" / "laboratory.md"


@pytest.fixture(scope="module")
def measured():
    """The bundled measurements, by name."""
    return live.measurements()


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


def test_natively_the_reader_loses_its_processor_to_many_senders_and_not_to_one(measured):
    table = many_senders.tcp(measured["senders_native"], "stock").set_index(["queues", "senders"])
    lost = table["reader_preemptions"]
    assert lost.loc[1].is_monotonic_increasing
    assert lost[1, 8] > 3 * lost[1, 1]
    assert lost[4, 8] < 1.2 * lost[1, 1]
    assert table.loc[(1, 8), "high"] < 0.8 * table.loc[(1, 1), "low"]  # the ranges of both are far apart
    # a reader with a processor for itself carries one packet in the time that it needs for one
    assert (table["rate"] * table["reader_cpu"]).loc[1].between(0.92, 1.08).all()


def test_the_page_says_what_the_data_say(measured):
    runs = measured["senders_native"]
    text = PAGE.read_text()
    table = many_senders.tcp(runs, "stock").set_index(["senders", "queues"])
    lines = re.findall(r"^\| (\d+) TCP, (\d) \| (.*) \|$", text, re.MULTILINE)
    assert {(int(senders), int(queues)) for senders, queues, _ in lines} == set(table.index)
    for senders, queues, said in lines:
        row = table.loc[(int(senders), int(queues))]
        which = (runs["protocol"] == "tcp") & (runs["senders"] == int(senders)) & (runs["queues"] == int(queues))
        here = runs.isel(run=which.to_numpy())
        assert here.sizes["run"] == 5
        low, middle, high = (significant(float(here["goodput"].quantile(q)) / 1e9, 2) for q in (0, 0.5, 1))
        assert said.split(" | ") == [
            f"{middle} ({low} to {high}) Gbit/s",
            f"{significant(1e6 * row['reader_cpu'], 2)} us per packet",
            f"{significant(row['reader_preemptions'], 2)} per packet",
            f"{significant(row['context_switches'], 2)} per packet",
            percent(float(here["ring_drop_fraction"].median()), 2),
        ]
    one = table.xs(1, level="queues").sort_index()
    said = re.search(r"would carry ([\d, and]+) K\npackets/s.*?, and ([\d, and]+) K were", text, re.DOTALL)
    assert said is not None
    carried, measured_rates = ([int(number) for number in re.findall(r"\d+", part)] for part in said.groups())
    assert measured_rates == [round(rate / 1e3) for rate in one["rate"]]
    predicted = experiments.beside(runs, experiments.senders(2)).set_index(["cell", "variable"])["predicted"]
    rates = [
        predicted[f"tcp-{n}sender{'s' * (n > 1)}-1queue-ring500-pfifo_fast", "transmitted_rate"] for n in one.index
    ]
    assert carried == [round(rate / 1e3) for rate in rates]
    assert f"Eight senders lose {round(100 * (1 - one['rate'][8] / one['rate'][1]))} %" in text
    flood = runs.isel(run=(runs["cell"] == "udp-8senders-1queue-ring500-pfifo_fast").to_numpy())
    asked = predicted["udp-8senders-1queue-ring500-pfifo_fast", "transmitted_rate"]
    assert f"{round(asked / 1e3)} K packets/s predicted from its cost, " in text
    assert f"{round(float(flood['transmitted_rate'].median()) / 1e3)} K measured; the ring drops 72 %" in text
    assert float(flood["ring_drop_fraction"].median()) == pytest.approx(0.72, abs=0.005)


DRIVERS = {
    "stock": ("senders", "stock"),
    "woken at half": ("senders", "backpressure"),
    "woken when empty": ("senders_wake_when_empty", "backpressure"),
    "woken at an eighth": ("senders_wake_at_eighth", "backpressure"),
}
"""Words of the page for a measurement and a variant in it."""


def medians(measured, driver, protocol, senders):
    name, variant = DRIVERS[driver]
    runs = measured[name]
    wanted = {"variant": variant, "protocol": protocol, "senders": senders}
    return runs.isel(run=np.logical_and.reduce([runs[key].to_numpy() == value for key, value in wanted.items()]))


def test_the_page_says_what_the_flag_and_its_threshold_did_on_one_processor(measured):
    lines = re.findall(r"^\| (\d) TCP, (stock|woken .*?) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert {(driver, senders) for senders, driver, _ in lines} == {(name, n) for name in DRIVERS for n in "18"}
    for senders, driver, said in lines:
        here = medians(measured, driver, "tcp", int(senders))
        share = float((here["ksoftirqd_cpu"] / here["duration"]).median())
        rate, lost, raised = (
            float(here[name].median()) for name in ("transmitted_rate", "dropped_ring", "tx_softirqs")
        )
        found = [f"{here.sizes['run']}", show(rate, "packet/s", 3), f"{lost:.0f}", f"{raised:.0f}", percent(share, 2)]
        assert said.split(" | ") == found
    assert all((measured[name]["drops_qdisc_burst"] == 0).all() for name, _ in DRIVERS.values())
    stock, half = (medians(measured, driver, "udp", 8) for driver in ("stock", "woken at half"))
    assert (half["dropped_ring"] == 0).all()
    totals = [stock["dropped_ring"], stock["sent"], half["dropped_qdisc"], half["sent"]]
    assert [round(float(total.median()) / 1e3) for total in totals] == [74, 99, 75, 100]
    empty, eighth = (medians(measured, f"woken {when}", "udp", 8) for when in ("when empty", "at an eighth"))
    rates = [float(runs["transmitted_rate"].median()) / 1e3 for runs in (empty, half)]
    assert rates == pytest.approx([10.8, 10.9], abs=0.05)
    assert [round(float(end) / 1e3, 1) for end in np.sort(eighth["transmitted_rate"])[[0, -1]]] == [14.5, 15.3]
    assert [round(float(eighth[name].median()) / 1e3) for name in ("dropped_qdisc", "sent")] == [58, 92]


def test_how_often_a_queue_is_woken_hardly_changes_what_it_carries(measured):
    for senders in (1, 8):
        rare, half, often = (
            medians(measured, f"woken {when}", "tcp", senders) for when in ("when empty", "at half", "at an eighth")
        )
        wakes = [float(runs["tx_softirqs"].median()) for runs in (rare, half, often)]
        assert wakes[0] < wakes[1] / 1.8 < wakes[2] / 6
        rates = [float(runs["transmitted_rate"].median()) for runs in (rare, half, often)]
        assert max(rates) / min(rates) < 1.03
        switches = [
            float((runs["context_switches"] / runs["delivered"]).median())
            for runs in (medians(measured, "stock", "tcp", senders), half)
        ]
        assert switches == pytest.approx([0.35, 0.44] if senders == 1 else [0.49, 0.59], abs=0.006)


def test_the_flag_costs_one_sender_in_every_pair_and_eight_nothing_that_is_decided(measured):
    runs = measured["senders"]
    for pair in compare(runs.isel(run=(runs["protocol"] == "tcp").to_numpy()), "transmitted_rate"):
        assert pair.difference.count == 5
        assert pair.verdict == ("lower" if "1sender" in pair.cell else "undecided")
        if "1sender" in pair.cell:
            ends = (pair.difference.high, pair.difference.estimate, pair.difference.low)
            assert [round(-end / 1e3, 1) for end in ends] == [1.2, 2.4, 3.6]
    (flood,) = compare(runs.isel(run=(runs["protocol"] == "udp").to_numpy()), "transmitted_rate")
    ends = (flood.difference.high, flood.difference.estimate, flood.difference.low)
    assert [round(-100 * end / flood.stock.estimate) for end in ends] == [2, 3, 4]
