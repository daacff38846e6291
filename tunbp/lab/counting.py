"""Counts of events in the kernel, by tracepoints: numbers alone, no records (`perf_event_open` as a counter).

A counter's descriptors end with the process, so nothing can stay behind. `tunbp.lab.probe` needs the records themselves
and takes them from an instance of tracefs.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab import process
from tunbp.lab.probe.keeper import PLACE

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
"""Number of the system call, by machine."""
TRACEPOINT = 2
"""PERF_TYPE_TRACEPOINT."""
SET_FILTER = 0x40082406
"""PERF_EVENT_IOC_SET_FILTER."""
ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
"""First version of `struct perf_event_attr`, 64 bytes: type, size, config, and what only records need."""
RIGHTS = "run as root of the machine, on a kernel with CONFIG_FTRACE and CONFIG_PERF_EVENTS; or in a VM: `--vm`"
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Event:
    """A tracepoint ("net/net_dev_xmit") and which of its events count, in the kernel's filter language."""

    tracepoint: str
    condition: str


@contextmanager
def counting(events: Mapping[str, Event]) -> Iterator[Callable[[], dict[str, int]]]:
    """Count events on all processors; what is yielded gives the counts so far, by name.

    The caller is in a mount namespace of its own: tracefs is mounted in it for a moment.

    Raises
    ------
    LabError
        If the kernel does not let this process count them.
    """
    with ExitStack() as stack:
        opened: dict[str, list[int]] = {name: [] for name in events}
        with _tracefs() as tracing:
            for name, event in events.items():
                for cpu in sorted(os.sched_getaffinity(0)):
                    opened[name].append(_open(tracing, event, cpu))
                    stack.callback(os.close, opened[name][-1])
        yield lambda: {name: sum(map(_value, each)) for name, each in opened.items()}


@contextmanager
def _tracefs() -> Iterator[Path]:
    """A mount of tracefs, for a moment; a folder of its own would stay where the process is killed."""
    process.run(["mount", "-t", "tracefs", "tracefs", str(PLACE)], RIGHTS)
    try:
        yield PLACE
    finally:
        process.run(["umount", str(PLACE)])


def _open(tracing: Path, event: Event, cpu: int) -> int:
    """Descriptor of a running counter of an event on one processor."""
    try:
        number = int((tracing / "events" / event.tracepoint / "id").read_text())
    except OSError as error:
        raise LabError(f"this kernel has no tracepoint {event.tracepoint}: {error.strerror}") from error
    attributes = ATTRIBUTES.pack(TRACEPOINT, ATTRIBUTES.size, number, 0, 0, 0, 0, 0, 0, 0)
    call = PERF_EVENT_OPEN.get(os.uname().machine)
    if call is None:
        raise LabError(f"events are counted on {' and '.join(PERF_EVENT_OPEN)} only, not on {os.uname().machine}")
    descriptor = int(_LIBC.syscall(call, attributes, -1, cpu, -1, 0))
    if descriptor < 0:
        raise LabError(f"perf_event_open of {event.tracepoint}: {os.strerror(ctypes.get_errno())}; {RIGHTS}")
    fcntl.ioctl(descriptor, SET_FILTER, event.condition.encode() + b"\0")
    return descriptor


def _value(descriptor: int) -> int:
    return int(struct.unpack("=Q", os.read(descriptor, 8))[0])
