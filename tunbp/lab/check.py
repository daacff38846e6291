"""What this machine can measure, and what to install for the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab import flags, plans, relay, sandbox, vm
from tunbp.lab.available import QDISCS, Machine, lacking, this_machine, vhost
from tunbp.lab.experiment import Experiment
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.kernel import fetched

PACKAGES = {
    "ip": "iproute2", "tc": "iproute2", "iperf3": "iperf3", "ping": "iputils-ping", "openvpn": "openvpn",
    "wireguard-go": "wireguard-go", "openssl": "openssl", "cc": "gcc libc6-dev", "ss": "iproute2",
    "sysctl": "procps",
}  # fmt: skip
GUEST_BRINGS = ("namespaces", "tun", "path", "pktgen", "flag", "vhost", "qdiscs", "tracefs")
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
    """What each experiment still lacks natively ("native") or in a VM ("vm"); nothing: it can run.

    Parameters
    ----------
    items
        What `survey` returned.
    where
        `native` or `vm`.

    Returns
    -------
    dict[str, list[str]]
        Experiment to what it lacks.
    """
    there = {item.name for item in items if item.there}
    if where == "native":
        return {row.name: [need for need in row.needs if need not in there] for row in EXPERIMENTS.values()}
    base = [need for need in ("virtme-ng", "vm kernel") if need not in there]
    return {
        row.name: base + [need for need in row.needs if need not in there and need not in GUEST_BRINGS]
        for row in EXPERIMENTS.values()
    }


@dataclass(frozen=True)
class Possible:
    """How many cells of a plan this machine can run, of how many, and why not the others (reason: cells)."""

    plan: str
    experiment: Experiment
    cells: int
    total: int
    reasons: dict[str, int]


def possible(items: list[Item]) -> list[Possible]:
    """What of each bundled plan can run natively, cell by cell.

    Parameters
    ----------
    items
        What `survey` returned.

    Returns
    -------
    list[Possible]
        One entry per bundled plan.
    """
    lacks = runnable(items, "native")
    try:
        machine = this_machine(sandbox.prefix())
    except LabError:
        machine = Machine(frozenset(), 1, frozenset())
    rows = []
    for name in plans.bundled():
        plan, cells = plans.load(plans.find(name))
        reasons: dict[str, int] = {}
        if missing := lacks[plan.experiment]:
            reasons["lacks " + ", ".join(missing)] = len(cells)
        else:
            for cell in cells:
                for why in lacking(cell.model_dump(), machine)[:1]:
                    short = why.partition(":")[0]
                    reasons[short] = reasons.get(short, 0) + 1
        rows.append(
            Possible(name, EXPERIMENTS[plan.experiment], len(cells) - sum(reasons.values()), len(cells), reasons)
        )
    return rows


def check_tools(experiment: str, kernel: Path | None) -> None:
    """Raise before anything starts if a program is missing; what a kernel lacks is told cell by cell.

    Parameters
    ----------
    experiment
        Its name.
    kernel
        Image for a VM; None: this machine.

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
    yield from _qdisc_items()
    yield _vhost()
    yield _inside(
        "tracefs",
        "tracefs",
        "cd /sys/kernel/tracing && { test -d events || mount -t tracefs tracefs .; } && "
        "test -r /sys/kernel/tracing/events/net/net_dev_queue/id",
        "root of the machine (no user namespace), and a kernel with CONFIG_FTRACE; or a VM",
    )
    yield _inside("pktgen", "pktgen", "test -e /proc/net/pktgen/pgctrl")


def _qdisc_items() -> Iterator[Item]:
    """Qdiscs, each tried on a device; and what makes a delayed path."""
    try:
        works = this_machine(sandbox.prefix()).qdiscs
    except LabError as error:
        yield Item("qdiscs", False, str(error).splitlines()[0], "run as root, or allow user namespaces")
        works = frozenset()
    else:
        others = [name for name in QDISCS if name not in works]
        found = ", ".join(sorted(works)) + (f"; not {', '.join(others)}" if others else "")
        remedy = f"modprobe {' '.join(f'sch_{name}' for name in others)} as root, or a VM"
        yield Item("qdiscs", not others, found, remedy)
    yield _path("netem" in works)


def _vhost() -> Item:
    why = vhost()
    remedy = "modprobe vhost_net; chmod a+rw /dev/vhost-net; or a VM: Debian's kernel has the module"
    return Item("vhost", why is None, why or "/dev/vhost-net answers", remedy)


def _path(netem: bool) -> Item:
    """What makes a delayed path here: netem, else the relay, which is compiled and run to its first packet."""
    try:
        relayed = relay.try_out()
    except LabError as error:
        return Item("path", netem, "netem" if netem else str(error).splitlines()[0], "apt-get install gcc libc6-dev")
    return Item("path", True, f"netem or the relay ({relayed})" if netem else f"the relay ({relayed})")


def _inside(name: str, module: str, command: str, remedy: str = "") -> Item:
    """Try a command in private namespaces of our own."""
    remedy = remedy or f"modprobe {module} as root, or use a VM"
    try:
        tried = subprocess.run([*sandbox.prefix(), "sh", "-c", command], capture_output=True, text=True)
    except LabError:
        return Item(name, False, "cannot tell without namespaces", remedy)
    if tried.returncode == 0:
        return Item(name, True, "works")
    return Item(name, False, next(iter(tried.stderr.strip().splitlines()), "not in this kernel"), remedy)


def _tool_items() -> Iterator[Item]:
    for tool, package in PACKAGES.items():
        path = shutil.which(tool)
        yield Item(tool, path is not None, path or "missing", f"Debian: apt-get install {package}")


def _vm_items() -> Iterator[Item]:
    missing = vm.missing_packages()
    program = vm.vng()
    remedy = f"Debian: apt-get install {' '.join(missing)}" if missing else "pip install 'tunbp[lab]'"
    found = program or "missing"
    if missing:
        found += f", without {', '.join(missing)}"
    yield Item("virtme-ng", program is not None and not missing, found, remedy)
    kernels = [image.parent.name for image in fetched()]
    yield Item("vm kernel", bool(kernels), ", ".join(kernels) or "none fetched", "tunbp lab kernel")
    why = vm.kvm_obstacle()
    remedy = vm.KVM_REMEDY
    yield Item("KVM", why is None, "makes a VM" if why is None else f"{why}: a VM is emulated, slower", remedy)
