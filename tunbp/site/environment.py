"""Machine and time of a run: everything that may differ between two equal runs, in one file."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunbp.results import files
from tunbp.results.provenance import versions
from tunbp.run import state as runstate

FILE = "environment.json"
"""Name of the one file whose content depends on machine and time."""


def write(results: Path) -> dict[str, Any]:
    """Write `environment.json`: when, how long, on what machine; no host or user name.

    Parameters
    ----------
    results
        A folder of results.

    Returns
    -------
    dict[str, Any]
        The content written.
    """
    content = facts() | {"seconds": {state.notebook: state.seconds for state in runstate.read_all(results)}}
    files.write_json(results / FILE, content)
    return content


def facts() -> dict[str, Any]:
    """Machine, operating system and versions, as far as the system tells."""
    return {
        "finished": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "operating_system": _from_file("/etc/os-release", r'^PRETTY_NAME="?(.*?)"?$') or platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": _from_file("/proc/cpuinfo", r"^model name\s*:\s*(.+)$") or platform.processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": int(_from_file("/proc/meminfo", r"^MemTotal:\s*(\d+) kB$") or 0) * 1024,
        "versions": versions(),
    }


def _from_file(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""
