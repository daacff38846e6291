"""A changed tun driver: edits, and a build where this machine has the Debian root and the kernel."""

import lzma
import os
import re
import shutil

import pytest

from tunbp.errors import LabError
from tunbp.lab import kernel, module, process

ROOT = kernel.cache_folder().parent / f"root-{kernel.SUITE}"


def built_here():
    """Why no module can be built here; empty: it can."""
    if os.geteuid() != 0:
        return "needs root"
    if not ROOT.exists():
        return f"no {ROOT}: `tunbp lab module no_wake` makes it"
    versions = {image.parent.name for image in kernel.fetched()}
    return "" if versions & {path.name for path in (ROOT / "lib/modules").iterdir()} else "no kernel with its headers"


@pytest.fixture
def driver(tmp_path):
    """A folder with a driver of three lines, ours."""
    (tmp_path / "tun.c").write_text("one\ntwo\nthree\n")
    (tmp_path / "tun_vnet.h").write_text("")
    return tmp_path


def test_the_five_faults_and_two_thresholds_come_with_the_package_and_are_edits_only():
    assert module.faults() == ["drop_not_stop", "flag_ignored", "no_wake", "stop_without_qdisc", "wake_at_one"]
    assert module.thresholds() == ["wake_at_eighth", "wake_when_empty"]
    for name in (*module.faults(), *module.thresholds()):
        lines = module.find_edit(name).read_text().splitlines()
        assert all(line.startswith("#") or re.fullmatch(r"/\^.*/,/\^}/ s/.+/.*/", line) for line in lines)


def test_an_edit_is_bundled_or_a_file(tmp_path):
    own = tmp_path / "own.patch"
    own.touch()
    assert module.find_edit(str(own)) == own
    with pytest.raises(LabError, match="nor one of: drop_not_stop"):
        module.find_edit("nothing")


@pytest.mark.skipif(not shutil.which("patch"), reason="no patch: apt-get install patch")
def test_a_sed_script_and_a_patch_change_the_driver(driver, tmp_path):
    script, patch = tmp_path / "a.sed", tmp_path / "b.patch"
    script.write_text("s/two/2/\n")
    patch.write_text("--- a/drivers/net/tun.c\n+++ b/drivers/net/tun.c\n@@ -1,3 +1,3 @@\n one\n 2\n-three\n+3\n")
    module._apply(script, driver)
    module._apply(patch, driver)
    assert (driver / "tun.c").read_text() == "one\n2\n3\n"


def test_an_edit_that_changes_nothing_is_refused(driver, tmp_path):
    script = tmp_path / "a.sed"
    script.write_text("s/four/4/\n")
    with pytest.raises(LabError, match="changes nothing"):
        module._apply(script, driver)


def test_the_tree_has_the_new_module_and_leaves_the_kernel_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ran = []
    monkeypatch.setattr(process, "run", lambda command, *_, **__: ran.append(command[0]) or "")
    modules = kernel.cache_folder() / "7.3.4" / "usr/lib/modules/7.3.4"
    (modules / "kernel/drivers/net").mkdir(parents=True)
    old = modules / "kernel/drivers/net/tun.ko.xz"
    old.write_bytes(lzma.compress(b"old"))
    for name in ("vmlinuz", "modules.dep"):
        (modules / name).write_text(name)
    (tmp_path / "tun.ko").write_text("new")
    image = module._tree("mine", modules / "vmlinuz", tmp_path / "tun.ko")
    assert module.modified() == {"mine": image}
    assert (image.parent / "kernel/drivers/net/tun.ko").read_text() == "new"
    assert not (image.parent / "kernel/drivers/net/tun.ko.xz").exists()
    assert old.exists()
    assert kernel.fetched() == [modules / "vmlinuz"]
    assert image.samefile(modules / "vmlinuz")  # linked: 400 MB are not copied for every edit
    assert not (image.parent / "modules.dep").samefile(modules / "modules.dep")  # depmod writes it
    assert ran == ["depmod"]


def test_a_kernel_without_headers_in_the_root_is_named(tmp_path):
    (tmp_path / "lib/modules/7.3.9").mkdir(parents=True)
    with pytest.raises(LabError, match=r"no headers for 7\.3\.4, only for: 7\.3\.9"):
        module.build(tmp_path / "a.sed", tmp_path / "7.3.4" / "vmlinuz", tmp_path)


@pytest.mark.skipif(bool(built_here()), reason=built_here())
def test_a_fault_is_built_for_the_fetched_kernel(tmp_path, monkeypatch):
    image = next(i for i in kernel.fetched() if (ROOT / "lib/modules" / i.parent.name).exists())
    monkeypatch.setattr(module, "modified_folder", lambda: kernel.cache_folder().parent / f"test-{os.getpid()}")
    try:
        built = module.build(module.find_edit("no_wake"), image, ROOT)
        assert image.parent.name in process.run(
            ["modinfo", "-F", "vermagic", str(built.parent / "kernel/drivers/net/tun.ko")]
        )
    finally:
        process.run(["rm", "-rf", str(module.modified_folder())])
    assert not (ROOT / "tmp" / f"module-{os.getpid()}").exists()
    assert not list((ROOT / "proc").iterdir())
