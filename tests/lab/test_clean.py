"""Clean-up ends recorded processes, and only those."""

import json
import subprocess
import sys

import pytest

from tunbp.lab import clean

DEAD = 2**22 + 1  # above the largest process id of Linux


SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper():
    child = subprocess.Popen(SLEEP, process_group=0)
    yield child
    child.kill()
    child.wait()


def record_of(folder, pid, **changes):
    """A record left by a measurement that was killed: its owner is gone."""
    path = clean.record(pid, folder / "out", folder)
    content = json.loads(path.read_text()) | {"owner": DEAD, "owner_start_time": 1} | changes
    path.write_text(json.dumps(content))
    return path


def test_a_process_left_by_a_killed_measurement_is_ended_and_forgotten(tmp_path, sleeper):
    record = record_of(tmp_path, sleeper.pid)
    part = tmp_path / "out" / "runs" / "a.stock.2.part"
    part.mkdir(parents=True)
    assert clean.clean_recorded(tmp_path) == [sleeper.pid]
    assert not part.exists()
    assert sleeper.wait() == -9
    assert not record.exists()


def test_what_a_dead_first_process_had_started_is_ended_too(tmp_path, sleeper):
    record = record_of(tmp_path, sleeper.pid)
    second = subprocess.Popen(SLEEP, process_group=sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert clean.clean_recorded(tmp_path) == [second.pid]
    assert second.wait() == -9
    assert not record.exists()


WRITES = """
import os, signal, sys
from pathlib import Path
from tunbp.atomic import replacing
from tunbp.lab import clean
out = Path(sys.argv[1])
with clean.recorded(out), replacing(out / "lab_ring.nc") as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_collection_has_half_written_is_removed_and_nobody_of_its_group_is_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out = tmp_path / "out"
    out.mkdir()
    writer = subprocess.Popen([sys.executable, "-c", WRITES, str(out)], process_group=0)
    beside = subprocess.Popen(SLEEP, process_group=writer.pid)  # as `tunbp lab run ... | tee` has
    try:
        assert writer.wait() == -9
        assert len(list(out.glob("*.part"))) == 1
        assert clean.clean_recorded() == []
        assert list(out.iterdir()) == []
        assert beside.poll() is None
        assert not list(clean.record_folder().iterdir())
    finally:
        beside.kill()
        beside.wait()


def test_a_collection_that_ends_leaves_no_record(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with clean.recorded(tmp_path / "out"):
        assert len(list(clean.record_folder().iterdir())) == 1
        assert clean.clean_recorded() == []
    assert not list(clean.record_folder().iterdir())


def test_a_measurement_that_still_runs_is_left_alone(tmp_path, sleeper):
    record = clean.record(sleeper.pid, tmp_path / "out", tmp_path)  # owned by this very process
    assert clean.clean_recorded(tmp_path) == []
    assert sleeper.poll() is None
    assert record.exists()


def test_a_process_that_got_the_same_id_later_is_left_alone(tmp_path, sleeper):
    record_of(tmp_path, sleeper.pid, start_time=1)
    assert clean.clean_recorded(tmp_path) == []
    assert sleeper.poll() is None


def test_a_record_of_another_boot_means_nothing(tmp_path, sleeper):
    record = record_of(tmp_path, sleeper.pid, boot="another")
    assert clean.clean_recorded(tmp_path) == []
    assert sleeper.poll() is None
    assert not record.exists()


def test_a_process_that_is_gone_is_only_forgotten(tmp_path):
    record = record_of(tmp_path, DEAD)
    assert clean.clean_recorded(tmp_path) == []
    assert not record.exists()


def test_a_damaged_record_is_removed(tmp_path):
    (tmp_path / "12.json").write_text("{")
    assert clean.clean_recorded(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_recorded_is_nothing_to_do(tmp_path):
    assert clean.clean_recorded(tmp_path / "never made") == []
