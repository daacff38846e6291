"""Facts about the host that go into every measured file: kernel, processor, load, settings, tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

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
    """Processor name from the text of /proc/cpuinfo; "unknown" where the architecture prints none."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def version(command: list[str]) -> str:
    """First line that a tool prints about its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return next(iter((done.stdout + done.stderr).splitlines()), "unknown").strip()


def sysctls(root: Path = Path("/proc/sys")) -> dict[str, str]:
    """Those sysctls that matter and are visible in the current network namespace."""
    found = {}
    for name in SYSCTLS:
        path = root / name.replace(".", "/")
        if path.exists():
            found[name] = " ".join(path.read_text().split())
    return found


def load(stat: Path = Path("/proc/stat")) -> dict[str, Any]:
    """Load average and the processor's time counters [s] since boot, of this host or guest."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    ticks = os.sysconf("SC_CLK_TCK")
    values = stat.read_text().splitlines()[0].split()[1:9]
    return {
        "load_average": os.getloadavg()[0],
        "cpu_seconds": {name: int(value) / ticks for name, value in zip(names, values, strict=True)},
    }


def busy_fraction(before: dict[str, Any], after: dict[str, Any]) -> float | None:
    """Share of processor time in use between two readings of `load`; None when no time has passed."""
    passed = {name: after["cpu_seconds"][name] - value for name, value in before["cpu_seconds"].items()}
    total = sum(passed.values())
    return 1 - (passed["idle"] + passed["iowait"]) / total if total > 0 else None
