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
from tunbp.lab.probe.tracefs import Tracepoint, parse_format

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
    """A tracepoint ("net/net_dev_xmit") and which of its events count.

    Of a tracepoint that has a count of its own (`sched/sched_stat_runtime`: nanoseconds) that is summed up.

    Parameters
    ----------
    tracepoint
        System and name.
    condition
        In the kernel's filter language.
    reasons
        Instead of a condition: names of reasons for which a packet was dropped (`skb/kfree_skb`). Their numbers are
        the running kernel's; an event of which it has no reason is not counted.
    """

    tracepoint: str
    condition: str = ""
    reasons: tuple[str, ...] = ()

    def filter(self, tracepoint: Tracepoint) -> str | None:
        """The condition with the numbers of this kernel; None: it has none of the reasons.

        Parameters
        ----------
        tracepoint
            The tracepoint as this kernel describes it.

        Returns
        -------
        str | None
            A filter for tracefs.
        """
        if not self.reasons:
            return self.condition
        numbers = sorted(number for number, word in tracepoint.symbols.items() if word in self.reasons)
        return " || ".join(f"reason == {number}" for number in numbers) or None


@contextmanager
def counting(events: Mapping[str, Event]) -> Iterator[Callable[[], dict[str, int]]]:
    """Count events on all processors; what is yielded gives the counts so far, by name.

    The caller is in a mount namespace of its own: tracefs is mounted in it for a moment. Events that this kernel cannot
    have (`Event.reasons`) have no count.

    Parameters
    ----------
    events
        What is counted, by name.

    Yields
    ------
    Callable[[], dict[str, int]]
        Function that gives the counts so far.

    Raises
    ------
    LabError
        If the kernel does not let this process count them.
    """
    with ExitStack() as stack:
        opened: dict[str, list[int]] = {name: [] for name in events}
        with _tracefs() as tracing:
            for name, event in events.items():
                tracepoint = _described(tracing, event)
                condition = event.filter(tracepoint)
                for cpu in sorted(os.sched_getaffinity(0)) if condition is not None else ():
                    opened[name].append(_open(event.tracepoint, tracepoint.id, condition or "", cpu))
                    stack.callback(os.close, opened[name][-1])
        yield lambda: {name: sum(map(_value, each)) for name, each in opened.items() if each}


@contextmanager
def counting_where_allowed(events: Mapping[str, Event]) -> Iterator[tuple[Callable[[], dict[str, int]], str]]:
    """`counting`; where the kernel does not let this process count, no counts and, second, the reason.

    Parameters
    ----------
    events
        What is counted, by name.

    Yields
    ------
    tuple[Callable[[], dict[str, int]], str]
        Function that gives the counts so far, and why there are none; empty where there are.
    """
    with ExitStack() as stack:
        try:
            counts, obstacle = stack.enter_context(counting(events)), ""
        except LabError as error:
            counts, obstacle = dict, " ".join(str(error).split())
        yield counts, obstacle


@contextmanager
def _tracefs() -> Iterator[Path]:
    """tracefs: where it is mounted, as in a VM, else a mount for a moment.

    A folder of its own would stay where the process is killed.
    """
    if os.path.isdir(PLACE / "events"):  # False too where this user may not look
        yield PLACE
        return
    process.run(["mount", "-t", "tracefs", "tracefs", str(PLACE)], RIGHTS)
    try:
        yield PLACE
    finally:
        process.run(["umount", str(PLACE)])


def _described(tracing: Path, event: Event) -> Tracepoint:
    try:
        return parse_format((tracing / "events" / event.tracepoint / "format").read_text())
    except OSError as error:
        raise LabError(f"this kernel has no tracepoint {event.tracepoint}: {error.strerror}") from error


def _open(tracepoint: str, number: int, condition: str, cpu: int) -> int:
    """Descriptor of a running counter of a tracepoint, of that number, on one processor."""
    attributes = ATTRIBUTES.pack(TRACEPOINT, ATTRIBUTES.size, number, 0, 0, 0, 0, 0, 0, 0)
    call = PERF_EVENT_OPEN.get(os.uname().machine)
    if call is None:
        raise LabError(f"events are counted on {' and '.join(PERF_EVENT_OPEN)} only, not on {os.uname().machine}")
    descriptor = int(_LIBC.syscall(call, attributes, -1, cpu, -1, 0))
    if descriptor < 0:
        raise LabError(f"perf_event_open of {tracepoint}: {os.strerror(ctypes.get_errno())}; {RIGHTS}")
    fcntl.ioctl(descriptor, SET_FILTER, condition.encode() + b"\0")
    return descriptor


def _value(descriptor: int) -> int:
    return int(struct.unpack("=Q", os.read(descriptor, 8))[0])
