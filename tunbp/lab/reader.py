"""The reader: owns a tun or tap device and empties it at a given speed, like a slow VPN process."""

from __future__ import annotations

import os
import select
import signal
import time
from array import array
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from tunbp.lab import flags, packet

SPIN_NS = 150_000
"""Below this wait the reader spins: a sleep would overshoot by about as much."""
CREDIT_NS = 2_000_000
"""How far a reader that overslept may catch up; keeps the mean speed without long bursts of reads."""


@dataclass
class Counts:
    """What the reader saw: packets by flow, and the time from send() to read() of each in nanoseconds."""

    warmup_ns: int
    packets: dict[int, int] = field(default_factory=dict)
    others: int = 0
    first_ns: int = 0
    last_ns: int = 0
    measured: int = 0
    measured_from_ns: int = 0
    latency: dict[int, array[int]] = field(default_factory=dict)

    def add(self, frame: bytes, now: int, offset: int) -> None:
        """Count one frame read at `now`; latencies and rates only after the warm-up.

        Parameters
        ----------
        frame
            A packet as read from the device.
        now
            CLOCK_MONOTONIC, ns.
        offset
            Bytes before its payload.
        """
        header = packet.unpack(frame, offset)
        if header is None:
            self.others += 1
            return
        flow, _, sent_ns = header
        self.first_ns = self.first_ns or now
        self.last_ns = now
        self.packets[flow] = self.packets.get(flow, 0) + 1
        if now - self.first_ns >= self.warmup_ns:
            self.measured_from_ns = self.measured_from_ns or now
            self.measured += 1
            self.latency.setdefault(flow, array("q")).append(now - sent_ns)

    def report(self) -> dict[str, Any]:
        """Totals, the read rate after the warm-up [packet/s] and latency quantiles by flow [s]."""
        span = (self.last_ns - self.measured_from_ns) / 1e9
        return {
            "packets": {str(flow): count for flow, count in self.packets.items()},
            "others": self.others,
            "rate": (self.measured - 1) / span if self.measured > 1 and span > 0 else None,
            "span": span,
            "latency": {str(flow): quantiles(values) for flow, values in self.latency.items()},
        }


def quantiles(nanoseconds: array[int]) -> dict[str, float]:
    """Mean, median, 95th and 99th percentile and maximum of times in nanoseconds, in seconds.

    Parameters
    ----------
    nanoseconds
        Times, ns.

    Returns
    -------
    dict[str, float]
        `mean`, `p50`, `p95`, `p99`, `max`, s.
    """
    ordered = sorted(nanoseconds)
    last = len(ordered) - 1
    picked = {name: ordered[round(last * q)] / 1e9 for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {"mean": sum(ordered) / len(ordered) / 1e9, **picked, "max": ordered[-1] / 1e9}


def read_all(device: flags.Device, rate: float, counts: Counts, offset: int) -> None:
    """Read at most `rate` packets/s (0: no limit) until SIGTERM has come and the ring is empty for 0.3 s.

    Parameters
    ----------
    device
        An attached device.
    rate
        Packets/s.
    counts
        Counts, which grow.
    offset
        Bytes before a payload.
    """
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    service = int(1e9 / rate) if rate else 0
    poll = select.poll()
    poll.register(device.fd, select.POLLIN)
    due = 0
    while True:
        if service:
            _wait_until(due)
        try:
            frame = os.read(device.fd, 65536)
        except BlockingIOError:
            if not poll.poll(300) and stopping:
                return
            continue
        now = time.monotonic_ns()
        counts.add(frame, now, offset)
        due = max(due + service, now - CREDIT_NS)


def _wait_until(due: int) -> None:
    while (left := due - time.monotonic_ns()) > 0:
        if left > SPIN_NS:
            time.sleep((left - SPIN_NS / 2) / 1e9)


def serve(
    connection: Connection, name: str, kind: str, backpressure: bool, rate: float = 0.0, warmup: float = 0.0
) -> None:
    """Attach the device and send the flags it echoes; read; send the counts of `Counts.report`.

    It stops reading after SIGTERM, when the ring is empty. Then it keeps the device until it is killed, so
    that the device's counters can be read.

    Parameters
    ----------
    connection
        To the parent.
    name, kind, backpressure
        As of `flags.attach`.
    rate
        Packets/s; 0: no limit.
    warmup
        Seconds that are not counted.
    """
    device = flags.attach(name, kind, backpressure)
    connection.send(device.echo)
    counts = Counts(int(warmup * 1e9))
    read_all(device, rate, counts, packet.IP_AND_UDP + (packet.ETHERNET if kind == "tap" else 0))
    connection.send(counts.report())
    signal.pause()
