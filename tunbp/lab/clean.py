"""Find and end what a killed measurement left: only recorded processes and what they have started.

A measurement is recorded by its first process, which leads a process group. The kernel kills that process when
its parent ends, and with it the namespaces and all in them. Where a user may not make namespaces, a VM outlives
it; then it is found by its group.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tunbp.lab import process
from tunbp.lab.folder import remove_parts


def record_folder() -> Path:
    """Where running measurements are recorded: `tunbp/lab` in the user's state folder."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tunbp" / "lab"


def start_time(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); None if it is gone.

    Parameters
    ----------
    pid
        A process.

    Returns
    -------
    int | None
        Clock ticks since boot.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def members(group: int, session: int) -> list[int]:
    """Ids of the living processes of a process group in a session (fields 5 and 6 of /proc/PID/stat).

    Parameters
    ----------
    group
        Id of a process group.
    session
        Id of its session.

    Returns
    -------
    list[int]
        Process ids.
    """
    wanted = [str(group), str(session)]
    living = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [pid for pid in living if _stat(pid)[2:4] == wanted]


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state (field 3) on; none if the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields


def boot_id() -> str:
    """Identity of this boot of the machine: recorded ids of another boot mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


NO_GROUP = -1
"""Recorded where this process itself writes: what shares its group is whatever the user piped it into."""


def record(pid: int, out: Path, folder: Path | None = None) -> Path:
    """Record a measurement's first process, which leads a process group, and its folder.

    Parameters
    ----------
    pid
        The first process; `NO_GROUP`: there is none but this one.
    out
        Folder of the measurement.
    folder
        Where records are kept; None: the user's state folder.

    Returns
    -------
    Path
        File of the record.
    """
    folder = folder or record_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid() if pid == NO_GROUP else pid}.json"
    content = {"pid": pid, "start_time": start_time(pid), "session": os.getsid(0), "boot": boot_id(),
               "owner": os.getpid(), "owner_start_time": start_time(os.getpid()), "out": str(out)}  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def forget(path: Path) -> None:
    """Remove a record, after its process has ended.

    Parameters
    ----------
    path
        File of a record.
    """
    path.unlink(missing_ok=True)


@contextmanager
def recorded(out: Path) -> Iterator[None]:
    """Record this process while it writes into a measurement's folder: killed, it leaves a part that nobody else knows.

    Parameters
    ----------
    out
        Folder of the measurement.
    """
    path = None
    with suppress(OSError):  # where nothing can be recorded, reading and writing go on
        path = record(NO_GROUP, out)
    try:
        yield
    finally:
        if path is not None:
            forget(path)


def clean_recorded(folder: Path | None = None) -> list[int]:
    """End recorded groups whose measurement is no longer running; returns the ids of the processes ended.

    The run that was being made is removed from the folder of its measurement.

    A record whose owner (the `tunbp lab run` that made it) still runs is left alone.

    Parameters
    ----------
    folder
        Where records are kept; None: the user's state folder.

    Returns
    -------
    list[int]
        Process ids.
    """
    ended: list[int] = []
    for path in sorted((folder or record_folder()).glob("*.json")):
        try:
            content = json.loads(path.read_text())
            pid, started, session = int(content["pid"]), content["start_time"], int(content["session"])
            out = Path(content["out"])
        except (OSError, ValueError, KeyError):
            forget(path)
            continue
        if content["boot"] == boot_id():
            if start_time(content["owner"]) == content["owner_start_time"] is not None:
                continue
            if start_time(pid) in (started, None) and (left := members(pid, session)):
                process.kill_group(pid)
                process.wait_for(partial(_gone, pid, session), f"processes of group {pid} do not end", 10.0)
                ended += left
        remove_parts(out)
        forget(path)
    return ended


def _gone(group: int, session: int) -> bool:
    return not members(group, session)
