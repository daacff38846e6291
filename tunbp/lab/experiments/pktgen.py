"""pktgen into a TAP device: the driver at its limit, through the qdisc or past it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tunbp.errors import LabError
from tunbp.lab import inside, process
from tunbp.lab.cells import Cell, Seconds, Warmup
from tunbp.lab.experiment import Experiment
from tunbp.lab.namespaces import Namespace, link_counter, namespaces, qdisc_drops
from tunbp.lab.reader import serve

DEVICE = "tap0"
PROC = "/proc/net/pktgen"
OPTIONS = (
    "count 0", "delay 0", "clone_skb 0", "dst 10.99.0.2", "src_min 10.99.0.1", "dst_mac 02:00:00:00:00:01",
)  # fmt: skip
COUNTS = re.compile(r"pkts-sofar:\s*(\d+)\s+errors:\s*(\d+)")


class PktgenCell(Cell):
    """pktgen into a TAP device."""

    label_fields: ClassVar[tuple[str, ...]] = ("xmit_mode", "threads", "ring", "qdisc")

    xmit_mode: Literal["queue_xmit", "start_xmit"] = Field(description="through the qdisc, or past it")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(description="sending CPUs")
    size: Annotated[int, Field(ge=60, le=1514)] = Field(default=60, description="frame size [byte]")
    duration: Seconds = Field(default=4.0, description="measured time [s]")
    warmup: Warmup = Field(default=1.0, description="time cut before it [s]")


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One run of `threads` pktgen threads into a TAP that a Python reader empties; the warm-up is cut.

    Returns
    -------
    dict
        sent (= delivered + dropped), delivered, dropped_ring, dropped_qdisc [packet] and drop_fraction of the
        measured part; transmitted_rate, lost_rate [packet/s]; of the whole run, `pktgen_sofar` and
        `send_errors` (attempts refused by the qdisc or by a stopped queue).

    Raises
    ------
    LabError
        If pktgen is not loaded, or the kernel lacks the flag asked for.
    """
    with namespaces("pktgen") as (space,):
        reader = inside.start(space.name, "reader", serve, DEVICE, "tap", backpressure)
        try:
            echo = reader.message()
            space.ip(f"link set {DEVICE} txqueuelen {cell['ring']}", f"link set {DEVICE} up")
            space.set_qdisc(DEVICE, cell["qdisc"])
            with generating(space, cell, folder) as reports:
                time.sleep(cell["warmup"])
                before = counters(space)
                time.sleep(cell["duration"])
                after = counters(space)
            result = {**account(before, after), **pktgen_counts(reports)}
            space.save_counters(folder, "pktgen")
            found = space.facts(DEVICE)
        finally:
            reader.kill()
    return {"echo": [echo], **found, **result}


@contextmanager
def generating(space: Namespace, cell: Mapping[str, Any], folder: Path) -> Iterator[list[str]]:
    """Pktgen running into the device meanwhile; the list holds its reports afterwards, `folder` their files.

    Parameters
    ----------
    space
        Namespace of the device.
    cell
        threads, size [byte] and xmit_mode.
    folder
        Where the reports go.

    Raises
    ------
    LabError
        If pktgen is not loaded.
    """
    devices = [f"{DEVICE}@{thread}" for thread in range(cell["threads"])]
    reports: list[str] = []
    try:
        for thread, device in enumerate(devices):
            _write(space, f"kpktgend_{thread}", f"add_device {device}")
            options = [*OPTIONS, f"pkt_size {cell['size']}", f"xmit_mode {cell['xmit_mode']}"]
            _write(space, device, *options)
        running = inside.start(space.name, "pktgen", _run)
        yield reports
        _write(space, "pgctrl", "stop")
        running.message(30.0)
        running.kill()
        reports += [inside.call(space.name, "pktgen", _read, f"{PROC}/{device}") for device in devices]
    finally:
        for thread in range(cell["threads"]):
            _write(space, f"kpktgend_{thread}", "rem_device_all")
    for thread, report in enumerate(reports):
        (folder / f"pktgen_{thread}.txt").write_text(report)


def _run(connection: Connection) -> None:
    """Start all threads; the write returns when they have been stopped."""
    inside.write_files({f"{PROC}/pgctrl": "start\n"})
    connection.send("stopped")


def _read(path: str) -> str:
    return Path(path).read_text()


def counters(space: Namespace) -> dict[str, float]:
    """Packets that the device took, its ring and its qdisc dropped, since it was made; and when [s]."""
    started = time.monotonic()
    links, qdiscs = space.links(), space.qdiscs()
    return {
        "time": (started + time.monotonic()) / 2,
        "delivered": link_counter(links, DEVICE, "tx", "packets"),
        "ring": link_counter(links, DEVICE, "tx", "dropped"),
        "qdisc": qdisc_drops(qdiscs, DEVICE),
    }


def account(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, Any]:
    """Totals and rates of the measured part from two readings of `counters`."""
    part = {name: after[name] - before[name] for name in before}
    sent = part["delivered"] + part["ring"] + part["qdisc"]
    return {
        "sent": sent,
        "delivered": part["delivered"],
        "dropped_ring": part["ring"],
        "dropped_qdisc": part["qdisc"],
        "drop_fraction": (part["ring"] + part["qdisc"]) / sent if sent else None,
        "duration": part["time"],
        "transmitted_rate": part["delivered"] / part["time"],
        "lost_rate": part["ring"] / part["time"],
    }


def pktgen_counts(reports: list[str]) -> dict[str, int]:
    """Pktgen's own counts of the whole run: `pktgen_sofar`, and `send_errors` [packet].

    Raises
    ------
    LabError
        If a report does not hold them.
    """
    sofar = errors = 0
    for report in reports:
        found = COUNTS.search(report)
        if found is None:
            raise process.failure("pktgen's report holds no `pkts-sofar`", report)
        sofar, errors = sofar + int(found[1]), errors + int(found[2])
    return {"pktgen_sofar": sofar, "send_errors": errors}


def _write(space: Namespace, file: str, *lines: str) -> None:
    try:
        for line in lines:
            inside.call(space.name, "pktgen", inside.write_files, {f"{PROC}/{file}": line + "\n"})
    except LabError as error:
        advice = "load the module (`modprobe pktgen`, as root) or use a VM: `tunbp lab run pktgen --vm KERNEL`"
        raise process.failure(str(error), advice=advice) from error


EXPERIMENT = Experiment(
    name="pktgen",
    question="The driver at its limit: pktgen into TAP, through the qdisc and past it.",
    cell=PktgenCell,
    needs=("namespaces", "tun", "ip", "tc", "pktgen"),
    shown=("transmitted_rate", "ring_drop_fraction", "dropped_qdisc"),
    measure=measure,
)
