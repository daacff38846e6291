"""Which cells a machine can run, and what it lacks for the others."""

import os
import shutil

import pytest

from tunbp.errors import LabError
from tunbp.lab import plans, sandbox
from tunbp.lab.available import Machine, lacking, this_machine, unavailable, vhost

BARE = Machine(frozenset({"pfifo_fast"}), 1, frozenset())
FULL = Machine(frozenset({"pfifo_fast", "fq_codel", "netem"}), 2, frozenset({"openvpn"}), pktgen=True, vhost=True)


def cell(**values):
    return {"qdisc": "pfifo_fast", "ring": 500, **values}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"qdisc": "fq_codel"}, "no fq_codel qdisc in this kernel"),
        ({"path": "netem"}, "no netem in this kernel: `path: relay`"),
        ({"threads": 2}, "2 sending CPUs are wanted and there are 1"),
        ({"guest_rate": 0.0}, "no usable /dev/vhost-net: `modprobe vhost_net`"),
        ({"xmit_mode": "start_xmit"}, "no pktgen in this kernel"),
        ({"load": "queue_xmit"}, "no pktgen in this kernel"),
        ({"mode": "openvpn_speed"}, "openvpn is not installed"),
    ],
)
def test_what_is_lacking_is_told_with_what_to_do(values, told):
    (reason,) = lacking(cell(**values), BARE)
    assert reason.startswith(told)
    assert lacking(cell(**values), FULL) == []


@pytest.mark.parametrize("values", [{}, {"qdisc": "noqueue"}, {"path": "auto", "rtt": 0.1}, {"load": "udp"}])
def test_a_cell_that_needs_nothing_special_runs_everywhere(values):
    assert lacking(cell(**values), BARE) == []


def test_cells_of_the_ring_plan_that_a_kernel_lacks_the_qdisc_for_are_left_out_by_name():
    _, cells = plans.load(plans.find("ring"))
    wanted = [{"label": one.label, "values": one.model_dump()} for one in cells]
    left_out = unavailable(wanted, BARE)
    assert set(left_out) == {one.label for one in cells if one.qdisc not in ("pfifo_fast", "noqueue")}
    assert 0 < len(left_out) < len(cells)


@pytest.mark.skipif(not shutil.which("tc"), reason="no tc (Debian: apt-get install iproute2)")
def test_this_machine_is_found_out_by_trying():
    try:
        found = this_machine(sandbox.prefix())
    except LabError as error:
        pytest.skip(str(error).splitlines()[0])
    assert found.cpus == len(os.sched_getaffinity(0))
    assert found.qdiscs <= {"pfifo", "bfifo", "pfifo_fast", "fq", "fq_codel", "codel", "cake", "sfq", "netem"}
    assert "pfifo" in found.qdiscs  # every kernel with qdiscs has it


def test_a_device_node_that_is_not_vhost_is_told(tmp_path):
    assert vhost(tmp_path / "absent") == f"{tmp_path}/absent: No such file or directory"
    (tmp_path / "file").touch()
    assert "does not answer VHOST_GET_FEATURES" in vhost(tmp_path / "file")
