"""The coarse probe: what /proc shows to everybody, without tracepoints.

The reader's processor time is divided among the packets it reads from the device and those it writes to it, by
least squares over short intervals with different shares of both. That gives its speed where it does nothing else
and is never kept waiting: an upper bound of what it does carry, and only of programs whose work for a packet is
done in one thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from tunbp.errors import LabError
from tunbp.lab.probe import device
from tunbp.lab.probe.constants import Constant, Constants
from tunbp.lab.probe.intervals import NOTHING, Estimate
from tunbp.statistics import LEVEL, series_interval
from tunbp.traces.build import utc

INTERVAL = 0.1
"""Spacing of the samples [s]."""
FEWEST = 30
"""Samples with packets that an estimate needs."""
HOW = "processor time of the reader over {count} intervals of 0.1 s, by least squares; an upper bound of speed"


def probe(
    name: str, seconds: float = 10.0, pid: int | None = None, follow: Callable[[float], None] = lambda _: None
) -> Constants:
    """Constants of the device `name` of the current network namespace, from /proc.

    Parameters
    ----------
    name : str
        A tun or tap device.
    seconds : float
        How long to look.
    pid : int, optional
        The program that reads it; needed where this user may not see the descriptors of that program.
    follow : callable
        Told the seconds that have passed.

    Raises
    ------
    LabError
        If there is no such device, or its reader cannot be found.
    """
    settings = device.settings(name)
    reader = _reader(name, pid)
    started, begin = time.time(), time.monotonic()
    rows = [_sample(name, reader)]
    while (passed := time.monotonic() - begin) < seconds:
        time.sleep(min(INTERVAL, seconds - passed))
        rows.append(_sample(name, reader))
        follow(time.monotonic() - begin)
    changes = np.diff(np.array(rows), axis=0)
    per_read, per_write = shares(changes[:, 0], changes[:, 1], changes[:, 2])
    found = {"ring": Constant(settings.ring, unit="packet", how="txqueuelen, as `ip link` shows it"),
             "qdisc": Constant(settings.qdisc, how="as `ip link` shows it")}  # fmt: skip
    missing = dict.fromkeys(
        ("burst_rate", "stall_rate", "stall_mean", "reader_policy"), "needs tracepoints: run without --coarse, as root"
    )
    for field, estimate, unit in (
        ("drain_rate", per_read.inverse(), "packet/s"),
        ("ack_cost", per_write, "s"),
    ):
        if estimate.known():
            how = HOW.format(count=estimate.count)
            found[field] = Constant(estimate.value, estimate.low, estimate.high, unit, how)
        else:
            missing[field] = f"only {estimate.count} intervals of 0.1 s had such packets; probe for longer, under load"
    observed = {
        name: Constant(float(values.sum()), unit="packet", how="counter of the device, over the whole time")
        for name, values in (("delivered", changes[:, 1]), ("dropped_ring", changes[:, 3]))
    }
    about = {
        "device": name, "reader": reader.name, "kernel": f"Linux {os.uname().release}", "start": utc(started),
        "seconds": round(time.monotonic() - begin, 3),
    }  # fmt: skip
    return Constants(found, missing, observed, about)


def shares(
    cpu: NDArray[np.float64], read: NDArray[np.float64], written: NDArray[np.float64]
) -> tuple[Estimate, Estimate]:
    """Processor time per packet read and per packet written [s], by least squares without negative values.

    Parameters
    ----------
    cpu, read, written : ndarray
        Processor time [s] and packets in each interval.

    Returns
    -------
    per_read, per_written : Estimate
        With intervals that know how much follows from one measured interval to the next (`series_interval`).
    """
    used = (read + written) > 0
    packets, times = np.column_stack([read, written])[used], cpu[used]
    if len(times) < FEWEST or not packets[:, 0].any():
        return (Estimate(np.nan, np.nan, np.nan, len(times)),) * 2
    values = optimize.nnls(packets, times)[0]
    # what each interval says of both: the estimate and its own part of the error, whose mean is 0
    left = (times - packets @ values)[:, None]
    parts = values + len(times) * left * packets @ np.linalg.pinv(packets.T @ packets)
    per_read, per_written = (_estimate(value, part) for value, part in zip(values, parts.T, strict=True))
    return per_read, per_written if packets[:, 1].any() else NOTHING


def _estimate(value: float, parts: NDArray[np.float64]) -> Estimate:
    found = series_interval(parts, LEVEL)
    return Estimate(float(value), max(found.low, 0.0), max(found.high, 0.0), found.count)


def _sample(name: str, reader: device.Reader) -> tuple[float, int, int, int]:
    counters = device.counters(name)
    return reader.cpu_seconds(), counters.transmitted, counters.received, counters.dropped


def _reader(name: str, pid: int | None) -> device.Reader:
    candidates = device.readers(name)
    if pid is not None and pid not in [reader.pid for reader in candidates]:
        try:
            command = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError as error:
            raise LabError(f"no process {pid}") from error
        return device.Reader(pid, command, -1, "")  # whether it is the reader cannot be seen; it was named
    return device.choose(name, candidates, pid, device.hidden())
