"""Intervals and paired comparisons."""

import numpy as np
import pytest
import xarray as xr

from tunbp.lab.statistics import compare, interval_words, machine_verdicts, medians, verdicts


def runs(stock, backpressure):
    values = [*stock, *backpressure]
    return xr.Dataset(
        {"received_rate": ("run", np.array(values, dtype=float))},
        {
            "cell": ("run", ["cell"] * len(values)),
            "variant": ("run", ["stock"] * len(stock) + ["backpressure"] * len(backpressure)),
            "repetition": ("run", [*range(1, len(stock) + 1), *range(1, len(backpressure) + 1)]),
        },
    )


def test_a_clear_gain_is_called_higher_and_a_clear_loss_lower():
    (gain,) = compare(runs([10, 11, 10, 12, 11], [20, 22, 19, 21, 23]), "received_rate")
    assert gain.verdict == "higher"
    assert gain.difference.estimate == pytest.approx(10.2)
    (loss,) = compare(runs([20, 22, 19, 21, 23], [10, 11, 10, 12, 11]), "received_rate")
    assert loss.verdict == "lower"


def test_a_cell_whose_interval_includes_zero_is_undecided():
    (row,) = compare(runs([10, 20, 15, 12, 18], [12, 15, 21, 11, 17]), "received_rate")
    assert row.difference.low < 0 < row.difference.high
    assert row.verdict == "undecided"


def test_pairs_share_their_repetition_so_that_a_common_drift_cancels():
    drift = np.array([0, 100, 200, 300, 400])
    (row,) = compare(runs(50 + drift, 60 + drift), "received_rate")
    assert row.difference.low == pytest.approx(10)
    assert row.verdict == "higher"


def test_stock_alone_is_shown_without_a_comparison():
    (row,) = compare(runs([1, 2, 3], []), "received_rate")
    assert row.stock.count == 3
    assert row.difference.count == 0
    assert row.verdict == "undecided"


def test_three_pairs_of_one_sign_do_not_decide_unless_they_agree():
    (apart,) = compare(runs([0, 0, 0], [1, 5, 12]), "received_rate")
    assert apart.verdict == "undecided"
    (alike,) = compare(runs([0, 0, 0], [9, 10, 11]), "received_rate")
    assert alike.verdict == "higher"


def test_tables_state_the_level_that_the_repetitions_allow():
    measured = runs([10, 11, 12], [20, 21, 25])
    table = medians(measured, "received_rate").set_index("variant")
    assert table.loc["stock", ["received_rate", "low", "high", "level"]].tolist() == [11, 10, 12, 0.75]
    assert interval_words(table) == "75 % intervals of the medians, 3 repetitions or more"
    (row,) = verdicts(measured, ["received_rate"]).to_dict("records")
    assert row["difference"] == pytest.approx(11)
    assert row["pairs"] == 3


def test_machines_are_told_apart_by_their_processors():
    one, two = (runs([1.0, 2.0], [3.0, 4.0]).assign_attrs(facts=f'{{"cpus": {count}}}') for count in (1, 2))
    table = machine_verdicts([one, two], ["received_rate"])
    cell = str(one["cell"].to_numpy()[0])
    assert list(table["cell"]) == [f"1 processor-{cell}", f"2 processors-{cell}"]
    assert machine_verdicts([], ["received_rate"]).empty
