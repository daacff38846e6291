"""vhost-net without QEMU: packets for a tap device whose reader is the kernel's vhost thread, and a guest of its own.

The guest is a small program (`guest.c`) that keeps the virtqueue in its memory and takes packets out of it. The
vhost thread copies up to 64 packets at a time into that queue; when the guest is slow, the queue's 256 entries fill
and the thread stops taking packets out of the ring.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tunbp.errors import LabError
from tunbp.lab import compiled, flags, inside, packet, process, sampler
from tunbp.lab.cells import Cell, Rate, Seconds, Warmup
from tunbp.lab.experiment import Experiment
from tunbp.lab.experiments.pktgen import DEVICE, account, counters, generating
from tunbp.lab.namespaces import Namespace, namespaces
from tunbp.lab.sender import Flow
from tunbp.lab.sender import serve as send

TO = "10.99.0.2"
GUEST_MAC = "02:00:00:00:00:01"


class VhostCell(Cell):
    """Packets for a guest behind vhost-net."""

    label_fields: ClassVar[tuple[str, ...]] = ("load", "guest_rate", "threads", "ring", "qdisc")

    load: Literal["udp", "queue_xmit", "start_xmit"] = Field(
        description="UDP sockets, or pktgen through the qdisc or past it"
    )
    guest_rate: Rate = Field(default=0.0, description="the guest's speed [packet/s]; 0: as fast as it can")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="senders")
    size: Annotated[int, Field(ge=60, le=1400)] = Field(default=60, description="frame [byte]")
    duration: Seconds = Field(default=4.0, description="measured time [s]")
    warmup: Warmup = Field(default=1.0, description="time cut before it [s]")


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One flood into the tap; counters are read at both ends of the measured part.

    Returns
    -------
    dict
        sent, delivered (to the vhost thread), dropped_ring, dropped_qdisc [packet]; transmitted_rate, lost_rate
        [packet/s]; reader_cpu [s], reader_waits and reader_preemptions of the vhost thread; guest_packets [packet]
        and guest_kicks of the whole run.

    Raises
    ------
    LabError
        If there is no /dev/vhost-net, or the kernel lacks the flag asked for.
    """
    with namespaces("vhost") as (space,), guest(space, cell, backpressure) as running:
        space.ip(
            f"link set {DEVICE} txqueuelen {cell['ring']}",
            f"address add 10.99.0.1/24 dev {DEVICE}",
            f"link set {DEVICE} up",
            f"neighbour replace {TO} lladdr {GUEST_MAC} dev {DEVICE}",
        )
        space.set_qdisc(DEVICE, cell["qdisc"])
        with _load(space, cell, folder):
            time.sleep(cell["warmup"])
            before, worked = counters(space), vhost_thread(running.child.pid)
            time.sleep(cell["duration"])
            after, working = counters(space), vhost_thread(running.child.pid)
        space.save_counters(folder, "vhost")
        found = space.facts(DEVICE)
        seen = running.stop()
    (folder / "guest.json").write_text(json.dumps(seen) + "\n")
    names = {"reader_cpu": "cpu", "reader_waits": "waited", "reader_preemptions": "preempted"}
    return {
        "echo": [running.echo],
        **found,
        **account(before, after),
        **{name: working[what] - worked[what] for name, what in names.items()},
        "guest_packets": seen["packets"],
        "guest_kicks": seen["kicks"],
    }


class Guest:
    """A running guest: its process and the flags that its device echoed."""

    def __init__(self, child: subprocess.Popen[bytes], echo: int) -> None:
        self.child, self.echo = child, echo

    def stop(self) -> dict[str, Any]:
        """Have the guest stop taking packets; its counts. It keeps the device until it is killed."""
        assert self.child.stdout is not None
        self.child.terminate()
        counts: dict[str, Any] = json.loads(self.child.stdout.readline())
        return counts


@contextmanager
def guest(space: Namespace, cell: Mapping[str, Any], backpressure: bool) -> Iterator[Guest]:
    """A guest whose tap device is in a namespace.

    Raises
    ------
    LabError
        With what it said, if it does not start; or if the kernel lacks the flag asked for.
    """
    wanted = flags.IFF_BACKPRESSURE if backpressure else 0
    command = [str(compiled.program("guest")), DEVICE, str(wanted), f"{cell['guest_rate']:g}"]
    child = space.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        first = child.stdout.readline()
        if not first:
            raise process.failure("the guest does not start", child.stderr.read().decode(), "see `tunbp lab check`")
        flags.check_echo("guest", int(first), backpressure)
        yield Guest(child, int(first))
    finally:
        process.kill(child)
        child.stdout.close()
        child.stderr.close()


def vhost_thread(pid: int) -> dict[str, float]:
    """Processor time and context switches of the vhost thread that works for a process.

    Raises
    ------
    LabError
        If there is none among its threads (a kernel before 6.4 runs it as a process of its own).
    """
    found = [row for name, row in sampler.threads(pid).items() if name.startswith("vhost-")]
    if not found:
        raise LabError("no vhost thread among the guest's threads; it needs Linux 6.4 or newer")
    return found[0]


@contextmanager
def _load(space: Namespace, cell: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """The senders, running meanwhile."""
    if cell["load"] != "udp":
        with generating(space, {**cell, "xmit_mode": cell["load"]}, folder):
            yield
        return
    payload = max(packet.HEADER.size, cell["size"] - packet.IP_AND_UDP - packet.ETHERNET)
    flow = Flow(TO, packet.BULK, 0.0, cell["warmup"] + cell["duration"] + 60.0, size=payload)
    senders = [inside.start(space.name, "sender", send, flow) for _ in range(cell["threads"])]
    try:
        yield
    finally:
        for child in senders:
            child.kill()


EXPERIMENT = Experiment(
    name="vhost",
    question="What ring, qdisc and flag do to a guest behind vhost-net, faster or slower than its thread.",
    cell=VhostCell,
    needs=("namespaces", "tun", "ip", "tc", "cc", "vhost"),
    shown=("transmitted_rate", "ring_drop_fraction", "dropped_qdisc", "reader_cpu", "reader_waits"),
    measure=measure,
    programs=("guest",),
)
