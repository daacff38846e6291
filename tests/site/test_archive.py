from __future__ import annotations

import hashlib
import zipfile

import pytest

from tunbp.errors import OutputError
from tunbp.site import archive, crate
from tunbp.site.finish import finish


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    for name in (
        "params/a.yaml",
        "data/published/tcp.csv",
        "notebooks/01_demo.ipynb",
        "CITATION.cff",
        "LICENSE",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def test_two_archives_of_one_run_are_the_same_bytes(finished, project, tmp_path):
    for name in ("a.zip", "b.zip"):
        archive.write(finished, project, tmp_path / name)
        # other dates of the files must not show
        (finished / "index.html").touch()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_archive_is_a_crate_with_parameters_data_hashes_and_citation(finished, project, tmp_path):
    (finished / ".state").mkdir()
    (finished / ".state" / "x.json").write_text("{}")
    names = archive.write(finished, project, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.testzip() is None
        assert packed.namelist() == names == sorted(names)
        sums = packed.read("data/SHA256SUMS").decode()
        assert packed.read("index.html") == (finished / "index.html").read_bytes()
    assert {"ro-crate-metadata.json", "figures/demo_ring.pdf", "params/a.yaml", "CITATION.cff", "LICENSE",
            "notebooks/source/01_demo.ipynb"} <= set(names)  # fmt: skip
    assert not [name for name in names if name.startswith(".")]
    assert sums == f"{hashlib.sha256(b'data/published/tcp.csv').hexdigest()}  data/published/tcp.csv\n"


def test_a_run_that_is_not_finished_is_not_packed(tmp_path, project):
    with pytest.raises(OutputError, match="not a finished run"):
        archive.write(tmp_path, project, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("place", ["results/figures/x.pdf", "project/params/x.yaml", "project/data/x.csv", "results/x"])
def test_an_archive_does_not_follow_links(finished, project, tmp_path, place):
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    where, _, name = place.partition("/")
    ({"results": finished, "project": project}[where] / name).symlink_to(secret)
    with pytest.raises(OutputError, match=r"x[.\w]*: is a link"):
        archive.write(finished, project, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_what_the_crate_lists_lies_in_the_results(finished):
    (finished / "linked.csv").symlink_to("/etc/hostname")
    finish(finished)
    assert "linked.csv" not in (finished / crate.FILE).read_text()


def test_an_archive_inside_the_results_is_refused(finished, project):
    with pytest.raises(OutputError, match="cannot lie inside"):
        archive.write(finished, project, finished / "a.zip")
