"""A routed path between two namespaces with a delaying router in the middle, and TCP measured over it.

netem stands in the router, in both directions: on an end point it would hold packets that still count against
the sending socket's buffer and so throttle the sender.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import process
from tunbp.lab.namespaces import Namespace, link_counter, namespaces, qdisc_drops

CLIENT_OUTER, SERVER_OUTER = "10.77.1.2", "10.77.2.2"
CLIENT_INNER, SERVER_INNER = "10.99.0.2", "10.99.0.1"
NETEM_LIMIT = "100000"
TUNNEL = "tun0"
RETRY = "run the same command again; if it stays, look at `tunbp lab check` and the load of the machine"


@dataclass(frozen=True)
class RoutedPath:
    """The three namespaces of a routed path."""

    client: Namespace
    router: Namespace
    server: Namespace


@contextmanager
def routed_path(rtt: float) -> Iterator[RoutedPath]:
    """Client - router - server, with half of `rtt` [s] added by netem in each direction (none for 0).

    Raises
    ------
    LabError
        If `rtt` is not 0 and this kernel has no netem.
    """
    with namespaces("client", "router", "server") as (client, router, server):
        _veth(client, CLIENT_OUTER, router, "left", "10.77.1.1")
        _veth(server, SERVER_OUTER, router, "right", "10.77.2.1")
        router.set_sysctls({"net.ipv4.ip_forward": "1"})
        if rtt:
            for device in ("left", "right"):
                router.set_qdisc(device, "netem", "delay", f"{rtt / 2 * 1e6:.0f}us", "limit", NETEM_LIMIT)
        yield RoutedPath(client, router, server)


def _veth(end: Namespace, address: str, router: Namespace, device: str, gateway: str) -> None:
    """Join an end to `device` of the router and make the router its gateway."""
    end.ip(
        f"link add eth0 type veth peer name {device} netns {router.name}",
        f"address add {address}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {gateway}",
    )
    router.ip(f"address add {gateway}/24 dev {device}", f"link set {device} up")


def check_congestion(space: Namespace, congestion: str) -> None:
    """Raise unless the kernel has this congestion control.

    Raises
    ------
    LabError
        Naming those it has.
    """
    known = space.run("sysctl", "-n", "net.ipv4.tcp_available_congestion_control").split()
    if congestion not in known:
        raise LabError(
            f"congestion control {congestion!r} is not loaded; this kernel has {', '.join(known)}; "
            f"load it (`modprobe tcp_{congestion}`) or use a VM"
        )


def measure_tcp(path: RoutedPath, cell: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """One TCP transfer by iperf3 from client to server through the tunnel, with ping beside it.

    The first `warmup` seconds are omitted by iperf3 and cut from the drop counters, which are read at both
    ends of the measured part. Raw outputs are kept in `folder`.

    Returns
    -------
    dict
        Counters of the measured part: delivered, dropped_ring, dropped_qdisc at the client's device,
        dropped_ring_return at the server's [packet]; duration [s]. Rates are in iperf3's file.

    Raises
    ------
    LabError
        If iperf3 fails.
    """
    warmup, duration = float(cell["warmup"]), float(cell["duration"])
    check_congestion(path.client, cell["congestion"])
    pinger = None
    # not in the results' folder: in a VM that is mounted from outside, and a growing file cannot be read
    with tempfile.TemporaryFile() as out, tempfile.NamedTemporaryFile() as log:
        server = path.server.start(
            "iperf3", "--server", "--one-off", "--bind", SERVER_INNER, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            what = "iperf3 server does not listen"
            process.wait_for(lambda: _listens(path.server), what, 20.0, Path(log.name), server, RETRY)
            pinger = _start_ping(path.client, warmup + duration, folder / "ping.txt")
            sender = path.client.start(*_iperf3(cell), stdout=out, stderr=subprocess.STDOUT)
            process.pause(sender, warmup)
            ends = (("client", path.client), ("server", path.server))
            before = {side: space.links() for side, space in ends}
            qdisc_before = path.client.qdiscs()
            status = process.wait(sender, duration + 60.0, "iperf3")
        finally:
            for child in (pinger, server):
                if child is not None:
                    process.stop(child)
        out.seek(0)
        (folder / "iperf3.json").write_bytes(out.read())
    check_iperf3(folder / "iperf3.json", status)
    client_links, client_qdiscs = path.client.save_counters(folder, "client")
    after = {"client": client_links, "server": path.server.save_counters(folder, "server")[0]}

    def counted(side: str, counter: str) -> int:
        first, last = (link_counter(links[side], TUNNEL, "tx", counter) for links in (before, after))
        return last - first

    return {
        **path.client.facts(TUNNEL),
        "duration": duration,
        "delivered": counted("client", "packets"),
        "dropped_ring": counted("client", "dropped"),
        "dropped_ring_return": counted("server", "dropped"),
        "dropped_qdisc": qdisc_drops(client_qdiscs, TUNNEL) - qdisc_drops(qdisc_before, TUNNEL),
    }


def _iperf3(cell: Mapping[str, Any]) -> list[str]:
    return [
        "iperf3", "--client", SERVER_INNER, "--json", "--interval", "1", "--congestion", cell["congestion"],
        "--time", f"{cell['duration']:g}", "--omit", f"{cell['warmup']:g}",
        "--parallel", str(cell["streams"]),
    ]  # fmt: skip


def _listens(space: Namespace) -> bool:
    return ":5201" in space.run("ss", "-Hltn")


def _start_ping(space: Namespace, duration: float, out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return space.start("ping", "-D", "-i", "0.2", "-w", f"{max(1, round(duration))}", SERVER_INNER, stdout=file)


def check_iperf3(path: Path, status: int = 0) -> None:
    """Raise if iperf3 reported an error or wrote no result; `tunbp.traces` reads the numbers later.

    Raises
    ------
    LabError
        With what iperf3 said.
    """
    text = path.read_text()
    try:
        whole = json.loads(text)
    except ValueError as error:
        raise process.failure("iperf3 wrote no JSON", text) from error
    if status != 0 or "error" in whole or not whole.get("end"):
        said = whole.get("error", f"status {status}, no totals")
        raise process.failure(f"iperf3: {said}", advice=RETRY)
