"""TCP through real wireguard-go over a delayed path, by RTT, ring and congestion control."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from tunbp.lab.cells import SocketBuffer, TunnelCell
from tunbp.lab.experiment import Experiment
from tunbp.lab.path import routed_path
from tunbp.lab.tcp import measure_tcp
from tunbp.lab.wireguard import PORT, wireguard


class WireguardCell(TunnelCell):
    """TCP through wireguard-go over a path."""

    label_fields: ClassVar[tuple[str, ...]] = (*TunnelCell.label_fields, "socket_buffer")

    socket_buffer: SocketBuffer = Field(
        default=0,
        description="buffers of wireguard-go's UDP sockets at both ends [byte], doubled by the kernel; 0: as the "
        "program leaves them (before March 2023 the kernel's default, since then 7340032)",
    )


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One transfer; see `tunbp.lab.tcp.measure_tcp` for what is returned and raised."""
    with routed_path(cell, PORT) as path, wireguard(path, cell, backpressure) as tunnel:
        return {"echo": tunnel.echo, **measure_tcp(path, cell, folder, tunnel.programs)}


EXPERIMENT = Experiment(
    name="wireguard",
    question="What ring and flag do to TCP through wireguard-go, which reads and writes in threads of their own.",
    cell=WireguardCell,
    needs=("namespaces", "tun", "ip", "tc", "iperf3", "ping", "wireguard-go", "openssl", "cc", "ss", "path"),
    shown=("received_rate", "ring_drop_fraction", "ping_mean_rtt"),
    measure=measure,
    programs=("relay",),
)
