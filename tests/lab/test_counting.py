"""Counters of kernel events."""

import os
import subprocess
import sys

import pytest

from tunbp.errors import LabError
from tunbp.lab import sandbox
from tunbp.lab.counting import ATTRIBUTES

CODE = """
import os
from tunbp.lab.counting import Event, counting
events = {"ours": Event("syscalls/sys_enter_umask", "mask == 83"), "none": Event("net/net_dev_xmit", "rc == 77")}
with counting(events) as count:
    before = count()
    for _ in range(25):
        os.umask(83)
        os.umask(18)
    after = count()
print(before, after, os.path.ismount("/sys/kernel/tracing"))
"""


def inside(code):
    try:
        command = [*sandbox.prefix(), sys.executable, "-c", code]
    except LabError as error:
        pytest.skip(str(error).splitlines()[0])
    return subprocess.run(command, capture_output=True, text=True)


def test_attributes_have_the_size_of_the_first_version():
    assert ATTRIBUTES.size == 64


@pytest.mark.netns
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_events_that_fit_are_counted_and_others_are_not():
    ran = inside(CODE)
    if "not permitted" in ran.stderr or "no tracepoint" in ran.stderr:
        pytest.skip(ran.stderr.splitlines()[-1])
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("{'ours': 0, 'none': 0} {'ours': 25, 'none': 0}")


@pytest.mark.netns
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_tracepoint_that_is_not_there_is_named():
    ran = inside(CODE.replace("net/net_dev_xmit", "net/no_such"))
    assert "no tracepoint net/no_such" in ran.stderr or "not permitted" in ran.stderr
