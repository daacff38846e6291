"""Network namespaces of one run: made, wired together, read out and removed by name."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tunbp.lab import facts, inside, process

PREFIX = "tunbp-"
"""Every namespace of the lab is named so; nothing else is ever removed."""

SHOW = {"ip": ["link"], "tc": ["qdisc"]}
SYSCTLS = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    "net.ipv4.tcp_rmem": "4096 131072 33554432",
    "net.ipv4.tcp_wmem": "4096 16384 33554432",
    "net.ipv4.tcp_no_metrics_save": "1",
}
"""Set in each namespace: no router solicitations among the packets, windows that do not hide the ring."""


@dataclass(frozen=True)
class Namespace:
    """One network namespace, entered by `ip netns exec`."""

    name: str

    def command(self, *command: str) -> list[str]:
        """The command line that runs `command` inside."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, advice: str = "", timeout: float = 60.0) -> str:
        """Run `command` inside to its end; a failure is a `LabError`."""
        return process.run(self.command(*command), advice=advice, timeout=timeout)

    def start(
        self,
        *command: str,
        stdout: int | IO[bytes] | None = subprocess.DEVNULL,
        stderr: int | IO[bytes] | None = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start `command` inside as a child that ends with this process."""
        return process.start(self.command(*command), stdout, stderr, environment)

    def ip(self, *lines: str) -> None:
        """Run lines of `ip` commands on this namespace in one go."""
        process.run(["ip", "-n", self.name, "-batch", "-"], stdin="\n".join(lines) + "\n")

    def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Set sysctls of this namespace ("net.ipv4.ip_forward": "1")."""
        files = {f"/proc/sys/{name.replace('.', '/')}": value for name, value in values.items()}
        inside.call(self.name, "sysctl", inside.write_files, files)

    def set_qdisc(self, device: str, qdisc: str, *options: str) -> None:
        """Replace the root qdisc of `device`, or remove it (`noqueue`).

        Raises
        ------
        LabError
            If the kernel has no such qdisc.
        """
        advice = f"this kernel has no {qdisc} qdisc; use another `qdisc`, or a kernel that has it by `--vm`"
        process.run(["tc", "-n", self.name, "qdisc", "replace", "dev", device, "root", qdisc, *options], advice)

    def links(self) -> list[dict[str, Any]]:
        """What `ip -s -j link` prints."""
        return _as_list(process.run(["ip", "-n", self.name, "-s", "-j", "link", "show"]))

    def qdiscs(self) -> list[dict[str, Any]]:
        """What `tc -s -j qdisc` prints."""
        return _as_list(process.run(["tc", "-n", self.name, "-s", "-j", "qdisc", "show"]))

    def facts(self, device: str) -> dict[str, Any]:
        """Offloads of `device` that are on, as `ethtool -k` names them (none without ethtool), and sysctls inside."""
        offloads = features_on(self.run("ethtool", "-k", device)) if shutil.which("ethtool") else []
        return {"offloads": offloads, "sysctls": inside.call(self.name, "sysctls", facts.sysctls)}

    def save_counters(self, folder: Path, label: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Keep the raw output of `ip -s -j link` and `tc -s -j qdisc` in `folder`; returns both."""
        printed = {tool: process.run([tool, "-n", self.name, "-s", "-j", *what, "show"]) for tool, what in SHOW.items()}
        for tool, text in printed.items():
            (folder / f"{tool}_{label}.json").write_text(text)
        return _as_list(printed["ip"]), _as_list(printed["tc"])


def features_on(printed: str) -> list[str]:
    r"""Names of the features that a text of `ethtool -k` says are on.

    >>> features_on("Features for tun0:\nrx-checksumming: off [fixed]\ntx-checksumming: on\n")
    ['tx-checksumming']
    """
    pairs = (line.strip().partition(": ") for line in printed.splitlines())
    return [name for name, _, state in pairs if state.split(" ")[0] == "on"]


def _as_list(text: str) -> list[dict[str, Any]]:
    found = json.loads(text or "[]")
    return [item for item in found if item]


def link_counter(links: Sequence[Mapping[str, Any]], device: str, direction: str, counter: str) -> int:
    """One counter of `ip -s -j link`, for example ("tun0", "tx", "dropped")."""
    (link,) = (link for link in links if link["ifname"] == device)
    return int(link["stats64"][direction][counter])


def qdisc_counter(qdiscs: Sequence[Mapping[str, Any]], device: str, counter: str) -> int:
    """One counter of the root qdisc of `device`, for example "requeues"; 0 without a qdisc."""
    return sum(int(q.get(counter, 0)) for q in qdiscs if q.get("dev") == device and q.get("root"))


def qdisc_drops(qdiscs: Sequence[Mapping[str, Any]], device: str) -> int:
    """Packets that the root qdisc of `device` dropped; 0 without a qdisc."""
    return qdisc_counter(qdiscs, device, "drops")


@contextmanager
def namespaces(*names: str) -> Iterator[tuple[Namespace, ...]]:
    """Make namespaces with the lab's sysctls and loopback up; remove them at the end, by name.

    Raises
    ------
    LabError
        If one cannot be made.
    """
    made: list[Namespace] = []
    try:
        for name in names:
            space = Namespace(PREFIX + name)
            process.run(["ip", "netns", "add", space.name])
            made.append(space)
            space.set_sysctls(SYSCTLS)
            space.ip("link set lo up")
        yield tuple(made)
    finally:
        for space in made:
            process.run(["ip", "netns", "delete", space.name])
