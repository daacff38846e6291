"""Which kernel is fetched, from where."""

import pytest

from tunbp.errors import LabError
from tunbp.lab import kernel

BACKPORTS = [
    "linux-binary-unsigned-7.3.4+deb13-amd64",
    "linux-image-7.3.4+deb13-amd64-dbg",
    "linux-image-7.3.4+deb13-cloud-amd64-dbg",
    "linux-modules-7.3.4+deb13-amd64",
    "linux-binary-7.3.4+deb13-amd64",
    "linux-binary-7.3.4+deb13-cloud-amd64",
    "linux-binary-7.3.4+deb13-rt-amd64",
    "linux-image-7.3.4+deb13-amd64",
    "linux-image-6.12.9+deb13-amd64",
]  # names of Debian's trixie-backports in November 2026, and an older one


def test_the_generic_flavour_of_the_newest_kernel_is_taken():
    assert kernel.newest_version(BACKPORTS, "amd64") == "7.3.4+deb13-amd64"


def test_versions_are_compared_as_numbers():
    names = ["linux-image-7.10.1-amd64", "linux-image-7.9.2-amd64"]
    assert kernel.newest_version(names, "amd64") == "7.10.1-amd64"


def test_a_release_candidate_counts():
    assert kernel.newest_version(["linux-image-7.3~rc7-amd64"], "amd64") == "7.3~rc7-amd64"


def test_a_suite_without_the_flag_tells_what_it_has():
    with pytest.raises(LabError, match=r"no Linux 7\.3 or newer in this suite \(seen: 6\.12\.9\+deb12-amd64\)"):
        kernel.newest_version(["linux-image-6.12.9+deb12-amd64"], "amd64")


def test_another_architecture_is_not_taken():
    with pytest.raises(LabError, match="no kernel at all"):
        kernel.newest_version(BACKPORTS, "arm64")


def test_image_and_modules_are_both_downloaded():
    assert set(kernel.package_names("7.3.4+deb13-amd64")) <= set(BACKPORTS)


def test_the_mirror_is_the_one_apt_is_set_up_for(monkeypatch):
    listing = "Google Cloud https://packages.example/apt/\nDebian http://mirror.example/debian/\n"
    monkeypatch.setattr(kernel.process, "run", lambda *_: listing)
    assert kernel.configured_mirror() == "http://mirror.example/debian/"


def test_without_a_debian_mirror_one_must_be_given(monkeypatch):
    monkeypatch.setattr(kernel.process, "run", lambda *_: "Ubuntu http://mirror.example/ubuntu/\n")
    with pytest.raises(LabError, match="--mirror URL"):
        kernel.configured_mirror()


def test_fetched_kernels_are_found_oldest_first(tmp_path):
    for version in ("7.10.1-amd64", "7.3.4-amd64"):
        folder = tmp_path / version / "usr" / "lib" / "modules" / version
        folder.mkdir(parents=True)
        (folder / "vmlinuz").touch()
    assert [image.parent.name for image in kernel.fetched(tmp_path)] == ["7.3.4-amd64", "7.10.1-amd64"]


def test_apt_gets_sources_lists_and_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel, "KEYRING", tmp_path)
    options = kernel._apt_options(tmp_path, "some-suite", "http://mirror.example/debian")
    settings = dict(option.split("=", 1) for option in options[1::2])
    for key in (
        "Dir::State",
        "Dir::State::lists",
        "Dir::State::status",
        "Dir::Cache",
        "Dir::Etc::sourcelist",
    ):
        assert settings[key].startswith(str(tmp_path)), key
    assert "http://mirror.example/debian some-suite main" in (tmp_path / "own.list").read_text()


def test_what_an_interrupted_fetch_left_is_removed_and_fetched_kernels_stay(tmp_path):
    (tmp_path / "fetch-abc" / "archives").mkdir(parents=True)
    (tmp_path / "7.3.4-amd64").mkdir()
    assert kernel.remove_leftovers(tmp_path) == [tmp_path / "fetch-abc"]
    assert [path.name for path in tmp_path.iterdir()] == ["7.3.4-amd64"]
