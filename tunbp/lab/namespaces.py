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
        """The command line that runs `command` inside.

        Parameters
        ----------
        *command
            Program and arguments.

        Returns
        -------
        list[str]
            The same, through `ip netns exec`.
        """
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, advice: str = "", timeout: float = 60.0) -> str:
        """Run `command` inside to its end; a failure is a `LabError`.

        Parameters
        ----------
        *command
            Program and arguments.
        advice
            What to do where it fails.
        timeout
            Seconds.

        Returns
        -------
        str
            Its standard output.
        """
        return process.run(self.command(*command), advice=advice, timeout=timeout)

    def start(
        self,
        *command: str,
        stdout: int | IO[bytes] | None = subprocess.DEVNULL,
        stderr: int | IO[bytes] | None = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start `command` inside as a child that ends with this process.

        Parameters
        ----------
        *command
            Program and arguments.
        stdout, stderr, environment
            As of `process.start`.

        Returns
        -------
        subprocess.Popen[bytes]
            The child, which is running.
        """
        return process.start(self.command(*command), stdout, stderr, environment)

    def ip(self, *lines: str) -> None:
        """Run lines of `ip` commands on this namespace in one go.

        Parameters
        ----------
        *lines
            Commands without the word `ip`, such as `link set eth0 up`.
        """
        process.run(["ip", "-n", self.name, "-batch", "-"], stdin="\n".join(lines) + "\n")

    def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Set sysctls of this namespace ("net.ipv4.ip_forward": "1").

        Parameters
        ----------
        values
            Name to value.
        """
        files = {f"/proc/sys/{name.replace('.', '/')}": value for name, value in values.items()}
        inside.call(self.name, "sysctl", inside.write_files, files)

    def set_qdisc(self, device: str, qdisc: str, *options: str) -> None:
        """Replace the root qdisc of `device`, or remove it (`noqueue`).

        Parameters
        ----------
        device
            Interface inside.
        qdisc
            As `tc` names it.
        *options
            Its words for `tc`.

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
        """Offloads of `device` that are on, as `ethtool -k` names them (none without ethtool), and sysctls inside.

        Parameters
        ----------
        device
            Interface inside.

        Returns
        -------
        dict[str, Any]
            `offloads` and `sysctls`.
        """
        offloads = features_on(self.run("ethtool", "-k", device)) if shutil.which("ethtool") else []
        return {"offloads": offloads, "sysctls": inside.call(self.name, "sysctls", facts.sysctls)}

    def save_counters(self, folder: Path, label: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Keep the raw output of `ip -s -j link` and `tc -s -j qdisc` in `folder`; returns both.

        Parameters
        ----------
        folder
            Where `ip_LABEL.json` and `tc_LABEL.json` go.
        label
            Part of their names.

        Returns
        -------
        tuple[list[dict[str, Any]], list[dict[str, Any]]]
            Links and qdiscs, as the JSON has them.
        """
        printed = {tool: process.run([tool, "-n", self.name, "-s", "-j", *what, "show"]) for tool, what in SHOW.items()}
        for tool, text in printed.items():
            (folder / f"{tool}_{label}.json").write_text(text)
        return _as_list(printed["ip"]), _as_list(printed["tc"])


def features_on(printed: str) -> list[str]:
    r"""Names of the features that a text of `ethtool -k` says are on.

    Parameters
    ----------
    printed
        What `ethtool -k` printed.

    Returns
    -------
    list[str]
        In its order.

    Examples
    --------
    >>> features_on("Features for tun0:\nrx-checksumming: off [fixed]\ntx-checksumming: on\n")
    ['tx-checksumming']
    """
    pairs = (line.strip().partition(": ") for line in printed.splitlines())
    return [name for name, _, state in pairs if state.split(" ")[0] == "on"]


def _as_list(text: str) -> list[dict[str, Any]]:
    found = json.loads(text or "[]")
    return [item for item in found if item]


def link_counter(links: Sequence[Mapping[str, Any]], device: str, direction: str, counter: str) -> int:
    """One counter of `ip -s -j link`, for example ("tun0", "tx", "dropped").

    Parameters
    ----------
    links
        What `save_counters` returned first.
    device
        Interface.
    direction
        `rx` or `tx`.
    counter
        As `ip` names it.

    Returns
    -------
    int
        Packets or bytes since the device was made.
    """
    (link,) = (link for link in links if link["ifname"] == device)
    return int(link["stats64"][direction][counter])


def qdisc_counter(qdiscs: Sequence[Mapping[str, Any]], device: str, counter: str) -> int:
    """One counter of the root qdisc of `device`, for example "requeues"; 0 without a qdisc.

    Parameters
    ----------
    qdiscs
        What `save_counters` returned second.
    device
        Interface.
    counter
        As `tc` names it.

    Returns
    -------
    int
        Since the qdisc was set.
    """
    return sum(int(q.get(counter, 0)) for q in qdiscs if q.get("dev") == device and q.get("root"))


def qdisc_drops(qdiscs: Sequence[Mapping[str, Any]], device: str) -> int:
    """Packets that the root qdisc of `device` dropped; 0 without a qdisc.

    Parameters
    ----------
    qdiscs
        What `save_counters` returned second.
    device
        Interface.

    Returns
    -------
    int
        Packets since the qdisc was set.
    """
    return qdisc_counter(qdiscs, device, "drops")


@contextmanager
def namespaces(*names: str) -> Iterator[tuple[Namespace, ...]]:
    """Make namespaces with the lab's sysctls and loopback up; remove them at the end, by name.

    Parameters
    ----------
    *names
        What each is for; part of its own name.

    Yields
    ------
    tuple[Namespace, ...]
        One per name.

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
