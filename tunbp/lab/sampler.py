"""A child that watches a run: sockets by `ss`, the device's counters, and processor time of each program."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tunbp.lab import inside

SS = ("ss", "--no-header", "--tcp", "--info", "--numeric", "--memory")


@dataclass(frozen=True)
class Watch:
    """What to sample: every `interval` seconds the TCP sockets towards `server`, `device`, and processes by name."""

    interval: float
    server: str
    device: str
    processes: Mapping[str, int]


def cpu_seconds(pid: int, proc: Path = Path("/proc")) -> tuple[float, float]:
    """Time that the threads of a process have run, and have waited for a processor [s].

    From `task/*/schedstat`: nanoseconds, where `utime` and `stime` of /proc/PID/stat count ticks of 10 ms.

    Parameters
    ----------
    pid
        A process.
    proc
        Where /proc is mounted.

    Returns
    -------
    tuple[float, float]
        Run and waited, s.
    """
    fields = [(path / "schedstat").read_text().split() for path in (proc / str(pid) / "task").iterdir()]
    return sum(int(ran) for ran, _, _ in fields) / 1e9, sum(int(waited) for _, waited, _ in fields) / 1e9


def threads(pid: int, proc: Path = Path("/proc")) -> dict[str, dict[str, float]]:
    """Threads of a process by name: processor time `cpu` [s], and context switches.

    `waited` counts those by which the thread gave up the processor, `preempted` those by which it lost it. Threads
    of one name are summed.

    Parameters
    ----------
    pid
        A process.
    proc
        Where /proc is mounted.

    Returns
    -------
    dict[str, dict[str, float]]
        Name to `cpu` [s], `waited` and `preempted` [1].
    """
    found: dict[str, dict[str, float]] = {}
    for path in (proc / str(pid) / "task").iterdir():
        lines = (line.partition(":") for line in (path / "status").read_text().splitlines())
        status = {name: value.strip() for name, _, value in lines}
        row = found.setdefault(status["Name"], {"cpu": 0.0, "waited": 0.0, "preempted": 0.0})
        row["cpu"] += int((path / "schedstat").read_text().split()[0]) / 1e9
        row["waited"] += int(status["voluntary_ctxt_switches"])
        row["preempted"] += int(status["nonvoluntary_ctxt_switches"])
    return found


def transmitted(device: str, table: str) -> tuple[int, int]:
    """Packets transmitted and dropped on transmission by `device`, from the text of /proc/net/dev.

    Parameters
    ----------
    device
        Interface.
    table
        Text of /proc/net/dev.

    Returns
    -------
    tuple[int, int]
        Packets transmitted, packets dropped.
    """
    for line in table.splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == device:
            fields = counters.split()
            return int(fields[9]), int(fields[11])
    raise ValueError(f"no device {device}")


def serve(connection: Connection, watch: Watch) -> None:
    """Sample until SIGTERM; then send the series and the outputs of `ss`, a time before each.

    The series are lists: time [s, Unix], tx_packets and tx_dropped of the device since it was made, and for each
    process NAME_cpu and NAME_wait [s] since it started.

    Parameters
    ----------
    connection
        To the parent.
    watch
        What is sampled, and how often.
    """
    stopping = inside.stop_signal()
    names = [f"{name}_{what}" for name in watch.processes for what in ("cpu", "wait")]
    series: dict[str, list[float]] = {name: [] for name in ("time", "tx_packets", "tx_dropped", *names)}
    printed: list[str] = []
    due = time.monotonic()
    while not stopping:
        now = time.time()
        row: dict[str, float] = {"time": round(now, 4)}
        row["tx_packets"], row["tx_dropped"] = transmitted(watch.device, Path("/proc/net/dev").read_text())
        for name, pid in watch.processes.items():
            row[f"{name}_cpu"], row[f"{name}_wait"] = (round(value, 6) for value in cpu_seconds(pid))
        for key, value in row.items():
            series[key].append(value)
        done = subprocess.run([*SS, "dst", watch.server], capture_output=True, text=True)
        printed.append(f"# {now:.4f}\n{done.stdout}")
        due = max(due + watch.interval, time.monotonic())
        while not stopping and (rest := due - time.monotonic()) > 0:
            time.sleep(min(rest, 0.05))
    connection.send({"series": series, "ss": "".join(printed)})
    with suppress(EOFError):
        signal.pause()


def between(before: Mapping[str, tuple[float, float]], after: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Processor time and time spent waiting for a processor between two readings, as `NAME_cpu`, `NAME_wait` [s].

    Parameters
    ----------
    before, after
        Name to what `cpu_seconds` returned.

    Returns
    -------
    dict[str, Any]
        `NAME_cpu` and `NAME_wait`, s.
    """
    found = {}
    for name, (ran, waited) in after.items():
        found[f"{name}_cpu"], found[f"{name}_wait"] = ran - before[name][0], waited - before[name][1]
    return found
