"""The paper's tables against the model, with gain and deficit."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from tunbp.evidence import openvpn
from tunbp.evidence.studies import STUDIES
from tunbp.evidence.validation import run_study
from tunbp.model import hosts


def quick(table: str, rows: list[str], seeds: int, duration: float = 10.0) -> pd.DataFrame:
    """Some rows of a table against the model, for a short time."""
    study = STUDIES[table]()
    study = dataclasses.replace(study.subset(pd.Series(study.rows.index.isin(rows))), seeds=seeds)
    times = {"duration": duration, "warmup": openvpn.WARMUP_SHARE * duration}
    return run_study(dataclasses.replace(study, scenario=study.scenario.replace(**times)))


def test_a_curve_has_a_rate_of_each_seed_at_published_values_and_between_them() -> None:
    curve = openvpn.curves("real", [500, 200], ["OpenVPN"], seeds=3, duration=20.0)
    assert curve.groupby(["variant", "ring"]).size().to_dict() == {
        (variant, ring): 3 for variant in ("stock", "patched") for ring in (500, 200)
    }
    assert (curve["received_rate"] > 1e6).all()


def test_a_doubted_curve_has_a_rate_of_each_draw_which_its_own_window_holds() -> None:
    drawn = openvpn.doubted("lab", [0.12], ["OpenVPN"], count=3, duration=10.0)
    assert drawn.groupby("variant").size().to_dict() == {"stock": 3, "patched": 3}
    window = hosts.draws("lab-openvpn")["receive_window"][:3]
    rates = drawn[drawn["variant"] == "patched"].sort_values("draw")["received_rate"].to_numpy()
    assert (rates <= 8 * window / 0.12).all()
    assert len(set(rates)) == 3


def test_no_more_draws_are_simulated_than_are_stored() -> None:
    stored = len(hosts.draws("path-wireguard")["receive_window"])
    drawn = openvpn.doubted("real", [1000], ["wireguard-go"], count=10 * stored, duration=0.5)
    assert sorted(drawn["draw"].unique()) == list(range(1, stored + 1))


def test_a_published_row_is_compared_with_its_place_and_its_role() -> None:
    row = "path-openvpn-500-stock"
    (line,) = openvpn.compare("real", rows=quick("paper-path", [row], 3)).to_dict("records")
    assert (line["row"], line["tunnel"], line["variant"], line["ring"]) == (row, "OpenVPN", "stock", 500)
    assert line["role"] == "fitted"
    assert line["published"] == 117.4e6
    assert line["low"] <= line["model"] <= line["high"]
    assert openvpn.compare("real", ["wireguard-go"], quick("paper-path", [row], 1)).empty


def test_a_curve_passes_a_published_row_where_the_validation_has_it() -> None:
    row = "lab-wireguard-120ms-stock"
    (line,) = openvpn.compare("lab", rows=quick("paper-lab", [row], 4)).to_dict("records")
    curve = openvpn.curves("lab", [0.12], ["wireguard-go"], seeds=4, duration=10.0).set_index("variant")
    assert line["model"] == pytest.approx(curve.loc["stock", "received_rate"].mean(), rel=1e-12)
    assert line["rtt"] == 0.12


def test_gain_and_deficit_of_a_pair() -> None:
    rows = [f"path-openvpn-500-{variant}" for variant in openvpn.VERSIONS]
    table = openvpn.compare("real", rows=quick("paper-path", rows, 1))
    pair = openvpn.gains(table).iloc[0]
    assert pair["gain"] == pytest.approx(184.6 / 117.4 - 1)
    assert pair["deficit"] == pytest.approx(1 - 117.4 / 184.6)
    model = table.set_index("variant")["model"]
    assert pair["model_gain"] == pytest.approx(model["patched"] / model["stock"] - 1)
    assert openvpn.abstract_gain()["gain"] == pair["gain"]


def test_the_headline_pairs_are_published_and_their_two_percentages_are_of_the_same_step():
    rows = openvpn.headline_rows().set_index("source_id")
    assert list(rows.loc["S03", ["stock", "patched"]]) == [117.4e6, 184.6e6]
    assert list(rows.loc["S04", ["stock", "patched"]]) == [117e6, 185e6]
    assert rows["deficit"].round(2).isin([0.36, 0.37]).all()
    assert (rows["gain"] > 0.57).all()
