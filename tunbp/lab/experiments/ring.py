"""UDP into a slow reader: what ring, qdisc and flag do to a stream, to bursts, and to a sparse flow."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tunbp.lab import inside, packet
from tunbp.lab.cells import Cell, Rate, Seconds, Warmup
from tunbp.lab.experiment import Experiment
from tunbp.lab.namespaces import Namespace, link_counter, namespaces, qdisc_drops
from tunbp.lab.path import routed_path
from tunbp.lab.reader import serve as read
from tunbp.lab.sender import Flow
from tunbp.lab.sender import serve as send
from tunbp.lab.tunnel import CIPHER, PORT, openvpn

DEVICE = "tun0"
TO = "10.99.0.2"
STRAIGHT = {"rtt": 0.0, "path": "auto", "link_rate": 0.0, "link_loss": 0.0, "link_jitter": 0.0}
"""A path that adds nothing."""
NOBODY = "10.99.0.77"
"""An address that no host has: the far end drops silently instead of answering with ICMP."""


class RingCell(Cell):
    """UDP into a reader of a given speed."""

    label_fields: ClassVar[tuple[str, ...]] = ("mode", "ring", "qdisc")

    mode: Literal["steady", "burst", "sparse", "reader_speed", "burst_speed", "openvpn_speed"] = Field(
        description="name of the traffic; the reader is Python, for `openvpn_speed` it is OpenVPN"
    )
    reader_rate: Rate = Field(description="reader's speed [packet/s]; 0: as fast as it can")
    offered_rate: Rate = Field(description="mean rate offered [packet/s]; 0: no pause")
    burst: Annotated[int, Field(ge=1, le=65536)] = Field(default=1, description="packets sent in one go")
    gso: bool = Field(default=False, description="let the kernel cut one large send into the burst (at most 45)")
    sparse_rate: Rate = Field(default=0.0, description="rate of a second, sparse flow [packet/s]")
    size: Annotated[int, Field(ge=64, le=1400)] = Field(default=1400, description="UDP payload [byte]")
    duration: Seconds = Field(default=2.0, description="measured time [s]")
    warmup: Warmup = Field(default=0.5, description="time cut before it [s]")


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One run: device, qdisc, reader, sender(s); every packet is accounted for.

    Returns
    -------
    dict
        sent, delivered, dropped_ring, dropped_qdisc [packet], drop_fraction, transmitted_rate, lost_rate,
        burst_rate [packet/s], queue_latency [s] and its quantiles, for a sparse flow sparse_*; `unaccounted`
        is sent - delivered - dropped_ring - dropped_qdisc: 0 unless the driver lost packets without counting
        them.

    Raises
    ------
    LabError
        If the device, the qdisc or one of the programs fails, or the kernel lacks the flag asked for.
    """
    if cell["mode"] == "openvpn_speed":
        return _openvpn_speed(cell, backpressure, folder)
    with namespaces("ring") as (space,):
        rate, warmup = float(cell["reader_rate"]), float(cell["warmup"])
        reader = inside.start(space.name, "reader", read, DEVICE, "tun", backpressure, rate, warmup)
        try:
            echo = reader.message()
            space.ip(
                f"link set {DEVICE} txqueuelen {cell['ring']}",
                f"address add 10.99.0.1/24 dev {DEVICE}",
                f"link set {DEVICE} up",
            )
            space.set_qdisc(DEVICE, cell["qdisc"])
            sent = _send(space, cell)
            reader.ask_to_stop()  # it drains the ring first; the device stays until it is killed below
            seen = reader.message()
            links, qdiscs = space.save_counters(folder, "ring")
            found = space.facts(DEVICE)
        finally:
            reader.kill()
    return {
        "echo": [echo],
        **found,
        **account(sent, seen, link_counter(links, DEVICE, "tx", "dropped"), qdisc_drops(qdiscs, DEVICE)),
    }


def _openvpn_speed(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """How fast OpenVPN takes packets out of the ring when there are always some, on a path without delay."""
    with routed_path(STRAIGHT, PORT) as path, openvpn(path, cell, backpressure) as tunnel:
        path.client.ip(f"route add {NOBODY} dev {DEVICE}")
        sender = inside.start(path.client.name, "sender", send, _bulk(cell, NOBODY))
        try:
            time.sleep(cell["warmup"])
            before = (time.monotonic(), path.client.links())
            time.sleep(cell["duration"] / 2)
            after = (time.monotonic(), path.client.links())
            sender.message()
            path.client.save_counters(folder, "client")
            found = path.client.facts(DEVICE)
        finally:
            sender.kill()
    seconds = after[0] - before[0]
    taken, lost = (
        link_counter(after[1], DEVICE, "tx", counter) - link_counter(before[1], DEVICE, "tx", counter)
        for counter in ("packets", "dropped")
    )
    return {
        "echo": tunnel.echo,
        "cipher": CIPHER,
        **found,
        "sent": taken + lost,
        "delivered": taken,
        "dropped_ring": lost,
        "drop_fraction": lost / (taken + lost) if taken + lost else None,
        "duration": seconds,
        "transmitted_rate": taken / seconds,
        "lost_rate": lost / seconds,
    }


def _send(space: Namespace, cell: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Run the bulk sender, and the sparse one beside it if the cell has one; their counts by flow."""
    flows = [_bulk(cell, TO)]
    if cell["sparse_rate"]:
        flows.append(Flow(TO, packet.SPARSE, cell["sparse_rate"], cell["warmup"] + cell["duration"], size=100))
    senders = {flow.flow: inside.start(space.name, "sender", send, flow) for flow in flows}
    try:
        return {flow: child.message(600.0) for flow, child in senders.items()}
    finally:
        for child in senders.values():
            child.kill()


def _bulk(cell: Mapping[str, Any], to: str) -> Flow:
    duration = cell["warmup"] + cell["duration"]
    return Flow(to, packet.BULK, cell["offered_rate"], duration, cell["burst"], cell["size"], cell["gso"])


def account(sent: Mapping[int, Mapping[str, Any]], seen: Mapping[str, Any], ring: int, qdisc: int) -> dict[str, Any]:
    """Totals of one run from the senders' and the reader's counts and the drop counters of ring and qdisc."""
    handed = sum(int(flow["sent"]) for flow in sent.values())
    seconds = max(float(flow["seconds"]) for flow in sent.values())
    delivered = sum(seen["packets"].values())
    bulk = seen["latency"].get(str(packet.BULK), {})
    blocks = sent[packet.BULK]["block_rates"]
    result: dict[str, Any] = {
        "sent": handed,
        "send_errors": sum(int(flow["refused"]) for flow in sent.values()),
        "delivered": delivered,
        "dropped_ring": ring,
        "dropped_qdisc": qdisc,
        "unaccounted": handed - delivered - ring - qdisc,
        "drop_fraction": (ring + qdisc) / handed if handed else None,
        "duration": seconds,
        "transmitted_rate": seen["rate"],
        "lost_rate": ring / seconds,
        "burst_rate": statistics.median(blocks) if blocks else None,
        "queue_latency": bulk.get("mean"),
        "queue_latency_p95": bulk.get("p95"),
    }
    if packet.SPARSE in sent:
        sparse = seen["latency"].get(str(packet.SPARSE), {})
        result |= {
            "sparse_sent": sent[packet.SPARSE]["sent"],
            "sparse_delivered": seen["packets"].get(str(packet.SPARSE), 0),
            "sparse_latency": sparse.get("mean"),
            "sparse_latency_p95": sparse.get("p95"),
        }
    return result


EXPERIMENT = Experiment(
    name="ring",
    question="What ring, qdisc and flag do to UDP into a slow reader: a stream, bursts, a sparse flow.",
    cell=RingCell,
    needs=("namespaces", "tun", "ip", "tc"),
    shown=("ring_drop_fraction", "dropped_qdisc", "transmitted_rate", "queue_latency", "sparse_delivered"),
    measure=measure,
)
