"""How a VM is started."""

import pytest
from click.testing import CliRunner

from tunbp.cli import tunbp
from tunbp.errors import LabError
from tunbp.lab import session, vm


@pytest.fixture
def cpuinfo(tmp_path):
    def write(flags):
        path = tmp_path / "cpuinfo"
        path.write_text(f"processor\t: 0\nflags\t\t: fpu {flags} hypervisor\n")
        return path

    return write


def answers(monkeypatch, kind):
    """What `file` says of busybox."""
    run = vm.subprocess.run

    def asked(command, **options):
        if command[0] == "file":
            return vm.subprocess.CompletedProcess(command, 0, f"{command[-1]}: ELF 64-bit LSB executable, {kind}", "")
        return run(command, **options)

    monkeypatch.setattr(vm.subprocess, "run", asked)


@pytest.fixture
def complete(monkeypatch):
    monkeypatch.setattr(vm.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    answers(monkeypatch, "statically linked")
    monkeypatch.setattr(vm, "vng", lambda: "/venv/bin/vng")


def test_a_device_node_without_hardware_support_is_not_kvm(tmp_path, cpuinfo):
    node = tmp_path / "kvm"
    node.touch()
    assert not vm.kvm_usable(node, cpuinfo("sse2"))


def test_hardware_support_without_a_working_device_is_not_kvm(tmp_path, cpuinfo):
    node = tmp_path / "kvm"
    node.touch()
    assert not vm.kvm_usable(node, cpuinfo("vmx"))
    assert not vm.kvm_usable(tmp_path / "absent", cpuinfo("svm"))


def test_emulation_is_asked_for_when_kvm_is_not_usable(tmp_path, complete):
    kernel = tmp_path / "vmlinuz"
    assert "--disable-kvm" in vm.command(kernel, tmp_path, 2, kvm=False)
    assert "--disable-kvm" not in vm.command(kernel, tmp_path, 2, kvm=True)


def test_one_emulated_processor_lives_in_virtual_time(tmp_path, complete):
    kernel = tmp_path / "7.3.4" / "vmlinuz"
    for cpus, kvm, virtual in ((1, False, True), (2, False, False), (1, True, False)):
        command = " ".join(vm.command(kernel, tmp_path, cpus, kvm))
        facts = vm.facts(kernel, cpus, kvm)
        assert ("-icount shift=0,sleep=off" in command) == virtual == (facts.get("waiting") == "skipped")
        assert (facts["clock"] == "virtual time") == virtual
        assert ("mitigations=off" in command) == virtual == ("mitigations" in facts)
    assert 2**0 * vm.INSTRUCTIONS_PER_SECOND == 10**9  # shift=0: an instruction takes 2**0 ns


def test_a_changed_driver_is_named_among_the_facts(tmp_path, monkeypatch):
    image = tmp_path / "no_wake" / "usr" / "lib" / "modules" / "7.3.4" / "vmlinuz"
    monkeypatch.setattr(vm, "modified", lambda: {"no_wake": image})
    assert vm.facts(image, 1, kvm=False)["tun_edit"] == "no_wake"
    assert vm.facts(tmp_path / "7.3.4" / "vmlinuz", 1, kvm=False)["tun_edit"] is None


def test_only_the_results_folder_is_writable_in_the_guest(tmp_path, complete):
    command = vm.command(tmp_path / "vmlinuz", tmp_path / "my results", 2, kvm=False)
    assert [part for part in command if part.startswith("--rw")] == [f"--rwdir={tmp_path}/my results"]
    assert f"'{tmp_path}/my results'" in command[-1]


def test_missing_programs_are_told_as_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(vm, "vng", lambda: "/venv/bin/vng")
    monkeypatch.setattr(vm.shutil, "which", lambda tool: None if "qemu" in tool else tool)
    with pytest.raises(LabError, match="apt-get install qemu-system-x86"):
        vm.command(tmp_path / "vmlinuz", tmp_path, 2, kvm=False)


def test_a_busybox_that_needs_libraries_is_as_good_as_none(tmp_path, complete, monkeypatch):
    assert vm.missing_packages() == []
    answers(monkeypatch, "dynamically linked")
    assert vm.missing_packages() == ["busybox-static"]
    with pytest.raises(LabError, match="apt-get install busybox-static"):
        vm.command(tmp_path / "vmlinuz", tmp_path, 2, kvm=False)


def test_missing_virtme_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(vm, "vng", lambda: None)
    with pytest.raises(LabError, match="pip install 'tunbp"):
        vm.command(tmp_path / "vmlinuz", tmp_path, 2, kvm=False)


def test_a_kernel_is_a_file_a_version_or_the_newest_fetched_one(tmp_path, monkeypatch):
    images = [tmp_path / version / "vmlinuz" for version in ("7.3.4", "7.4.1")]
    for image in images:
        image.parent.mkdir()
        image.touch()
    monkeypatch.setattr(vm, "fetched", lambda: images)
    monkeypatch.setattr(vm, "installed", list)
    monkeypatch.setattr(vm, "modified", dict)
    assert vm.resolve_kernel(str(images[0])) == images[0]
    assert vm.resolve_kernel("7.3.4") == images[0]
    assert vm.resolve_kernel("fetched") == images[1]
    with pytest.raises(LabError, match=r"--vm 7\.9: no such kernel.*found: 7\.3\.4, 7\.4\.1"):
        vm.resolve_kernel("7.9")


def test_without_any_kernel_the_user_is_told_how_to_get_one(monkeypatch):
    monkeypatch.setattr(vm, "fetched", list)
    monkeypatch.setattr(vm, "installed", list)
    monkeypatch.setattr(vm, "modified", dict)
    with pytest.raises(LabError, match="run `tunbp lab kernel`"):
        vm.resolve_kernel("fetched")


def test_an_emulated_measurement_says_why_there_is_no_kvm_and_how_to_get_it(tmp_path, monkeypatch):
    def begin(*_):
        raise LabError("it begins")

    (tmp_path / "vmlinuz").touch()
    monkeypatch.setattr(vm, "kvm_obstacle", lambda: "/dev/kvm: Permission denied")
    monkeypatch.setattr(session, "measure", begin)
    command = ["lab", "run", "ring", "--vm", str(tmp_path / "vmlinuz"), "--out", str(tmp_path / "out")]
    found = CliRunner().invoke(tunbp, command)
    assert "KVM is not usable: /dev/kvm: Permission denied." in found.output
    assert vm.KVM_REMEDY in found.output
    assert "it begins" in str(found.exception) or "it begins" in found.output
