"""Native runs beside their predictions."""

import numpy as np
import pytest

from tunbp.evidence import blind, held_out, live


@pytest.fixture(scope="module")
def cells():
    return held_out.native()


def test_ranges_are_those_of_the_runs_that_the_median_is_of(cells):
    runs = live.measurement("openvpn_native")
    for cell in cells:
        assert cell.measured == pytest.approx(np.median(cell.rates))
        assert set(cell.rates) <= set(runs["received_rate"].to_numpy()[runs["cell"].to_numpy() == cell.name])
        assert len(cell.rates) == cell.runs >= 3


def test_each_configuration_stands_beside_its_own_interval(cells):
    few = [cell for cell in cells if cell.known["ring"] == 100 and cell.known["rtt"] > 0.1]
    table = blind.blind(few, 8)
    assert sorted(table["sender"]) == ["BBR", "paced CUBIC", "paced CUBIC, default windows"]
    assert set(table["measured"]) == {cell.measured for cell in few}
    assert (table["least"] <= table["measured"]).all()
    assert (table["measured"] <= table["most"]).all()
    ends = table[["low90", "low50", "predicted", "high50", "high90"]].to_numpy()
    assert (np.diff(ends, axis=1) >= 0).all()
    held = (table["low90"] <= table["measured"]) & (table["measured"] <= table["high90"])
    assert (table["inside90"] == held).all()


def test_floods_are_all_that_was_measured_for_a_prediction(cells):
    table = blind.constants(cells[0])
    flooded = table["from"].str.startswith("floods")
    assert list(table.loc[flooded, "value"])[:2] == pytest.approx([139e3, 56.7e3], rel=0.02)
    assert list(table.loc[flooded, "value"])[2:] == pytest.approx([6.6e-6, 1 / 5.5e-6, 4.5e-6], rel=0.2)
    drawn = table["from"].str.startswith("prior: ")
    assert list(table.loc[~flooded & ~drawn, "constant"]) == ["pacing"]
    chance = table["constant"].isin(["HyStart", "shared"])
    assert (table["low"] < table["value"])[drawn & ~chance].all()
    assert table.loc[chance, "low"].isna().all()
    assert float(table.loc[table["constant"] == "shared", "value"].item()) == 1.0  # lost in the ring alone
