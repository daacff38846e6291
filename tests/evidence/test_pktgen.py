"""pktgen configurations, unread tables, and the wake-cycle law."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.evidence import pktgen


def test_rows_are_kept_by_device_version_and_threads() -> None:
    rows = pktgen.compare(["tap"], ["v7"], [1])
    assert set(rows["device"]) == {"tap"}
    assert set(rows["threads"]) == {1}
    assert set(rows["version"]) == {"v7"}
    assert "v7-tap-1t-patched" in set(rows["row"])


def test_a_dearer_wake_slows_patched_rows_and_leaves_stock_alone() -> None:
    cheap = pktgen.compare(["tap"], ["v7"], [1]).set_index(["row", "quantity"])["model"]
    dear = pktgen.compare(["tap"], ["v7"], [1], wake_cost=50e-6).set_index(["row", "quantity"])["model"]
    rate = 1 / (1 / 196e3 + 50e-6 / 16)  # o is a few ns of 5.1 us
    assert dear["v7-tap-1t-patched", "transmitted_rate"] == pytest.approx(rate, rel=0.01)
    assert dear["v7-tap-1t-patched", "transmitted_rate"] < cheap["v7-tap-1t-patched", "transmitted_rate"]
    assert dear["v7-tap-1t-stock", "transmitted_rate"] == cheap["v7-tap-1t-stock", "transmitted_rate"]


def test_bars_carry_the_published_change_against_the_own_stock_row() -> None:
    bars = pktgen.groups(pktgen.compare()).set_index(["cpu", "device", "configuration", "variant"])
    assert bars.index.is_unique
    assert bars.loc[("i5-6300HQ", "tap", "v7", "patched"), "change"] == pytest.approx(185 / 196 - 1)
    assert bars.loc[("i5-6300HQ", "tap", "v5", "stock"), "published"] == 210e3  # printed ten times too high
    assert np.isnan(bars.loc[("i5-6300HQ", "tap", "v7", "stock"), "change"])


def test_stock_losses_that_v5_did_not_print_stay_missing() -> None:
    lost = pktgen.groups(pktgen.compare(), "lost_rate").set_index(["device", "configuration", "variant"])
    assert np.isnan(lost.loc[("tap", "v5", "stock"), "published"])
    assert lost.loc[("tap", "v5", "patched"), "published"] == 0


def test_unread_tables_are_named_and_hold_no_value() -> None:
    gaps = pktgen.unread()
    assert set(gaps["configuration"]) == {"v8", "v9", "v12", "v12, 2 threads"}
    assert gaps[["published", "model"]].isna().all(axis=None)
    assert len(gaps) == 16
    assert pktgen.unread(["tap"], ["v9"])["device"].to_list() == ["tap", "tap"]


def test_the_law_passes_through_the_model_s_rows() -> None:
    rules = pktgen.wake_rules(pktgen.compare())
    assert rules["share"].to_list()[:4] == [0.016, 0.5, 0.875, 1.0]
    for device, part in rules.groupby("device"):
        law = pktgen.wake_law(str(device), part["stock"].iloc[0], part["share"])
        assert law["transmitted_rate"].to_numpy() == pytest.approx(part["model"].to_numpy(), rel=2e-3)


def test_every_published_change_names_its_rates_and_both_sources() -> None:
    table = pktgen.published_changes(pktgen.compare()).set_index("row")
    half = table.loc["wake-tap-half"]
    assert (half["stock"], half["patched"], half["stock_source"], half["source_id"]) == (1293e3, 1216e3, "S13", "S14")
    assert half["change"] == pytest.approx(1216 / 1293 - 1)
    assert np.isnan(half["lost_patched"])  # S14 does not print it
    assert {"v5-tap-patched", "wake-vhost-seven-eighths", "patch1-tap-patch-1-of-4"} <= set(table.index)
    assert not table[["change", "stock_source", "source_id"]].isna().any(axis=None)
    assert "v7-tap-1t-patched-noqueue" not in table.index  # it stops nothing
