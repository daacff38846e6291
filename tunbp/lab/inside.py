"""Functions of the lab run in a forked child inside a network namespace.

A fork and not a new interpreter: starting Python takes seconds in an emulated machine whose files come from
outside.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import process

CLONE_NEWNET = 0x40000000
NETNS = Path("/run/netns")
_FORK = multiprocessing.get_context("fork")
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class _Failure:
    text: str


@dataclass(frozen=True)
class Child:
    """A forked child: it sends objects over its connection and ends with its parent."""

    what: str
    process: BaseProcess
    connection: Connection

    def message(self, limit: float = 120.0) -> Any:
        """The next object that the child sends.

        Parameters
        ----------
        limit
            Seconds.

        Returns
        -------
        Any
            The object.

        Raises
        ------
        LabError
            If the child failed, ended, or sent nothing within `limit` seconds.
        """
        try:
            silent = not self.connection.poll(process.stretched(limit))
            received = _Failure(f"silent for {limit:g} s") if silent else self.connection.recv()
        except EOFError:
            self.process.join(5)
            received = _Failure(f"it ended with status {self.process.exitcode}")
        if isinstance(received, _Failure):
            raise LabError(f"{self.what}: {received.text}")
        return received

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return int(self.process.pid or 0)

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    def kill(self) -> None:
        """End the child at once."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def start(namespace: str, what: str, function: Callable[..., None], *arguments: Any) -> Child:
    """Run `function(connection, *arguments)` in a child inside the network namespace of that name.

    Parameters
    ----------
    namespace
        Its full name.
    what
        What the child is, for messages.
    function
        Called with a connection to the parent.
    *arguments
        What pickle can carry.

    Returns
    -------
    Child
        The child, running.
    """
    ours, theirs = _FORK.Pipe()
    child = _FORK.Process(target=_main, args=(theirs, namespace, function, arguments), daemon=True)
    child.start()
    theirs.close()
    return Child(what, child, ours)


def call(namespace: str, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function(*arguments)` returns inside the namespace.

    Parameters
    ----------
    namespace
        Its full name.
    what
        What is done, for messages.
    function
        Called in a child.
    *arguments
        What pickle can carry.

    Returns
    -------
    Any
        What it returned.

    Raises
    ------
    LabError
        If it fails.
    """
    child = start(namespace, what, _answer, function, *arguments)
    try:
        return child.message()
    finally:
        child.kill()


def _answer(connection: Connection, function: Callable[..., Any], *arguments: Any) -> None:
    connection.send(function(*arguments))


def _main(connection: Connection, namespace: str, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    process.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        enter(namespace)
        function(connection, *arguments)
    except (LabError, OSError) as error:
        connection.send(_Failure(str(error)))


def enter(namespace: str) -> None:
    """Move this process into a named network namespace (`setns(2)`).

    Parameters
    ----------
    namespace
        Its full name.

    Raises
    ------
    LabError
        If there is none of that name, or it may not be entered.
    """
    try:
        fd = os.open(NETNS / namespace, os.O_RDONLY)
    except OSError as error:
        raise LabError(f"no network namespace {namespace!r}: {error.strerror}") from error
    try:
        if _LIBC.setns(fd, CLONE_NEWNET) != 0:
            raise LabError(f"cannot enter network namespace {namespace!r}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(fd)


def stop_signal() -> list[bool]:
    """A list that is empty until SIGTERM has come to this process."""
    stopping: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    return stopping


def write_files(contents: dict[str, str]) -> None:
    """Write texts to files of /proc that belong to the namespace (sysctls, pktgen).

    Parameters
    ----------
    contents
        Path to text.

    Raises
    ------
    LabError
        Naming the first file that does not take its text.
    """
    for path, text in contents.items():
        try:
            Path(path).write_text(text)
        except OSError as error:
            raise LabError(f"{path} does not take {text.strip()!r}: {error.strerror}") from error
