"""Find and end what a killed measurement left: only recorded processes, known by id and start time."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path

from tunbp.lab import process


def record_folder() -> Path:
    """Where running measurements are recorded: `tunbp/lab` in the user's state folder."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tunbp" / "lab"


def start_time(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def boot_id() -> str:
    """Identity of this boot of the machine: recorded ids of another boot mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def record(pid: int, folder: Path | None = None) -> Path:
    """Record a measurement's first process; everything else of it lives and dies with that one."""
    folder = folder or record_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pid}.json"
    content = {"pid": pid, "start_time": start_time(pid), "boot": boot_id(), "owner": os.getpid(),
               "owner_start_time": start_time(os.getpid())}  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def forget(path: Path) -> None:
    """Remove a record, after its process has ended."""
    path.unlink(missing_ok=True)


def clean_recorded(folder: Path | None = None) -> list[int]:
    """End recorded processes whose measurement is no longer running; returns the ids that were ended.

    A record whose owner (the `tunbp lab run` that made it) still runs is left alone.
    """
    ended: list[int] = []
    for path in sorted((folder or record_folder()).glob("*.json")):
        try:
            content = json.loads(path.read_text())
            pid, started = int(content["pid"]), content["start_time"]
        except (OSError, ValueError, KeyError):
            forget(path)
            continue
        if content["boot"] == boot_id():
            if start_time(content["owner"]) == content["owner_start_time"] is not None:
                continue
            if started is not None and start_time(pid) == started:
                os.kill(pid, signal.SIGKILL)
                process.wait_for(partial(_gone, pid, started), f"process {pid} does not end", 10.0)
                ended.append(pid)
        forget(path)
    return ended


def _gone(pid: int, started: int) -> bool:
    return start_time(pid) != started
