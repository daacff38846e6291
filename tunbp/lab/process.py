"""Child processes that end with their parent, and their failures told with the last lines of their log."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from tunbp.errors import LabError

PR_SET_PDEATHSIG = 1
SKIPPING = 60.0
"""Factor for limits in a guest whose clock skips what it waits for: it runs ahead while files come from the host."""
_LIBC = ctypes.CDLL(None, use_errno=True)
_factor = 1.0


def stretch_limits(factor: float) -> None:
    """Multiply all limits in seconds, here and in children forked from now on, by `factor`.

    Parameters
    ----------
    factor
        1 on a machine whose clock is that of its work.
    """
    global _factor
    _factor = factor


def stretched(limit: float) -> float:
    """A limit in seconds of this machine's clock, see `stretch_limits`.

    Parameters
    ----------
    limit
        Seconds of work.

    Returns
    -------
    float
        Seconds of this machine's clock.
    """
    return limit * _factor


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, however it ends (`prctl(2)`)."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def last_lines(text: str, count: int = 12) -> str:
    """The last `count` non-empty lines of a log, indented for an error message.

    Parameters
    ----------
    text
        A log.
    count
        Lines at most.

    Returns
    -------
    str
        Indented lines, empty without any.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-count:])


def read_log(log: Path | None) -> str:
    """What a log holds so far; nothing when there is none.

    Parameters
    ----------
    log
        File; None: there is none.

    Returns
    -------
    str
        Its text.
    """
    return log.read_text(errors="replace") if log is not None and log.exists() else ""


def failure(cause: str, log: str = "", advice: str = "") -> LabError:
    """A `LabError` made of a cause, the last lines of a log, and what to do.

    Parameters
    ----------
    cause
        What went wrong, one line.
    log
        Text of a log.
    advice
        What to do.

    Returns
    -------
    LabError
        The error, to be raised.
    """
    parts = [cause]
    if log.strip():
        parts.append("last lines of its output:\n" + last_lines(log))
    if advice:
        parts.append(f"What to do: {advice}")
    return LabError("\n".join(parts))


def run(command: Sequence[str], advice: str = "", timeout: float = 60.0, stdin: str | None = None) -> str:
    """Run a command to its end and return what it printed.

    Parameters
    ----------
    command
        Program and arguments.
    advice
        What to do where it fails.
    timeout
        Seconds.
    stdin
        What it reads; None: nothing.

    Returns
    -------
    str
        Its standard output.

    Raises
    ------
    LabError
        If it is missing, fails, or takes longer than `timeout` seconds.
    """
    text = " ".join(command)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=stretched(timeout), input=stdin, preexec_fn=die_with_parent
        )
    except FileNotFoundError as error:
        raise failure(f"`{command[0]}` is not installed", advice=advice or "run `tunbp lab check`") from error
    except subprocess.TimeoutExpired as error:
        raise failure(f"`{text}` did not end within {timeout:g} s", advice=advice) from error
    if done.returncode != 0:
        raise failure(f"`{text}` failed with status {done.returncode}", done.stderr + done.stdout, advice)
    return done.stdout


def start(
    command: Sequence[str],
    stdout: int | IO[bytes] | None = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
    own_group: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a long-running child that the kernel kills when this process ends.

    With `own_group` the child leads a process group, by which `kill_group` finds all that it has started.

    Parameters
    ----------
    command
        Program and arguments.
    stdout, stderr
        As of `subprocess.Popen`.
    environment
        All of its variables; None: those of this process.
    own_group
        Whether it leads a process group of its own.

    Returns
    -------
    subprocess.Popen[bytes]
        The child, which is running.

    Raises
    ------
    LabError
        If the program is not installed.
    """
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
            preexec_fn=die_with_parent,
            process_group=0 if own_group else None,
        )
    except FileNotFoundError as error:
        raise failure(f"`{command[0]}` is not installed", advice="run `tunbp lab check`") from error


def stop(child: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """End one child: ask it, and kill it when it has not gone within `patience` seconds.

    Parameters
    ----------
    child
        A process.
    patience
        Seconds.
    """
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(
    condition: Callable[[], bool],
    what: str,
    limit: float,
    log: Path | None = None,
    child: subprocess.Popen[bytes] | None = None,
    advice: str = "",
) -> None:
    """Poll until `condition()` holds.

    Parameters
    ----------
    condition
        Asked every few hundredths of a second.
    what
        What is the matter where it does not hold, for the message.
    limit
        Seconds.
    log
        File whose end the message shows.
    child
        A process without which it can never hold.
    advice
        What to do.

    Raises
    ------
    LabError
        If it does not hold within `limit` seconds or `child` ends first; with the end of `log`.
    """
    deadline = time.monotonic() + stretched(limit)
    while not condition():
        if child is not None and child.poll() is not None and not condition():
            raise failure(f"{what}: the program ended with status {child.returncode}", read_log(log), advice)
        if time.monotonic() > deadline:
            raise failure(f"{what}: not within {limit:g} s", read_log(log), advice)
        time.sleep(0.05)


def pause(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait `seconds`, or less when `child` ends before.

    Parameters
    ----------
    child
        A process.
    seconds
        Seconds at most.
    """
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def wait(child: subprocess.Popen[bytes], limit: float, what: str) -> int:
    """Wait until `child` has ended by itself; its exit status.

    Parameters
    ----------
    child
        A process.
    limit
        Seconds.
    what
        What it is, for the message.

    Returns
    -------
    int
        Its exit status.

    Raises
    ------
    LabError
        If it takes longer than `limit` seconds.
    """
    try:
        return child.wait(stretched(limit))
    except subprocess.TimeoutExpired as error:
        stop(child)
        raise failure(f"{what} did not end within {limit:g} s") from error


def kill(child: subprocess.Popen[bytes]) -> None:
    """End one child at once.

    Parameters
    ----------
    child
        A process.
    """
    child.kill()
    child.wait()


def kill_group(leader: int) -> None:
    """End at once all processes of the group that this process leads or has led.

    Parameters
    ----------
    leader
        Id of a process that was started with `own_group`.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
