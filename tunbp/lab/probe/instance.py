"""Recording of tracepoints in an instance of tracefs of our own: everything stays in the kernel until it is stopped.

The instance is made and removed by its keeper, a process of its own (`keeper`); this one works on it through a
descriptor of its folder, without any mount in its own view. Records are copied out after recording has stopped, so
copying takes no time from what is measured.

`perf_event_open` would need no keeper, but it lost what happened on idle processors: of 950 wake-ups a second on an
idle processor it counted all and recorded 2 (Linux 6.18 in a VM), where the instance recorded all.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunbp.errors import LabError
from tunbp.lab.probe import pages
from tunbp.lab.probe.device import AS_ROOT
from tunbp.lab.probe.keeper import PLACE, instance_name
from tunbp.lab.probe.tracefs import Tracepoint, parse_format

RIGHTS = (
    f"run {AS_ROOT}, which must be that of the machine (CAP_SYS_ADMIN: to mount tracefs privately on {PLACE}); the "
    "root of a container or of a user namespace is not enough, and the kernel needs CONFIG_FTRACE. Without these "
    "rights `tunbp lab probe DEV --coarse` gives what /proc shows (with --pid where the program is another user's)"
)
PAGE = os.sysconf("SC_PAGE_SIZE")
SETTINGS = {"tracing_on": "0", "trace_clock": "mono", "options/overwrite": "0"}
"""Stopped until told otherwise; CLOCK_MONOTONIC; a full buffer keeps what it has."""
ANSWER_LIMIT = 20.0
_LOST = re.compile(r"^(?:overrun|commit overrun|dropped events): (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Window:
    """What one window recorded.

    Attributes
    ----------
    begin, end : int
        CLOCK_MONOTONIC between which every tracepoint was recorded completely [ns].
    records : dict
        Tracepoint's name -> structured array with `time`, `cpu` and the fields, in order of time.
    lost : int
        Records that found a full buffer; `end` lies before the first of them.
    """

    begin: int
    end: int
    records: dict[str, NDArray[Any]]
    lost: int = 0


@dataclass
class Instance:
    """An instance of tracefs: descriptor of its folder, files of its processors, and what was lost before."""

    folder: int
    cpus: Sequence[int]
    tracepoints: dict[str, Tracepoint] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)
    lost_before: dict[int, int] = field(default_factory=dict)
    begin: int = 0
    end: int = 0

    def read(self, path: str) -> str:
        """Text of one of its files."""
        with open(os.open(path, os.O_RDONLY, dir_fd=self.folder)) as file:
            return file.read()

    def write(self, path: str, text: str) -> None:
        """Write to one of its files.

        Raises
        ------
        LabError
            If the kernel does not take it.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY, dir_fd=self.folder)
            try:
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise LabError(f"tracefs: {path} does not take {text!r}: {error.strerror}") from error

    def find(self, events: Sequence[str]) -> dict[str, Tracepoint]:
        """Those of `events` ("net/net_dev_queue") that the kernel has, by their name without the system."""
        for event in events:
            try:
                tracepoint = parse_format(self.read(f"events/{event}/format"))
            except OSError:
                continue
            self.tracepoints[tracepoint.name] = tracepoint
            self.systems[tracepoint.name] = event
        return self.tracepoints

    def prepare(self, filters: Mapping[str, str], size: int) -> None:
        """Set up buffers of `size` bytes per processor, and the filters; nothing is recorded yet."""
        for path, text in SETTINGS.items():
            self.write(path, text)
        self.write("buffer_size_kb", str(size // 1024))
        self.set_filters(filters)
        self.lost_before = {cpu: self._lost(cpu) for cpu in self.cpus}

    def set_filters(self, filters: Mapping[str, str]) -> None:
        """Set the filter of each tracepoint that was found, in the kernel's own language; "" takes all."""
        for name, event in self.systems.items():
            self.write(f"events/{event}/filter", filters[name] or "0")

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what happens inside; outside of it the tracepoints are off."""
        try:
            for event in self.systems.values():
                self.write(f"events/{event}/enable", "1")
            self.write("tracing_on", "1")
            self.begin = time.monotonic_ns()
            yield
            self.end = time.monotonic_ns()
        finally:
            self.write("tracing_on", "0")
            for event in self.systems.values():
                self.write(f"events/{event}/enable", "0")

    def take(self) -> Window:
        """Take what the last recording left in the kernel's buffers."""
        end, lost = self.end, 0
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in self.tracepoints}
        for cpu in self.cpus:
            content = self._content(cpu)
            records = pages.scan(content, PAGE)
            for name, tracepoint in self.tracepoints.items():
                parts[name].append(pages.fields(content, records, tracepoint, cpu))
            dropped = self._lost(cpu)
            if dropped > self.lost_before[cpu]:
                lost += dropped - self.lost_before[cpu]
                end = min(end, int(records.time.max()) if records.time.size else self.begin)
            self.lost_before[cpu] = dropped
        ordered = {name: _ordered(arrays) for name, arrays in parts.items()}
        kept = {name: a[(a["time"] >= self.begin) & (a["time"] <= end)] for name, a in ordered.items()}
        return Window(self.begin, end, kept, lost)

    def _content(self, cpu: int) -> bytes:
        """All pages of one processor's buffer, which is empty then."""
        descriptor = os.open(f"per_cpu/cpu{cpu}/trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK, dir_fd=self.folder)
        parts = []
        try:
            while page := os.read(descriptor, PAGE):
                parts.append(page.ljust(PAGE, b"\0"))
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
        return b"".join(parts)

    def _lost(self, cpu: int) -> int:
        """Records of one processor that were lost so far."""
        counted = _LOST.findall(self.read(f"per_cpu/cpu{cpu}/stats"))
        return sum(map(int, counted))


def _ordered(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    joined = np.concatenate(arrays)
    ordered: NDArray[Any] = joined[np.argsort(joined["time"], kind="stable")]
    return ordered


@contextmanager
def instance(cpus: Sequence[int]) -> Iterator[Instance]:
    """An instance of tracefs of our own; removed at the end, and by its keeper however this process ends.

    Raises
    ------
    LabError
        If this user may not: what is missing and how to get it.
    """
    ours, theirs = socket.socketpair()
    with ExitStack() as stack:
        stack.callback(ours.close)
        with theirs:
            command = [sys.executable, "-m", "tunbp.lab.probe.keeper", str(theirs.fileno()), instance_name()]
            keeper = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        stack.callback(keeper.wait)
        stack.callback(ours.shutdown, socket.SHUT_RDWR)
        ours.settimeout(ANSWER_LIMIT)
        try:
            answer, folders, _, _ = socket.recv_fds(ours, 1024, 1)
        except TimeoutError:
            answer, folders = b"no answer from its keeper", []
        if not folders:
            said = answer.decode() or "its keeper ended"
            raise LabError(f"cannot record the kernel's tracepoints: {said}\nWhat to do: {RIGHTS}")
        with ExitStack() as opened:
            opened.callback(os.close, folders[0])
            yield Instance(folders[0], cpus)
