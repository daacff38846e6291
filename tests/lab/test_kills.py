"""The search for what a kill leaves finds it: commands that leave something on purpose."""

import os
import random
import signal
import subprocess
from collections import Counter

import pytest

from tests.lab import kills
from tests.lab.kills import Command, Lengths, Moment, Watch, gone, marked, moments, wrong_result
from tunbp.lab import process
from tunbp.lab.folder import run_folder, write_json

alone = subprocess.run(["sh", "-c", "unshare --net true"], capture_output=True)
BEGUN = 'touch "$TMPDIR/../begun"; '
SLEEPS = "while ! readlink /proc/$!/exe | grep -q sleep; do :; done; "
"""Until the last process of the background is what it was begun to be, and no longer what began it."""


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
    found = killed("setsid sleep 300 & " + SLEEPS + BEGUN + "exec sleep 300")
    assert [line.split()[0] for line in found] == ["process"]
    assert found[0].endswith("(sleep)")


def test_a_temporary_file_is_found(killed):
    assert killed('touch "$TMPDIR/left"; ' + BEGUN + "exec sleep 300") == ["tmp/left"]


@pytest.mark.skipif(alone.returncode != 0, reason=f"no network namespace can be made: {alone.stderr!r}")
def test_a_network_namespace_that_is_still_lived_in_is_found(killed):
    found = killed("setsid unshare --net sleep 300 & " + SLEEPS + BEGUN + "exec sleep 300")
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


def test_of_six_kills_three_are_in_runs_two_before_them_and_one_in_the_collection():
    found = list(moments(random.Random(1), 24))
    assert Counter(moment.part for moment in found) == {"run": 12, "start": 8, "end": 4}
    shares = sorted(moment.share for moment in found)
    assert 0 <= shares[0] < 0.25 < 0.75 < shares[-1] < 1


class Staged(Command):
    """A command that makes the folders and files by which parts of a measurement are told, and stays in one of them."""

    def start(self):
        side = self.out
        record = f'{{"pid": 1, "out": "{side}"}}'
        script = f"""
            stay() {{ [ $1 != {self.experiment} ] || exec sleep 300; }}
            run() {{
                mkdir {side}/runs/$1.part; stay $1
                echo '{{}}' > {side}/runs/$1.part/run.json; mv {side}/runs/$1.part {side}/runs/$1; }}
            mkdir -p {self.records} {side}/runs; echo '{record}' > {self.records}/a.json; stay boot
            echo '{{"runs": ["a.1", "a.2"]}}' > {side}/state.json
            run a.1; run a.2; rm {self.records}/a.json; stay collection"""
        return subprocess.Popen(["sh", "-c", script], env=self.environment)


@pytest.mark.parametrize(
    ("stays", "moment", "phase", "made"),
    [
        ("boot", Moment("start", 0.5), {"start", "boot"}, 0),
        ("a.1", Moment("run", 0.5, 0.4), {"run"}, 0),
        ("a.2", Moment("run", 0.5, 0.6), {"run"}, 1),
        ("collection", Moment("end", 0.5), {"collection"}, 2),
    ],
)
def test_a_kill_meets_the_part_it_was_meant_for(tmp_path, stays, moment, phase, made):
    command = Staged(tmp_path, stays, 0)
    tried = kills.attempt(command, moment, Lengths(0.1, 0.1, 0.1, (2,)))
    assert tried.phase in phase
    assert command.made() == made
    assert tried.status == -signal.SIGKILL


@pytest.mark.parametrize("part", ["run", "end"])
def test_where_all_runs_are_made_nothing_is_killed_in_a_run_or_after_them(tmp_path, part):
    command = Staged(tmp_path, "nowhere", 0)
    for name in ("a.1", "a.2"):
        with run_folder(command.out, name) as folder:
            write_json(folder / "run.json", {})
    write_json(command.out / "state.json", {"runs": ["a.1", "a.2"]})
    tried = kills.attempt(command, Moment(part, 0.0), Lengths(0.0, 0.0, 0.0, (2,)))
    assert (tried.phase, tried.status) == ("", 0)


def test_a_moment_behind_the_end_kills_nothing(tmp_path):
    tried = kills.attempt(Staged(tmp_path, "nowhere", 0), Moment("start", 1.0), Lengths(1e6, 1e6, 1e6, (2,)))
    assert (tried.phase, tried.status) == ("", 0)
