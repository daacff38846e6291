"""A kernel whose tun driver is changed: build the module in a Debian root, beside an unchanged image, for `--vm`.

A reviewer's tool must find faults. They are made here: the text of the driver comes from Debian's source package, an
edit of ours (a sed script, or anybody's patch) changes it, and the module is built with the headers of the very kernel
that `tunbp lab kernel` fetched. No text of the kernel comes with this package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab import process
from tunbp.lab.kernel import KEYRING, SUITE, cache_folder, configured_mirror

FAULTS, THRESHOLDS = (Path(__file__).parent / name for name in ("faults", "thresholds"))
PACKAGES = ("make", "gcc", "xz-utils", "kmod", "linux-source-7.3", "linux-headers-amd64")
SOURCES = ("tun.c", "tun_vnet.h")
"""Files of `drivers/net` that the module is made of."""
RELEASE = "trixie"


def faults() -> list[str]:
    """Names of the faults that come with the package."""
    return sorted(path.stem for path in FAULTS.glob("*.sed"))


def thresholds() -> list[str]:
    """Names of the edits that come with the package and wake the queue at another fill of the ring; no faults."""
    return sorted(path.stem for path in THRESHOLDS.glob("*.sed"))


def modified_folder() -> Path:
    """Where kernels with a changed driver are kept, one folder each."""
    return cache_folder().parent / "modified"


def modified() -> dict[str, Path]:
    """Images of the kernels with a changed driver, by the name of the edit."""
    found = modified_folder().glob("*/usr/lib/modules/*/vmlinuz")
    return {image.parents[4].name: image for image in found}


def find_edit(name: str) -> Path:
    """The edit meant by `name`: one that comes with the package, or a sed script or patch.

    Raises
    ------
    LabError
        If there is none; the message lists the bundled ones.
    """
    for path in (FAULTS / f"{name}.sed", THRESHOLDS / f"{name}.sed", Path(name)):
        if path.is_file():
            return path
    raise LabError(
        f"no edit {name!r}: neither a sed script or patch nor one of: {', '.join([*faults(), *thresholds()])}"
    )


def make_root(suite: str = SUITE, mirror: str | None = None) -> Path:
    """A Debian root with compiler, kernel headers and kernel source, in the cache; made once, as root.

    Raises
    ------
    LabError
        If mmdebstrap is missing or fails.
    """
    final = cache_folder().parent / f"root-{suite}"
    if final.exists():
        return final
    if shutil.which("mmdebstrap") is None:
        raise LabError(
            "`mmdebstrap` is missing: it makes the root in which modules are built; apt-get install mmdebstrap"
        )
    check_rights()
    part = final.with_name(final.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    mirror = mirror or configured_mirror()
    lines = [f"deb [signed-by={KEYRING}] {mirror} {name} main" for name in (RELEASE, suite)]
    command = [
        "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        f'--aptopt=APT::Default-Release "{suite}"', RELEASE, str(part), *lines,
    ]  # fmt: skip
    process.run(command, "check the network, and that the suite has linux-source-7.3", timeout=1800)
    part.rename(final)
    return final


def check_rights() -> None:
    """Raise unless this user may make roots and change into them.

    Raises
    ------
    LabError
        Saying what to do.
    """
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    if os.geteuid() != 0 or tried.returncode != 0:
        why = f" ({tried.stderr.strip()})" if tried.returncode else ""
        raise LabError(
            f"modules are built in a root of their own, which needs root with all its rights{why}: run as root"
        )


def build(edit: Path, image: Path, root: Path) -> Path:
    """Build the edited driver for the kernel of `image`; returns the image of a tree that has it.

    Raises
    ------
    LabError
        If the root has no headers for that kernel, the edit changes nothing, the compiler refuses it, or without
        rights.
    """
    version = image.parent.name
    if not (root / "lib" / "modules" / version / "build").is_symlink():
        there = ", ".join(sorted(path.name for path in (root / "lib" / "modules").iterdir())) or "none"
        raise LabError(f"{root} has no headers for {version}, only for: {there}; fetch that kernel: `tunbp lab kernel`")
    check_rights()
    for left in (root / "tmp").glob("module-*"):  # of builds that were killed
        if not Path("/proc", left.name.removeprefix("module-")).exists():
            shutil.rmtree(left)
    work = root / "tmp" / f"module-{os.getpid()}"
    work.mkdir()
    try:
        for source in _sources(root):
            shutil.copy(source, work)
        _apply(edit, work)
        (work / "Makefile").write_text("obj-m := tun.o\n")
        # the compiler's checks read /proc; both mounts and processes end with the namespaces
        inside = (
            f'mount -t proc proc "$1/proc" && exec chroot "$1" make -C /lib/modules/{version}/build M=/tmp/{work.name}'
        )
        command = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            f"{inside} modules",
            "sh",
            str(root),
        ]
        process.run(command, f"correct {edit}", timeout=600)
        return _tree(edit.stem, image, work / "tun.ko")
    finally:
        shutil.rmtree(work)


def _sources(root: Path) -> list[Path]:
    """The driver's files, unpacked once from the source package."""
    folder = root / "usr" / "src" / "tun"
    if not all((folder / name).exists() for name in SOURCES):
        archives = sorted((root / "usr" / "src").glob("linux-source-*.tar.xz"))
        if not archives:
            raise LabError(f"{root}/usr/src has no linux-source-*.tar.xz: install Debian's linux-source there")
        folder.mkdir(exist_ok=True)
        with tarfile.open(archives[-1]) as archive:
            for member in archive:
                place = Path(member.name)
                if place.name in SOURCES and place.parts[1:3] == ("drivers", "net"):
                    content = archive.extractfile(member)
                    assert content is not None
                    (folder / place.name).write_bytes(content.read())
                if all((folder / name).exists() for name in SOURCES):
                    break
    return [folder / name for name in SOURCES]


def _apply(edit: Path, work: Path) -> None:
    """Change the driver in `work` by a sed script or, else, a patch of `drivers/net/tun.c`."""
    before = [(work / name).read_bytes() for name in SOURCES]
    if edit.suffix == ".sed":
        process.run(["sed", "-i", "-f", str(edit.resolve()), str(work / "tun.c")])
    elif not shutil.which("patch"):
        raise LabError("`patch` is not installed; Debian: apt-get install patch")
    else:
        process.run(
            ["patch", "--directory", str(work), "-p3", "--input", str(edit.resolve())], "it must fit this source"
        )
    if before == [(work / name).read_bytes() for name in SOURCES]:
        raise LabError(f"{edit} changes nothing in the driver of this kernel; look at {work.parents[1]}/usr/src/tun")


def _tree(name: str, image: Path, module: Path) -> Path:
    """The kernel's tree with another tun module; what is not changed is linked, not copied."""
    origin, version = image.parents[4], image.parent.name
    final = modified_folder() / name
    part = final.with_name(f".{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(origin, part, symlinks=True, copy_function=os.link)
    modules = part / "usr" / "lib" / "modules" / version
    for index in modules.glob("modules.*"):  # depmod writes these: they must not be those of the origin
        content = index.read_bytes()
        index.unlink()
        index.write_bytes(content)
    drivers = modules / "kernel" / "drivers" / "net"
    (drivers / "tun.ko.xz").unlink(missing_ok=True)
    (drivers / "tun.ko").unlink(missing_ok=True)
    shutil.copy(module, drivers / "tun.ko")
    process.run(["depmod", "--basedir", str(part / "usr"), version], timeout=600)
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)
    return final / "usr" / "lib" / "modules" / version / "vmlinuz"
