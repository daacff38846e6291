"""A tunnel whose uplink is slow: where the queue stands, and whether the tunnel's qdisc can manage it.

The client's outer interface sends at a given rate (tbf). OpenVPN then waits for its socket, and what it does not read
waits in the ring, out of reach of any qdisc: https://unix.stackexchange.com/questions/762935 saw pings of 670 to
770 ms over 8 Mbit/s with an empty qdisc. With backpressure the ring may be short without loss, so that the queue
stands in the qdisc.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.lab.cells import TunnelCell
from tunbp.lab.experiment import Experiment
from tunbp.lab.path import OUTER, routed_path
from tunbp.lab.tcp import measure_tcp
from tunbp.lab.tunnel import CIPHER, PORT, openvpn

UPLINK_LIMIT = 1_000_000
"""Bytes that the uplink's queue holds: more than OpenVPN's socket buffer, so that OpenVPN waits and nothing is lost."""


class ShapedCell(TunnelCell):
    """TCP through OpenVPN over a slow uplink."""

    label_fields: ClassVar[tuple[str, ...]] = ("rtt", "ring", "qdisc")

    uplink_rate: Annotated[float, Field(gt=0, le=1e12)] = Field(default=8e6, description="speed of the uplink [bit/s]")
    socket_buffer: Annotated[int, Field(ge=4096, le=1 << 26)] = Field(
        default=106_496,
        description="OpenVPN's --sndbuf and --rcvbuf [byte]; doubled by the kernel to its default",
    )


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One transfer and a ping beside it; see `tunbp.lab.tcp.measure_tcp` for what is returned and raised."""
    with routed_path(cell, PORT) as path, openvpn(path, cell, backpressure) as tunnel:
        rate, limit = f"{cell['uplink_rate']:.0f}bit", str(UPLINK_LIMIT)
        path.client.set_qdisc(OUTER, "tbf", "rate", rate, "burst", "16kb", "limit", limit)
        return {"echo": tunnel.echo, "cipher": CIPHER, **measure_tcp(path, cell, folder, tunnel.programs)}


EXPERIMENT = Experiment(
    name="shaped",
    question="Where the queue of a tunnel over a slow uplink stands: ring or qdisc; and what a ping then takes.",
    cell=ShapedCell,
    needs=("namespaces", "tun", "ip", "tc", "iperf3", "ping", "openvpn", "openssl", "cc", "ss", "path"),
    shown=("ping_mean_rtt", "received_rate", "dropped_ring", "dropped_qdisc"),
    measure=measure,
    programs=("backpressure", "relay"),
)
