"""The relay: a delay line in user space, where the kernel has no netem or the experiment asks for it.

Two UDP end points talk to the relay instead of to each other. The program is `relay.c`; it measures its own
lateness, which goes into the record of the run.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import compiled, process
from tunbp.lab.namespaces import Namespace

LATE_FRACTION = 0.01
"""A run is marked when more of its packets than this were over a millisecond late."""


@dataclass(frozen=True)
class Line:
    """What the relay does to each direction.

    Parameters
    ----------
    delay
        Time a packet takes [s].
    jitter
        The delay varies uniformly by this much on both sides [s]; packets keep their order.
    rate
        Speed of the link before the delay [bit/s of IP packets]; 0: no link.
    buffer
        Packets that wait for the link or are on it; more are dropped.
    loss
        Share of packets lost at random.
    loss_burst
        Mean number of packets lost in a row.
    """

    delay: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    buffer: int = 1000
    loss: float = 0.0
    loss_burst: float = 1.0


@dataclass(frozen=True)
class Ends:
    """UDP addresses of the relay and of the two that it connects."""

    left: str
    left_peer: str
    right: str
    right_peer: str
    port: int


class Relay:
    """A running relay; `stop` ends it and returns its report."""

    def __init__(self, child: subprocess.Popen[bytes], log: Path) -> None:
        self.child, self._log = child, log

    def stop(self) -> dict[str, Any]:
        """End the relay.

        Returns
        -------
        dict
            Its report: scheduling class, processor time [s], and for each direction the packets received,
            forwarded and dropped by cause, and a histogram of their lateness; see `summary`.

        Raises
        ------
        LabError
            If it has failed.
        """
        process.stop(self.child)
        assert self.child.stdout is not None
        printed = self.child.stdout.read().decode()
        if self.child.returncode != 0 or not printed:
            raise process.failure(f"the relay ended with status {self.child.returncode}", process.read_log(self._log))
        report: dict[str, Any] = json.loads(printed)
        return report


@contextmanager
def relay(space: Namespace | None, ends: Ends, line: Line, **more: float) -> Iterator[Relay]:
    """A relay in a namespace (None: the current one); what `more` may be is in `relay.c`.

    Parameters
    ----------
    space
        Namespace.
    ends
        Addresses and port of both ends.
    line
        Delay, rate, buffer and loss.
    **more
        Options of `relay.c` by name.

    Yields
    ------
    Relay
        The relay, running.

    Raises
    ------
    LabError
        If it cannot be compiled or does not start.
    """
    settings = {**asdict(ends), **asdict(line), **more}
    command = [str(compiled.program("relay")), *(f"{name}={value}" for name, value in settings.items())]
    with tempfile.NamedTemporaryFile(prefix="tunbp-relay-") as log:
        child = process.start(space.command(*command) if space else command, subprocess.PIPE, log)
        try:
            path = Path(log.name)
            process.wait_for(lambda: "ready" in process.read_log(path), "the relay does not start", 20.0, path, child)
            yield Relay(child, path)
        finally:
            process.kill(child)
            assert child.stdout is not None
            child.stdout.close()


def summary(report: dict[str, Any]) -> dict[str, float]:
    """What a run's record says of its relay, both directions together.

    Parameters
    ----------
    report
        Of `Relay.stop`.

    Returns
    -------
    dict
        relay_late_fraction [1] (over a millisecond), relay_worst_late_fraction [1] (in the worst second of at
        least 100 packets), relay_latest [s], relay_overflow [packet] (receive buffer, capacity, refused sends),
        dropped_path [packet] (link's buffer and random loss).
    """
    ways = [report["rightward"], report["leftward"]]
    forwarded = sum(way["forwarded"] for way in ways)
    return {
        "relay_late_fraction": sum(way["late"] for way in ways) / forwarded if forwarded else 0.0,
        "relay_worst_late_fraction": max(way["worst_second_late_fraction"] for way in ways),
        "relay_latest": max(way["latest"] for way in ways),
        "relay_overflow": sum(way["receive_overflow"] + way["dropped_capacity"] + way["send_errors"] for way in ways),
        "dropped_path": sum(way["dropped_buffer"] + way["lost"] for way in ways),
    }


def remarks(found: dict[str, float]) -> list[str]:
    """Why a run with this `summary` is to be read with care; nothing: the relay was punctual and lost nothing.

    Parameters
    ----------
    found
        What `summary` returned.

    Returns
    -------
    list[str]
        One line each.
    """
    said = []
    if found["relay_late_fraction"] > LATE_FRACTION:
        said.append(f"relay: {found['relay_late_fraction']:.1%} of the packets over 1 ms late")
    if found["relay_overflow"]:
        said.append(f"relay: {found['relay_overflow']:.0f} packets lost in its own buffers")
    return said


def try_out() -> str:
    """Send a packet through a relay on the loopback device; says in which scheduling class it runs.

    Raises
    ------
    LabError
        If it cannot be compiled, does not start, or does not deliver.
    """
    inet, udp = socket.AF_INET, socket.SOCK_DGRAM
    with socket.socket(inet, udp) as one, socket.socket(inet, udp) as two:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        two.bind(("127.0.0.4", port))
        two.settimeout(2.0)
        with relay(None, Ends("127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.4", port), Line()) as running:
            one.sendto(b"?", ("127.0.0.2", port))
            try:
                two.recv(16)
            except TimeoutError as error:
                raise LabError("the relay runs, but a packet does not get through it") from error
            scheduling = running.stop()["scheduling"]
    return {"fifo": "real-time class", "nice": "raised priority", "other": "no class of its own"}[scheduling]
