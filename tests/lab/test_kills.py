"""The search for what a kill leaves finds it: commands that leave something on purpose."""

import os
import random
import signal
import subprocess

import pytest

from tests.lab import kills
from tests.lab.kills import Command, Lengths, Watch, gone, marked, moments, wrong_result
from tunbp.lab import process
from tunbp.lab.folder import run_folder, write_json

alone = subprocess.run(["sh", "-c", "unshare --net true"], capture_output=True)
BEGUN = 'touch "$TMPDIR/../begun"; '


class Left(Command):
    """A shell in the place of `tunbp lab run`."""

    def start(self):
        for place in ("tmp", "state"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(["sh", "-c", self.experiment], env=self.environment)


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """What is found after the kill of a shell; what it left is ended afterwards."""
    monkeypatch.setattr(kills, "PATIENCE", 0.0)
    folder = tmp_path / "command"

    def kill(script):
        command = Left(folder, script, 0)
        watch = Watch(command)
        child = command.start()
        try:
            process.wait_for((folder / "begun").exists, "nothing begins", 60.0)
            watch.look()
        finally:
            child.kill()
            child.wait()
        return gone(watch)

    yield kill
    for pid in marked(folder):
        os.kill(pid, signal.SIGKILL)


def test_nothing_is_found_where_nothing_is_left(killed):
    assert killed(BEGUN + "exec sleep 300") == []


def test_a_process_that_outlives_its_command_is_found(killed):
    found = killed("setsid sleep 300 & " + BEGUN + "exec sleep 300")
    assert [line.split()[0] for line in found] == ["process"]
    assert found[0].endswith("(sleep)")


def test_a_temporary_file_is_found(killed):
    assert killed('touch "$TMPDIR/left"; ' + BEGUN + "exec sleep 300") == ["tmp/left"]


@pytest.mark.skipif(alone.returncode != 0, reason=f"no network namespace can be made: {alone.stderr!r}")
def test_a_network_namespace_that_is_still_lived_in_is_found(killed):
    found = killed("setsid unshare --net sleep 300 & while ! readlink /proc/$!/exe | grep -q sleep; do :; done; "
                   + BEGUN + "exec sleep 300")  # fmt: skip
    assert any(line.startswith("namespace net:") for line in found)


def test_a_result_that_lacks_a_run_is_none(tmp_path):
    command = Command(tmp_path, "ring", 0)
    (command.out / "runs").mkdir(parents=True)
    write_json(command.out / "state.json", {"runs": ["a.stock.1", "a.stock.2"]})
    with run_folder(command.out, "a.stock.1") as folder:
        write_json(folder / "run.json", {})
    (tmp_path / "said").write_text("ended early")
    assert not command.runs_are_made()
    assert wrong_result(command, 0, [2]) == "out: no complete result: ended early"
    assert wrong_result(command, 1, [2]) == "status 1: ended early"


def test_moments_lie_in_the_whole_length_and_every_sixth_after_the_runs():
    found = list(moments(random.Random(1), Lengths(100.0, 2.0, (2,)), 24))
    ends = [moment for moment in found if moment.after_runs]
    assert len(ends) == 4
    assert all(0 <= moment.delay <= 2 for moment in ends)
    others = [moment.delay for moment in found if not moment.after_runs]
    assert min(others) < 25 < 75 < max(others) <= 100
