"""The test packet that sender and reader share: flow, sequence number, send time."""

from __future__ import annotations

import struct

PORT = 40404
MAGIC = 0x74756E62
HEADER = struct.Struct("!IB3xQQ")
IP_AND_UDP = 28
"""Bytes of the IPv4 and UDP headers that stand before the payload on a tun device."""
ETHERNET = 14
BULK, SPARSE = 1, 2


def pack(flow: int, sequence: int, time_ns: int, size: int) -> bytes:
    """UDP payload of `size` bytes for one test packet; `time_ns` is CLOCK_MONOTONIC in nanoseconds.

    Parameters
    ----------
    flow
        Number of the flow.
    sequence
        Number of the packet.
    time_ns
        CLOCK_MONOTONIC, ns.
    size
        Bytes.

    Returns
    -------
    bytes
        The payload.
    """
    return HEADER.pack(MAGIC, flow, sequence, time_ns).ljust(size, b"\0")


def unpack(frame: bytes, offset: int = IP_AND_UDP) -> tuple[int, int, int] | None:
    """(flow, sequence, time_ns) of a frame read from the device, or None if it is not a test packet.

    Parameters
    ----------
    frame
        What was read.
    offset
        Bytes before the payload.

    Returns
    -------
    tuple[int, int, int] | None
        Flow, sequence and ns.
    """
    if len(frame) < offset + HEADER.size:
        return None
    magic, flow, sequence, time_ns = HEADER.unpack_from(frame, offset)
    return (flow, sequence, time_ns) if magic == MAGIC else None
