"""Posteriors of the paper's hosts."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.stats import kstest

from tunbp.evidence import posteriors
from tunbp.evidence.held_out import CALIBRATION
from tunbp.evidence.prediction_bounds import TRUTHS_HIGH, TRUTHS_LOW
from tunbp.evidence.predictive import judged
from tunbp.infer.truth import covered, ranks
from tunbp.model.hosts import names, table


def test_a_posterior_uses_the_fitted_rows_alone():
    for host, cells in posteriors.hosts().items():
        rows = posteriors.fitted_rows(host)
        assert set(rows.names) == {cell.name for cell in cells if cell.use == CALIBRATION}
        assert {row["driver"] for row in rows.known} == {"stock", "v3"}
        assert "far_rate" in rows.unknown


@pytest.fixture(scope="module")
def found():
    return posteriors.posterior_of("path-openvpn", 32, most=256)


def test_the_window_is_what_the_patched_row_says(found):
    """185 Mbit/s at 120 ms are 2.8 MB; the prior ends at 6 MB."""
    window = found["receive_window"].to_numpy()
    assert 2.4e6 < np.median(window) < 4.0e6


def test_rows_held_out_are_predicted_with_all_errors(found):
    cells, draws = posteriors.predicted("path-openvpn", found)
    assert all(cell.use != CALIBRATION for cell in cells)
    table = judged(cells, draws)
    assert table["inside90"].mean() >= 0.7
    assert (table["high90"] / table["low90"] > 1.2).all()


def test_what_the_rows_say_is_put_in_words(found):
    said = posteriors.contraction({"path-openvpn": found}).set_index("constant")
    assert set(said["says"]) <= {"nothing", "little", "much"}
    assert (said["low90"] <= said["median"]).all()
    reached = posteriors.diagnostics({"path-openvpn": found}).iloc[0]
    assert reached["rows"] == 4
    assert reached["effective"] >= 15.9


def test_every_inferred_constant_of_every_host_is_told_with_its_interval():
    told = posteriors.inferred()
    named = {(host, constant) for host in names() for constant in table()[host].get("inferred", {})}
    assert set(zip(told["host"], told["constant"], strict=True)) == named
    assert (told["low90"] < told["high90"]).all()
    assert set(told["says"]) <= {"nothing", "little", "much"}


@pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="8,192 draws of rows of 30 s: make soak")
def test_soak_intervals_of_a_host_hold_known_truths_as_often_as_promised():
    table = ranks(posteriors.fitted_rows("path-openvpn"), sets=400, pool=8192)
    assert TRUTHS_LOW <= covered(table).mean() <= TRUTHS_HIGH
    assert covered(table, 0.5).mean() == pytest.approx(0.5, abs=0.03)
    # of 13 constants one may well be at 0.04
    assert min(kstest(table[name], "uniform").pvalue for name in table if name != "effective") > 1e-3
