"""The published tables are complete, in SI units, and every row says where it comes from."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import DataError
from tunbp.evidence import datasets
from tunbp.schema import VARIABLES

# rows per source, counted in the sources themselves
PKTGEN_ROWS = {"S05": 4, "S06": 4, "S07": 12, "S08": 4, "S10": 3, "S12": 4, "S13": 6, "S14": 4, "S15": 10,
               "S16": 1, "S17": 8, "S18": 2, "S25": 2, "S36": 2}  # fmt: skip
TCP_ROWS = {
    "S01": 3,
    "S03": 68,
    "S04": 10,
    "S07": 6,
    "S08": 4,
    "S19": 11,
    "S21": 24,
    "S25": 48,
    "S26": 1,
    "S29": 4,
}
PERF_ROWS = {"S11": 4, "S12": 6}


@pytest.mark.parametrize("name", ["pktgen", "tcp", "perf"])
def test_what_nobody_published_stays_missing_and_is_all_that_is(name):
    with datasets.data_path("published", f"{name}.csv").open(encoding="utf-8", newline="") as file:
        cells = {row["row_id"]: row for row in csv.DictReader(file)}
    table = datasets.published(name)
    missing = 0
    for column in table.attrs["units"]:
        empty = {row for row in cells if cells[row][column] == ""}
        assert {row for row in table.index if np.isnan(table[column][row])} == empty, column
        missing += len(empty)
    assert missing >= 10


@pytest.mark.parametrize(
    ("name", "rows"),
    [("pktgen", PKTGEN_ROWS), ("tcp", TCP_ROWS), ("perf", PERF_ROWS)],
    ids=["pktgen", "tcp", "perf"],
)
def test_no_row_of_any_source_is_lost(name, rows):
    assert Counter(datasets.published(name)["source_id"]) == rows


def test_the_tables_have_66_179_and_10_rows_with_unique_ids():
    tables = [datasets.published(name) for name in datasets.TABLES]
    assert [len(table) for table in tables] == [66, 179, 10]
    assert all(table.index.is_unique for table in tables)


@pytest.mark.parametrize("name", datasets.TABLES)
def test_every_source_id_is_explained_in_sources_md(name):
    text = datasets.data_path("published", "sources.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| (S\d\d) \|", text, re.MULTILINE))
    assert set(datasets.published(name)["source_id"]) <= explained


@pytest.mark.parametrize("name", datasets.TABLES)
def test_every_column_is_described_and_every_code_is_listed(name):
    table, described = datasets.published(name), datasets.columns(name)
    assert set(table.columns) <= set(described)
    for column in table.columns:
        codes = described[column].get("values")
        if codes:
            assert set(table[column]) <= set(codes), column


@pytest.mark.parametrize("name", datasets.TABLES)
def test_numeric_columns_are_numbers_in_si_units(name):
    table = datasets.published(name)
    units = table.attrs["units"]
    assert set(units.values()) <= {"1", "packet", "packet/s", "bit/s", "s", "byte"}
    assert all(table[column].dtype == np.float64 for column in units)
    assert not any(table[column].dtype == np.float64 for column in set(table.columns) - set(units))


@pytest.mark.parametrize(("name", "value"), [("pktgen", "transmitted_rate"), ("tcp", "throughput")])
def test_a_missing_value_says_why_and_a_present_one_does_not(name, value):
    table = datasets.published(name)
    assert ((table["missing"] != "") == table[value].isna()).all()


@pytest.mark.parametrize("name", ["pktgen", "tcp"])
def test_a_row_is_compared_with_a_stock_row_of_the_same_set_up(name):
    table = datasets.published(name)
    paired = table[table["baseline"] != ""]
    stock = table.loc[paired["baseline"]]
    assert (stock["variant"] == "stock").all()
    assert not (paired["variant"] == "stock").any()
    alike = {"pktgen": ("cpu", "threads"), "tcp": ("application", "streams", "rtt", "side", "duration")}[name]
    for column in ("device", *alike):
        same = (paired[column].to_numpy() == stock[column].to_numpy()) | paired[column].isna().to_numpy()
        # one row of S19 is from a summary that does not say how long it ran
        assert set(paired.index[~same]) <= {"librecast-rc1-half-8s-receiver"}, column


def test_the_tables_nobody_could_read_stay_missing():
    table = datasets.published("pktgen")
    unread = table[table["source_id"].isin(["S15", "S16", "S17"])]
    assert len(unread) == 19
    assert unread["transmitted_rate"].isna().all()
    assert (unread["missing"] == "table known to exist, could not be read").all()


def test_v5_is_corrected_by_its_factor_of_ten():
    table = datasets.published("pktgen")
    assert table.loc["v5-tap-stock", "transmitted_rate_printed"] == 2.1e6
    assert table.loc["v5-tap-stock", "transmitted_rate"] == 210e3
    assert set(table.index[table["printed_scale"] != 1]) == {
        "v5-tap-stock", "v5-tap-patched", "v5-vhost-stock", "v5-vhost-patched"}  # fmt: skip


def test_rates_printed_per_thread_are_summed_over_the_threads():
    table = datasets.published("pktgen")
    row = table.loc["v7-vhost-pinned-4t-patched"]
    assert (row["transmitted_rate_per_thread"], row["transmitted_rate"]) == (79e3, 316e3)
    per_host = table["printed_scope"] != "thread"
    scaled = table["transmitted_rate_printed"] * table["printed_scale"]
    np.testing.assert_allclose(table["transmitted_rate"][per_host], scaled[per_host], rtol=1e-12)
    np.testing.assert_allclose(table["transmitted_rate"][~per_host], 4 * scaled[~per_host], rtol=1e-12)


def test_milliseconds_and_per_cent_became_seconds_and_fractions():
    table = datasets.published("tcp")
    assert table.loc["lab-openvpn-120ms-stock", "rtt"] == pytest.approx(0.12, rel=1e-12)
    assert table.loc["abstract-video-loss", "loss_fraction"] == pytest.approx(0.29, rel=1e-12)
    assert table.loc["abstract-video-loss", "loss_basis"] == "upper_bound"
    assert tuple(table.loc["stackexchange-762935", ["latency_low", "latency_high"]]) == (0.67, 0.77)
    assert datasets.published("perf").loc["ryzen-vhost-vhost-stock", "task_clock"] == pytest.approx(104.58777)


def test_rows_with_known_trouble_carry_their_caveat():
    caveats = datasets.published("tcp")["caveat"]
    assert caveats["raw-tap-1000-120ms-patched-receiver"] == "rtt_label_wrong"
    assert caveats["librecast-half-1s-receiver"] == "receiver_total_truncated"
    assert caveats["v4-tap-120ms-patched"] == "differs_from_raw_file"
    assert (caveats == "receiver_total_truncated").sum() == 9


# rows per source, counted in the sources themselves
EXTERNAL_ROWS = {"X01": 2, "X05": 1, "X06": 1, "X07": 1, "X08": 2, "X09": 2, "X12": 1, "X22": 17, "X23": 14, "X24": 6,
                 "X26": 2, "X27": 2, "X28": 4}  # fmt: skip


def test_no_run_of_others_is_lost():
    assert Counter(datasets.external()["source_id"].values) == EXTERNAL_ROWS


def test_runs_of_others_are_in_the_names_and_units_of_the_schema():
    runs = datasets.external()
    assert all(runs[name].attrs["units"] == VARIABLES[name].units for name in runs.data_vars)
    assert dict(runs["ring"].attrs)["units"] == "packet"
    row = runs.sel(run="firezone-10ms")
    assert (float(row["rtt"]), float(row["path_rate"]), float(row["total_retransmits"])) == (0.01, 10e9, 592.0)
    assert np.isnan(row["ring"])
    assert float(runs["cpu_host"].sel(run="tunrs-go")) == pytest.approx(0.8495, rel=1e-12)


def test_a_run_of_others_whose_rate_was_not_printed_says_so():
    runs = datasets.external()
    unstated = runs["rate_basis"].isin(["missing", "upper_bound"])
    assert (unstated == runs["received_rate"].isnull()).all()
    assert (runs["use"].where(unstated, "sign") == "sign").all()


def test_a_code_that_is_not_listed_is_refused(monkeypatch, tmp_path):
    shutil.copytree(datasets.data_path("external"), tmp_path / "external")
    monkeypatch.setenv("TUNBP_DATA", str(tmp_path))
    path = tmp_path / "external" / "runs.csv"
    path.write_text(path.read_text().replace(",tap,", ",bridge,"))
    with pytest.raises(DataError, match=r"runs\.csv, column device: \['bridge'\] is none of tun, tap, none"):
        datasets.external()


def test_an_unknown_table_names_the_ones_there_are():
    with pytest.raises(DataError, match=r"'ping'.*pktgen, tcp, perf"):
        datasets.published("ping")


def test_a_missing_data_folder_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNBP_DATA", str(tmp_path / "nothing"))
    with pytest.raises(DataError, match=r"nothing does not exist: install tunbp anew"):
        datasets.published("tcp")


@pytest.fixture
def copy(monkeypatch, tmp_path) -> Path:
    """A private copy of the published tables that tests may spoil."""
    shutil.copytree(datasets.data_path("published"), tmp_path / "published")
    monkeypatch.setenv("TUNBP_DATA", str(tmp_path))
    return tmp_path / "published"


def test_a_missing_table_is_named(copy):
    (copy / "perf.csv").unlink()
    with pytest.raises(DataError, match=r"perf\.csv is missing"):
        datasets.published("perf")


def test_text_in_a_numeric_cell_is_refused(copy):
    path = copy / "perf.csv"
    path.write_text(path.read_text().replace(",46997,", ",about 47000,"))
    with pytest.raises(DataError, match=r"perf\.csv, column context_switches: .*about 47000"):
        datasets.published("perf")


def test_a_repeated_row_id_is_refused(copy):
    path = copy / "perf.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[-1]]))
    with pytest.raises(DataError, match=r"ryzen-vhost-vhost-patched.*more than once"):
        datasets.published("perf")
