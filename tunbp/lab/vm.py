"""Run the worker inside a virtual machine: virtme-ng boots a kernel over this machine's root file system."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import image, process
from tunbp.lab.folder import IMAGE
from tunbp.lab.kernel import fetched
from tunbp.lab.module import modified

KVM = Path("/dev/kvm")
KVM_CREATE_VM = 0xAE01
KVM_REMEDY = "hardware virtualization, and a /dev/kvm this user may open"
TOOLS = ("ip", "tc", "ss", "iperf3", "ping", "openvpn", "wireguard-go", "openssl", "sysctl", "ethtool")
MEMORY = "3G"
INSTRUCTIONS_PER_SECOND = 10**9
"""Speed of the one processor of an emulated machine, in its own time (`-icount shift=0`)."""
VIRTUAL_TIME = ["--qemu-opts=-icount shift=0,sleep=off", "--append", "mitigations=off"]
"""While the guest computes its clock counts instructions, while it waits its clock goes on to the next timer at once: a
slow or busy host makes a run longer, and changes nothing in it. (With `sleep=on`, as until 2026-11-27, a waiting guest
slept in real time and a busy host woke it late: OpenVPN over 8 Mbit/s carried 7.19 instead of 7.37 Mbit/s.) Only where
it waits for files of the host its clock runs ahead, before and after the measured part. And no work-arounds for flaws
that an emulated processor does not have."""
NEEDED = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static", "modprobe": "kmod", "file": "file"}
"""Programs virtme-ng needs, and the Debian packages they come in."""
BUSYBOXES = ("busybox-static", "busybox.static", "busybox")
"""Names of a busybox in the order in which virtme-ng looks for one; it takes none that needs libraries."""
PRIVATE = (
    "sh", "-c",
    "mount -t tmpfs tmpfs /run && for d in /usr/lib/systemd; do [ ! -d $d ] || mount -t tmpfs tmpfs $d; done "
    '&& exec "$@"', "sh",
)  # fmt: skip
"""In private namespaces: temporary files of virtme-ng in a memory file system that ends with them, also by a kill. And
no udev for the guest to find: it would load drivers of all devices that QEMU has, and no measurement uses, which took
as long as the rest of the boot."""


def kvm_obstacle(device: Path = KVM, cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Why hardware virtualization does not work; None: it does.

    The device node alone says little, and so does a kernel that makes a VM: inside some clouds both are there
    without hardware support, and a guest's kernel is emulated in software, slower than by QEMU, or dies early.
    """
    if not re.search(r"^flags\s*:.*\b(vmx|svm)\b", cpuinfo.read_text(), re.MULTILINE):
        there = f"{device} exists, but " if device.exists() else ""
        return f"{there}the processor offers no hardware virtualization (vmx or svm)"
    try:
        fd = os.open(device, os.O_RDWR)
        try:
            os.close(fcntl.ioctl(fd, KVM_CREATE_VM, 0))
        finally:
            os.close(fd)
    except OSError as error:
        return f"{device}: {error.strerror}"
    return None


def kvm_usable(device: Path = KVM, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether hardware virtualization works; see `kvm_obstacle`."""
    return kvm_obstacle(device, cpuinfo) is None


def vng() -> str | None:
    """Path of the `vng` command: beside this Python, or on the PATH."""
    beside = Path(sys.executable).parent / "vng"
    return str(beside) if beside.exists() else shutil.which("vng")


def missing_packages() -> list[str]:
    """Debian packages of the programs that virtme-ng needs and that are not here."""
    lacking = [package for tool, package in NEEDED.items() if shutil.which(tool) is None]
    box = next(filter(None, map(shutil.which, BUSYBOXES)), None)
    if box and not lacking:
        told = subprocess.run(["file", "-L", box], capture_output=True, text=True).stdout
        if "statically linked" not in told and "static-pie linked" not in told:  # as virtme-ng asks
            lacking.append(NEEDED["busybox"])
    return lacking


def resolve_kernel(name: str) -> Path:
    """The kernel image meant by `name`: a file, "fetched" (the newest of `tunbp lab kernel`), a version, or an edit.

    Raises
    ------
    LabError
        If there is no such kernel; the message lists those found.
    """
    known = {image.parent.name: image for image in (*installed(), *fetched())} | modified()
    if Path(name).is_file():
        return Path(name).resolve()
    if name == "fetched" and fetched():
        return fetched()[-1]
    if name in known:
        return known[name]
    listing = ", ".join(sorted(known)) or "none; run `tunbp lab kernel`"
    raise LabError(f"--vm {name}: no such kernel image, version, or fetched kernel; found: {listing}")


def tool_files() -> list[str]:
    """Paths of the tools that runs start, and of the libraries they load.

    A guest reads every program through the mount from outside, about a second per start under emulation; it
    copies these into memory once.
    """
    tools = [path for path in map(shutil.which, TOOLS) if path]
    libraries: set[str] = set()
    for tool in tools:
        printed = subprocess.run(["ldd", tool], capture_output=True, text=True).stdout
        libraries |= set(re.findall(r"=> (/\S+)", printed))
    return [*tools, *sorted(libraries)]


def installed() -> list[Path]:
    """Images of installed kernels that lie with their modules."""
    return sorted(Path("/usr/lib/modules").glob("*/vmlinuz"))


def command(kernel: Path, out: Path, cpus: int, kvm: bool) -> list[str]:
    """The `vng` command that boots `kernel` and runs the worker on folder `out`, writable inside.

    Raises
    ------
    LabError
        If virtme-ng or a program it needs is missing.
    """
    program = vng()
    if program is None:
        raise LabError("virtme-ng is not installed: pip install 'tunbp[lab]' (or pip install virtme-ng)")
    if missing := missing_packages():
        raise LabError(f"virtme-ng needs programs that are missing; Debian: apt-get install {' '.join(missing)}")
    log = shlex.quote(str(out / "worker.log"))
    worker = shlex.join([sys.executable, "-S", "-c", image.START, str(out / IMAGE), str(out)])
    options = [] if kvm else ["--disable-kvm", "--disable-microvm"]
    options += VIRTUAL_TIME if virtual_time(cpus, kvm) else []
    return [
        program, *options, "--run", str(kernel), "--user", "root", "--cpus", str(cpus), "--memory", MEMORY,
        "--cwd", str(out), f"--rwdir={out}", "--exec",
        f"PYTHONDONTWRITEBYTECODE=1 {worker} > {log} 2>&1",
    ]  # fmt: skip


def write_image(out: Path) -> None:
    """Write the worker's modules, of the very package that runs here, into the folder `out` that a guest sees.

    Raises
    ------
    LabError
        If Python cannot import them in a process of their own, or the file cannot be written.
    """
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", image.__name__]
    made = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    if made.returncode:
        raise process.failure("the worker's modules cannot be imported", made.stderr.decode(errors="replace"))
    try:
        (out / IMAGE).write_bytes(made.stdout)
    except OSError as error:
        raise LabError(f"cannot write {out / IMAGE}: {error}") from error


def virtual_time(cpus: int, kvm: bool) -> bool:
    """Whether the guest lives in virtual time: under emulation, which can do that with one processor only."""
    return not kvm and cpus == 1


def facts(kernel: Path, cpus: int, kvm: bool) -> dict[str, Any]:
    """What a run's file says about the machine it ran in."""
    found: dict[str, Any] = {
        "acceleration": "KVM" if kvm else "emulation (TCG)",
        "clock": "virtual time" if virtual_time(cpus, kvm) else "real time",
        "vm_cpus": cpus,
        "vm_kernel": kernel.parent.name,
        "tun_edit": next((name for name, image in modified().items() if image == kernel), None),
    }
    if virtual_time(cpus, kvm):
        found |= {"instructions_per_second": INSTRUCTIONS_PER_SECOND, "waiting": "skipped", "mitigations": "off"}
    return found


def environment() -> dict[str, str]:
    """Environment in which virtme-ng finds its own helpers even when its venv is not activated."""
    return {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])}
