"""Counters of kernel events."""

import os
import shutil
import subprocess
import sys

import pytest

from tunbp.errors import LabError
from tunbp.lab import sandbox
from tunbp.lab.counting import ATTRIBUTES, Event
from tunbp.lab.probe.tracefs import Tracepoint

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
    if not shutil.which("mount"):
        pytest.skip("no mount (Debian: apt-get install mount), which shows tracefs")
    try:
        command = [*sandbox.prefix(), sys.executable, "-c", code]
    except LabError as error:
        pytest.skip(str(error).splitlines()[0])
    return subprocess.run(command, capture_output=True, text=True)


def test_attributes_have_the_size_of_the_first_version():
    assert ATTRIBUTES.size == 64


def test_reasons_become_the_numbers_of_this_kernel():
    dropped = Tracepoint("kfree_skb", 7, {}, {64: "QDISC_DROP", 66: "QDISC_CONGESTED", 80: "FULL_RING"})
    assert Event("skb/kfree_skb", reasons=("FULL_RING",)).filter(dropped) == "reason == 80"
    several = Event("skb/kfree_skb", reasons=("QDISC_CONGESTED", "QDISC_DROP", "QDISC_NEW"))
    assert several.filter(dropped) == "reason == 64 || reason == 66"
    assert Event("skb/kfree_skb", reasons=("QDISC_NEW",)).filter(dropped) is None
    assert Event("net/net_dev_xmit", "rc == 16").filter(dropped) == "rc == 16"


WHERE_ALLOWED = """
from tunbp.lab.counting import Event, counting_where_allowed
with counting_where_allowed({"x": Event("net/no_such")}) as (count, obstacle):
    print(count(), obstacle)
"""


@pytest.mark.netns
def test_where_nothing_can_be_counted_the_reason_is_told():
    ran = inside(WHERE_ALLOWED)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("{} ")
    assert len(ran.stdout) > 20


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


BUSY = """
import time
from tunbp.lab.counting import Event, counting
open("/proc/self/comm", "w").write("tunbpcounted")
with counting({"ns": Event("sched/sched_stat_runtime", 'comm == "tunbpcounted"')}) as count:
    before, begun = count()["ns"], time.process_time()
    while time.process_time() < begun + 0.2:
        pass
    time.sleep(0.001)
    print((count()["ns"] - before) / 1e9, time.process_time() - begun)
"""


@pytest.mark.netns
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_tracepoint_with_a_count_of_its_own_is_summed():
    ran = inside(BUSY)
    if "not permitted" in ran.stderr or "no tracepoint" in ran.stderr:
        pytest.skip(ran.stderr.splitlines()[-1])
    assert ran.returncode == 0, ran.stderr
    counted, used = map(float, ran.stdout.split())
    assert counted == pytest.approx(used, rel=0.05)
