"""The device that is probed: its settings, its counters, and the program that reads it."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import flags, process

PIDFD_OPEN, PIDFD_GETFD = 434, 438
"""System calls, the same number on every machine (`arch/*/entry/syscalls/*.tbl`)."""
AS_ROOT = "as root (`sudo`; it stays in this network namespace)"
"""How to get the rights that an ordinary user lacks."""
TUN_FLAGS = struct.Struct("16sH22x")
_LIBC = ctypes.CDLL(None, use_errno=True)


class GoneError(LabError):
    """The device or its reader has gone."""


@dataclass(frozen=True)
class Settings:
    """What `ip link` says of a tun or tap device."""

    name: str
    kind: str
    ring: int
    qdisc: str
    mtu: int
    multi_queue: bool


@dataclass(frozen=True)
class Reader:
    """The program that has the device open: process, name, descriptor, its network namespace."""

    pid: int
    name: str
    fd: int
    namespace: str

    def threads(self) -> tuple[int, ...]:
        """Ids of its threads, and of the kernel's vhost threads that work for it."""
        own = {int(path.name) for path in Path(f"/proc/{self.pid}/task").glob("[0-9]*")}
        return tuple(sorted(own | set(_vhost_threads(self.pid))))

    def cpu_seconds(self) -> float:
        """Processor time that its threads have taken so far [s]."""
        total = 0
        for thread in self.threads():
            try:
                total += int(Path(f"/proc/{thread}/schedstat").read_text().split()[0])
            except (OSError, IndexError, ValueError):
                continue  # the thread has ended, or the kernel keeps no such statistics
        return total / 1e9


@dataclass(frozen=True)
class Counters:
    """Totals of a device since it was made [packet]: transmitted to the reader, dropped, received from it."""

    transmitted: int
    dropped: int
    received: int


def settings(device: str) -> Settings:
    """Settings of a device of the current network namespace.

    Raises
    ------
    LabError
        If there is no such device here, or it is no tun or tap; the message names those there are.
    """
    links = [link for link in json.loads(process.run(["ip", "-d", "-j", "link", "show"]) or "[]") if link]
    tuns = [link["ifname"] for link in links if _kind(link) == "tun"]
    there = f"tun and tap devices here: {', '.join(tuns) or 'none'} (another namespace: `ip netns exec NAME tunbp ...`)"
    found = next((link for link in links if link["ifname"] == device), None)
    if found is None:
        raise LabError(f"no device {device!r} in this network namespace; {there}")
    if _kind(found) != "tun":
        raise LabError(f"{device} is no tun or tap device; {there}")
    data = found["linkinfo"].get("info_data", {})
    return Settings(
        device, data.get("type", "tun"), int(found.get("txqlen", 0)), found.get("qdisc", "unknown"),
        int(found["mtu"]), bool(data.get("multi_queue", False)),
    )  # fmt: skip


def _kind(link: dict[str, Any]) -> str:
    return str(link.get("linkinfo", {}).get("info_kind", ""))


def counters(device: str, table: Path = Path("/proc/self/net/dev")) -> Counters:
    """Counters of a device of the current network namespace.

    Raises
    ------
    GoneError
        If there is none.
    """
    for line in table.read_text().splitlines():
        name, colon, rest = line.partition(":")
        if colon and name.strip() == device:
            values = [int(value) for value in rest.split()]
            return Counters(values[9], values[11], values[1])
    raise GoneError(f"device {device} has gone")


def readers(device: str, proc: Path = Path("/proc")) -> list[Reader]:
    """Processes that have a tun or tap device of this name open, in any network namespace that can be seen."""
    found: dict[int, Reader] = {}
    for path in proc.glob("[0-9]*/fdinfo/*"):
        pid, fd = int(path.parts[-3]), int(path.name)
        try:
            if pid in found or "tun" not in os.readlink(proc / str(pid) / "fd" / path.name):
                continue
            text = path.read_text()
            if re.search(rf"^iff:\s*{re.escape(device)}$", text, re.MULTILINE):
                name = (proc / str(pid) / "comm").read_text().strip()
                found[pid] = Reader(pid, name, fd, os.readlink(proc / str(pid) / "ns" / "net"))
        except OSError:
            continue  # ended meanwhile, or not ours to look at
    return [found[pid] for pid in sorted(found)]


def hidden(proc: Path = Path("/proc")) -> int:
    """How many processes this user may not look into: their descriptors are other users'."""
    count = 0
    for place in proc.glob("[0-9]*/fdinfo"):
        try:
            os.listdir(place)
        except PermissionError:
            count += 1
        except OSError:
            continue
    return count


def choose(device: str, candidates: list[Reader], pid: int | None, unseen: int = 0) -> Reader:
    """The one reader to probe: as given, or the only one in this network namespace, or the only one at all.

    Of `unseen` processes (`hidden`) nobody can tell.

    Raises
    ------
    LabError
        If there is none or more than one; the message names them.
    """
    listed = ", ".join(f"{reader.name} (pid {reader.pid})" for reader in candidates) or "none"
    if pid is not None:
        chosen = [reader for reader in candidates if reader.pid == pid]
        if not chosen:
            raise LabError(f"process {pid} has not opened {device}; programs that have: {listed}")
        return chosen[0]
    here = os.readlink("/proc/self/ns/net")
    near = [reader for reader in candidates if reader.namespace == here] or candidates
    if len(near) == 1:
        return near[0]
    if near:
        advice = "name one by --pid"
    elif unseen:
        listed = f"this user may not look into {unseen} processes of others (/proc/PID/fdinfo)"
        advice = f"name it by --pid (`pidof openvpn`), or run the same command {AS_ROOT}"
    else:
        advice = "start the tunnel first"
    raise LabError(f"cannot tell which program reads {device}: {listed}; {advice}")


def _vhost_threads(pid: int, proc: Path = Path("/proc")) -> Iterator[int]:
    """Threads named `vhost-PID` (kernel threads of their own before Linux 6.4)."""
    for path in proc.glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == f"vhost-{pid}":
                yield int(path.parent.name)
        except OSError:
            continue


def flag_is_set(reader: Reader) -> bool | None:
    """Whether the device of a running program has IFF_BACKPRESSURE; None if it cannot be asked.

    The flag is not visible in netlink: the program's descriptor is duplicated (`pidfd_getfd(2)`), asked once
    (TUNGETIFF), and closed.
    """
    pidfd = int(_LIBC.syscall(PIDFD_OPEN, reader.pid, 0))
    if pidfd < 0:
        return None
    copy = int(_LIBC.syscall(PIDFD_GETFD, pidfd, reader.fd, 0))
    os.close(pidfd)
    if copy < 0:
        return None
    try:
        echo = TUN_FLAGS.unpack(fcntl.ioctl(copy, flags.TUNGETIFF, bytes(TUN_FLAGS.size)))[1]
    except OSError:
        return None
    finally:
        os.close(copy)
    return bool(echo & flags.IFF_BACKPRESSURE)
