"""Receive logs of the tun validation tools: packets counted by the reader of a tun or tap device."""

from __future__ import annotations

import collections
import re

import xarray as xr

from tunbp.traces.build import as_counts, build, floats
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "tun receive log"
RESULT = re.compile(
    rb"packets_received:\s{0,9}(\d{1,18})\s{0,9}\|\s{0,9}packets_lost:\s{0,9}(\d{1,18})"
    rb"(?:\s{0,9}\|\s{0,9}Speed \[Byte/s\]:\s{0,9}([\d.eE+-]{1,30}))?"
)
SETTING = re.compile(rb"^(wait_time_nanos|run_time_ns|RECEIVED_PACKET_SIZE):\s{0,9}(\d{1,18})", re.MULTILINE)
DEVICE = re.compile(rb"^Device (\S{1,32}) opened", re.MULTILINE)


def recognize(source: Source) -> bool:
    """Whether the file counts `packets_received` and `packets_lost`."""
    return b"packets_received:" in source.data and b"packets_lost:" in source.data


def read(source: Source) -> list[xr.Dataset]:
    """Received and lost packets, rate and duration of one run.

    Raises
    ------
    TraceError
        If there is no complete result line.
    """
    last = collections.deque(RESULT.finditer(source.data), maxlen=1)
    if not last:
        raise source.error("no complete result line (packets_received, packets_lost)", len(source.data))
    result = last[0]
    if source.data.count(b"packets_received:") > 1:
        source.warn("several result lines; the last is taken")
    setting = {match[1].decode(): float(match[2]) for match in SETTING.finditer(source.data)}
    received, lost = float(result[1]), float(result[2])
    duration = setting.get("run_time_ns", float("nan")) * 1e-9
    try:
        speed = float(result[3]) if result[3] else float("nan")
    except ValueError:
        raise source.error("the speed is not a number", result.start(3)) from None
    device = DEVICE.search(source.data)
    columns = {
        "delivered": ((), as_counts(floats([received]))[0]),
        "total_lost_packets": ((), as_counts(floats([lost]))[0]),
        "drop_fraction": ((), lost / (received + lost) if received + lost else float("nan")),
        "received_rate": ((), speed * 8),
        "transmitted_rate": ((), received / duration if duration > 0 else float("nan")),
        "packet_size": ((), setting.get("RECEIVED_PACKET_SIZE", float("nan"))),
        "duration": ((), duration),
    }
    name = device[1].decode("utf-8", "replace") if device else ""
    return [build(source, columns, tool=TOOL, device=name)]


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="receive log of the tun validation tools",
    versions="any",
    gives="packets received and lost, rate",
)
