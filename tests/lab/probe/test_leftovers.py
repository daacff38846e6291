"""A probe that is killed leaves nothing behind: no mount, no instance of tracefs, no process, no trace of itself."""

import multiprocessing
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.lab.probe import live
from tunbp.lab import inside, process
from tunbp.lab.probe import record, tracefs

obstacle = live.obstacle()
pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(obstacle), reason=f"nothing can be traced here: {obstacle}")]

KILLS = 20
LIST = f"mount -t tracefs tracefs {tracefs.PLACE} && ls {tracefs.PLACE}/instances && cat {tracefs.PLACE}/set_event"


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


def probe_forever(namespace):
    os.setsid()
    inside.enter(namespace)
    while True:
        record.record(live.DEVICE, 0.3, 0.05)


def in_session(session):
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if "Z" not in line.split()[1]]


def test_killed_at_any_moment_nothing_stays(tmp_path):
    before = tracefs_state()
    moments = np.random.default_rng(15).uniform(0.0, 0.5, KILLS)
    with live.tunnel(live.build(tmp_path), tmp_path, 60, 20_000, 20, 1_000_000, 2_000, 0, 0) as (space, _, _):
        for moment in moments:
            child = multiprocessing.get_context("fork").Process(target=probe_forever, args=(space.name,))
            child.start()
            child.join(moment)
            assert child.exitcode is None
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            process.wait_for(lambda pid=child.pid: not in_session(pid), "children of a killed probe stay", 5.0)
    assert tracefs_state() == before
