"""`tunbp data` verifies what is bundled and says where what it fetched is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tunbp.cli.data import data
from tunbp.evidence import registry
from tunbp.evidence.datasets import data_path


def test_verify_lists_every_file_and_passes():
    result = CliRunner().invoke(data, ["verify"])
    assert result.exit_code == 0, result.output
    assert "published/pktgen.csv" in result.output
    verdicts = {line.split("│")[2].strip() for line in result.output.splitlines() if line.startswith("│")}
    assert verdicts == {"ok"}


def test_verify_fails_on_a_changed_file_until_it_is_recorded(tmp_path, monkeypatch):
    folder = shutil.copytree(data_path(), tmp_path / "data")
    monkeypatch.setenv("TUNBP_DATA", str(folder))
    (folder / "claims.yaml").write_bytes(b"[]\n")
    result = CliRunner().invoke(data, ["verify"])
    assert result.exit_code == 1
    assert "changed" in result.output
    assert CliRunner().invoke(data, ["verify", "--update"]).exit_code == 0
    assert CliRunner().invoke(data, ["verify"]).exit_code == 0


def test_fetch_and_build_give_the_bundled_file(tmp_path):
    if not (Path(os.environ.get("TUNBP_MIRROR", "")) / "tap").is_dir():
        pytest.skip("TUNBP_MIRROR names no folder with the raw nodrop files")
    raw, built = tmp_path / "raw", tmp_path / "built.nc"
    fetched = CliRunner().invoke(data, ["fetch", "nodrop", "--to", str(raw)])
    assert fetched.exit_code == 0, fetched.output
    assert "26 files" in fetched.output
    result = CliRunner().invoke(data, ["build-nodrop", "--from", str(raw), "--out", str(built)])
    assert result.exit_code == 0, result.output
    assert registry.sha256(built) in result.output
