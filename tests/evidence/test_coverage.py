"""Everything that was published is in the coverage table once, and is there as what the code does with it."""

from __future__ import annotations

import re
import shutil
from functools import cache

import pytest

from tunbp.evidence import coverage, registry, rows
from tunbp.evidence.datasets import TABLES, data_path, published
from tunbp.evidence.studies import STUDIES

ROOT = data_path().parent


@cache
def simulated() -> set[str]:
    """Ids of published rows that a study or a notebook's figure compares the model with."""
    found = {str(row) for study in STUDIES.values() for row in study().rows.index}
    # the raw runs are a study by the names of their files; the shaped tun is compared in notebook 04
    raw = {f"raw-{run.replace('tap+vhost-net', 'vhost')}-receiver" for run in STUDIES["raw"]().rows.index}
    return found | raw | {"stackexchange-762935"}


@pytest.mark.parametrize("name", TABLES)
def test_every_published_row_is_in_one_entry(name: str) -> None:
    patterns = {e.id: e.rows.partition("/")[2] for e in coverage.entries() if e.rows.startswith(f"{name}/")}
    for row in published(name).index:
        assert len([entry for entry, text in patterns.items() if re.fullmatch(text, row)]) == 1, row


@pytest.mark.parametrize("entry", coverage.entries(), ids=lambda entry: entry.id)
def test_what_is_called_reproduced_is_simulated_and_nothing_else_is(entry: coverage.Entry) -> None:
    members = entry.members()
    read = set(members.index[members["missing"] == ""]) if len(members) else set()
    receivers = {row for row in read if not (entry.id == "nodrop-iperf3" and row.endswith("-sender"))}
    if entry.simulated and entry.id.startswith("regression"):
        # sender's totals up to four streams, the receiver's beyond: see data/published/sources.md
        assert len(receivers & simulated()) >= len(receivers) / 2 - 1
    elif entry.simulated:
        assert receivers <= simulated()
    else:
        assert not receivers & simulated()


def test_the_table_counts_what_could_be_read_and_links_every_source() -> None:
    table = coverage.coverage()
    assert set(table["status"]) == set(coverage.STATUS)
    assert all(link.startswith("https://") for link in table["link"])
    assert table.loc["v12-pktgen", ["status", "rows", "read"]].tolist() == ["not read", 8, 0]
    assert table.loc["paper-path", ["status", "rows", "read"]].tolist() == ["reproduced", 24, 24]
    assert table.loc["paper-fig-4", "status"] == "words"
    assert coverage.counts(table)["entries"].sum() == len(table) == len(coverage.entries())


def test_commands_exist() -> None:
    notebooks = {path.name[:2] for path in (ROOT / "notebooks").glob("*.ipynb")}
    for command in {entry.command for entry in coverage.entries() if entry.command}:
        assert command == "tunbp check --claims" or command.removeprefix("tunbp reproduce ") in notebooks


def test_a_row_that_is_filled_in_changes_its_entry(tmp_path, monkeypatch) -> None:
    folder = shutil.copytree(data_path(), tmp_path / "data", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.setenv("TUNBP_DATA", str(folder))
    registry.update()
    rows.add_row("pktgen", "v12-tap-1t-patched", {"transmitted_rate": "1.3Mpps"})
    assert coverage.coverage().loc["v12-pktgen", ["status", "read"]].tolist() == ["reproduced", 1]
