"""A row that somebody fills in is read by everything that reads the tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tunbp.cli.data import data
from tunbp.errors import DataError
from tunbp.evidence import claims, pktgen, registry, rows, studies
from tunbp.evidence.datasets import data_path, published


@pytest.fixture(autouse=True)
def copy(tmp_path, monkeypatch) -> Path:
    """A private copy of the data folder that tests may fill."""
    folder = shutil.copytree(data_path(), tmp_path / "data", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.setenv("TUNBP_DATA", str(folder))
    registry.update()
    return folder


def test_a_filled_row_is_in_the_model_s_validation_the_gaps_and_the_claims() -> None:
    gaps = pktgen.unread()["configuration"].value_counts()
    assert gaps["v12, 2 threads"] == 4
    assert set(gaps.index) == {"v8", "v9", "v12", "v12, 2 threads"}
    rows.add_row("pktgen", "v12-tap-2t-stock", {"transmitted_rate": "1.2Mpps", "lost_rate": "400kpps"})
    rows.add_row("pktgen", "v12-tap-2t-patched", {"transmitted_rate": "1100kpps", "lost_rate": "7"})
    study = studies.pktgen()
    assert {"v12-tap-2t-stock", "v12-tap-2t-patched"} <= set(study.rows.index)
    assert study.rows.loc["v12-tap-2t-patched", "published"] == 1.1e6
    assert study.rows.loc["v12-tap-2t-stock", "role"] == "fitted"
    assert pktgen.unread()["configuration"].value_counts()["v12, 2 threads"] == 2
    checked = claims.check()
    assert checked.loc["v12-loss-near-zero", "computed"] == 7.0
    assert not checked.loc["v12-loss-near-zero", "agrees"]


def test_what_follows_from_a_value_is_filled_in_and_the_file_is_recorded() -> None:
    rows.add_row("pktgen", "v8-tap-half", {"transmitted_rate": "1.25Mpps"})
    line = published("pktgen").loc["v8-tap-half"]
    assert (line["missing"], line["value_basis"], line["seen_in"]) == ("", "printed", "primary")
    assert line["transmitted_rate_printed"] == line["transmitted_rate_per_thread"] == 1.25e6
    assert line["lost_missing"] == "not printed"
    assert registry.verify()["published/pktgen.csv"] == "ok"


def test_a_new_row_takes_the_conditions_of_another_but_none_of_its_values() -> None:
    values = {"variant": "stock", "wake_policy": "none", "backpressure": "absent", "transmitted_rate": "1.3Mpps"}
    rows.add_row("pktgen", "v8-tap-stock", values, like="v8-tap-half")
    assert "v8-tap-stock" in studies.pktgen().rows.index
    rows.add_row("tcp", "copy", {"throughput": "5Gbit/s"}, like="raw-tap-1000-0ms-stock-sender")
    copied = published("tcp").loc["copy"]
    assert copied["throughput"] == 5e9
    assert copied[["mean_rtt", "retransmits"]].isna().all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"transmitted_rate": "1Mpps"}, r"'v7-tap-1t-stock', column transmitted_rate: '196000' stands there already"),
        ({"rate": "1"}, "pktgen has no column 'rate' to fill: choose one of source_id"),
        ({"lost_rate_std": "much"}, "pktgen, column lost_rate_std: "),
        ({"variant_text": "x", "source_id": "S99"}, "'S99' is not in"),
    ],
)
def test_what_cannot_be_written_is_said_and_nothing_changes(values: dict[str, str], message: str) -> None:
    before = data_path("published", "pktgen.csv").read_bytes()
    with pytest.raises(DataError, match=message):
        rows.add_row("pktgen", "v7-tap-1t-stock", values)
    assert data_path("published", "pktgen.csv").read_bytes() == before


def test_a_code_that_is_none_puts_the_old_table_back() -> None:
    before = data_path("published", "pktgen.csv").read_bytes()
    with pytest.raises(DataError, match=r"column variant: \['better'\] is none of stock"):
        rows.add_row("pktgen", "new", {"variant": "better"}, like="v8-tap-half")
    assert data_path("published", "pktgen.csv").read_bytes() == before


def test_the_command_says_what_it_wrote_and_where_it_can_be_read() -> None:
    result = CliRunner().invoke(data, ["add-row", "pktgen", "v12-tap-1t-stock", "transmitted_rate=1330kpps"])
    assert result.exit_code == 0, result.output
    assert "transmitted_rate: 1330000" in result.output
    assert "https://lore.kernel.org/netdev/20260510151529.43895-1" in result.output
    result = CliRunner().invoke(data, ["add-row", "pktgen", "v12-tap-1t-stock", "1330kpps"])
    assert result.exit_code == 2
    assert "is not COLUMN=VALUE" in result.output
