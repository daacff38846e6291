"""What this machine can measure, and what to install for the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab import flags, sandbox, vm
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.kernel import fetched

PACKAGES = {
    "ip": "iproute2", "tc": "iproute2", "iperf3": "iperf3", "ping": "iputils-ping", "openvpn": "openvpn",
    "openssl": "openssl", "cc": "gcc libc6-dev", "ss": "iproute2", "sysctl": "procps",
}  # fmt: skip
GUEST_BRINGS = ("namespaces", "tun", "netem", "pktgen", "flag")
"""What a VM's own kernel has, whatever the host's has."""


@dataclass(frozen=True)
class Item:
    """One thing the lab may need: whether it is there, what was found, and how to get it."""

    name: str
    there: bool
    found: str
    remedy: str = ""


def survey() -> list[Item]:
    """Everything the experiments may need, looked for on this machine; nothing is changed."""
    return [*_kernel_items(), *_tool_items(), *_vm_items()]


def runnable(items: list[Item], where: str) -> dict[str, list[str]]:
    """What each experiment still lacks natively ("native") or in a VM ("vm"); nothing: it can run."""
    there = {item.name for item in items if item.there}
    if where == "native":
        return {row.name: [need for need in row.needs if need not in there] for row in EXPERIMENTS.values()}
    base = [need for need in ("virtme-ng", "vm kernel") if need not in there]
    return {
        row.name: base + [need for need in row.needs if need not in there and need not in GUEST_BRINGS]
        for row in EXPERIMENTS.values()
    }


def check_tools(experiment: str, kernel: Path | None) -> None:
    """Raise before anything starts if a program is missing; what a kernel lacks is told cell by cell.

    Raises
    ------
    LabError
        Naming each missing program and how to get it.
    """
    needs = {*EXPERIMENTS[experiment].needs, *(("virtme-ng",) if kernel else ())}
    missing = [item for item in (*_tool_items(), *_vm_items()) if item.name in needs and not item.there]
    if missing:
        lines = "\n".join(f"  {item.name}: {item.found}. {item.remedy}" for item in missing)
        raise LabError(f"experiment {experiment} needs programs that are not there:\n{lines}")


def _kernel_items() -> Iterator[Item]:
    try:
        yield Item("namespaces", True, " ".join(sandbox.prefix()))
    except LabError as error:
        yield Item("namespaces", False, str(error).splitlines()[0], "run as root, or allow user namespaces")
    try:
        offered = flags.features()
    except LabError as error:
        yield Item("tun", False, str(error), "modprobe tun; chmod a+rw /dev/net/tun")
        yield Item("flag", False, "unknown", "needs /dev/net/tun")
    else:
        release = os.uname().release
        yield Item("tun", True, f"/dev/net/tun, features {offered:#06x}")
        able = flags.supports_backpressure(offered)
        found = f"kernel {release} {'has' if able else 'has no'} IFF_BACKPRESSURE"
        yield Item("flag", able, found, "Linux 7.3 or newer: `tunbp lab kernel`, then `--vm fetched`")
    yield _inside("netem", "sch_netem", "tc qdisc add dev lo root netem delay 1ms")
    yield _inside("pktgen", "pktgen", "test -e /proc/net/pktgen/pgctrl")


def _inside(name: str, module: str, command: str) -> Item:
    """Try a command in private namespaces of our own."""
    remedy = f"modprobe {module} as root, or use a VM"
    try:
        tried = subprocess.run([*sandbox.prefix(), "sh", "-c", command], capture_output=True, text=True)
    except LabError:
        return Item(name, False, "cannot tell without namespaces", remedy)
    return Item(name, tried.returncode == 0, "works" if tried.returncode == 0 else "not in this kernel", remedy)


def _tool_items() -> Iterator[Item]:
    for tool, package in PACKAGES.items():
        path = shutil.which(tool)
        yield Item(tool, path is not None, path or "missing", f"Debian: apt-get install {package}")


def _vm_items() -> Iterator[Item]:
    missing = [package for tool, package in vm.NEEDED.items() if shutil.which(tool) is None]
    program = vm.vng()
    remedy = f"Debian: apt-get install {' '.join(missing)}" if missing else "pip install 'tunbp[lab]'"
    found = program or "missing"
    if missing:
        found += f", without {', '.join(missing)}"
    yield Item("virtme-ng", program is not None and not missing, found, remedy)
    kernels = [image.parent.name for image in fetched()]
    yield Item("vm kernel", bool(kernels), ", ".join(kernels) or "none fetched", "tunbp lab kernel")
    usable = vm.kvm_usable()
    yield Item("KVM", usable, "usable" if usable else "not usable: a VM is emulated, slower",
               "hardware virtualization, and a /dev/kvm this user may open")  # fmt: skip
