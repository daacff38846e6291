"""Raw files are taken only with the recorded hash, and the bundled netCDF is what they say."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tunbp.errors import DataError
from tunbp.evidence import nodrop, registry
from tunbp.evidence.datasets import nodrop as bundled
from tunbp.evidence.datasets import published
from tunbp.schema import VARIABLES

FILES = {"tap/one.json": b"first", "tap+vhost_net/two.txt": b"second"}


@pytest.fixture
def source(monkeypatch) -> registry.Remote:
    """A registry of two small files in place of the 26 real ones."""
    files = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    fake = registry.Remote("repository", "0123456789abcdef", "folder", "none", "https://invalid.invalid/", files)
    monkeypatch.setattr(nodrop, "remote", lambda _: fake)
    return fake


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "mirror"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
    monkeypatch.setenv("TUNBP_MIRROR", str(folder))
    return folder


def test_files_come_from_a_mirror_folder(source, mirror, tmp_path):
    seen: list[str] = []
    folder = nodrop.fetch(tmp_path / "raw", progress=seen.append)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert seen == list(FILES)


def test_files_come_from_a_mirror_url(source, mirror, tmp_path, monkeypatch):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *arguments: Quiet(*arguments, directory=str(mirror))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("TUNBP_MIRROR", f"http://127.0.0.1:{server.server_port}")
        folder = nodrop.fetch(tmp_path / "raw")
        (mirror / "tap/one.json").unlink()
        with pytest.raises(DataError, match=r"cannot download http://127.0.0.1.*one\.json: 404.*TUNBP_MIRROR"):
            nodrop.fetch(tmp_path / "other")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES


def test_the_cache_folder_is_named_after_the_commit(source, mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNBP_CACHE", str(tmp_path / "cache"))
    assert nodrop.fetch() == tmp_path / "cache" / "nodrop" / "0123456789ab"


def test_a_wrong_hash_is_refused_and_the_file_kept_aside(source, mirror, tmp_path):
    (mirror / "tap/one.json").write_bytes(b"tampered")
    with pytest.raises(DataError, match=r"one\.json: sha256 is .*, expected .*; refused, .*one\.json\.rejected"):
        nodrop.fetch(tmp_path / "raw")
    assert (tmp_path / "raw/tap/one.json.rejected").read_bytes() == b"tampered"
    assert not (tmp_path / "raw/tap/one.json").exists()
    assert sorted(os.listdir(tmp_path / "raw/tap")) == ["one.json.rejected"]


def test_a_wrong_hash_replaces_nothing(source, mirror, tmp_path):
    old = tmp_path / "raw/tap/one.json"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"older")
    (mirror / "tap/one.json").write_bytes(b"tampered")
    with pytest.raises(DataError, match="refused"):
        nodrop.fetch(tmp_path / "raw")
    assert old.read_bytes() == b"older"


def test_files_that_are_right_are_not_taken_again(source, mirror, tmp_path):
    nodrop.fetch(tmp_path / "raw")
    for name in FILES:
        (mirror / name).unlink()
    nodrop.fetch(tmp_path / "raw")


def test_a_spoilt_file_is_taken_again_and_the_rejected_one_removed(source, mirror, tmp_path):
    folder = nodrop.fetch(tmp_path / "raw")
    (folder / "tap/one.json").write_bytes(b"spoilt")
    (folder / "tap/one.json.rejected").write_bytes(b"earlier")
    nodrop.fetch(tmp_path / "raw")
    assert (folder / "tap/one.json").read_bytes() == b"first"
    assert not (folder / "tap/one.json.rejected").exists()


def test_a_mirror_that_is_nothing_is_refused_before_any_file(source, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNBP_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"TUNBP_MIRROR=.*nowhere is neither a folder nor an http"):
        nodrop.fetch(tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_a_target_that_cannot_be_written_is_named(source, mirror, tmp_path):
    (tmp_path / "raw").write_bytes(b"a file, no folder")
    with pytest.raises(DataError, match=r"cannot write .*raw/tap/one\.json"):
        nodrop.fetch(tmp_path / "raw")


def test_an_incomplete_mirror_names_the_file(source, mirror, tmp_path):
    (mirror / "tap+vhost_net/two.txt").unlink()
    with pytest.raises(DataError, match=r"mirror has no file .*two\.txt"):
        nodrop.fetch(tmp_path / "raw")


def test_a_build_from_an_empty_folder_says_how_to_get_the_files(tmp_path):
    with pytest.raises(DataError, match=r"lacks 24 of 24 files, first .*: run 'tunbp data fetch nodrop'"):
        nodrop.build(tmp_path, tmp_path / "out.nc")
    assert list(tmp_path.iterdir()) == []


def test_the_registry_pins_24_results_and_2_logs_by_commit():
    pinned = registry.remote("nodrop")
    assert pinned.commit == "325184fe9a47e9154d0163376c7832fcfd27e835"
    assert pinned.base_url.startswith("https://raw.githubusercontent.com/tudo-cni/nodrop/" + pinned.commit)
    suffixes = [Path(name).suffix for name in pinned.files]
    assert (suffixes.count(".json"), suffixes.count(".txt"), len(suffixes)) == (24, 2, 26)


# -- the bundled netCDF


def test_the_bundled_runs_have_the_schema_and_its_units():
    dataset = bundled()
    assert dict(dataset.sizes) == {"run": 24, "time": 300}
    assert {*nodrop.SERIES, *nodrop.TOTALS} == set(dataset.data_vars)
    for name in dataset.data_vars:
        assert dataset[name].attrs["units"] == VARIABLES[name].units
    facts = ("device", "variant", "ring", "rtt_label", "kernel", "tool_version", "start", "file", "sha256")
    assert all(dataset[name].dims == ("run",) for name in facts)
    pinned = registry.remote("nodrop").files
    assert {
        str(file): str(digest) for file, digest in zip(dataset["file"].values, dataset["sha256"].values, strict=True)
    } == {name: digest for name, digest in pinned.items() if name.endswith(".json")}


def test_the_bundled_runs_agree_with_the_published_rows():
    dataset, table = bundled(), published("tcp")
    for run in map(str, dataset["run"].values):
        one, received, sent = (
            dataset.sel(run=run),
            table.loc[f"raw-{run}-receiver"],
            table.loc[f"raw-{run}-sender"],
        )
        assert round(one["received_rate"].item()) == received["throughput"]
        assert round(one["sent_rate"].item()) == sent["throughput"]
        assert one["total_retransmits"].item() == sent["retransmits"] == one["retransmits"].sum()
        assert one["min_rtt"].item() == pytest.approx(received["min_rtt"], rel=1e-12)
        assert (one["ring"].item(), one["rtt_label"].item()) == (
            received["ring"],
            pytest.approx(received["rtt"]),
        )


def test_the_series_average_to_the_totals():
    dataset = bundled()
    mean = dataset["throughput"].mean("time")
    # the last interval and the total end some milliseconds apart, out of 300 s
    np.testing.assert_allclose(mean, dataset["sent_rate"], rtol=2e-3)
    assert ((dataset["cpu_host"] > 0) & (dataset["cpu_host"] < 1)).all()
    assert ((dataset["rtt"] > 0) & (dataset["rtt"] < 0.2)).all()


@pytest.fixture(scope="module")
def raw() -> Path:
    folder = os.environ.get("TUNBP_MIRROR", "")
    if not (Path(folder) / "tap").is_dir():
        pytest.skip("TUNBP_MIRROR names no folder with the raw nodrop files")
    return Path(folder)


def test_two_builds_are_byte_for_byte_the_same_and_equal_the_bundled_one(raw, tmp_path):
    first = nodrop.build(raw, tmp_path / "first.nc")
    second = nodrop.build(raw, tmp_path / "second.nc")
    assert first.read_bytes() == second.read_bytes()
    with xr.load_dataset(first, engine="h5netcdf") as built:
        xr.testing.assert_identical(built, bundled())


def test_the_real_files_pass_their_hashes(raw, tmp_path):
    folder = nodrop.fetch(tmp_path / "raw")
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 26


def test_a_changed_raw_file_is_not_built_from(raw, tmp_path):
    folder = nodrop.fetch(tmp_path / "raw")
    changed = folder / "tap/default_1000packets_0ms.json"
    changed.write_bytes(changed.read_bytes().replace(b'"retransmits":\t0', b'"retransmits":\t1', 1))
    with pytest.raises(DataError, match=r"default_1000packets_0ms\.json: sha256 is .*, expected dc4964df"):
        nodrop.build(folder, tmp_path / "out.nc")
    assert not (tmp_path / "out.nc").exists()
