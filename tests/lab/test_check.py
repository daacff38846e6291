"""What a machine can measure."""

import pytest

from tunbp.errors import LabError
from tunbp.lab import check
from tunbp.lab.check import GUEST_BRINGS, Item, check_tools, runnable, survey
from tunbp.lab.experiments import EXPERIMENTS

NEEDS = {need for row in EXPERIMENTS.values() for need in row.needs}


def items(*there):
    names = NEEDS | {"virtme-ng", "vm kernel", "KVM", "flag"}
    return [Item(name, name in there, "") for name in sorted(names)]


def test_the_ring_experiment_needs_only_namespaces_a_tun_device_and_iproute2():
    lacking = runnable(items("namespaces", "tun", "ip", "tc"), "native")
    assert lacking["ring"] == []
    assert "path" in lacking["openvpn"]
    assert lacking["pktgen"] == ["pktgen"]


def test_a_vm_brings_what_its_kernel_has_and_the_host_lends_its_tools():
    tools = NEEDS - set(GUEST_BRINGS)
    lacking = runnable(items(*tools, "virtme-ng", "vm kernel"), "vm")
    assert lacking == {name: [] for name in EXPERIMENTS}


@pytest.mark.parametrize("absent", ["virtme-ng", "vm kernel"])
def test_without_virtme_or_a_kernel_no_experiment_runs_in_a_vm(absent):
    there = {item.name for item in items()} - {absent}
    assert all(lacking == [absent] for lacking in runnable(items(*there), "vm").values())


def test_a_missing_tool_is_named_in_a_vm_too():
    lacking = runnable(items("ip", "tc", "virtme-ng", "vm kernel"), "vm")
    assert lacking["ring"] == []
    assert {"iperf3", "openvpn"} <= set(lacking["openvpn"])


def test_a_missing_program_is_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(check.shutil, "which", lambda tool: None if tool == "iperf3" else f"/usr/bin/{tool}")
    check_tools("ring", None)
    with pytest.raises(LabError, match=r"experiment forward needs.*\n  iperf3: missing\. .*apt-get install iperf3$"):
        check_tools("forward", None)
    monkeypatch.setattr(check.shutil, "which", lambda tool: None if "qemu" in tool else f"/usr/bin/{tool}")
    check_tools("ring", None)
    with pytest.raises(LabError, match=r"virtme-ng: .*apt-get install qemu-system-x86$"):
        check_tools("ring", tmp_path / "vmlinuz")


def test_the_survey_says_how_to_get_everything_that_is_missing():
    found = survey()
    assert len({item.name for item in found}) == len(found)
    assert {item.name for item in found} >= NEEDS
    for item in found:
        assert item.there or item.remedy, item.name
