"""Files of a measurement are whole or not there."""

import os

import pytest

from tunbp.errors import LabError
from tunbp.lab.folder import finished, locked, read_json, read_rows, remove_parts, run_folder, write_json


def finish(out, name):
    with run_folder(out, name) as folder:
        write_json(folder / "run.json", {"name": name})


def test_a_finished_run_has_its_final_name(tmp_path):
    finish(tmp_path, "a.stock.1")
    assert finished(tmp_path) == {"a.stock.1"}


def test_two_measurements_do_not_share_a_folder(tmp_path):
    with (
        locked(tmp_path / "out"),
        pytest.raises(LabError, match=r"another measurement is running in .*out"),
        locked(tmp_path / "out"),
    ):
        pass
    with locked(tmp_path / "out"):
        assert (tmp_path / "out" / "runs").is_dir()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match=r"cannot use .*file/out: .*--out"), locked(tmp_path / "file" / "out"):
        pass


def test_a_failed_run_does_not_count_and_the_finished_ones_stay(tmp_path):
    finish(tmp_path, "a.stock.1")
    with pytest.raises(LabError, match="missing"), run_folder(tmp_path, "a.stock.2") as folder:
        read_json(folder / "missing")
    assert finished(tmp_path) == {"a.stock.1"}


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    finish(tmp_path, "a.stock.1")
    (tmp_path / "runs" / "a.stock.2.part").mkdir()
    (tmp_path / "runs" / "a.stock.2.part" / "iperf3.json").write_text("{")
    (tmp_path / ".plan.json.123.part").write_text("{")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "film.mkv.part").write_text("a download of mine")
    assert len(remove_parts(tmp_path)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv.part", "notes.txt", "runs"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["a.stock.1"]


def test_a_folder_of_other_things_does_not_become_one_of_a_measurement(tmp_path):
    (tmp_path / "film.mkv.part").write_text("a download of mine")
    with (
        pytest.raises(LabError, match=r"holds something else than a measurement; choose a new folder"),
        locked(tmp_path),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv.part"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("content", ["[" * 100_000, "[1]", "{", "\x00"])
def test_a_record_that_is_none_is_told(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(LabError, match=r"cannot read .*run\.json"):
        read_json(tmp_path / "run.json")


@pytest.mark.parametrize("content", ["{}", "[1]", "[", ""])
def test_counters_that_are_none_are_told(tmp_path, content):
    (tmp_path / "ip_client.json").write_text(content)
    with pytest.raises(LabError, match=r"cannot read .*ip_client\.json"):
        read_rows(tmp_path / "ip_client.json")


@pytest.mark.timeout(20)
def test_a_record_that_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(LabError, match="no regular file"):
            read_json(tmp_path / name)


def test_a_full_disk_is_told_with_what_is_kept(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tunbp.atomic.os.replace", full)
    with pytest.raises(LabError, match="No space left on device; finished repetitions are kept"):
        write_json(tmp_path / "run.json", {})


def test_a_folder_of_something_else_is_told(tmp_path):
    with pytest.raises(LabError, match="is this a folder made by `tunbp lab run`"):
        read_json(tmp_path / "plan.json")
