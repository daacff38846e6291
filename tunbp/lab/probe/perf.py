"""Recording of tracepoints by `perf_event_open(2)`: everything stays in the kernel's buffers until it is stopped.

One buffer per tracepoint and processor: all its records have one length, so numpy reads them without a loop, and
a buffer that is full says so by a count that is larger than its number of records. The file descriptors are all
that exists, and they close with the process, however it ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunbp.errors import LabError
from tunbp.lab.probe.tracefs import Tracepoint

CALL_NUMBERS = {
    "x86_64": 298, "aarch64": 241, "riscv64": 241, "loongarch64": 241, "ppc64le": 319, "s390x": 331,
}  # fmt: skip
"""Number of `perf_event_open` by machine (`arch/*/entry/syscalls/*.tbl`)."""

PERF_TYPE_TRACEPOINT = 2
PERF_SAMPLE_TIME, PERF_SAMPLE_RAW = 1 << 2, 1 << 10
PERF_FLAG_FD_CLOEXEC = 8
DISABLED, WATERMARK, USE_CLOCKID = 1 << 0, 1 << 14, 1 << 25
ENABLE, DISABLE, SET_FILTER = 0x2400, 0x2401, 0x40082406
NEVER = 0x7FFFFFFF
ATTRIBUTES = struct.Struct("=IIQQQQQIIQQQQIiQIHH")
"""`struct perf_event_attr`, version 5 (112 bytes): type, size, config, period, sample_type, read_format, flags,
wakeup_watermark, bp_type, config1, config2, branch, regs_user, stack_user, clockid, regs_intr, aux_watermark,
max_stack, reserved."""

HEAD, TAIL, DATA_OFFSET = 1024, 1032, 1040
"""Offsets in `struct perf_event_mmap_page`."""
PERF_RECORD_SAMPLE = 9
RAW = 20
"""Bytes of a record before the tracepoint's own fields: header (8), time (8), length of what follows (4)."""
HEADER = np.dtype([("type", "<u4"), ("misc", "<u2"), ("size", "<u2"), ("time", "<u8")])

RIGHTS = (
    "run as root of the machine, or with CAP_PERFMON and CAP_SYS_ADMIN (a container or a user namespace is not "
    "enough). Without these rights `tunbp lab probe DEV --coarse` gives what /proc shows"
)

_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Request:
    """A tracepoint to record: filter in the kernel's own language, and buffer per processor [byte, a power of 2]."""

    tracepoint: Tracepoint
    filter: str
    size: int


@dataclass(frozen=True)
class Window:
    """What one window recorded.

    Attributes
    ----------
    begin, end : int
        CLOCK_MONOTONIC between which every tracepoint was recorded completely [ns].
    records : dict
        Tracepoint's name -> structured array with `time`, `cpu` and the fields, in order of time.
    lost : dict
        Tracepoint's name -> records that found their buffer full; `end` lies before the first of them.
    """

    begin: int
    end: int
    records: dict[str, NDArray[Any]]
    lost: dict[str, int] = field(default_factory=dict)


class Buffer:
    """One tracepoint on one processor: file descriptor and mapped memory."""

    def __init__(self, request: Request, cpu: int) -> None:
        self.request, self.cpu = request, cpu
        self.fd = _open(request.tracepoint.id, cpu)
        self.counted = 0
        try:
            self.set_filter(request.filter)
            self.memory = mmap.mmap(self.fd, mmap.PAGESIZE + request.size)
        except OSError as error:
            os.close(self.fd)
            raise LabError(
                f"cannot record {request.tracepoint.name} with filter {request.filter!r} in {request.size} bytes: "
                f"{error.strerror}; What to do: {RIGHTS}"
            ) from error

    def set_filter(self, text: str) -> None:
        """Replace the filter."""
        if text:
            fcntl.ioctl(self.fd, SET_FILTER, text.encode() + b"\0")

    def switch(self, request: int) -> None:
        """Enable or disable."""
        fcntl.ioctl(self.fd, request, 0)

    def take(self) -> tuple[bytes, int]:
        """Take out all bytes, and the number of events counted since the last time; while disabled."""
        counted = struct.unpack("=Q", os.read(self.fd, 8))[0]
        head, tail, offset = (struct.unpack_from("=Q", self.memory, place)[0] for place in (HEAD, TAIL, DATA_OFFSET))
        size = self.request.size
        first, last = tail % size, head % size
        if head == tail:
            content = b""
        elif first < last:
            content = self.memory[offset + first : offset + last]
        else:  # the records go round the end of the buffer
            content = self.memory[offset + first : offset + size] + self.memory[offset : offset + last]
        struct.pack_into("=Q", self.memory, TAIL, head)
        new, self.counted = counted - self.counted, counted
        return content, new

    def close(self) -> None:
        """Give back memory and file descriptor."""
        self.memory.close()
        os.close(self.fd)


def _open(tracepoint: int, cpu: int) -> int:
    number = CALL_NUMBERS.get(os.uname().machine)
    if number is None:
        raise LabError(f"the number of perf_event_open on {os.uname().machine} is not known here; use --coarse")
    attributes = ATTRIBUTES.pack(
        PERF_TYPE_TRACEPOINT, ATTRIBUTES.size, tracepoint, 1, PERF_SAMPLE_TIME | PERF_SAMPLE_RAW, 0,
        DISABLED | WATERMARK | USE_CLOCKID, NEVER, 0, 0, 0, 0, 0, 0, time.CLOCK_MONOTONIC, 0, 0, 0, 0,
    )  # fmt: skip
    fd = int(_LIBC.syscall(number, attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC))
    if fd < 0:
        raise LabError(f"perf_event_open: {os.strerror(ctypes.get_errno())}; What to do: {RIGHTS}")
    return fd


class Session:
    """Open buffers of several tracepoints on all processors; see `session`."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.buffers = buffers
        self.begin = self.end = 0

    def set_filters(self, filters: Mapping[str, str]) -> None:
        """Replace filters by tracepoint's name, between two windows."""
        for buffer in self.buffers:
            name = buffer.request.tracepoint.name
            if name in filters:
                buffer.set_filter(filters[name])

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what happens inside."""
        try:
            for buffer in self.buffers:
                buffer.switch(ENABLE)
            self.begin = time.monotonic_ns()
            yield
            self.end = time.monotonic_ns()
        finally:
            for buffer in self.buffers:
                buffer.switch(DISABLE)

    def take(self) -> Window:
        """Take what the last recording left in the kernel's buffers."""
        begin, end = self.begin, self.end
        parts: dict[str, list[NDArray[Any]]] = {}
        lost: dict[str, int] = {}
        for buffer in self.buffers:
            name = buffer.request.tracepoint.name
            content, counted = buffer.take()
            array = decode(content, buffer.request.tracepoint, buffer.cpu)
            parts.setdefault(name, []).append(array)
            if counted > array.size:
                lost[name] = lost.get(name, 0) + counted - array.size
                end = min(end, int(array["time"][-1]) if array.size else begin)
        joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
        ordered = {name: array[np.argsort(array["time"], kind="stable")] for name, array in joined.items()}
        kept = {name: array[(array["time"] >= begin) & (array["time"] <= end)] for name, array in ordered.items()}
        return Window(begin, end, kept, lost)


def decode(content: bytes, tracepoint: Tracepoint, cpu: int) -> NDArray[Any]:
    """Records of one buffer: a structured array of `time` [ns], `cpu` and the tracepoint's numeric fields."""
    fields = {name: place for name, place in tracepoint.fields.items() if place.size in (1, 2, 4, 8)}
    target = np.dtype([("time", "<i8"), ("cpu", "<i2"), *((name, _code(place)) for name, place in fields.items())])
    if len(content) < RAW:
        return np.empty(0, target)
    size = int(np.frombuffer(content, HEADER, 1)["size"][0])
    kind = int(np.frombuffer(content, HEADER, 1)["type"][0])
    if kind != PERF_RECORD_SAMPLE or len(content) % size or not _even(content, size):
        content, size = _samples(content)
    if not size:
        return np.empty(0, target)
    inside = [(name, place) for name, place in fields.items() if RAW + place.offset + place.size <= size]
    layout = np.dtype(
        {
            "names": ["time", *(name for name, _ in inside)],
            "formats": ["<i8", *(_code(place) for _, place in inside)],
            "offsets": [8, *(RAW + place.offset for _, place in inside)],
            "itemsize": size,
        }
    )
    raw = np.frombuffer(content, layout)
    result = np.zeros(raw.size, target)
    for name in layout.names or ():
        result[name] = raw[name]
    result["cpu"] = cpu
    return result


def _code(place: Any) -> str:
    return f"<{'i' if place.signed else 'u'}{place.size}"


def _even(content: bytes, size: int) -> bool:
    """Whether all records are samples of one length."""
    heads = np.frombuffer(content, np.dtype({"names": ["type", "size"], "formats": ["<u4", "<u2"],
                                             "offsets": [0, 6], "itemsize": size}))  # fmt: skip
    return bool((heads["type"] == PERF_RECORD_SAMPLE).all() and (heads["size"] == size).all())


def _samples(content: bytes) -> tuple[bytes, int]:
    """Only the samples of the commonest length, and that length; record by record."""
    found: dict[int, list[bytes]] = {}
    place = 0
    while place + 8 <= len(content):
        kind, _, size = struct.unpack_from("=IHH", content, place)
        if size < 8:
            break
        if kind == PERF_RECORD_SAMPLE:
            found.setdefault(size, []).append(content[place : place + size])
        place += size
    if not found:
        return b"", 0
    size = max(found, key=lambda length: len(found[length]))
    return b"".join(found[size]), size


@contextmanager
def session(requests: Sequence[Request], cpus: Sequence[int]) -> Iterator[Session]:
    """Buffers of all requests on all processors, stopped; closed at the end.

    Raises
    ------
    LabError
        If the kernel refuses: what is missing and how to get it.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        buffers = []
        for cpu in cpus:
            for request in requests:
                buffer = Buffer(request, cpu)
                stack.callback(buffer.close)
                buffers.append(buffer)
        yield Session(buffers)
