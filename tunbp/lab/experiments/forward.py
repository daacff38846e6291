"""TCP through a minimal forwarder in Python instead of OpenVPN: the same path, ring and flag, no crypto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunbp.lab import forwarder, inside
from tunbp.lab.cells import TunnelCell
from tunbp.lab.experiment import Experiment
from tunbp.lab.path import (
    CLIENT_INNER,
    CLIENT_OUTER,
    SERVER_INNER,
    SERVER_OUTER,
    TUNNEL,
    RoutedPath,
    routed_path,
)
from tunbp.lab.tcp import measure_tcp
from tunbp.lab.tunnel import Tunnel

MTU = 1420
"""Leaves room for the outer headers on a path of 1500 bytes."""


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One transfer; see `tunbp.lab.tcp.measure_tcp` for what is returned and raised."""
    with routed_path(cell, forwarder.PORT) as path, forwarders(path, cell, backpressure) as tunnel:
        return {"echo": tunnel.echo, **measure_tcp(path, cell, folder, tunnel.programs)}


@contextmanager
def forwarders(path: RoutedPath, cell: Mapping[str, Any], backpressure: bool) -> Iterator[Tunnel]:
    """A forwarder at each end of `path`.

    Raises
    ------
    LabError
        If one does not start, or the kernel lacks the flag asked for.
    """
    ends = {
        "server": (path.server, SERVER_OUTER, path.server_peer, SERVER_INNER, CLIENT_INNER),
        "client": (path.client, CLIENT_OUTER, path.client_peer, CLIENT_INNER, SERVER_INNER),
    }
    running: list[inside.Child] = []
    echoes: list[int] = []
    try:
        for end, (space, here, there, inner, inner_peer) in ends.items():
            child = inside.start(space.name, f"forwarder ({end})", forwarder.serve, TUNNEL, here, there, backpressure)
            running.append(child)
            echoes.append(child.message())
            space.ip(
                f"link set {TUNNEL} txqueuelen {cell['ring']} mtu {MTU}",
                f"address add {inner} peer {inner_peer} dev {TUNNEL}",
                f"link set {TUNNEL} up",
            )
            space.set_qdisc(TUNNEL, cell["qdisc"])
        yield Tunnel(echoes, {"far_reader": running[0].pid, "reader": running[1].pid})
    finally:
        for child in running:
            child.kill()


EXPERIMENT = Experiment(
    name="forward",
    question="What ring and flag do to TCP through a tunnel without cryptography.",
    cell=TunnelCell,
    needs=("namespaces", "tun", "ip", "tc", "iperf3", "ping", "ss", "path"),
    shown=("received_rate", "ring_drop_fraction", "ping_mean_rtt"),
    measure=measure,
    programs=("relay",),
)
