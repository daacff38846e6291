"""Which cells a kernel and a machine can run, found out by trying."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunbp.lab import process
from tunbp.model.qdiscs import NOT_SIMULATED
from tunbp.model.qdiscs import QDISCS as SIMULATED

QDISCS = tuple(name for name in (*SIMULATED, *NOT_SIMULATED) if name not in SIMULATED or SIMULATED[name].attached)
"""Tried on a loopback device; a device without one (`noqueue`) every kernel has."""
PKTGEN = "/proc/net/pktgen/pgctrl"
VHOST_GET_FEATURES = 0x8008AF00


@dataclass(frozen=True)
class Machine:
    """What cells may need of a kernel and a machine: qdiscs and other things that work, processors, programs."""

    qdiscs: frozenset[str]
    cpus: int
    programs: frozenset[str]
    pktgen: bool = False
    vhost: bool = False


def this_machine(prefix: Sequence[str] = ()) -> Machine:
    """The running kernel and machine.

    Parameters
    ----------
    prefix
        Command that puts another one into network namespaces of its own (`sandbox.prefix`); empty where the
        caller is in some already.

    Returns
    -------
    Machine
        What it has.

    Raises
    ------
    LabError
        If nothing can be tried.
    """
    trial = (
        "for kind in {}; do tc qdisc replace dev lo root $kind 2>/dev/null && echo $kind; done; ls {} 2>/dev/null; true"
    )
    printed = process.run([*prefix, "sh", "-c", trial.format(" ".join(QDISCS), PKTGEN)]).split()
    programs = {name for name in ("openvpn",) if shutil.which(name)}
    cpus = len(os.sched_getaffinity(0))
    return Machine(frozenset(printed) - {PKTGEN}, cpus, frozenset(programs), PKTGEN in printed, vhost() is None)


def lacking(cell: Mapping[str, Any], machine: Machine) -> list[str]:
    """Why a cell cannot run on a machine, with what to do; nothing: it can.

    Parameters
    ----------
    cell
        Values of a cell.
    machine
        What `this_machine` returned.

    Returns
    -------
    list[str]
        One line per reason.
    """
    found = []
    if cell["qdisc"] not in {"noqueue", *machine.qdiscs}:
        found.append(f"no {cell['qdisc']} qdisc in this kernel: another `qdisc`, or a VM with `--vm`")
    if cell.get("path") == "netem" and "netem" not in machine.qdiscs:
        found.append("no netem in this kernel: `path: relay`, `modprobe sch_netem` as root, or a VM with `--vm`")
    if cell.get("threads", 1) > machine.cpus:
        found.append(f"{cell['threads']} sending CPUs are wanted and there are {machine.cpus}; in a VM: `--cpus`")
    if "guest_rate" in cell and not machine.vhost:
        found.append("no usable /dev/vhost-net: `modprobe vhost_net` as root, or a VM with `--vm`")
    if not machine.pktgen and {"queue_xmit", "start_xmit"} & {cell.get("xmit_mode"), cell.get("load")}:
        found.append("no pktgen in this kernel: `modprobe pktgen` as root, or a VM with `--vm`")
    if cell.get("mode") == "openvpn_speed" and "openvpn" not in machine.programs:
        found.append("openvpn is not installed")
    return found


def unavailable(cells: Sequence[Mapping[str, Any]], machine: Machine) -> dict[str, str]:
    """Cells (`label`, `values`) that cannot run on a machine, by label, each with its reasons.

    Parameters
    ----------
    cells
        `label` and `values` of each.
    machine
        What `this_machine` returned.

    Returns
    -------
    dict[str, str]
        Label to reasons, of those that cannot run.
    """
    reasons = {cell["label"]: "; ".join(lacking(cell["values"], machine)) for cell in cells}
    return {label: why for label, why in reasons.items() if why}


def vhost(device: Path = Path("/dev/vhost-net")) -> str | None:
    """Why /dev/vhost-net cannot be used; None: it can, it answers VHOST_GET_FEATURES.

    Parameters
    ----------
    device
        Device node.

    Returns
    -------
    str | None
        One line.
    """
    try:
        fd = os.open(device, os.O_RDWR)
    except OSError as error:
        return f"{device}: {error.strerror}"
    try:
        fcntl.ioctl(fd, VHOST_GET_FEATURES, bytes(8))
    except OSError as error:
        return f"{device} does not answer VHOST_GET_FEATURES: {error.strerror}"
    finally:
        os.close(fd)
    return None
