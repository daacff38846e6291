"""What is simulated: device, driver, reader, path, TCP and load as one frozen, validated `Scenario`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from tunbp.errors import ScenarioError
from tunbp.model.drivers import ALIASES, DRIVERS
from tunbp.model.qdiscs import QDISCS

Number: TypeAlias = float | int | xr.DataArray
Text: TypeAlias = str | xr.DataArray
Switch: TypeAlias = bool | xr.DataArray

CONGESTIONS = ("cubic", "reno", "bbr")
SOURCES = ("tcp", "open", "frames", "pktgen")
POLICIES = ("link_first", "fair", "separate")
ORIGINS = ("local", "forwarded")

CHOICES: dict[str, tuple[str, ...]] = {
    "driver": (*DRIVERS, *ALIASES),
    "qdisc": QDISCS,
    "congestion": CONGESTIONS,
    "source": SOURCES,
    "reader_policy": POLICIES,
    "origin": ORIGINS,
}


@dataclass(frozen=True)
class Range:
    """What a numeric field allows: unit, lower and upper bound, whether the lower bound itself is allowed."""

    units: str
    low: float
    closed: bool = True
    high: float = math.inf
    integer: bool = False

    def __str__(self) -> str:
        """The allowed values in words."""
        words = f"{'>=' if self.closed else '>'} {self.low:g}"
        if math.isfinite(self.high):
            words += f" and <= {self.high:g}"
        return f"{'whole numbers ' if self.integer else ''}{words} [{self.units}]"


RANGES: dict[str, Range] = {
    "ring": Range("packet", 1, integer=True),
    "qdisc_limit": Range("packet", 1, integer=True),
    "drain_rate": Range("packet/s", 0, closed=False),
    "guest_rate": Range("packet/s", 0, closed=False),
    "burst_rate": Range("packet/s", 0, closed=False),
    "rtt": Range("s", 0, closed=False, high=60),
    "path_rate": Range("packet/s", 0, closed=False),
    "path_buffer": Range("packet", 1, integer=True),
    "path_loss": Range("1", 0, high=0.9),
    "path_loss_burst": Range("packet", 1, high=1e6),
    "ack_cost": Range("s", 0, high=1),
    "far_rate": Range("packet/s", 0, closed=False),
    "far_ack_cost": Range("s", 0, high=1),
    "queues": Range("1", 1, high=1, integer=True),
    "mss": Range("byte", 1, high=65536),
    "gso_segments": Range("segment", 1, high=64),
    "receive_window": Range("byte", 1),
    "send_buffer": Range("byte", 1),
    "hystart": Range("1", 0, high=1, integer=True),
    "ecn": Range("1", 0, high=1, integer=True),
    "ack_interval": Range("s", 0, high=10),
    "delayed_ack": Range("s", 0, high=1),
    "idle_latency": Range("s", 0, high=1),
    "stall_rate": Range("1/s", 0, high=1e5),
    "stall_mean": Range("s", 0, high=10),
    "wake_cost": Range("s", 0, high=1),
    "wake_latency": Range("s", 0, high=1),
    "patch_overhead": Range("s", -1e-3, high=1),
    "contention": Range("s", -1e-3, high=1),
    "contention_wait": Range("s", 0, high=1),
    "streams": Range("1", 1, high=64, integer=True),
    "offered_rate": Range("packet/s", 0, closed=False),
    "frame_rate": Range("1/s", 0, closed=False, high=1e4),
    "frame_packets": Range("packet", 1),
    "iframe_packets": Range("packet", 1),
    "iframe_every": Range("1", 1, integer=True),
    "duration": Range("s", 0, closed=False, high=1e5),
    "warmup": Range("s", 0),
    "interval": Range("s", 0, closed=False),
    "dt": Range("s", 0, closed=False, high=1),
    "seed": Range("1", 0, integer=True),
}
# fields that hold for the whole batch, and where None means "automatic" or "off"
BATCH_WIDE = ("duration", "interval", "dt")
OPTIONAL = (
    "interval", "dt", "qdisc_limit", "offered_rate", "guest_rate", "path_rate", "path_buffer", "far_rate",
    "send_buffer",
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """One scenario or, where fields are of type `xarray.DataArray`, the whole batch that their dims span.

    Every field may be a scalar or a DataArray; dims combine by name. `duration`, `interval` and `dt` hold for the
    whole batch. All values are SI: seconds, bytes, packets, packets per second.

    Parameters
    ----------
    driver
        Kernel version's stop and wake rules, a name of `tunbp.model.drivers.DRIVERS`: "stock", "v3", ..., "7.3".
    qdisc
        "noqueue", "pfifo", "pfifo_fast", "fq_codel" or "netem" (a pfifo whose delay is part of `rtt`).
    qdisc_limit
        Packets the qdisc may hold; None: the ring's size for pfifo and pfifo_fast (txqueuelen sets both), 10240
        for fq_codel, 1000 for netem (the kernel's defaults).
    ring
        Ring size N, packets (txqueuelen).
    drain_rate
        Speed mu of the reader, packets/s; its service time is s = 1/mu.
    guest_rate
        Speed of a second stage behind the reader (a guest behind vhost-net), packets/s; None: no such stage. The
        slower stage decides, and the reader's wake work hides behind a slower guest.
    burst_rate
        Speed lambda at which the sender pushes a burst into the ring, packets/s. At or below `drain_rate` bursts
        never overflow.
    rtt
        Round-trip time without queueing, s.
    path_rate, path_buffer
        Slowest stage behind the reader, packets/s of `mss` (None: nothing behind the reader is slower, and the stage
        costs nothing), and the packets it queues before it drops what arrives (None: 1000).
    path_loss, path_loss_burst
        Share of packets that the path loses at random, and mean packets lost in a row.
    ack_cost, reader_policy
        Time the reader spends on an ACK that comes back, s; and which direction it serves first: "link_first" (one
        thread, what comes from the network before what is in the ring: OpenVPN), "fair" (one thread, in turns),
        "separate" (a thread per direction: wireguard-go, vhost-net).
    far_rate, far_ack_cost
        The reader at the other end, under the same policy: packets/s that it takes from the network (None: it never
        limits) and time it spends on sending an ACK, s. While it is busy with data, ACKs wait and leave in a bunch.
    queues
        Queues of the device; only 1 is modelled (flows of a multi-queue device share no ring: simulate each alone).
    mss, gso_segments
        Payload of a segment in bytes, and segments that one ring entry carries (45 where 64 KB packets pass).
    receive_window
        Bytes the receiver lets be in flight, per stream.
    send_buffer
        Bytes a sender may have in flight, per stream; None: the kernel's autotuning, which follows the receive window.
    origin
        "local": the sender is this host's TCP, which keeps about a millisecond of its rate in the qdisc (TCP small
        queues); "forwarded": packets come from elsewhere and may fill the qdisc.
    hystart
        Whether CUBIC leaves slow start where delays or ACK trains grow (Linux's default), before anything is lost.
    ecn
        Whether CoDel marks packets instead of dropping them.
    ack_interval
        Time G over which ACKs are held back and released together, s.
    delayed_ack
        Delayed-ACK timeout, s (Linux TCP_DELACK_MIN, 40 ms).
    idle_latency
        Time from the first packet or ACK that meets a sleeping reader until it runs, s.
    stall_rate, stall_mean
        Random pauses of the reader: events per second, and their mean length in seconds (exponential).
    wake_cost, wake_latency, patch_overhead
        Time one stop/wake cycle takes from the reader (c, s); time from the wake until the first new packet is in
        the ring (s; the reader starves when that is longer than what the ring still holds); time the patched code
        takes per packet (o, s; negative where a standing ring makes the reader faster).
    contention, contention_wait
        Extra time per packet when packets of several senders alternate (s); the second is scaled by the share of
        the ring that is drained before the wake.
    streams
        TCP flows, or threads of an open-loop source, 1..64.
    congestion
        "cubic", "reno" or "bbr".
    source
        "tcp"; "open": `offered_rate` per stream (UDP); "pktgen": the same, past the qdisc, waiting while the queue is
        stopped (pktgen's start_xmit mode); "frames": `frame_rate` frames per second of
        `frame_packets`, every `iframe_every`-th of `iframe_packets`.
    duration, warmup, interval
        Simulated time; time at the start that totals leave out; spacing of the time series (None: no series), s.
    dt
        Time step in s; None: chosen from `rtt` and the ring.
    seed
        Seed of the scenario's own random stream.
    """

    driver: Text = "stock"
    qdisc: Text = "fq_codel"
    qdisc_limit: Number | None = None
    ring: Number = 500
    drain_rate: Number = 60e3
    guest_rate: Number | None = None
    burst_rate: Number = 1.8e6
    rtt: Number = 0.12
    path_rate: Number | None = None
    path_buffer: Number | None = None
    path_loss: Number = 0.0
    path_loss_burst: Number = 1.0
    ack_cost: Number = 0.0
    reader_policy: Text = "link_first"
    far_rate: Number | None = None
    far_ack_cost: Number = 0.0
    queues: Number = 1
    mss: Number = 1448
    gso_segments: Number = 1
    receive_window: Number = 3.0e6
    send_buffer: Number | None = None
    origin: Text = "local"
    hystart: Switch = True
    ecn: Switch = False
    ack_interval: Number = 0.0
    delayed_ack: Number = 0.04
    idle_latency: Number = 1e-5
    stall_rate: Number = 0.0
    stall_mean: Number = 0.0
    wake_cost: Number = 0.0
    wake_latency: Number = 0.0
    patch_overhead: Number = 0.0
    contention: Number = 0.0
    contention_wait: Number = 0.0
    streams: Number = 1
    congestion: Text = "cubic"
    source: Text = "tcp"
    offered_rate: Number | None = None
    frame_rate: Number = 30.0
    frame_packets: Number = 1
    iframe_packets: Number = 1
    iframe_every: Number = 30
    duration: float = 60.0
    warmup: Number = 0.0
    interval: float | None = None
    dt: float | None = None
    seed: Number = 0

    def __post_init__(self) -> None:
        """Check every field.

        Raises
        ------
        ScenarioError
            Names the first field that is wrong, its value, and what is allowed.
        """
        for name, allowed in CHOICES.items():
            _check_choice(name, getattr(self, name), allowed)
        for name, allowed_range in RANGES.items():
            _check_number(name, getattr(self, name), allowed_range)
        if self.offered_rate is None and np.isin(_values(self.source), ("open", "pktgen")).any():
            raise ScenarioError("offered_rate: None; an open-loop source needs a rate > 0 [packet/s]")
        if np.any(_values(self.warmup) >= self.duration):
            raise ScenarioError(f"warmup: {self.warmup}; must be shorter than duration = {self.duration:g} s")

    def replace(self, **changes: Any) -> Scenario:
        """The same scenario with some fields changed (and checked again).

        Raises
        ------
        ScenarioError
            If a field is unknown or its new value is not allowed.
        """
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise ScenarioError(f"{name}: not a field of Scenario; known: {', '.join(sorted(known))}")
        return replace(self, **changes)

    def chunk(self, sizes: Mapping[str, int] | None = None, **more: int) -> Chunked:
        """The same batch in chunks: `simulate` of it is a Dataset that Dask computes when asked for.

        Parameters
        ----------
        sizes, **more
            Scenarios per chunk along each dim; a dim that is not named stays whole.

        Raises
        ------
        ScenarioError
            If a dim is unknown or a size is not a whole number above zero.
        """
        return Chunked(self, {**(sizes or {}), **more})

    def parameters(self) -> dict[str, Any]:
        """All fields by name, unevaluated (scalars and DataArrays)."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def broadcast(self) -> dict[str, xr.DataArray]:
        """Every per-scenario field broadcast against the others: all have the batch's dims and coordinates."""
        varying = {k: v for k, v in self.parameters().items() if k not in BATCH_WIDE}
        arrays = {
            k: v.rename(None) if isinstance(v, xr.DataArray) else xr.DataArray(np.nan if v is None else v)
            for k, v in varying.items()
        }
        return dict(zip(arrays, xr.broadcast(*arrays.values()), strict=True))


@dataclass(frozen=True)
class Chunked:
    """A batch and the sizes of its chunks; made by `Scenario.chunk`."""

    scenario: Scenario
    sizes: Mapping[str, int]

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises
        ------
        ScenarioError
            If a dim is unknown, a size is not allowed, or there is no dim at all.
        """
        known = sizes_of(self.scenario)
        if not known:
            raise ScenarioError("chunk: this is a single scenario; give at least one field as a DataArray")
        for dim, size in self.sizes.items():
            if dim not in known:
                raise ScenarioError(f"chunk: {dim!r} is not a dim of the batch; known: {', '.join(known)}")
            if not isinstance(size, int | np.integer) or size < 1:
                raise ScenarioError(f"chunk: {dim} = {size!r}; allowed: whole numbers >= 1")


def varying(scenario: Scenario) -> dict[str, xr.DataArray]:
    """Fields that are DataArrays with at least one dim, in the order of the fields."""
    fields = scenario.parameters().items()
    return {name: value for name, value in fields if isinstance(value, xr.DataArray) and value.dims}


def sizes_of(scenario: Scenario) -> dict[str, int]:
    """Dims of the batch and their lengths; empty for a single scenario."""
    return {str(dim): size for field in varying(scenario).values() for dim, size in field.sizes.items()}


def _values(value: Number | Text) -> np.ndarray[Any, Any]:
    return np.asarray(value.values if isinstance(value, xr.DataArray) else value)


def _check_choice(name: str, value: Text, allowed: tuple[str, ...]) -> None:
    for item in np.unique(_values(value).astype(object).ravel()):
        if not isinstance(item, str) or item not in allowed:
            raise ScenarioError(f"{name}: {item!r} is not known; allowed: {', '.join(allowed)}")


def _check_number(name: str, value: Number | None, allowed: Range) -> None:
    if value is None:
        if name in OPTIONAL:
            return
        raise ScenarioError(f"{name}: None; allowed: {allowed}")
    if name in BATCH_WIDE and isinstance(value, xr.DataArray):
        raise ScenarioError(f"{name}: one value holds for the whole batch; got dims {value.dims}")
    array = _values(value)
    if array.dtype.kind not in ("iufb" if allowed.high == 1 and allowed.integer else "iuf"):
        raise ScenarioError(f"{name}: {value!r} is not a number; allowed: {allowed}")
    low = array >= allowed.low if allowed.closed else array > allowed.low
    good = low & (array <= allowed.high) & np.isfinite(array)
    if allowed.integer:
        good &= array == np.floor(array)
    if name in OPTIONAL:
        good |= np.isnan(array)
    if not good.all():
        raise ScenarioError(f"{name}: {array[~good].ravel()[0]:g} is not allowed; allowed: {allowed}")
