"""Many senders through one queue of a tun device, or through several: the driver itself, without a tunnel behind it.

A small program (`pipe.c`) carries packets from one tun device to another in a second namespace; iperf3 clients send
through it. Counts of softirqs, context switches and drops by reason say where time goes; on an emulated processor only
their ratios mean anything. The kernel here tells time in softirqs by clock ticks, and not NET_TX's from NET_RX's: those
two are counted.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tunbp.lab import compiled, facts, flags, inside, packet, process, sampler
from tunbp.lab.cells import Cell, Pacing, Seconds, Warmup
from tunbp.lab.counting import Event, counting_where_allowed
from tunbp.lab.experiment import Experiment
from tunbp.lab.namespaces import Namespace, link_counter, namespaces, qdisc_counter, qdisc_drops
from tunbp.lab.path import CLIENT_INNER, SERVER_INNER, TUNNEL
from tunbp.lab.sender import Flow
from tunbp.lab.sender import serve as send
from tunbp.lab.tcp import begin_connections, check_iperf3, listens

EVENTS = {
    "drops_full_ring": Event("skb/kfree_skb", reasons=("FULL_RING",)),
    "drops_qdisc_burst": Event("skb/kfree_skb", reasons=("QDISC_BURST_DROP",)),
    "drops_qdisc_other": Event("skb/kfree_skb", reasons=("QDISC_DROP", "QDISC_OVERLIMIT", "QDISC_CONGESTED")),
    "ksoftirqd_ns": Event("sched/sched_stat_runtime", 'comm ~ "ksoftirqd/*"'),
}
"""Counted where the kernel lets this process do so: drops by reason on the whole machine, and ksoftirqd's time."""
FIRST_PORT = 5201
PAYLOAD = 1400
NOBODY = "10.99.0.77"
MTU = 1500


class SendersCell(Cell):
    """A number of senders into a device with a number of queues."""

    label_fields: ClassVar[tuple[str, ...]] = ("protocol", "senders", "queues", "ring", "qdisc", "pacing")

    protocol: Literal["tcp", "udp"] = Field(description="what the senders send")
    senders: Annotated[int, Field(ge=1, le=64)] = Field(description="sending processes, one flow each")
    queues: Annotated[int, Field(ge=1, le=16)] = Field(default=1, description="queues of the device (IFF_MULTI_QUEUE)")
    congestion: str = Field(default="cubic", pattern="^[a-z_0-9]+$", description="TCP congestion control")
    pacing: Pacing = False
    duration: Seconds = Field(default=5.0, description="measured time [s]")
    warmup: Warmup = Field(default=1.0, description="time cut before it [s]")

    @model_validator(mode="after")
    def _only_tcp_paces(self) -> Self:
        if self.pacing and self.protocol != "tcp":
            raise ValueError("pacing needs protocol: tcp")
        return self


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """All senders at once; counters are read at both ends of the measured part.

    Returns
    -------
    dict
        sent, delivered, dropped_ring, dropped_qdisc [packet], requeues [packet] (the device was stopped);
        transmitted_rate [packet/s] and goodput [bit/s] of all senders; reader_cpu [s], reader_waits and
        reader_preemptions of the carrying program; of the machine context_switches, tx_softirqs, rx_softirqs
        and softirq_cpu [s], these also by processor (`processors`); where events may be counted drops_full_ring,
        drops_qdisc_burst, drops_qdisc_other [packet] and ksoftirqd_cpu [s], else why not (`remarks`).

    Raises
    ------
    LabError
        If the program or iperf3 fails, or the kernel lacks the flag asked for.
    """
    with namespaces("client", "server") as (client, server), _pipe(client, server, cell, backpressure) as running:
        child, echoes = running
        sending = _tcp(client, server, cell, folder) if cell["protocol"] == "tcp" else _udp(client, cell)
        with sending, counting_where_allowed(EVENTS) as (counts, obstacle):
            time.sleep(cell["warmup"])
            before = _reading(client, child.pid, counts())
            time.sleep(cell["duration"])
            after = _reading(client, child.pid, counts())
        for label, space in (("client", client), ("server", server)):
            space.save_counters(folder, label)
        found = client.facts(TUNNEL)
    result = {"echo": echoes, **found, **account(before, after)}
    if obstacle:
        result["remarks"] = [f"drops by reason and ksoftirqd's time were not counted: {obstacle}"]
    if cell["protocol"] == "udp":
        return {**result, "goodput": result["transmitted_rate"] * 8 * PAYLOAD}
    totals = [json.loads((folder / f"iperf3_{number}.json").read_text())["end"] for number in range(cell["senders"])]
    return {**result, "goodput": sum(float(end["sum_received"]["bits_per_second"]) for end in totals)}


def account(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Totals and rates between two readings."""
    part = {name: after[name] - before[name] for name in before if name not in ("threads", "processors")}
    counted = {name: part[name] for name in EVENTS if name in part and name != "ksoftirqd_ns"}
    if "ksoftirqd_ns" in part:
        counted["ksoftirqd_cpu"] = part["ksoftirqd_ns"] / 1e9
    processors = {
        name: [late - early for early, late in zip(values, after["processors"][name], strict=True)]
        for name, values in before["processors"].items()
    }
    sent = part["delivered"] + part["ring"] + part["qdisc"]
    threads = {
        name: sum(row[what] for row in after["threads"].values()) - sum(row[what] for row in before["threads"].values())
        for name, what in (("reader_cpu", "cpu"), ("reader_waits", "waited"), ("reader_preemptions", "preempted"))
    }
    return {
        "sent": sent,
        "delivered": part["delivered"],
        "dropped_ring": part["ring"],
        "dropped_qdisc": part["qdisc"],
        "requeues": part["requeues"],
        "drop_fraction": (part["ring"] + part["qdisc"]) / sent if sent else None,
        "duration": part["time"],
        "transmitted_rate": part["delivered"] / part["time"],
        "lost_rate": part["ring"] / part["time"],
        "context_switches": part["switches"],
        "softirq_cpu": sum(processors["softirq_cpu"]),
        "tx_softirqs": sum(processors["NET_TX"]),
        "rx_softirqs": sum(processors["NET_RX"]),
        "processors": processors,
        **counted,
        **threads,
    }


def _reading(client: Namespace, pid: int, events: Mapping[str, int]) -> dict[str, Any]:
    links, qdiscs, load = client.links(), client.qdiscs(), facts.load()
    return {
        "time": load["time"],
        "switches": load["context_switches"],
        "delivered": link_counter(links, TUNNEL, "tx", "packets"),
        "ring": link_counter(links, TUNNEL, "tx", "dropped"),
        "qdisc": qdisc_drops(qdiscs, TUNNEL),
        "requeues": qdisc_counter(qdiscs, TUNNEL, "requeues"),
        "threads": sampler.threads(pid),
        "processors": {**load["softirqs"], "softirq_cpu": load["softirq_seconds"]},
        **events,
    }


@contextmanager
def _pipe(
    client: Namespace, server: Namespace, cell: Mapping[str, Any], backpressure: bool
) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """The carrying program between both namespaces, and the flags that its devices echo."""
    wanted = flags.IFF_BACKPRESSURE if backpressure else 0
    spaces = [str(inside.NETNS / space.name) for space in (client, server)]
    command = [str(compiled.program("pipe")), TUNNEL, str(wanted), str(cell["queues"]), *spaces]
    child = process.start(command, subprocess.PIPE, subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        echoes = [child.stdout.readline() for _ in spaces]
        if not echoes[-1]:
            raise process.failure("the carrying program does not start", child.stderr.read().decode())
        for echo in echoes:
            flags.check_echo("pipe", int(echo), backpressure)
        for space, here, there in ((client, CLIENT_INNER, SERVER_INNER), (server, SERVER_INNER, CLIENT_INNER)):
            space.ip(
                f"link set {TUNNEL} txqueuelen {cell['ring']} mtu {MTU}",
                f"address add {here} peer {there} dev {TUNNEL}",
                f"link set {TUNNEL} up",
            )
            if cell["queues"] == 1:  # several have one each below mq, of the kernel's default kind
                space.set_qdisc(TUNNEL, cell["qdisc"])
        yield child, [int(echo) for echo in echoes]
    finally:
        process.kill(child)
        child.stdout.close()
        child.stderr.close()


@contextmanager
def _udp(client: Namespace, cell: Mapping[str, Any]) -> Iterator[None]:
    """Senders that flood an address which nobody has; the far end drops what arrives, silently."""
    client.ip(f"route add {NOBODY} dev {TUNNEL}")
    flow = Flow(NOBODY, packet.BULK, 0.0, cell["warmup"] + cell["duration"] + 60.0, size=PAYLOAD)
    senders = [inside.start(client.name, "sender", send, flow) for _ in range(cell["senders"])]
    try:
        yield
    finally:
        for child in senders:
            child.kill()


@contextmanager
def _tcp(client: Namespace, server: Namespace, cell: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """One iperf3 server and client for each sender, all at once; their results are left in `folder`."""
    begin_connections(client, cell)
    ports = [FIRST_PORT + number for number in range(cell["senders"])]
    seconds = f"{cell['warmup'] + cell['duration'] + 0.5:g}"
    with ExitStack() as stack:
        running = []
        for port in ports:
            listening = server.start("iperf3", "--server", "--one-off", "--bind", SERVER_INNER, "--port", str(port))
            stack.callback(process.stop, listening)
        for port in ports:
            process.wait_for(partial(listens, server, port), "iperf3 server does not listen", 20.0)
        for port in ports:
            out = stack.enter_context(tempfile.TemporaryFile())
            command = ["iperf3", "--client", SERVER_INNER, "--port", str(port), "--json", "--time", seconds]
            sender = client.start(*command, "--congestion", cell["congestion"], stdout=out)
            stack.callback(process.stop, sender)
            running.append((sender, out))
        yield
        for number, (sender, out) in enumerate(running):
            status = process.wait(sender, 60.0, "iperf3")
            out.seek(0)
            path = folder / f"iperf3_{number}.json"
            path.write_bytes(out.read())
            check_iperf3(path, status)


EXPERIMENT = Experiment(
    name="senders",
    question="What many senders do to a device: rates, softirqs, context switches, stops and drops.",
    cell=SendersCell,
    needs=("namespaces", "tun", "ip", "tc", "iperf3", "cc", "ss"),
    shown=(
        "goodput",
        "transmitted_rate",
        "ring_drop_fraction",
        "drops_qdisc_burst",
        "requeues",
        "context_switches",
        "tx_softirqs",
        "ksoftirqd_cpu",
    ),
    measure=measure,
    programs=("pipe",),
)
