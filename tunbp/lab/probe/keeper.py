"""The keeper of a tracefs instance: mounts tracefs privately, makes the instance, and removes it, whatever happens.

It runs as a process of its own, in a session of its own: `python -m tunbp.lab.probe.keeper SOCKET NAME`. The mount is
in its private mount namespace, so nobody else sees it and it ends with it; where tracefs is mounted already, there is
none. Over the socket it hands its parent a descriptor of the instance's folder; when the parent closes the socket, or
ends in any other way, the instance is removed. Instances whose owner ended together with its keeper are removed by the
next one. Only the standard library is imported, to be there quickly.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

PLACE = Path("/sys/kernel/tracing")
"""Where the kernel offers a place to mount tracefs."""
NAME = re.compile(r"tunbp-(\d+)-(\d+)")
"""Name of an instance: process id of its owner, and that process's start time."""
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
PATIENCE = 10.0
"""Seconds in which the files that the parent had open must be closed."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def instance_name() -> str:
    """Name of an instance that this process owns."""
    return f"tunbp-{os.getpid()}-{_start_time(os.getpid())}"


def main(descriptor: int, name: str) -> None:
    """Make the instance, hand it over, wait until the parent has gone, remove it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as parent:
        try:
            _mount()
            _remove_stale()
            (PLACE / "instances" / name).mkdir()
        except OSError as error:
            parent.sendall(f"{error.strerror}: {error.filename or PLACE}".encode())
            return
        try:
            folder = os.open(PLACE / "instances" / name, os.O_RDONLY | os.O_DIRECTORY)
            socket.send_fds(parent, [b"ok"], [folder])
            os.close(folder)
            parent.recv(1)  # nothing ever comes: it returns when the parent has gone
        except OSError:
            pass
        finally:
            _remove(PLACE / "instances" / name)


def _mount() -> None:
    if _LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "mount namespace")
    if not PLACE.is_dir():
        raise OSError(2, "this kernel was built without tracing", str(PLACE))
    mounts: list[tuple[bytes, bytes, bytes | None, int]] = [(b"none", b"/", None, MS_REC | MS_PRIVATE)]
    if not (PLACE / "events").is_dir():  # most systems have it mounted there, and the kernel refuses a second mount
        mounts.append((b"tracefs", bytes(PLACE), b"tracefs", 0))
    for source, target, kind, options in mounts:
        if _LIBC.mount(source, target, kind, options, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target.decode())


def _remove(instance: Path) -> None:
    """Switch off and remove an instance, as soon as nobody has its files open."""
    deadline = time.monotonic() + PATIENCE
    while instance.exists() and time.monotonic() < deadline:
        try:
            (instance / "tracing_on").write_text("0")
            (instance / "events" / "enable").write_text("0")
            instance.rmdir()
        except OSError:
            time.sleep(0.01)


def _remove_stale() -> None:
    """Remove instances whose owner has ended."""
    for instance in (PLACE / "instances").iterdir():
        found = NAME.fullmatch(instance.name)
        if found and _start_time(int(found[1])) != int(found[2]):
            _remove(instance)


def _start_time(pid: int) -> int:
    """Start time of a process in clock ticks since boot; -1 if there is none."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return -1


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
