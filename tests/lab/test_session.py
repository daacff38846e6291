"""What a call measures, and which older plan of the folder it may go on with."""

from contextlib import nullcontext
from itertools import accumulate
from types import SimpleNamespace

import pytest

from tunbp.errors import LabError
from tunbp.lab import plans, session, vm
from tunbp.lab.folder import run_folder, write_json

OPENVPN, PKTGEN = (plans.load(plans.find(name)) for name in ("openvpn", "pktgen"))
KERNEL = "7.3.4+deb13-amd64"


@pytest.fixture
def out(tmp_path):
    return tmp_path


def planned(out, measurement=OPENVPN, kvm=False, kernel=KERNEL, **order):
    """The plan of one call in a VM, left in the folder as `measure` does."""
    order = session.Order(out, **{"repeat": 5, "kernel": out / kernel / "vmlinuz", **order})
    written = session._orders(*measurement, order, kvm, out)
    write_json(out / "plan.json", written)
    return written


def test_patterns_choose_cells_and_the_plan_keeps_all(out):
    labels = [cell["label"] for cell in planned(out, only=("120ms-*-cubic-*",))["cells"]]
    assert len(labels) == 5
    assert planned(out, only=("120ms-*-cubic-*",))["chosen"] == labels[:3]
    assert planned(out)["chosen"] == labels
    assert planned(out, only=("60ms-*", "*-bbr-*"))["chosen"] == labels[3:]


def test_a_pattern_that_fits_nothing_lists_the_cells(out):
    with pytest.raises(LabError, match=r"--only 90ms-\*: fits no cell; there are 120ms-ring25-cubic-fq_codel, "):
        planned(out, only=("90ms-*",))


def test_a_later_call_may_repeat_more_and_choose_other_cells(out):
    planned(out, only=("60ms-*",))
    assert planned(out, only=("*-bbr-*",), repeat=8)["repeat"] == 8


def test_a_plan_that_is_older_than_a_field_goes_on_with_its_default(out):
    old = planned(out)
    for cell in old["cells"]:
        del cell["values"]["link_jitter"]
    write_json(out / "plan.json", old)
    assert planned(out)["cells"][0]["values"]["link_jitter"] == 0
    old["cells"][0]["values"]["rtt"] = 0.123
    write_json(out / "plan.json", old)
    with pytest.raises(LabError, match="different: cells"):
        planned(out)


def test_runs_of_different_machines_are_not_mixed(out):
    planned(out)
    with pytest.raises(LabError, match=r"was made with vm_kernel 7\.3\.4\+deb13-amd64, not 7\.4"):
        planned(out, kernel="7.4")
    with pytest.raises(LabError, match="was made with clock virtual time, not real time"):
        planned(out, cpus=2)
    with pytest.raises(LabError, match="was made with acceleration emulation"):
        planned(out, kvm=True)
    with pytest.raises(LabError, match="different: variants"):
        planned(out, variants="stock")


def test_a_vm_has_the_processors_that_its_cells_need(out):
    assert planned(out / "a")["machine"]["vm_cpus"] == 1
    assert planned(out / "b", kvm=True)["machine"]["vm_cpus"] == 2
    assert planned(out / "c", PKTGEN)["machine"]["vm_cpus"] == 2
    assert planned(out / "d", PKTGEN, cpus=4)["machine"]["vm_cpus"] == 4


def test_temporary_files_of_a_vm_end_with_its_namespaces_and_what_it_says_is_kept(out, monkeypatch):
    monkeypatch.setattr(vm, "command", lambda *_: ["vng"])
    monkeypatch.setattr(session.sandbox, "prefix", lambda: ("unshare", "--mount"))
    order = session.Order(out, 1, kernel=out / KERNEL / "vmlinuz")
    command, _, errors, variables = session._command(order, {"machine": {"vm_cpus": 1}}, out, False, "log", "errors")
    assert command == ["unshare", "--mount", *vm.PRIVATE, "vng"]
    assert "mount -t tmpfs tmpfs /run" in " ".join(command)
    assert (errors, variables["TMPDIR"]) == ("errors", "/run")

    def refuse():
        raise LabError("no namespaces")

    monkeypatch.setattr(session.sandbox, "prefix", refuse)
    command, *_, variables = session._command(order, {"machine": {"vm_cpus": 1}}, out, False, "log", "errors")
    assert command == ["vng"]
    assert "TMPDIR" not in variables


@pytest.mark.parametrize(("turns", "hangs"), [([1.0] * 890, False), ([1.0] * 902, True), ([1.0, 5000.0, 1.0], False)])
def test_a_start_that_hangs_is_an_error_and_a_pause_of_the_whole_measurement_is_not(out, monkeypatch, turns, hangs):
    passed = accumulate(turns, initial=0.0)
    left = iter([None] * len(turns) + [0])
    child = SimpleNamespace(poll=lambda: next(left))
    monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: next(passed)))
    monkeypatch.setattr(session.process, "pause", lambda *_: None)
    with pytest.raises(LabError, match="the start took longer than 900 s") if hangs else nullcontext():
        session._watch(child, out, False, lambda *_: None)


def test_progress_counts_the_runs_of_this_call(out):
    assert session._progress(out) == (0, None)
    write_json(out / "state.json", {"runs": ["a.stock.1", "a.stock.2"]})
    for name in ("a.stock.1", "b.stock.1"):
        with run_folder(out, name) as folder:
            write_json(folder / "run.json", {})
    assert session._progress(out) == (1, 2)


def test_a_full_disk_is_the_cause_when_the_worker_could_not_say_it(out, monkeypatch):
    told = str(session._ended_early(-9, out, "Killed"))
    assert told.startswith(f"the measurement ended early (status -9); finished runs are kept in {out}")
    assert "    Killed" in told
    monkeypatch.setattr(session.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 4096}))
    told = str(session._ended_early(1, out, ""))
    assert told.startswith(f"no space is left for {out}: 4 kB; finished runs are kept")
    assert "run the same command again" in told
