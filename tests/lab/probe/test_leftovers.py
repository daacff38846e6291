"""A probe that is killed leaves nothing behind: no mount, no instance of tracefs, no process, no trace of itself."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.lab.probe import live
from tunbp.lab import inside, process
from tunbp.lab.probe import keeper, record
from tunbp.lab.probe.instance import instance

obstacle = live.obstacle()
pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(obstacle), reason=f"nothing can be traced here: {obstacle}")]

KILLS = 20
MOUNTED = f"{{ test -d {keeper.PLACE}/events || mount -t tracefs tracefs {keeper.PLACE}; }}"
LIST = f"{MOUNTED} && ls {keeper.PLACE}/instances && cat {keeper.PLACE}/set_event"


def tracefs_state():
    """Instances and enabled events, and mounts of tracefs in any process's view."""
    listed = process.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", LIST])
    mounts = set()
    for path in Path("/proc").glob("[0-9]*/mounts"):
        try:
            mounts |= {line for line in path.read_text().splitlines() if line.split()[2] == "tracefs"}
        except OSError:
            continue
    return listed, mounts


def left(before):
    """What was not there before; another test's tracing at this moment is gone a moment later, what is left stays."""
    listed, mounts = tracefs_state()
    return (set(listed.split()) - set(before[0].split())) | (mounts - before[1])


def test_where_tracefs_is_mounted_already_as_on_most_systems_that_mount_is_used():
    code = "from tunbp.lab.probe.instance import instance\nwith instance([0]):\n    print('made')"
    command = f"{MOUNTED} && exec {sys.executable} -c '{code.replace(chr(39), chr(34))}'"
    assert process.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", command]) == "made\n"


def probe_again_and_again(namespace, seconds):
    os.setsid()
    inside.enter(namespace)
    while True:
        record.record(live.DEVICE, seconds, 0.05)


def keepers_of(pid):
    """Living processes that keep an instance of this owner."""
    listed = subprocess.run(["pgrep", "-f", f"probe.keeper [0-9]+ tunbp-{pid}-"], capture_output=True, text=True)
    return listed.stdout.split()


def test_killed_at_any_moment_nothing_stays(tmp_path):
    before = tracefs_state()
    moments = np.random.default_rng(15).uniform(0.0, 0.5, KILLS)
    with live.tunnel(live.build(tmp_path), tmp_path, 60, 20_000, 20, 1_000_000, 2_000, 0, 0) as (space, _, _):
        for moment in moments:
            child = multiprocessing.get_context("fork").Process(target=probe_again_and_again, args=(space.name, 0.3))
            child.start()
            child.join(moment)
            assert child.exitcode is None
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            process.wait_for(lambda pid=child.pid: not keepers_of(pid), "the keeper of a killed probe stays", 10.0)
    process.wait_for(lambda: not left(before), "what a killed probe had stays", 10.0)


def test_what_was_left_by_a_probe_that_ended_with_its_keeper_is_removed_by_the_next(tmp_path):
    before = tracefs_state()
    with live.tunnel(live.build(tmp_path), tmp_path, 60, 20_000, 20, 1_000_000, 2_000, 0, 0) as (space, _, _):
        child = multiprocessing.get_context("fork").Process(target=probe_again_and_again, args=(space.name, 60.0))
        child.start()
        process.wait_for(lambda: keepers_of(child.pid), "no keeper", 10.0)
        (kept,) = keepers_of(child.pid)
        process.wait_for(lambda: f"tunbp-{child.pid}-" in tracefs_state()[0], "no instance", 10.0)
        os.kill(int(kept), signal.SIGKILL)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert f"tunbp-{child.pid}-" in tracefs_state()[0]
        with instance([0]):
            assert f"tunbp-{child.pid}-" not in tracefs_state()[0]
    process.wait_for(lambda: not left(before), "what a killed probe had stays", 10.0)
