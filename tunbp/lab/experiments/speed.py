"""What the chain of a tunnel carries, and what a packet costs each program of it: UDP, before any TCP."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from tunbp.lab import inside, process, sampler
from tunbp.lab import wireguard as wireguard_go
from tunbp.lab.cells import PathCell, Rate, Seconds, SocketBuffer, Warmup
from tunbp.lab.experiment import Experiment
from tunbp.lab.namespaces import link_counter
from tunbp.lab.path import OUTER, SERVER_INNER, TUNNEL, RoutedPath, routed_path
from tunbp.lab.tcp import check_iperf3, iperf3_server
from tunbp.lab.tunnel import CIPHER, PORT, openvpn

TCP_HEADERS, UDP_HEADERS = 52, 28
"""Bytes of the IPv4 headers with TCP's (with time stamps) and with UDP's."""
PROBE_PORT = 40406


TUNNELS = {
    "openvpn": (PORT, openvpn, CIPHER),
    "wireguard": (wireguard_go.PORT, wireguard_go.wireguard, wireguard_go.CIPHER),
}
"""UDP port, what starts it, and cipher, by the name in a cell."""


class SpeedCell(PathCell):
    """UDP through a tunnel, in packets of the size that TCP would send."""

    label_fields: ClassVar[tuple[str, ...]] = ("packets", "offered_rate", "ring", "tunnel", "socket_buffer")

    tunnel: Literal["openvpn", "wireguard"] = Field(default="openvpn", description="the tunnel's program")
    socket_buffer: SocketBuffer = Field(
        default=0, description="buffers of its UDP sockets [byte], doubled by the kernel; 0: the tunnel's own"
    )
    packets: Literal["data", "acks"] = Field(
        description="data: as large as TCP's segments, from client to server; acks: as large as its ACKs, back"
    )
    offered_rate: Rate = Field(default=0.0, description="packets offered [packet/s]; 0: a flood")
    duration: Seconds = Field(default=4.0, description="measured time [s]")
    warmup: Warmup = Field(default=1.0, description="time cut before it [s]")


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One stream of UDP by iperf3; counters and processor time are read at both ends of the measured part.

    Returns
    -------
    dict
        transmitted_rate (taken out of the sending side's ring) and chain_rate (written to the device at the other
        end) [packet/s]; delivered, dropped_ring, dropped_far [packet]; reader_cpu, far_reader_cpu, relay_cpu [s], and
        reader_cost, far_reader_cost, relay_cost [s/packet]; packet_size [byte, IP]. The reader is the client's
        program, the far reader the server's, whichever way the packets go.

    Raises
    ------
    LabError
        If the tunnel or iperf3 fails.
    """
    port, start, cipher = TUNNELS[cell["tunnel"]]
    with routed_path(cell, port) as path, start(path, cell, backpressure) as tunnel:
        largest = _segment(path)
        size = largest + TCP_HEADERS if cell["packets"] == "data" else TCP_HEADERS
        watched = {**tunnel.programs, **({"relay": path.relay.child.pid} if path.relay else {})}
        with _stream(path, cell, size - UDP_HEADERS, folder) as sender:
            process.pause(sender, cell["warmup"])
            before = _reading(path, watched)
            process.pause(sender, cell["duration"])
            after = _reading(path, watched)
        for label, space in (("client", path.client), ("server", path.server)):
            space.save_counters(folder, label)
        return {
            "echo": tunnel.echo,
            "cipher": cipher,
            **path.client.facts(TUNNEL),
            "path": path.kind,
            "mss": largest,
            "packet_size": size,
            **account(before, after, cell["packets"]),
            **path.report(folder),
        }


def account(before: Mapping[str, Any], after: Mapping[str, Any], packets: str) -> dict[str, Any]:
    """Rates, and processor time per packet, between two readings; see `measure`."""
    near, far = ("client", "server") if packets == "data" else ("server", "client")
    seconds = after["time"] - before["time"]

    def counted(side: str, direction: str, counter: str, device: str = TUNNEL) -> int:
        first, last = (link_counter(reading[side], device, direction, counter) for reading in (before, after))
        return last - first

    taken, dropped = counted(near, "tx", "packets"), counted(near, "tx", "dropped")
    written = counted(far, "rx", "packets")
    cpu = sampler.between(before["cpu"], after["cpu"])
    # each program's own packets: the sending side takes them from its ring, the other side writes them
    mine, theirs = (taken, written) if packets == "data" else (written, taken)
    handled = {"reader": mine, "far_reader": theirs, "relay": taken}
    return {
        "sent": taken + dropped,
        "delivered": taken,
        "dropped_ring": dropped,
        "dropped_far": max(0, counted(far, "rx", "packets", OUTER) - written),
        "duration": seconds,
        "transmitted_rate": taken / seconds,
        "chain_rate": written / seconds,
        "lost_rate": dropped / seconds,
        **cpu,
        **{
            f"{name}_cost": cpu[f"{name}_cpu"] / count
            for name, count in handled.items()
            if count and f"{name}_cpu" in cpu
        },
    }


def _reading(path: RoutedPath, programs: Mapping[str, int]) -> dict[str, Any]:
    started = time.monotonic()
    reading = {
        "client": path.client.links(),
        "server": path.server.links(),
        "cpu": {name: sampler.cpu_seconds(pid) for name, pid in programs.items()},
    }
    return {"time": (started + time.monotonic()) / 2, **reading}


@contextmanager
def _stream(path: RoutedPath, cell: Mapping[str, Any], payload: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """iperf3 sending UDP, one way or the other, a little longer than warm-up and measured time."""
    bits = f"{cell['offered_rate'] * payload * 8:.0f}"
    command = [
        "iperf3", "--client", SERVER_INNER, "--json", "--udp", "--bitrate", bits, "--length", str(payload),
        "--time", f"{cell['warmup'] + cell['duration'] + 0.5:g}", *(["--reverse"] if cell["packets"] == "acks" else []),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as out, iperf3_server(path.server):
        sender = path.client.start(*command, stdout=out)  # its warnings are no JSON; errors are in the JSON
        try:
            yield sender
            status = process.wait(sender, 30.0, "iperf3")
        finally:
            process.stop(sender)
        out.seek(0)
        (folder / "iperf3.json").write_bytes(out.read())
    check_iperf3(folder / "iperf3.json", status)


def _segment(path: RoutedPath) -> int:
    """Bytes that TCP would put into a packet through the tunnel: of a connection that carries nothing [byte]."""
    listener = inside.start(path.server.name, "listener", _listen)
    try:
        listener.message()
        return int(inside.call(path.client.name, "TCP", _largest_segment))
    finally:
        listener.kill()


def _listen(connection: Connection) -> None:
    with socket.create_server((SERVER_INNER, PROBE_PORT)) as server:
        connection.send("listening")
        server.accept()


def _largest_segment() -> int:
    with socket.create_connection((SERVER_INNER, PROBE_PORT), timeout=10) as one:
        return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)


EXPERIMENT = Experiment(
    name="speed",
    question="What the chain of a tunnel carries, and what a packet costs each program of it.",
    cell=SpeedCell,
    needs=("namespaces", "tun", "ip", "tc", "iperf3", "openvpn", "openssl", "cc", "ss", "path"),
    shown=("chain_rate", "transmitted_rate", "dropped_far", "reader_cost", "far_reader_cost", "relay_cost"),
    measure=measure,
    programs=("backpressure", "relay"),
)
