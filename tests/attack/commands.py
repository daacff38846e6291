"""Commands as processes of their own: started anew, or forked from this one, which has imported everything already."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 60.0 * float(os.environ.get("TUNBP_PATIENCE", "1"))
"""Longest time one command may take on a busy machine; a hang is one that takes longer."""

MEMORY = 12 * 2**30
"""Address space one command may take: threads and libraries reserve far more than they use."""

ROOT = Path(__file__).parents[2]
TUNBP = (sys.executable, "-c", "from tunbp.cli import main; main()")
"""The command in a new process."""

ENVIRONMENT = {"COLUMNS": "100", "PYTHONPATH": str(ROOT)}

EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.utime")
"""Audited events of Python that change a file system, besides `open` for writing."""


class BrokenError(AssertionError):
    """What a command did that it must not do."""


@dataclass(frozen=True)
class Kill:
    """When a command is killed: `delay` seconds after it was about to change the file system for the `event`th time.

    With event 0 `delay` counts from its start.
    """

    event: int
    delay: float

    def __str__(self) -> str:
        """In the words of a report."""
        return f"change {self.event} + {1e3 * self.delay:.1f} ms" if self.event else f"{self.delay:.2f} s"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its status (negative: the signal), what it printed, its changes of the file system."""

    status: int
    output: str
    changes: int


def judged(status: int, output: str) -> None:
    """Check a command that nobody killed.

    Raises
    ------
    BrokenError
        If it shows a traceback, was killed by a signal, or ended with a status that nobody documents.
    """
    if "Traceback (most recent call last)" in output or status not in (0, 1, 2):
        raise BrokenError(f"status {status}\n{output[-1500:]}")


def bounded() -> None:
    """Limit the address space of this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def call(*command: str, folder: Path, more: Mapping[str, str] | None = None) -> Ended:
    """Run any command in a folder, in a process that is started anew.

    Raises
    ------
    BrokenError
        If it hangs, or as `judged`.
    """
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", preexec_fn=bounded, start_new_session=True, env={**os.environ, **ENVIRONMENT, **(more or {})},
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise BrokenError(f"hangs: more than {SECONDS:g} s\n{output[-500:]}") from None
    judged(process.returncode, output)
    return Ended(process.returncode, output, 0)


def prepare() -> None:
    """Import what commands import, so that a forked one begins at once."""
    import matplotlib.pyplot  # noqa: F401
    import scipy.stats  # noqa: F401
    import zarr  # noqa: F401

    import tunbp.cli.cite
    import tunbp.cli.lab
    import tunbp.cli.predict
    import tunbp.cli.reproduce
    import tunbp.cli.sweep
    import tunbp.cli.trace
    import tunbp.model.simulate
    import tunbp.plots.series
    import tunbp.prediction.card
    import tunbp.site.finish
    import tunbp.sweep.compute
    import tunbp.traces.opening  # noqa: F401


def tunbp(*arguments: str, folder: Path, kill: Kill | None = None, more: Mapping[str, str] | None = None) -> Ended:
    """Run `tunbp` in a folder, in a process forked from this one.

    Raises
    ------
    BrokenError
        If nobody killed it and it hangs, or as `judged`.
    """
    counted = mmap.mmap(-1, 8)
    with tempfile.TemporaryFile() as log:
        pid = os.fork()
        if pid == 0:
            _become(arguments, folder, kill, {**ENVIRONMENT, **(more or {})}, log.fileno(), counted)
        hangs = not _ended(pid, SECONDS)
        if hangs:
            os.killpg(pid, signal.SIGKILL)
        _, wait_status = os.waitpid(pid, 0)
        log.seek(0)
        output = log.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(wait_status)
    if hangs:
        raise BrokenError(f"hangs: more than {SECONDS:g} s\n{output[-500:]}")
    if kill is None or status >= 0:
        judged(status, output)
    return Ended(status, output, int.from_bytes(counted[:8], "little"))


def _ended(pid: int, seconds: float) -> bool:
    process = os.pidfd_open(pid)
    try:
        return bool(select.select([process], [], [], seconds)[0])
    finally:
        os.close(process)


def _become(
    arguments: tuple[str, ...], folder: Path, kill: Kill | None, environment: Mapping[str, str], log: int, count: Any
) -> None:
    """Be the command; never returns."""
    status = 70
    try:
        os.setsid()
        bounded()
        for number, stream in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
            os.dup2(number, stream)
        os.chdir(folder)
        os.environ.update(environment)
        tempfile.tempdir = None
        random.seed()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends a process as it stands
        _watch(kill, ctypes.c_uint64.from_buffer(count))
        from tunbp.cli import main

        main(arguments)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _watch(kill: Kill | None, count: ctypes.c_uint64) -> None:
    """Count what this process changes in the file system, and kill it when it is time to."""

    def changes(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
            count.value += 1
            if kill and count.value == kill.event:
                die(kill.delay)

    sys.addaudithook(changes)
    if kill and not kill.event:
        die(kill.delay)


WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def die(delay: float) -> None:
    """Be killed after a while, or now."""
    if delay:
        signal.setitimer(signal.ITIMER_REAL, delay)
    else:
        os.kill(os.getpid(), signal.SIGKILL)
