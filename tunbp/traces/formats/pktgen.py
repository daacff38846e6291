"""pktgen: `/proc/net/pktgen/*` dumps and the result lines of the kernel's sample scripts."""

from __future__ import annotations

import itertools
import re

import numpy as np
import xarray as xr

from tunbp.traces.build import as_counts, build, floats, text
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "pktgen"
RESULT = re.compile(
    rb"Result: OK: (\d{1,18})\(c(\d{1,18})\+d(\d{1,18})\) (usec|nsec), "
    rb"(\d{1,18}) \((\d{1,9})byte,(\d{1,9})frags\)"
    rb"\s{1,64}(\d{1,18})pps (\d{1,18})Mb/sec \((\d{1,20})bps\) errors: (\d{1,18})"
)
DEVICE = re.compile(rb"^Device: (\S{1,64})", re.MULTILINE)
INTERFACE = re.compile(rb"\bifname: (\S{1,64})")
RESULT_LIMIT = 4096


def recognize(source: Source) -> bool:
    """Whether the file holds pktgen results or dumps."""
    return b"Result: OK:" in source.data or (b"pkts-sofar:" in source.data and b"Params: count" in source.data)


def read(source: Source) -> list[xr.Dataset]:
    """Packets, errors and rates of each thread along `queue`; results without a device are separate runs.

    `sent` counts what pktgen handed over, `send_errors` what the device refused; `duration` is that of the
    longest thread. A thread's rate is the one pktgen printed, the total is their sum.

    Raises
    ------
    TraceError
        If there is no complete result.
    """
    results = list(itertools.islice(RESULT.finditer(source.data), RESULT_LIMIT + 1))
    if not results:
        raise source.error("no complete result (Result: OK: ... pps): pktgen was not stopped or is cut off",
                           len(source.data))  # fmt: skip
    if len(results) > RESULT_LIMIT:
        raise source.error(f"more than {RESULT_LIMIT} results; split the file")
    if len(results) < source.data.count(b"Result: OK:"):
        source.warn("a result is cut off and left out")
    names = [_device(source, results, index) for index in range(len(results))]
    if len(results) > 1 and not any(names):
        return [_dataset(source, [result], [""]) for result in results]
    if len(set(names)) < len(names):
        names = [f"{name or 'thread'} #{number}" for number, name in enumerate(names, 1)]
    return [_dataset(source, results, names)]


def _device(source: Source, results: list[re.Match[bytes]], index: int) -> str:
    """The device named between the previous result and this one, empty if there is none."""
    begin = results[index - 1].end() if index else 0
    for pattern in (DEVICE, INTERFACE):
        found = list(pattern.finditer(source.data, begin, results[index].start()))
        if found:
            return found[-1][1].decode("utf-8", "replace")
    return ""


def _scale(result: re.Match[bytes]) -> float:
    """Seconds per unit of the times; before 3.14 kernels wrote "nsec" where the numbers are microseconds."""
    seconds = float(result[5]) / rate if (rate := float(result[8])) else 0.0
    if result[4] == b"usec" or not seconds:
        return 1e-6 if result[4] == b"usec" else 1e-9
    return 1e-6 if abs(float(result[1]) * 1e-6 / seconds - 1) < abs(float(result[1]) * 1e-9 / seconds - 1) else 1e-9


def _dataset(source: Source, results: list[re.Match[bytes]], names: list[str]) -> xr.Dataset:
    """Threads of one run along `queue`, and their totals."""

    def of(group: int) -> np.ndarray:
        return floats(float(result[group]) for result in results)

    scale = np.array([_scale(result) for result in results])
    columns = {
        "thread_sent": (("queue",), as_counts(of(5))),
        "thread_rate": (("queue",), of(8)),
        "thread_errors": (("queue",), as_counts(of(11))),
        "thread_duration": (("queue",), of(1) * scale),
        "thread_idle": (("queue",), of(3) * scale),
        "packet_size": (("queue",), as_counts(of(6))),
        "sent": ((), as_counts(of(5).sum(keepdims=True))[0]),
        "sent_packet_rate": ((), of(8).sum()),
        "sent_rate": ((), of(10).sum()),
        "send_errors": ((), as_counts(of(11).sum(keepdims=True))[0]),
        "duration": ((), (of(1) * scale).max()),
    }
    return build(source, columns, {"queue": (("queue",), text([name or TOOL for name in names]))}, tool=TOOL)


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="/proc/net/pktgen/*, kernel sample scripts",
    versions="any",
    gives="packets, rates, errors and idle time of each thread",
)
