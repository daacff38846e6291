"""TCP through real OpenVPN over a delayed path, by RTT, ring and congestion control."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunbp.lab.cells import TunnelCell
from tunbp.lab.experiment import Experiment
from tunbp.lab.path import routed_path
from tunbp.lab.tcp import measure_tcp
from tunbp.lab.tunnel import CIPHER, PORT, openvpn


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One transfer; see `tunbp.lab.tcp.measure_tcp` for what is returned and raised."""
    with routed_path(cell, PORT) as path, openvpn(path, cell, backpressure) as tunnel:
        return {"echo": tunnel.echo, "cipher": CIPHER, **measure_tcp(path, cell, folder, tunnel.programs)}


EXPERIMENT = Experiment(
    name="openvpn",
    question="What ring and flag do to TCP through OpenVPN, by round-trip time and congestion control.",
    cell=TunnelCell,
    needs=("namespaces", "tun", "ip", "tc", "iperf3", "ping", "openvpn", "openssl", "cc", "ss", "path"),
    shown=("received_rate", "ring_drop_fraction", "ping_mean_rtt"),
    measure=measure,
    programs=("backpressure", "relay"),
)
