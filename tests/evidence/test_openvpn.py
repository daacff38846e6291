"""The paper's tables against the model, with gain and deficit."""

from __future__ import annotations

import pytest

from tunbp.evidence import openvpn
from tunbp.evidence.validation import validate


def test_rows_between_published_ones_have_a_model_and_no_error() -> None:
    table = openvpn.compare("real", [500, 200], ["OpenVPN"], seeds=3, duration=20.0)
    assert table["row"].to_list() == ["path-openvpn-500-stock", "", "path-openvpn-500-patched", ""]
    assert table["published"].isna().to_list() == [False, True, False, True]
    assert (table["model"] > 1e6).all()
    assert (table["low"] <= table["model"]).all()
    assert (table["model"] <= table["high"]).all()
    assert table["role"].to_list() == ["fitted", "", "fitted", ""]


def test_a_lab_row_is_simulated_as_the_validation_does() -> None:
    table = openvpn.compare("lab", [0.12], ["wireguard-go"]).set_index("row")
    validated = validate(["paper-lab"]).set_index("row")
    row = "lab-wireguard-120ms-stock"
    assert table.loc[row, "model"] == pytest.approx(validated.loc[row, "model"], rel=1e-12)
    assert table.loc[row, "rtt"] == 0.12


def test_gain_and_deficit_of_a_pair() -> None:
    table = openvpn.compare("real", [500], ["OpenVPN"], seeds=1, duration=10.0)
    pair = openvpn.gains(table).iloc[0]
    assert pair["gain"] == pytest.approx(184.6 / 117.4 - 1)
    assert pair["deficit"] == pytest.approx(1 - 117.4 / 184.6)
    model = table.set_index("variant")["model"]
    assert pair["model_gain"] == pytest.approx(model["patched"] / model["stock"] - 1)
    assert openvpn.abstract_gain()["gain"] == pair["gain"]
