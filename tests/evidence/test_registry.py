"""Every bundled file has the recorded hash; changes, losses and strangers are seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tunbp.errors import DataError
from tunbp.evidence import registry
from tunbp.evidence.datasets import data_path


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """A private copy of the data folder that tests may spoil."""
    folder = shutil.copytree(data_path(), tmp_path / "data")
    monkeypatch.setenv("TUNBP_DATA", str(folder))
    return folder


def test_every_bundled_file_has_its_recorded_hash():
    verdicts = registry.verify()
    assert {path: verdict for path, verdict in verdicts.items() if verdict != "ok"} == {}
    assert {"claims.yaml", "published/tcp.csv", "measured/nodrop_iperf3.nc"} <= set(verdicts)


def test_changed_missing_and_unknown_files_are_told_apart(copy):
    (copy / "published/tcp.csv").write_bytes(b"row_id\n")
    (copy / "published/perf.csv").unlink()
    (copy / "stranger.csv").write_bytes(b"")
    verdicts = registry.verify()
    assert verdicts["published/tcp.csv"] == "changed"
    assert verdicts["published/perf.csv"] == "missing"
    assert verdicts["stranger.csv"] == "not registered"
    assert verdicts["published/pktgen.csv"] == "ok"


def test_an_update_records_the_files_and_keeps_the_remote_part(copy):
    before = registry.remote("nodrop")
    (copy / "claims.yaml").write_bytes(b"[]\n")
    registry.update()
    assert registry.verify()["claims.yaml"] == "ok"
    assert registry.remote("nodrop") == before
    text = (copy / "registry.yaml").read_bytes()
    registry.update()
    assert (copy / "registry.yaml").read_bytes() == text
    assert [path.name for path in copy.iterdir() if path.name.startswith(".")] == []


def test_an_unknown_remote_set_names_the_known_ones():
    with pytest.raises(DataError, match=r"'flent' is not in the registry: choose one of nodrop"):
        registry.remote("flent")


def test_a_registry_without_its_parts_is_refused(copy):
    (copy / "registry.yaml").write_text("bundled: {}\n")
    with pytest.raises(DataError, match=r"registry\.yaml must map 'bundled' and 'remote'"):
        registry.verify()
