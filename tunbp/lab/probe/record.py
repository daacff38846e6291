"""One session of the probe: windows that are traced, and between them windows that are only counted.

The traced windows give the estimates; the counted ones show what tracing costs, on the same traffic.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab.probe import activity, device, events
from tunbp.lab.probe.activity import Spans
from tunbp.lab.probe.instance import RIGHTS, Window, instance
from tunbp.lab.probe.match import UNSEEN, Owner, Packets, match

INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""`/proc/self/ns/pid` outside all containers (PROC_PID_INIT_INO): tracepoints name threads as seen from there."""
CONTROL_SHARE = 0.5
"""Length of a counted window, in traced windows."""
SETTLE = 0.02
"""Seconds left to the machine after records were taken out, before anything is measured again."""
SHORTEST = 0.01
"""Shortest traced window [s]."""


@dataclass(frozen=True)
class Usage:
    """What counters say of one window: seconds, packets read, packets dropped, the reader's processor time [s]."""

    seconds: float
    read: int
    dropped: int
    received: int
    cpu_seconds: float


@dataclass(frozen=True)
class Observed:
    """One traced window: packets, the reader's absences and softirqs, wakes of the device's queue, losses."""

    packets: Packets
    away: Spans
    softirq: Spans
    wakes: int
    lost: int
    usage: Usage


@dataclass(frozen=True)
class Recording:
    """All that was recorded of one device.

    Attributes
    ----------
    settings : Settings
        Of the device.
    reader : Reader
        The program that reads it.
    flag : bool or None
        Whether IFF_BACKPRESSURE is set; None: it could not be asked.
    windows : tuple of Observed
        The traced windows, in order.
    controls : tuple of Usage
        The windows between them, without tracing.
    reasons : dict
        Names of the kernel's drop reasons.
    started : float
        Unix time of the beginning [s].
    warnings : tuple of str
        What whoever reads the results should know.
    """

    settings: device.Settings
    reader: device.Reader
    flag: bool | None
    windows: tuple[Observed, ...]
    controls: tuple[Usage, ...]
    reasons: dict[int, str]
    started: float
    warnings: tuple[str, ...] = ()


def record(
    name: str,
    seconds: float = 10.0,
    window: float = 0.5,
    pid: int | None = None,
    follow: Callable[[float], None] = lambda _: None,
) -> Recording:
    """Record the device `name` of the current network namespace for at most `seconds`.

    Parameters
    ----------
    name : str
        A tun or tap device that a running program has open.
    seconds : float
        Most time that all windows take together, taking out of records included [s].
    window : float
        Longest traced window [s]; shorter where the buffers fill before.
    pid : int, optional
        The program, where several have a device of this name open.
    follow : callable
        Told the seconds that have passed.

    Raises
    ------
    LabError
        If there is no such device, nobody reads it, or the rights are missing: what and how to get it.
    """
    settings = device.settings(name)
    candidates = device.readers(name)
    if not [other for other in candidates if pid in (None, other.pid)] and (unseen := device.hidden()):
        raise LabError(
            f"cannot tell who reads {name}: this user may not look into {unseen} processes of others "
            f"(/proc/PID/fdinfo), nor record the kernel's tracepoints\nWhat to do: {RIGHTS}"
        )
    reader = device.choose(name, candidates, pid)
    if os.readlink("/proc/self/ns/pid") != INITIAL_PID_NAMESPACE:
        raise LabError(
            "this is not the machine's first pid namespace, and tracepoints number threads as seen from there; What to "
            "do: run the probe outside the container (`nsenter --net=/proc/PID/ns/net` enters only its network)"
        )
    threads = _threads([reader])
    foreign = [other for other in candidates if other.pid != reader.pid]
    cpus = online()
    started, begin = time.time(), time.monotonic()
    windows: list[Observed] = []
    controls: list[Usage] = []

    def left() -> float:
        return seconds - (time.monotonic() - begin)

    watched = _threads([reader, *foreign])
    gone = []
    with instance(cpus) as session:
        found = session.find([*events.PACKET, *events.OTHER])
        events.check(found)
        session.prepare(events.filters(name, watched), min(events.MEMORY // len(cpus), events.LARGEST))
        with session.recording():
            time.sleep(SHORTEST)
        session.take()  # the first use of a tracepoint is slower; these records are thrown away
        while left() > SHORTEST:
            time.sleep(SETTLE)
            try:
                threads = _threads([reader])
                if (now := _threads([reader, *foreign])) != watched:
                    watched = now
                    session.set_filters(events.filters(name, watched))
                with session.recording():
                    usage = _used(name, reader, max(min(window, left()), SHORTEST))
                seen = session.take()
                windows.append(_observed(seen, threads, Owner(threads, settings.ring) if foreign else None, usage))
                if seen.lost:
                    window = max(window / 2, SHORTEST)
                time.sleep(SETTLE)
                if (span := min(window * CONTROL_SHARE, left())) > 0:
                    controls.append(_used(name, reader, span))
            except device.GoneError as error:
                if not windows:
                    raise
                gone = [f"{error} before the end; what was recorded until then is used"]
                break
            follow(time.monotonic() - begin)
    reasons = session.tracepoints["kfree_skb"].symbols
    return Recording(
        settings, reader, device.flag_is_set(reader), tuple(windows), tuple(controls), reasons, started,
        (*gone, *_warnings(settings, foreign, windows)),
    )  # fmt: skip


def _observed(seen: Window, threads: Sequence[int], owner: Owner | None, usage: Usage) -> Observed:
    """What one traced window says, decoded."""
    raised = seen.records.get("softirq_raise")
    packets = match(events.packet_events(seen), seen.end, owner)
    return Observed(
        packets, activity.absences(seen, threads), activity.softirqs(seen, threads),
        0 if raised is None else raised.size, seen.lost, usage,
    )  # fmt: skip


def _used(name: str, reader: device.Reader, seconds: float) -> Usage:
    """What the counters say of the next `seconds`."""
    before, cpu, begin = device.counters(name), reader.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    span, after, used = time.monotonic() - begin, device.counters(name), reader.cpu_seconds() - cpu
    return Usage(
        span, after.transmitted - before.transmitted, after.dropped - before.dropped,
        after.received - before.received, used,
    )  # fmt: skip


def _threads(readers: Sequence[device.Reader]) -> tuple[int, ...]:
    """Threads of several readers.

    Raises
    ------
    GoneError
        If the first has ended.
    """
    if not (first := readers[0].threads()):
        raise device.GoneError(f"{readers[0].name} (pid {readers[0].pid}) has ended; start the tunnel and probe again")
    return tuple(sorted({*first, *(thread for reader in readers[1:] for thread in reader.threads())}))


def _warnings(
    settings: device.Settings, foreign: Sequence[device.Reader], windows: Sequence[Observed]
) -> Iterator[str]:
    """What whoever reads the results should know."""
    if lost := sum(window.lost for window in windows):
        yield f"{lost} records found their buffer full; windows end where the first was lost"
    if settings.multi_queue:
        yield "the device has several queues: occupancy is their sum, and service times mix their readers"
    if foreign:
        names = ", ".join(f"{reader.name} (pid {reader.pid})" for reader in foreign)
        yield (f"{names} has a device of this name in another namespace, and tracepoints name devices without their "
               "namespace: packets are told apart by who reads them, drops by whether this ring was full")  # fmt: skip
    entered = sum(window.packets.fate.size for window in windows)
    unseen = sum(int((window.packets.fate == UNSEEN).sum()) for window in windows)
    if not foreign and entered and unseen > 0.01 * entered:
        yield f"{unseen / entered:.0%} of the packets were read by a thread that is not known"


def online(path: Path = Path("/sys/devices/system/cpu/online")) -> list[int]:
    """Numbers of the processors that are in use.

    The file holds a list of ranges, like `0-3,6`.
    """
    parts = [part.partition("-") for part in path.read_text().strip().split(",")]
    return [cpu for first, _, last in parts for cpu in range(int(first), int(last or first) + 1)]
