"""One row per field of a scenario: default, unit, what is allowed, and what it means; read by everything that asks.

`Scenario`, its checks and its docstring, the coordinates of results, options of the command line, parameters of
notebooks, names and units of sliders, sweep plans and axis labels take these facts from here. Names of drivers, qdiscs
and congestion controls stand in tables of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunbp.model.congestion import CONTROLS
from tunbp.model.drivers import ALIASES, DRIVERS
from tunbp.model.qdiscs import QDISCS, default_limits, shapers

LARGEST_WINDOW = 65535 << 14
"""Bytes that TCP can have in flight: the largest window and the largest scale (RFC 7323)."""

LARGEST_BUFFER = 2**31 - 1
"""Bytes that a socket's buffer can have: a signed integer (`sk_sndbuf`, include/net/sock.h)."""

LARGEST_QUEUE = 2**32 - 1
"""Packets that txqueuelen and a qdisc's limit can be: unsigned integers of 32 bits (include/linux/netdevice.h)."""

LARGEST_SEED = 2**53
"""Whole numbers up to here are told apart as floats, which batches hold."""


@dataclass(frozen=True)
class Field:
    """One field of a scenario.

    Attributes
    ----------
    name, default
        As in `Scenario`.
    long_name
        What axes and tables call it.
    meaning
        What it is, in a sentence.
    units
        SI; empty for names.
    low, closed, high, integer
        Numbers allowed: the bounds, whether the lower one itself is, whether only whole ones are.
    choices
        Names allowed.
    none
        What None means, where it is allowed.
    batch_wide
        Whether one value holds for the whole batch.
    """

    name: str
    default: Any
    long_name: str
    meaning: str
    units: str = ""
    low: float = -math.inf
    closed: bool = True
    high: float = math.inf
    integer: bool = False
    choices: tuple[str, ...] = ()
    none: str = ""
    batch_wide: bool = False

    @property
    def switch(self) -> bool:
        """Whether it is on or off."""
        return isinstance(self.default, bool)

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return ", ".join(self.choices)
        words = f"{'>=' if self.closed else '>'} {exact(self.low)}"
        if math.isfinite(self.high):
            words += f" and <= {exact(self.high)}"
        unit = f" [{self.units}]" if self.units != "1" else ""
        return f"{'whole numbers ' if self.integer else ''}{words}{unit}"

    def __str__(self) -> str:
        """The allowed values in words."""
        return self.allowed

    def holds(self, values: Any) -> Any:
        """Which numbers are allowed: one truth value per element.

        Parameters
        ----------
        values
            Numbers in the field's SI unit.

        Returns
        -------
        float or array
            Truth values in the shape of `values`.
        """
        array = np.asarray(values, float)
        good = (array >= self.low if self.closed else array > self.low) & (array <= self.high) & np.isfinite(array)
        return good & (array == np.floor(array)) if self.integer else good

    @property
    def attributes(self) -> dict[str, str]:
        """`units` and `long_name` of a coordinate that holds this field."""
        return {"units": self.units, "long_name": self.long_name} if self.units else {"long_name": self.long_name}


def exact(bound: float) -> str:
    """A bound with as many digits as it needs.

    Parameters
    ----------
    bound
        End of a range.

    Returns
    -------
    str
        Like ``1e-06``, ``60``, ``4294967295``.
    """
    short = f"{bound:g}"
    return short if float(short) == bound else f"{bound:.17g}"


def _whole(name: str, default: Any, long_name: str, meaning: str, units: str, low: float, **more: Any) -> Field:
    return Field(name, default, long_name, meaning, units, low, integer=True, **more)


def _above_zero(name: str, default: Any, long_name: str, meaning: str, units: str, **more: Any) -> Field:
    return Field(name, default, long_name, meaning, units, 0, closed=False, **more)


def _switch(name: str, default: bool, long_name: str, meaning: str) -> Field:
    return Field(name, default, long_name, meaning, "1", 0, high=1, integer=True)


PATH_BUFFER = 1000
"""Packets that the slowest stage of a path queues when nobody says otherwise."""

_ROWS = (
    Field("driver", "stock", "kernel version", "Stop and wake rules of a kernel version (`tunbp.model.drivers`).",
          choices=(*DRIVERS, *ALIASES)),
    Field("qdisc", "fq_codel", "qdisc", "What queues in front of the ring (netem: a pfifo, its delay is part of "
          "`rtt`).", choices=tuple(QDISCS)),
    _whole("qdisc_limit", None, "qdisc limit", "Packets the qdisc may hold.", "packet", 1,
           high=LARGEST_QUEUE, none=f"the kernel's default ({default_limits()})"),
    _above_zero("qdisc_rate", None, "qdisc rate", f"Rate to which the qdisc shapes, in packets of `mss` "
                f"({shapers()} only).", "packet/s", none="it does not shape"),
    _whole("ring", 500, "txqueuelen", "Ring size N (txqueuelen).", "packet", 1, high=LARGEST_QUEUE),
    _above_zero("drain_rate", 60e3, "reader speed", "Speed mu of the reader; its service time is s = 1/mu.",
                "packet/s"),
    _above_zero("guest_rate", None, "guest speed", "Speed of a second stage on the same host (a guest behind "
                "vhost-net): the slower one decides, and wakes hide behind a slower guest.", "packet/s",
                none="no such stage"),
    _above_zero("burst_rate", 1.8e6, "burst rate", "Speed lambda at which the sender puts a burst into the ring; at or "
                "below the reader's speed bursts never overflow.", "packet/s"),
    Field("rtt", 0.12, "round-trip time", "Round-trip time without queueing.", "s", 1e-6, high=60),
    _above_zero("path_rate", None, "link rate", "Slowest stage behind the reader, in packets of `mss`.", "packet/s",
                none="nothing behind the reader is slower, and the stage costs nothing"),
    _whole("path_buffer", None, "link buffer", "Packets that stage queues before it drops what arrives.", "packet", 1,
           high=LARGEST_QUEUE, none=str(PATH_BUFFER)),
    Field("path_loss", 0.0, "path loss", "Share of packets that the path loses at random.", "1", 0, high=0.9),
    Field("path_loss_burst", 1.0, "loss run", "Mean packets that the path loses in a row.", "packet", 1, high=1e6),
    Field("ack_cost", 0.0, "ACK cost", "Time the reader spends on taking in an ACK.", "s", 0, high=1),
    Field("reader_policy", "link_first", "reader policy", "Which direction a reader serves first: link_first (one "
          "thread, the network before the ring: OpenVPN), fair (one thread, in turns), separate (a thread per "
          "direction: wireguard-go, vhost-net).", choices=("link_first", "fair", "separate")),
    _above_zero("far_rate", None, "far reader speed", "Speed of the reader at the other end; while it is busy with "
                "data, ACKs wait and leave in a bunch.", "packet/s", none="it never limits"),
    Field("far_ack_cost", 0.0, "far ACK cost", "Time the far reader spends on sending an ACK.", "s", 0, high=1),
    _whole("queues", 1, "device queues", "Queues of the device; only one is modelled: flows of a multi-queue device "
           "share no ring, so simulate each queue alone.", "1", 1, high=1),
    Field("mss", 1448, "segment size", "Payload of a segment.", "byte", 1, high=65536),
    Field("gso_segments", 1, "segments per entry", "Segments that one ring entry carries, of TCP and of video frames "
          "(45 where 64 KB packets pass); other sources send single packets.", "segment", 1, high=64),
    Field("receive_window", 3.0e6, "receive window", "Bytes the receiver lets be in flight, per stream.", "byte", 1,
          high=LARGEST_WINDOW),
    Field("send_buffer", None, "send buffer", "Bytes a sender may have in flight, per stream.", "byte", 1,
          high=LARGEST_BUFFER, none="the kernel's autotuning, which follows the receive window"),
    Field("origin", "local", "origin of packets", "local: this host's TCP, which keeps about a millisecond of its rate "
          "in the qdisc (TCP small queues); forwarded: packets of others may fill the qdisc.",
          choices=("local", "forwarded")),
    _switch("hystart", True, "HyStart", "Whether CUBIC leaves slow start where the delay or an ACK train grows."),
    _switch("pacing", False, "pacing", "Whether TCP paces whatever its congestion control is: a connection that begins "
            "under BBR goes on pacing under another, and a program can ask for it (SO_MAX_PACING_RATE)."),
    _switch("ecn", False, "ECN", "Whether CoDel marks packets instead of dropping them."),
    Field("ack_interval", 0.0, "ACK aggregation", "Time G over which ACKs are held back outside of the readers (radio, "
          "GRO) and released together.", "s", 0, high=10),
    Field("delayed_ack", 0.04, "delayed-ACK timeout", "Delayed-ACK timeout (Linux TCP_DELACK_MIN).", "s", 0, high=1),
    Field("idle_latency", 1e-5, "wake-up latency", "Time from the first packet or ACK that meets a sleeping reader "
          "until it runs.", "s", 0, high=1),
    Field("stall_rate", 0.0, "pauses of the reader", "Random pauses of the reader.", "1/s", 0, high=1e5),
    Field("stall_mean", 0.0, "length of pauses", "Mean length of those pauses (exponential).", "s", 0, high=10),
    Field("wake_cost", 0.0, "wake cost", "Time c that one stop/wake cycle takes from the reader: the softirq that runs "
          "the sender's qdisc.", "s", 0, high=1),
    Field("wake_latency", 0.0, "wake latency", "Time from a wake until the first new packet is in the ring; the reader "
          "starves when that is longer than what the ring still holds.", "s", 0, high=1),
    Field("patch_overhead", 0.0, "patch overhead", "Time o the patched code takes per packet (negative where a "
          "standing ring makes the reader faster).", "s", -1e-3, high=1),
    Field("contention", 0.0, "contention", "Extra time per packet when packets of several senders alternate.", "s",
          -1e-3, high=1),
    Field("contention_wait", 0.0, "contention of waiting senders", "The same, scaled by the share of the ring that is "
          "drained before the wake.", "s", 0, high=1),
    _whole("streams", 1, "streams", "TCP flows, or threads of a source without feedback.", "1", 1, high=64),
    Field("congestion", next(iter(CONTROLS)), "congestion control", "TCP's congestion control.",
          choices=tuple(CONTROLS)),
    Field("source", "tcp", "source", "tcp; open: `offered_rate` per stream (UDP); pktgen: the same past the qdisc, "
          "waiting while the queue is stopped (start_xmit mode); frames: `frame_rate` frames per second.",
          choices=("tcp", "open", "frames", "pktgen")),
    _above_zero("offered_rate", None, "offered rate", "Rate of a source without feedback, per stream.", "packet/s",
                none="no such source"),
    _above_zero("frame_rate", 30.0, "frame rate", "Frames per second.", "1/s", high=1e4),
    Field("frame_packets", 1, "packets per frame", "Packets of a frame.", "packet", 1, high=1e6),
    Field("iframe_packets", 1, "packets per I-frame", "Packets of an I-frame.", "packet", 1, high=1e6),
    _whole("iframe_every", 30, "I-frame distance", "Frames from one I-frame to the next.", "1", 1, high=1e6),
    _above_zero("duration", 60.0, "duration", "Simulated time.", "s", high=1e5, batch_wide=True),
    Field("warmup", 0.0, "warm-up", "Time at the start that totals leave out.", "s", 0),
    _above_zero("interval", None, "sample interval", "Spacing of the time series.", "s", none="no series",
                batch_wide=True),
    _above_zero("dt", None, "time step", "Time step of the fluid engine.", "s", high=1,
                none="chosen from `rtt` and the ring", batch_wide=True),
    _whole("seed", 0, "seed", "Seed of the scenario's own random stream.", "1", 0, high=LARGEST_SEED),
)  # fmt: skip

FIELDS = {row.name: row for row in _ROWS}
"""Rows by the field's name, in the order of `Scenario`."""

CHOICES = {row.name: row.choices for row in _ROWS if row.choices}
RANGES = {row.name: row for row in _ROWS if not row.choices}
BATCH_WIDE = tuple(row.name for row in _ROWS if row.batch_wide)
OPTIONAL = tuple(row.name for row in _ROWS if row.none)


def parameters() -> str:
    """The fields as a Parameters section of numpydoc."""
    lines = ["Parameters", "----------"]
    for row in _ROWS:
        kind = "str" if row.choices else "bool" if row.switch else "int" if row.integer else "float"
        scope = "" if row.batch_wide else " or DataArray"
        lines.append(f"{row.name} : {kind}{scope}{', optional' if row.none else ''}, default {row.default!r}")
        lines.append(f"    {row.meaning} Allowed: {row.allowed}.{f' None: {row.none}.' if row.none else ''}")
    return "\n".join(lines)
