"""One Dataset of all runs of a folder, tested on raw outputs of the bundled native measurement."""

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tunbp import open_trace
from tunbp.errors import LabError
from tunbp.evidence import live
from tunbp.evidence.datasets import data_path
from tunbp.lab.collect import bundle, collect, measured
from tunbp.schema import VARIABLES

NATIVE = data_path("measured") / "lab_openvpn_native"
NAMES = ("120ms-ring500-cubic-pfifo_fast.stock.1", "0ms-ring5000-cubic-pfifo_fast.stock.1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of `tunbp lab run` with two real runs."""
    out = tmp_path_factory.mktemp("measurement")
    with tarfile.open(NATIVE / "raw.tar.xz") as archive:
        members = [member for member in archive if member.name.split("/")[1] in NAMES]
        archive.extractall(out, members, filter="data")
    for name in ("plan.json", "host.json"):
        (out / name).write_text((NATIVE / name).read_text())
    return out


def test_the_archive_holds_what_the_bundled_dataset_was_made_of(folder):
    made, published = collect(folder), open_trace(NATIVE / "lab_openvpn.nc")
    for run in range(made.sizes["run"]):
        one = made.isel(run=run)
        same = (published["cell"] == one["cell"]) & (published["repetition"] == one["repetition"])
        other = published.isel(run=int(np.flatnonzero(same.to_numpy())[0])).reindex(time=one["time"])
        for name in made.data_vars:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-6, err_msg=name)


def test_a_run_tells_its_series_its_path_and_its_machine(folder):
    runs = collect(folder)
    assert set(runs.data_vars) <= set(VARIABLES)
    assert runs["path"].values.tolist() == ["relay", "relay"]
    assert np.allclose(np.diff(runs["time"]), 0.2)
    run = runs.sel(run=runs["added_rtt"].to_numpy() == 0.12).isel(run=0)
    # cumulative counters of the device end at the totals of the run, which were read a little later
    assert run["tx_dropped"].dropna("time").to_numpy()[-1] == pytest.approx(float(run["dropped_ring"]), rel=0.05)
    assert (np.diff(run["tx_packets"].dropna("time")) >= 0).all()
    # slow start: the window at least doubles per round trip until the first loss
    first = int(np.argmax(run["tx_dropped"].to_numpy() > 0))
    window = run["cwnd"].to_numpy()[:first] / float(run["mss"])
    assert window[0] < 100
    assert window[-1] > 1000
    assert np.isnan(run["ssthresh"].to_numpy()[: first - 1]).all()
    assert 0 <= float(run["relay_late_fraction"]) < 0.05
    assert float(run["reader_cpu"]) > 0.5


def test_older_runs_without_a_field_say_what_they_were_beside_newer_ones(folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "both")
    newer, older = (out / "runs" / name / "run.json" for name in NAMES)
    record = json.loads(newer.read_text())
    record["parameters"] |= {"pacing": False, "link_buffer": 7}
    newer.write_text(json.dumps(record))
    record = json.loads(older.read_text())
    del record["parameters"]["link_buffer"]
    older.write_text(json.dumps(record))
    runs = collect(out).set_index(run="ring")
    assert runs["pacing"].sel(run=500).item() is False
    assert runs["pacing"].sel(run=5000).item() is True  # that host's default is BBR
    assert live.paced(runs.reset_index("run")).sum() == 1
    assert runs["link_buffer"].sel(run=[500, 5000]).values.tolist() == [7, 1000]


@pytest.mark.parametrize("name", ["openvpn", "wireguard"])
def test_what_never_left_a_full_socket_is_counted_by_the_devices_of_both_ends(name):
    with open_trace(data_path("measured") / f"lab_{name}_native" / f"lab_{name}.nc") as runs:
        cubic = runs.isel(run=(runs["congestion"] == "cubic").to_numpy())
        lost = cubic["dropped_ring"] + cubic["dropped_far"]
        sent_again = cubic["total_retransmits"]
    assert (cubic["dropped_far"] >= 0).all()
    assert (cubic["dropped_far_return"] >= 0).all()
    exact = np.isclose(lost, sent_again, rtol=0.002, atol=2)
    # where it is not: what was sent again too early, or lost in the last round trip and not sent again any more
    assert exact.mean() > (0.8 if name == "openvpn" else 0.9)
    if name == "wireguard":
        far = cubic["dropped_far"] / cubic["total_retransmits"]
        large = (cubic["ring"] == 500).to_numpy()
        assert (far[large] > 0.98).all()
        assert (far[~large] < 0.2).all()


def test_a_run_without_counters_of_both_ends_says_nothing_of_what_was_lost_between(folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "copy")
    assert "dropped_far" in collect(out)
    for path in out.glob("runs/*/ip_server.json"):
        path.unlink()
    assert "dropped_far" not in collect(out)


def test_a_bundle_is_the_same_bytes_whenever_and_wherever_it_is_packed(folder, tmp_path):
    digests = []
    for number in (1, 2):
        written = bundle(folder, tmp_path / str(number))
        assert [path.name for path in written] == ["lab_openvpn.nc", "plan.json", "host.json", "raw.tar.xz"]
        digests.append(hashlib.sha256(written[-1].read_bytes()).hexdigest())
        (folder / "runs" / NAMES[0] / "run.json").touch()
    assert digests[0] == digests[1]
    with tarfile.open(written[-1]) as archive:
        assert {member.name.split("/")[1] for member in archive} == set(NAMES)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda run: run.pop("cell"), "no 'cell' in it"),
        (lambda run: run["result"].update(delivered="many"), "could not convert string"),
        (lambda run: run["facts"].update(begun="yesterday"), "was it made by"),
        (lambda run: run["facts"].update(begun=1e300), "was it made by"),
        (lambda run: run.update(parameters=[1]), "was it made by"),
        (lambda run: run.update(experiment="../../elsewhere"), "no experiment of this package"),
    ],
)
def test_a_record_that_was_changed_is_named(folder, tmp_path, change, says):
    out = shutil.copytree(folder, tmp_path / "copy")
    path = out / "runs" / NAMES[0] / "run.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(LabError, match=rf"run\.json: .*{says}"):
        collect(out)


@pytest.mark.parametrize(
    "make", [lambda p: p.symlink_to("/etc/hostname"), os.mkfifo, Path.mkdir], ids=["link", "pipe", "folder"]
)
def test_a_bundle_holds_regular_files_only(folder, tmp_path, make):
    out = shutil.copytree(folder, tmp_path / "copy")
    make(out / "runs" / NAMES[0] / "extra")
    with pytest.raises(LabError, match="extra: no regular file"):
        bundle(out, tmp_path / "bundle")
    assert not (tmp_path / "bundle" / "raw.tar.xz").exists()


def test_a_bundle_names_no_place_of_the_machine_where_it_was_measured(folder, tmp_path):
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps({**plan, "cache": "/somewhere/of/mine", "guest_files": ["/x/ip"]}))
    for path in bundle(folder, tmp_path)[:3]:
        assert b"/somewhere" not in path.read_bytes()


def test_a_bundle_is_compared_like_the_folder_that_it_was_made_of():
    bundle = data_path("measured") / "lab_two_kernels" / "B"
    assert measured(bundle).attrs["experiment"] == "ring"
    with pytest.raises(LabError, match="holds no finished run"):
        measured(bundle.parent)
