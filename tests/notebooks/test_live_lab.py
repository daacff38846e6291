"""Tables of live measurements, in units that people read."""

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence.experiments import rated
from tunbp.evidence.held_out import HELD_OUT, Cell
from tunbp.lab.statistics import machine_verdicts
from tunbp.notebooks.live_lab import figures
from tunbp.notebooks.live_lab.senders import senders_words
from tunbp.notebooks.live_lab.tables import (
    RATE,
    RING_DROPS,
    answer,
    beside_caption,
    inside_words,
    native_caption,
    native_table,
    ring_words,
    verdict_table,
)


def test_a_difference_stands_with_its_interval_in_readable_units():
    row = {
        "cell": "120ms-ring25", "quantity": "received rate", "units": "bit/s", "stock": 2.5e6, "backpressure": 80e6,
        "difference": 77.5e6, "low": 60e6, "high": 95e6, "pairs": 5, "with backpressure": "higher",
    }  # fmt: skip
    share = row | {"quantity": "dropped share", "units": "1", "difference": -0.65, "low": -0.7, "high": 0.01}
    equal = row | {"cell": "equal", "difference": 0.0, "low": 0.0, "high": 0.0}
    table = verdict_table(pd.DataFrame([row, share, equal]), "words").data
    assert list(table["cell"]) == ["120 ms, ring 25", "120 ms, ring 25"]
    assert list(table["quantity"]) == ["received rate (Mbit/s)", "dropped share (%)"]
    assert list(table["difference"]) == ["77.5 (60 to 95)", "-65 (-70 to 1)"]


def test_the_answer_is_written_from_the_rows_that_are_shown():
    gains = pd.DataFrame(
        {"cell": ["a", "b"], "quantity": RATE, "with backpressure": ["higher", "undecided"], "pairs": [5, 5]}
    )
    line = {"cell": "a", "setup": "120 ms, ring 25", "variant": "stock", "received_rate": 3.37e6, "model": 6.74e6}
    rows = [line, line | {"variant": "backpressure", "received_rate": 93.8e6, "model": 46.9e6}]
    rows += [row | {"cell": "b", "setup": "60 ms, ring 500", "model": row["received_rate"]} for row in rows]
    words = answer(gains, pd.DataFrame(rows))
    assert "1 higher, 1 undecided." in words
    assert "120 ms, ring 25: 3.37 Mbit/s through stock, 93.8 Mbit/s with backpressure (higher)" in words
    assert "60 ms, ring 500: 3.37 Mbit/s through stock, 93.8 Mbit/s with backpressure (undecided)" in words
    assert "misses stock by a factor of 2 at most (120 ms, ring 25), and backpressure by a factor of 2" in words


def test_what_the_ring_dropped_is_said_as_it_was_measured():
    row = {"quantity": RING_DROPS, "pairs": 15, "with backpressure": "undecided"}
    rows = [
        row | {"cell": "steady-ring25-fq_codel", "stock": 0.62, "backpressure": 0.0},
        row | {"cell": "steady-ring500-fq_codel", "stock": 0.69, "backpressure": 0.0},
        row | {"cell": "steady-ring500-noqueue", "stock": 0.64, "backpressure": 0.63},
    ]
    words = ring_words(pd.DataFrame(rows))
    assert words.startswith(
        "With a qdisc the ring dropped nothing under backpressure in any cell; stock dropped 62 to 69"
    )
    assert "With noqueue it dropped 64 % without the flag and 63 % with it (undecided, 15 pairs)." in words
    rows[1]["backpressure"] = 0.01
    assert "the ring dropped up to 1 % under backpressure" in ring_words(pd.DataFrame(rows))


def test_native_runs_are_shown_with_the_narrowest_interval_that_holds_and_their_own_repeatability():
    row = {
        "added_rtt": 0.06, "ring": 25, "sender": "CUBIC", "runs": 4, "measured": 8e7, "least": 6.2e7, "most": 9.4e7,
        "predicted": 7e7, "low50": 6e7, "high50": 9e7, "low90": 1e7, "high90": 2e8, "inside50": True, "inside90": True,
    }  # fmt: skip
    table = pd.DataFrame([row, row | {"inside50": False}, row | {"inside50": False, "inside90": False}])
    shown = native_table(table)
    assert list(shown["inside"]) == ["50 %", "90 %", "outside"]
    assert shown["measured, range (Mbit/s)"].iloc[0] == "80 (62 to 94)"
    assert shown["predicted, 50 % (Mbit/s)"].iloc[0] == "70 (60 to 90)"
    assert shown["90 % (Mbit/s)"].iloc[0] == "10 to 200"
    cells = [
        Cell("s", str(rate), "openvpn", {"receive_window": 1e6}, "stock", rate, HELD_OUT, 2, (rate, rate))
        for rate in (1e6, 2e6, 4e6)
    ]
    words = native_caption(table, cells)
    assert "Of 3 configurations 2 lie inside the 90 % interval and 1 inside the 50 %" in words
    assert "a factor of 1.00 (median) and 1.0 (worst), and they rank the configurations alike by Spearman 1.00" in words


OTHER = {
    "measurement": "shaped", "cell": "a", "variant": "backpressure", "variable": "received_rate", "quantity": "rate",
    "units": "bit/s", "runs": 2, "measured": 2e6, "least": 1e6, "most": 3e6, "predicted": 4e6,
}  # fmt: skip
SHARE = OTHER | {"variable": "ring_drop_fraction", "units": "1", "measured": 0.0, "most": 0.0, "predicted": 0.0}


def test_the_other_experiments_caption_says_how_far_predictions_are_off_and_what_the_ring_dropped():
    words = beside_caption(pd.DataFrame([OTHER, SHARE]))
    assert "1 rates, times and counts are off by a factor of 2 in the median and 2 at most (shaped, a" in words
    assert words.endswith("With the flag the ring dropped nothing in 1 of 1 cells.")
    assert "off by" not in beside_caption(pd.DataFrame([SHARE]))


def test_each_measured_value_is_drawn_over_its_prediction_with_its_range():
    fig = figures.experiments(rated(pd.DataFrame([OTHER, SHARE, OTHER | {"measurement": "veth", "variant": "stock"}])))
    ax = fig.axes[0]
    rows = ["OpenVPN over 8 Mbit/s", "a: rate", "veth", "a: rate"]
    assert [text.get_text() for text in ax.get_yticklabels()] == rows
    line, _, bars = ax.containers[0]
    assert line.get_xdata() == [2.0]
    np.testing.assert_allclose(bars[0].get_segments()[0][:, 0], [4 / 3, 4.0])


def many(variants, rates, cpus, **more):
    """Runs of one and of eight TCP senders, three of each variant, whose reader takes 2 and 4 us for each packet."""
    rows = [
        {"senders": count, "variant": variant, "repetition": run, "transmitted_rate": rates[count, variant] + 1e3 * run,
         "delivered": 1e6, "reader_cpu": 2.0 if count == 1 else 4.0, "reader_preemptions": 1e5 * count,
         "tx_softirqs": 100.0 * count, "duration": 2.0}
        for count in (1, 8) for variant in variants for run in (1, 2, 3)
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(protocol="tcp", queues=1, qdisc="pfifo_fast", ring=500, **more)
    table["cell"] = "tcp-" + table["senders"].astype(str) + "senders"
    labels = ["senders", "variant", "repetition", "protocol", "queues", "qdisc", "ring", "cell"]
    found = xr.Dataset.from_dataframe(table.rename_axis("run")).drop_vars("run").set_coords(labels)
    return found.assign_attrs(experiment="senders", facts=f'{{"cpus": {cpus}}}')


def test_why_eight_senders_lose_is_written_from_the_runs():
    rates = {(1, "stock"): 500e3, (8, "stock"): 250e3, (1, "backpressure"): 450e3, (8, "backpressure"): 250e3}
    ring = xr.Dataset(attrs={"experiment": "ring"})
    words = senders_words({"senders_native": many(["stock"], rates, 2), "ring": ring}, pd.DataFrame())
    assert "(senders_native).** Eight TCP senders through one queue carry 50 % less than one: 252 Kpps" in words
    assert "4 µs of processor time instead of 2 µs, and it loses its processor 0.8 times for each instead" in words
    assert "what 1 to 8 senders carried, within 0.8 %" in words  # 252 K/s and 4 us
    both, late = many(["stock", "backpressure"], rates, 1), many(["backpressure"], rates, 1)
    words = senders_words(
        {"senders": both, "senders_wake_when_empty": late}, machine_verdicts([both, late], ["transmitted_rate"])
    )
    assert "would carry" not in words  # they share the one processor
    assert (
        "1 senders: lower, -10 % (-10 % to -10 %; 3 pairs); 1 processor, tcp, 8 senders: undecided, 0 % (0 %" in words
    )
    assert "1 sender: when empty 100 and 452 Kpps, at half a ring 100 and 452 Kpps; 8 senders: when empty 800" in words
    assert senders_words({}, pd.DataFrame()) == ""


def test_the_caption_of_the_tunnel_counts_the_medians_inside_the_intervals_that_are_drawn():
    runs = pd.DataFrame(
        {"cell": ["a"] * 3 + ["b"], "setup": "60 ms, ring 500, CUBIC", "variant": "stock",
         "received_rate": [1e6, 2e6, 9e6, 5e6], "ping_mean_rtt": [0.06, 0.07, 0.08, 0.3]}
    )  # fmt: skip
    ends = {"low90": 1.5e6, "low50": 1.8e6, "median": 2e6, "high50": 2.5e6, "high90": 3e6}
    rates = [{"cell": cell, "variant": "stock", "quantity": "received_rate", **ends} for cell in "ab"]
    pings = [{**row, "quantity": "ping_mean_rtt", **{name: end / 3e7 for name, end in ends.items()}} for row in rates]
    words = inside_words(runs, pd.DataFrame(rates + pings))
    assert words == "The 90 % intervals hold 1 of 2 medians of the throughput and 1 of 2 medians of the ping."
