"""A path between two namespaces with a delaying router in the middle.

netem or the relay stands in the router, in both directions: on an end point netem would hold packets that still
count against the sending socket's buffer and so throttle the sender. With netem the ends talk to each other, with
the relay to the router's addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab.namespaces import Namespace, namespaces
from tunbp.lab.relay import Ends, Line, Relay, relay, remarks, summary

CLIENT_OUTER, SERVER_OUTER = "10.77.1.2", "10.77.2.2"
ROUTER_LEFT, ROUTER_RIGHT = "10.77.1.1", "10.77.2.1"
CLIENT_INNER, SERVER_INNER = "10.99.0.2", "10.99.0.1"
NETEM_LIMIT = "100000"
OUTER, TUNNEL = "eth0", "tun0"
"""Devices of both ends: towards the path, and of the tunnel."""


@dataclass(frozen=True)
class RoutedPath:
    """The three namespaces of a path, and the addresses at which each end reaches the other.

    `kind` is what makes the path: "netem", "relay", or "none".
    """

    client: Namespace
    router: Namespace
    server: Namespace
    kind: str
    client_peer: str
    server_peer: str
    relay: Relay | None = None

    def report(self, folder: Path) -> dict[str, Any]:
        """End the relay, if there is one: keep its report in `folder`, return its `summary` and remarks.

        Parameters
        ----------
        folder
            Folder of the run.

        Returns
        -------
        dict[str, Any]
            Totals under the schema's names and `remarks`; empty without a relay.
        """
        if self.relay is None:
            return {}
        report = self.relay.stop()
        (folder / "relay.json").write_text(json.dumps(report, indent=1) + "\n")
        found = summary(report)
        return {**found, "remarks": remarks(found)}


@contextmanager
def routed_path(cell: Mapping[str, Any], port: int) -> Iterator[RoutedPath]:
    """Client - router - server, with half of the cell's `rtt` added in each direction, and its link.

    Parameters
    ----------
    cell
        Values of a `PathCell`.
    port
        UDP port of the tunnel, which the relay forwards.

    Yields
    ------
    RoutedPath
        The path, there until the block ends.

    Raises
    ------
    LabError
        If netem is asked for and this kernel has none, or the relay does not start.
    """
    with namespaces("client", "router", "server") as (client, router, server):
        _veth(client, CLIENT_OUTER, router, "left", ROUTER_LEFT)
        _veth(server, SERVER_OUTER, router, "right", ROUTER_RIGHT)
        router.set_sysctls({"net.ipv4.ip_forward": "1"})
        spaces = (client, router, server)
        if cell["path"] == "netem" or (cell["path"] == "auto" and not linked(cell)):
            kind = "netem" if cell["rtt"] else "none"
            if kind == "none" or _netem(router, cell["rtt"] / 2, required=cell["path"] == "netem"):
                yield RoutedPath(*spaces, kind, SERVER_OUTER, CLIENT_OUTER)
                return
        line = Line(cell["rtt"] / 2, cell["link_jitter"], cell["link_rate"], cell["link_buffer"], cell["link_loss"])
        ends = Ends(ROUTER_LEFT, CLIENT_OUTER, ROUTER_RIGHT, SERVER_OUTER, port)
        with relay(router, ends, line) as running:
            yield RoutedPath(*spaces, "relay", ROUTER_LEFT, ROUTER_RIGHT, running)


def linked(cell: Mapping[str, Any]) -> bool:
    """Whether the path of a cell does more than delay: only the relay can tell a link's buffer from its delay.

    Parameters
    ----------
    cell
        Values of a `PathCell`.

    Returns
    -------
    bool
        Whether it has a rate, a loss or a jitter.
    """
    return any(cell[name] for name in ("link_rate", "link_loss", "link_jitter"))


def _netem(router: Namespace, delay: float, required: bool) -> bool:
    """Delay both directions by netem; False if the kernel has none and another way may be taken."""
    try:
        for device in ("left", "right"):
            router.set_qdisc(device, "netem", "delay", f"{delay * 1e6:.0f}us", "limit", NETEM_LIMIT)
    except LabError:
        if required:
            raise
        return False
    return True


def _veth(end: Namespace, address: str, router: Namespace, device: str, gateway: str) -> None:
    """Join an end to `device` of the router and make the router its gateway."""
    end.ip(
        f"link add {OUTER} type veth peer name {device} netns {router.name}",
        f"address add {address}/24 dev {OUTER}",
        f"link set {OUTER} up",
        f"route add default via {gateway}",
    )
    router.ip(f"address add {gateway}/24 dev {device}", f"link set {device} up")
