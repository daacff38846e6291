"""A flood through veth, the other virtual device that stops its queue: how often, and what a sparse flow then waits.

Linux stops a veth's queue when its ring of 256 entries is full and a qdisc keeps the packets (since 6.16; without one
it drops), and wakes it at the end of a NAPI poll. There is nothing to opt into, so stock is all there is. Stops are
counted by the kernel's tracepoint of transmissions that the device refused (NETDEV_TX_BUSY), wakes by the NET_TX
softirqs that they raise.

Byte queue limits for veth have been proposed
(https://lore.kernel.org/netdev/20260324174719.1224337-2-hawk@kernel.org), with a ping under a flood of 1.3 ms, not 22.
Linux 7.3.4 does not have them: whether they do that cannot be answered with it, and only the side without them is
measured here.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import secrets
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from tunbp.errors import LabError
from tunbp.lab import inside, packet, process
from tunbp.lab.cells import Cell, Rate, Seconds, Warmup
from tunbp.lab.counting import Event, counting
from tunbp.lab.experiment import Experiment
from tunbp.lab.namespaces import Namespace, link_counter, namespaces, qdisc_counter, qdisc_drops
from tunbp.lab.receiver import receive
from tunbp.lab.sender import Flow
from tunbp.lab.sender import serve as send

FROM, TO, NOBODY = "10.99.0.1", "10.99.0.2", "10.99.0.77"
VETH_RING = 256
"""Entries of a veth's ring (drivers/net/veth.c, VETH_RING_SIZE)."""
NO_SOURCE = "198.51.100.1"
"""An address for documentation (RFC 5737): no packet comes from it."""
ADVICE = "`filters: 0`, `modprobe sch_ingress cls_u32` as root, or a VM with `--vm`"
SIOCETHTOOL, ETHTOOL_STSO, ETHTOOL_SGRO = 0x8946, 0x1F, 0x2C
"""include/uapi/linux/sockios.h, ethtool.h."""
BUSY, NET_TX = 16, 2
"""NETDEV_TX_BUSY (include/linux/netdevice.h) and NET_TX_SOFTIRQ (include/linux/interrupt.h)."""


class VethCell(Cell):
    """A flood through a pair of veth devices."""

    label_fields: ClassVar[tuple[str, ...]] = ("napi", "qdisc")

    ring: Annotated[int, Field(ge=VETH_RING, le=VETH_RING)] = Field(
        default=VETH_RING, description="entries of veth's ring, fixed in the kernel [packets]"
    )
    napi: Literal["thread", "softirq"] = Field(
        default="thread",
        description="what takes packets out of the ring: a thread of its own, or the softirq of the sender's processor",
    )
    senders: Annotated[int, Field(ge=1, le=64)] = Field(default=8, description="processes that send the flood")
    filters: Annotated[int, Field(ge=0, le=4000)] = Field(
        default=1000, description="filters that each packet passes at the far end (tc u32, none fits), to slow it"
    )
    sparse_rate: Rate = Field(default=50.0, description="rate of a second, sparse flow [packet/s]")
    size: Annotated[int, Field(ge=64, le=1400)] = Field(default=1400, description="UDP payload of the flood [byte]")
    duration: Seconds = Field(default=4.0, description="measured time [s]")
    warmup: Warmup = Field(default=1.0, description="time cut before it [s]")


class Pair(NamedTuple):
    """Names of a run's two devices: the sender's and the receiver's."""

    near: str
    far: str


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One flood with a sparse flow beside it; counters are read at both ends of the measured part.

    Parameters
    ----------
    cell
        Values of a `VethCell`.
    backpressure
        False: a veth has no flag.
    folder
        Where raw outputs go.

    Returns
    -------
    dict
        sent (= delivered + dropped), delivered, dropped_ring, dropped_qdisc [packet]; requeues; `queue_stops`
        (transmissions that the full device refused) and `tx_softirqs_raised` (of the whole machine; a wake raises
        one); transmitted_rate [packet/s]; of the sparse flow, sparse_sent, sparse_delivered, sparse_latency and
        sparse_latency_p95 [s] over the whole run.

    Raises
    ------
    LabError
        If the kernel has no veth, does not let this process count events, or takes no thread for NAPI.
    """
    seconds = cell["warmup"] + cell["duration"]
    token = secrets.token_hex(3)  # tracepoints see all devices of the machine: a name that nobody else has
    pair = Pair(f"veth{token}a", f"veth{token}b")
    with namespaces("client", "server") as (client, server):
        _wire(client, server, pair, cell)
        receiver = inside.start(server.name, "receiver", receive, TO)
        sparse = Flow(TO, packet.SPARSE, cell["sparse_rate"], seconds, size=100)
        flood = Flow(NOBODY, packet.BULK, 0.0, seconds + 60.0, size=cell["size"])
        receiver.message()
        with counting(events_of(pair.near)) as events:
            flows = [inside.start(client.name, "sender", send, flow) for flow in (sparse, *[flood] * cell["senders"])]
            try:
                time.sleep(cell["warmup"])
                before = _reading(client, server, pair, events())
                time.sleep(cell["duration"])
                after = _reading(client, server, pair, events())
                sent = flows[0].message()["sent"]
                receiver.ask_to_stop()
                arrived = receiver.message()
                client.save_counters(folder, "client")
                server.save_counters(folder, "server")
            finally:
                for child in (*flows, receiver):
                    child.kill()
        found = client.facts(pair.near)
    return {"echo": [0], **found, **account(before, after), **_sparse(sent, arrived)}


def events_of(device: str) -> dict[str, Event]:
    """What is counted: transmissions that the device refused, and NET_TX softirqs of the whole machine."""
    return {
        "queue_stops": Event("net/net_dev_xmit", f'rc == {BUSY} && name == "{device}"'),
        "tx_softirqs_raised": Event("irq/softirq_raise", f"vec == {NET_TX}"),
    }


def _wire(client: Namespace, server: Namespace, pair: Pair, cell: Mapping[str, Any]) -> None:
    """The pair, with its ring in use: GRO on at the far end, which gives it NAPI, and no TSO at the near one.

    With TSO a veth hands packets of local UDP senders to the backlog of the far end's processor, past its ring.
    """
    near, far = pair
    client.ip(f"link add {near} type veth peer name {far} netns {server.name}")
    (peer,) = (link for link in server.links() if link["ifname"] == far)
    client.ip(
        f"address add {FROM}/24 dev {near}",
        f"link set {near} up",
        *(f"neighbour replace {to} lladdr {peer['address']} dev {near}" for to in (TO, NOBODY)),
    )
    server.ip(f"address add {TO}/24 dev {far}", f"link set {far} up")
    inside.call(client.name, "tso", switch, near, ETHTOOL_STSO, False)
    inside.call(server.name, "gro", switch, far, ETHTOOL_SGRO, True)
    if cell["napi"] == "thread":
        server.run("sh", "-c", f"echo 1 > /sys/class/net/{far}/threaded", advice="it needs Linux 5.12 or newer")
    _slow(server, far, cell["filters"])
    client.set_qdisc(near, cell["qdisc"])


def _slow(server: Namespace, device: str, filters: int) -> None:
    """Filters that no packet fits: each costs every packet a comparison before the stack takes it."""
    if filters:
        process.run(["tc", "-n", server.name, "qdisc", "add", "dev", device, "ingress"], ADVICE)
        line = f"filter add dev {device} ingress protocol ip pref 1 u32 match ip src {NO_SOURCE} flowid 1:1\n"
        process.run(["tc", "-n", server.name, "-batch", "-"], ADVICE, stdin=line * filters)


def switch(device: str, feature: int, on: bool) -> None:
    """Switch an offload of a device, as `ethtool -K` does.

    Raises
    ------
    LabError
        If the kernel refuses.
    """
    value = ctypes.create_string_buffer(struct.pack("=II", feature, on))
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            fcntl.ioctl(control, SIOCETHTOOL, request)
        except OSError as error:
            raise LabError(f"{device} does not take feature {feature:#x}: {os.strerror(error.errno or 0)}") from error


def _reading(client: Namespace, server: Namespace, pair: Pair, events: Mapping[str, int]) -> dict[str, float]:
    started = time.monotonic()
    here, there, qdiscs = client.links(), server.links(), client.qdiscs()
    return {
        "time": (started + time.monotonic()) / 2,
        "delivered": link_counter(there, pair.far, "rx", "packets"),
        "dropped_ring": link_counter(here, pair.near, "tx", "dropped"),
        "dropped_qdisc": qdisc_drops(qdiscs, pair.near),
        "requeues": qdisc_counter(qdiscs, pair.near, "requeues"),
        **events,
    }


def account(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, Any]:
    """Totals and rates of the measured part from two readings."""
    part = {name: after[name] - before[name] for name in before}
    seconds = part.pop("time")
    lost = part["dropped_ring"] + part["dropped_qdisc"]
    sent = part["delivered"] + lost
    return {
        "sent": sent,
        **part,
        "drop_fraction": lost / sent if sent else None,
        "duration": seconds,
        "transmitted_rate": part["delivered"] / seconds,
        "lost_rate": part["dropped_ring"] / seconds,
    }


def _sparse(sent: int, arrived: Mapping[int, float]) -> dict[str, Any]:
    delays = sorted(arrived.values())
    return {
        "sparse_sent": sent,
        "sparse_delivered": len(delays),
        "sparse_latency": sum(delays) / len(delays) if delays else None,
        "sparse_latency_p95": delays[round(0.95 * (len(delays) - 1))] if delays else None,
    }


EXPERIMENT = Experiment(
    name="veth",
    question="How often a full veth stops its queue and is woken, and what a sparse flow beside a flood waits.",
    cell=VethCell,
    needs=("namespaces", "ip", "tc", "tracefs"),
    shown=("transmitted_rate", "ring_drop_fraction", "queue_stops", "tx_softirqs_raised", "sparse_latency"),
    measure=measure,
    has_flag=False,
)
