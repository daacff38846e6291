"""The sender: numbered UDP packets as a stream, in bursts, or in blocks that the kernel cuts (GSO)."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from tunbp.lab import packet

UDP_SEGMENT = 103
"""Socket option of `include/uapi/linux/udp.h`: one send is cut into packets of this size by the kernel."""
PATIENCE = struct.pack("ll", 1, 0)
"""Longest wait of one send (a `timeval`, 1 s): a queue that nobody wakes must not hold a run up for ever."""


@dataclass(frozen=True)
class Flow:
    """What to send: mean rate [packet/s] (0: no pause), duration [s], burst [packet], payload [byte]."""

    to: str
    flow: int
    rate: float
    duration: float
    burst: int = 1
    size: int = 1400
    gso: bool = False


def send(flow: Flow) -> dict[str, Any]:
    """Send `burst` packets every `burst / rate` seconds for `duration` seconds; count and time them.

    Parameters
    ----------
    flow
        Address, rates and durations.

    Returns
    -------
    dict
        packets handed over, refused ones (an error, or a second of waiting), seconds taken, and the push speed
        inside each block [packet/s].
    """
    outlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outlet.connect((flow.to, packet.PORT))
    outlet.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, PATIENCE)
    if flow.gso:
        outlet.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, flow.size)
    period = int(flow.burst / flow.rate * 1e9) if flow.rate else 0
    sent = refused = 0
    speeds: list[float] = []
    begin = due = time.monotonic_ns()
    end = begin + int(flow.duration * 1e9)
    while (now := time.monotonic_ns()) < end:
        if now < due:
            time.sleep((due - now) / 1e9)
            continue
        done, lost = _block(outlet, flow, sent)
        speeds.append(done / ((time.monotonic_ns() - now) / 1e9))
        sent, refused = sent + done, refused + lost
        # a block that was held up is not followed by a second one at once: the mean stays at or below `rate`
        due = max(due + period, now) if flow.burst > 1 else due + period
    return {
        "sent": sent,
        "refused": refused,
        "seconds": (time.monotonic_ns() - begin) / 1e9,
        "block_rates": [round(speed, 1) for speed in speeds] if flow.burst > 1 else [],
    }


def _block(outlet: socket.socket, flow: Flow, first: int) -> tuple[int, int]:
    if flow.gso:
        now = time.monotonic_ns()
        numbers = range(first, first + flow.burst)
        whole = b"".join(packet.pack(flow.flow, number, now, flow.size) for number in numbers)
        return _offer(outlet, whole, flow.burst)
    sent = refused = 0
    for number in range(first, first + flow.burst):
        done, lost = _offer(outlet, packet.pack(flow.flow, number, time.monotonic_ns(), flow.size), 1)
        sent, refused = sent + done, refused + lost
    return sent, refused


def _offer(outlet: socket.socket, payload: bytes, packets: int) -> tuple[int, int]:
    try:
        outlet.send(payload)
    except OSError:
        return 0, packets
    return packets, 0


def serve(connection: Connection, flow: Flow) -> None:
    """Send the flow, then the counts of `send`.

    Parameters
    ----------
    connection
        To the parent.
    flow
        Address, rates and durations.
    """
    connection.send(send(flow))
