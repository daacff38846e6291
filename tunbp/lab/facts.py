"""Facts about the host that go into every measured file: kernel, processor, load, settings, tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tunbp.lab import process

SYSCTLS = (
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.core.rmem_default",
    "net.core.wmem_default",
    "net.core.default_qdisc",
    "net.core.netdev_max_backlog",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_available_congestion_control",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_limit_output_bytes",
)
TOOLS = {
    "ip": ["ip", "-V"],
    "tc": ["tc", "-V"],
    "iperf3": ["iperf3", "--version"],
    "openvpn": ["openvpn", "--version"],
    "ping": ["ping", "-V"],
    "ethtool": ["ethtool", "--version"],
}


def host() -> dict[str, Any]:
    """Facts that do not change between runs: kernel, processor, memory, tool versions, sysctls."""
    uname = os.uname()
    return {
        "kernel": uname.release,
        "kernel_build": uname.version,
        "machine": uname.machine,
        "cpu_model": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "tools": {name: version(command) for name, command in TOOLS.items() if shutil.which(command[0])},
        "sysctls": sysctls(),
    }


def cpu_model(cpuinfo: str) -> str:
    """Processor name from the text of /proc/cpuinfo; "unknown" where the architecture prints none.

    Parameters
    ----------
    cpuinfo
        Text of /proc/cpuinfo.

    Returns
    -------
    str
        Name of the processor.
    """
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def version(command: list[str]) -> str:
    """First line that a tool prints about its version.

    Parameters
    ----------
    command
        Program and arguments.

    Returns
    -------
    str
        One line; `unknown` where it does not run.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=process.stretched(10))
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return next(iter((done.stdout + done.stderr).splitlines()), "unknown").strip()


def sysctls(root: Path = Path("/proc/sys")) -> dict[str, str]:
    """Those sysctls that matter and are visible in the current network namespace.

    Parameters
    ----------
    root
        Where /proc/sys is mounted.

    Returns
    -------
    dict[str, str]
        Name to value.
    """
    found = {}
    for name in SYSCTLS:
        path = root / name.replace(".", "/")
        if path.exists():
            found[name] = " ".join(path.read_text().split())
    return found


def load(proc: Path = Path("/proc")) -> dict[str, Any]:
    """Load average, and counters since boot of this host or guest.

    Parameters
    ----------
    proc
        Where /proc is mounted.

    Returns
    -------
    dict
        time [s, monotonic]; load_average; context_switches [1]; cpu_seconds by state [s], of all processors, and
        softirq_seconds of each [s], by clock ticks;
        softirqs NET_TX and NET_RX of each processor [1]; softnet, by processor: packets processed, dropped as the
        backlog was full, and times that a round ended for want of budget.
    """
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    ticks = os.sysconf("SC_CLK_TCK")
    stat = (proc / "stat").read_text()
    values = stat.splitlines()[0].split()[1:9]
    softnet = [line.split() for line in (proc / "net" / "softnet_stat").read_text().splitlines()]
    return {
        "time": time.monotonic(),
        "load_average": os.getloadavg()[0],
        "cpu_seconds": {name: int(value) / ticks for name, value in zip(names, values, strict=True)},
        "softirq_seconds": [int(line.split()[7]) / ticks for line in re.findall(r"^cpu\d+ .*$", stat, re.MULTILINE)],
        "context_switches": int(stat.partition("\nctxt ")[2].split(maxsplit=1)[0]),
        "softirqs": softirqs((proc / "softirqs").read_text()),
        "softnet": {
            name: [int(fields[place], 16) for fields in softnet]
            for place, name in enumerate(("processed", "dropped", "squeezed"))
        },
    }


def softirqs(text: str) -> dict[str, list[int]]:
    r"""Network softirqs of each processor, from the text of /proc/softirqs.

    Parameters
    ----------
    text
        Text of /proc/softirqs.

    Returns
    -------
    dict[str, list[int]]
        Name to counts, one per processor.

    Examples
    --------
    >>> softirqs("        CPU0 CPU1\n  TIMER: 5 6\n NET_TX: 1 2\n NET_RX: 3 4\n")
    {'NET_TX': [1, 2], 'NET_RX': [3, 4]}
    """
    rows = {name.strip(): counts for name, _, counts in (line.partition(":") for line in text.splitlines())}
    return {name: [int(count) for count in rows[name].split()] for name in ("NET_TX", "NET_RX")}


def load_between(before: dict[str, Any], after: dict[str, Any], own: float | None = None) -> dict[str, Any]:
    """What happened between two readings of `load`.

    Parameters
    ----------
    before, after
        The readings.
    own
        Processor time that the measurement itself used meanwhile [s], if it is known.

    Returns
    -------
    dict
        load_average at the end; seconds; busy_fraction of all processors, and of it steal_fraction (taken by the
        machine below) and foreign_fraction (used by others than the measurement) [1], None when no time has
        passed; cpu_seconds by state; softirqs and softnet by processor.
    """
    passed = {name: after["cpu_seconds"][name] - value for name, value in before["cpu_seconds"].items()}
    total = sum(passed.values())
    busy = total - passed["idle"] - passed["iowait"]
    shares = {"busy_fraction": busy, "steal_fraction": passed["steal"]}
    if own is not None:
        shares["foreign_fraction"] = max(0.0, busy - passed["steal"] - own)
    return {
        "load_average": after["load_average"],
        "seconds": after["time"] - before["time"],
        **{name: value / total if total > 0 else None for name, value in shares.items()},
        "cpu_seconds": {name: round(value, 3) for name, value in passed.items()},
        **{
            kind: {
                name: [b - a for a, b in zip(before[kind][name], counts, strict=True)]
                for name, counts in after[kind].items()
            }
            for kind in ("softirqs", "softnet")
        },
    }
