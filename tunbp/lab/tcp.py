"""TCP through a tunnel, measured: iperf3, ping beside it, counters of device and qdisc, sockets, programs."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import facts, inside, process, sampler
from tunbp.lab.namespaces import Namespace, link_counter, qdisc_drops
from tunbp.lab.path import SERVER_INNER, TUNNEL, RoutedPath

RETRY = "run the same command again; if it stays, look at `tunbp lab check` and the load of the machine"
PLAIN, PACES = "reno", "bbr"
"""Congestion controls that a connection begins under: one that leaves no pacing behind, and one that does."""
WINDOWS = ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")


def begin_connections(space: Namespace, cell: Mapping[str, Any]) -> None:
    """Let a namespace's connections begin without pacing, or with it where the cell says so, before iperf3 makes them.

    iperf3 asks for the congestion control of the cell when a connection is made. One that began under BBR goes on
    pacing (``sk_pacing_status``) when another control takes over, 200 % of a window per RTT in slow start and 120 %
    later: a host whose default is BBR paces CUBIC so.

    Parameters
    ----------
    space
        Namespace of the senders.
    cell
        Values with `congestion` and `pacing`.

    Raises
    ------
    LabError
        If the kernel lacks one of both congestion controls, naming those it has, or allows no namespace to choose.
    """
    begins = PACES if cell["pacing"] else PLAIN
    known = space.run("sysctl", "-n", "net.ipv4.tcp_available_congestion_control").split()
    for name in (cell["congestion"], begins):
        if name not in known:
            raise LabError(
                f"congestion control {name!r} is not loaded; this kernel has {', '.join(known)}; "
                f"load it (`modprobe tcp_{name}`) or use a VM"
            )
    try:
        space.set_sysctls({"net.ipv4.tcp_congestion_control": begins})
    except LabError as error:
        raise LabError(
            f"{error}; a namespace may begin with what the host allows to all: "
            f"`sysctl -w net.ipv4.tcp_allowed_congestion_control='reno cubic {PACES}'`"
        ) from error


def measure_tcp(path: RoutedPath, cell: Mapping[str, Any], folder: Path, programs: Mapping[str, int]) -> dict[str, Any]:
    """One TCP transfer by iperf3 from client to server through the tunnel, with ping beside it.

    The first `warmup` seconds are omitted by iperf3 and cut from the counters, which are read at both ends of the
    measured part; without a warm-up slow start is measured too. Raw outputs are kept in `folder`.

    Parameters
    ----------
    path
        The path, with the tunnel's device at both ends.
    cell
        Values of a `TunnelCell`.
    folder
        Where raw outputs go.
    programs
        Process ids of the tunnel's programs, by name ("reader", "far_reader"), for their processor time.

    Returns
    -------
    dict
        Counters of the measured part: delivered, dropped_ring, dropped_qdisc at the client's device,
        dropped_ring_return at the server's [packet]; duration [s]; NAME_cpu and NAME_wait of the programs [s];
        what the relay says of itself; `series` of the sampler, if the cell has a sample_interval. Rates are in
        iperf3's file.

    Raises
    ------
    LabError
        If iperf3 fails.
    """
    warmup, duration = float(cell["warmup"]), float(cell["duration"])
    ends = {"client": path.client, "server": path.server}
    begin_connections(path.client, cell)
    if cell["windows"] == "default":
        defaults = facts.sysctls()
        for space in ends.values():
            space.set_sysctls({name: defaults[name] for name in WINDOWS})
    watched = {**programs, **({"relay": path.relay.child.pid} if path.relay else {})}
    # not in the results' folder: in a VM that is mounted from outside, and a growing file cannot be read
    with tempfile.TemporaryFile() as out, iperf3_server(path.server):
        with sampling(path.client, cell["sample_interval"], watched, folder) as samples:
            pinger = _start_ping(path.client, warmup + duration, folder / "ping.txt")
            try:
                before = None if warmup else _reading(ends, watched)
                sender = path.client.start(*_iperf3(cell), stdout=out, stderr=subprocess.STDOUT)
                process.pause(sender, warmup)
                before = before or _reading(ends, watched)
                status = process.wait(sender, duration + 60.0, "iperf3")
                after = _reading(ends, watched)
            finally:
                process.stop(pinger)
        out.seek(0)
        (folder / "iperf3.json").write_bytes(out.read())
    check_iperf3(folder / "iperf3.json", status)
    for label, space in ends.items():
        space.save_counters(folder, label)

    def counted(side: str, counter: str) -> int:
        first, last = (link_counter(reading["links"][side], TUNNEL, "tx", counter) for reading in (before, after))
        return last - first

    dropped = [qdisc_drops(reading["qdiscs"], TUNNEL) for reading in (before, after)]
    return {
        **path.client.facts(TUNNEL),
        "path": path.kind,
        "duration": duration,
        "delivered": counted("client", "packets"),
        "dropped_ring": counted("client", "dropped"),
        "dropped_ring_return": counted("server", "dropped"),
        "dropped_qdisc": dropped[1] - dropped[0],
        **sampler.between(before["cpu"], after["cpu"]),
        **path.report(folder),
        **samples,
    }


def _reading(ends: Mapping[str, Namespace], programs: Mapping[str, int]) -> dict[str, Any]:
    """Counters of both ends, the client's qdiscs, and the programs' processor time, now."""
    return {
        "links": {label: space.links() for label, space in ends.items()},
        "qdiscs": ends["client"].qdiscs(),
        "cpu": {name: sampler.cpu_seconds(pid) for name, pid in programs.items()},
    }


@contextmanager
def sampling(space: Namespace, interval: float, programs: Mapping[str, int], folder: Path) -> Iterator[dict[str, Any]]:
    """Sample in the background; yields a dict that holds `series` afterwards, and leaves `ss.txt` in `folder`.

    Parameters
    ----------
    space
        Namespace of the device.
    interval
        Seconds; 0: do not sample.
    programs
        Name to process id.
    folder
        Folder of the run.

    Yields
    ------
    dict[str, Any]
        The dict.
    """
    found: dict[str, Any] = {}
    if not interval:
        yield found
        return
    watch = sampler.Watch(interval, SERVER_INNER, TUNNEL, programs)
    child = inside.start(space.name, "sampler", sampler.serve, watch)
    try:
        yield found
        child.ask_to_stop()
        sampled = child.message()
        found["series"] = sampled["series"]
        (folder / "ss.txt").write_text(sampled["ss"])
    finally:
        child.kill()


@contextmanager
def iperf3_server(space: Namespace) -> Iterator[subprocess.Popen[bytes]]:
    """An iperf3 server for one test.

    Parameters
    ----------
    space
        Namespace of the server.

    Yields
    ------
    subprocess.Popen[bytes]
        The server, listening.
    """
    command = ["iperf3", "--server", "--one-off", "--bind", SERVER_INNER]
    with tempfile.NamedTemporaryFile() as log:
        server = space.start(*command, stdout=log, stderr=subprocess.STDOUT)
        try:
            what = "iperf3 server does not listen"
            process.wait_for(lambda: listens(space), what, 20.0, Path(log.name), server, RETRY)
            yield server
        finally:
            process.stop(server)


def _iperf3(cell: Mapping[str, Any]) -> list[str]:
    return [
        "iperf3", "--client", SERVER_INNER, "--json", "--interval", f"{cell['sample_interval'] or 1:g}",
        "--congestion", cell["congestion"], "--time", f"{cell['duration']:g}", "--omit", f"{cell['warmup']:g}",
        "--parallel", str(cell["streams"]),
    ]  # fmt: skip


def listens(space: Namespace, port: int = 5201) -> bool:
    """Whether a TCP server listens at a port of a namespace.

    Parameters
    ----------
    space
        A namespace.
    port
        TCP port.

    Returns
    -------
    bool
        Whether it does now.
    """
    return f":{port} " in space.run("ss", "-Hltn")


def _start_ping(space: Namespace, duration: float, out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return space.start("ping", "-D", "-i", "0.2", "-w", f"{max(1, round(duration))}", SERVER_INNER, stdout=file)


def check_iperf3(path: Path, status: int = 0) -> None:
    """Raise if iperf3 reported an error or wrote no result; `tunbp.traces` reads the numbers later.

    Parameters
    ----------
    path
        File with its JSON.
    status
        Its exit status.

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
