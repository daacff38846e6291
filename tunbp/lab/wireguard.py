"""A tunnel by wireguard-go: the laboratory opens the device, with the flag or without, and hands it over.

A Go program makes its system calls without libc, so that no preloaded library can add the flag. wireguard-go takes
an open device as `WG_TUN_FD`, and its control socket as `WG_UAPI_FD`; it has no segmentation offload in the version
that Debian 12 carries (0.0.20220316), as in the paper.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import flags, inside, process
from tunbp.lab.path import CLIENT_INNER, SERVER_INNER, TUNNEL, RoutedPath
from tunbp.lab.tunnel import Tunnel

PORT = 51820
CIPHER = "ChaCha20-Poly1305"
MTU = 1420
"""wireguard-go's own choice."""
UP_LIMIT = 60.0
CONTROL = Path("/var/run/wireguard") / f"{TUNNEL}.sock"
CLONE_NEWNS = 0x00020000
X25519_BYTES = 32
SYS_PIDFD_GETFD = 438
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33


@dataclass(frozen=True)
class Peer:
    """Keys and addresses of one end, as its own side configures it."""

    private_key: bytes
    peer_key: bytes
    endpoint: str

    @property
    def configuration(self) -> str:
        """The text that wireguard-go's control socket takes."""
        return (
            f"set=1\nprivate_key={self.private_key.hex()}\nlisten_port={PORT}\npublic_key={self.peer_key.hex()}\n"
            f"endpoint={self.endpoint}:{PORT}\nallowed_ip=0.0.0.0/0\n\n"
        )


def make_keys() -> tuple[bytes, bytes]:
    """A private key and its public key (X25519).

    Raises
    ------
    LabError
        If openssl is missing or fails.
    """
    with tempfile.NamedTemporaryFile(prefix="tunbp-key-") as file:
        process.run(["openssl", "genpkey", "-algorithm", "X25519", "-outform", "DER", "-out", file.name])
        private = Path(file.name).read_bytes()[-X25519_BYTES:]
        command = ["openssl", "pkey", "-inform", "DER", "-in", file.name, "-pubout", "-outform", "DER"]
        public = subprocess.run(command, capture_output=True, check=True).stdout[-X25519_BYTES:]
    return private, public


def serve(connection: Connection, peer: Peer, backpressure: bool, log: str) -> None:
    """Open the device, send the flags it echoes, and become wireguard-go.

    Parameters
    ----------
    connection
        To the parent.
    peer
        Device, keys and addresses.
    backpressure
        Whether the device gets the flag.
    log
        Path of the program's log.
    """
    device = flags.attach(TUNNEL, "tun", backpressure, information=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _private_run()
    CONTROL.parent.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(CONTROL))
    listener.listen()
    # the configuration waits in the socket until wireguard-go accepts it
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.connect(str(CONTROL))
    control.sendall(peer.configuration.encode())
    for fd in (device.fd, listener.fileno(), control.fileno()):
        os.set_inheritable(fd, True)
    os.dup2(output, 1)
    os.dup2(output, 2)
    connection.send(device.echo)
    handed = {"WG_TUN_FD": str(device.fd), "WG_UAPI_FD": str(listener.fileno()), "LOG_LEVEL": "error"}
    os.execvpe("wireguard-go", ["wireguard-go", "-f", TUNNEL], {**os.environ, **handed})


def _private_run() -> None:
    """A /run of this process's own: the control sockets of both ends have the same name."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise LabError(f"no mount namespace of its own: {os.strerror(ctypes.get_errno())}")
    process.run(["mount", "--make-rprivate", "/"])
    process.run(["mount", "-t", "tmpfs", "tmpfs", str(CONTROL.parent.parent.resolve())])


@contextmanager
def wireguard(path: RoutedPath, cell: Mapping[str, Any], backpressure: bool) -> Iterator[Tunnel]:
    """wireguard-go between client and server of `path`, with keys made for this one tunnel.

    Parameters
    ----------
    path
        The path.
    cell
        Values of a `TunnelCell`.
    backpressure
        Whether the client's device gets the flag.

    Yields
    ------
    Tunnel
        The tunnel, up.

    Raises
    ------
    LabError
        If wireguard-go is missing, no packet gets through within its limit, or the kernel lacks the flag asked for or
        does not let its sockets be changed.
    """
    keys = {end: make_keys() for end in ("server", "client")}
    ends = {
        "server": (path.server, Peer(keys["server"][0], keys["client"][1], path.server_peer)),
        "client": (path.client, Peer(keys["client"][0], keys["server"][1], path.client_peer)),
    }
    inner = {"server": (SERVER_INNER, CLIENT_INNER), "client": (CLIENT_INNER, SERVER_INNER)}
    running: list[inside.Child] = []
    echoes: list[int] = []
    with tempfile.TemporaryDirectory(prefix="tunbp-wireguard-") as scratch:
        try:
            for end, (space, peer) in ends.items():
                log = Path(scratch) / f"{end}.log"
                child = inside.start(space.name, f"wireguard-go ({end})", serve, peer, backpressure, str(log))
                running.append(child)
                echoes.append(child.message())
                here, there = inner[end]
                space.ip(
                    f"link set {TUNNEL} txqueuelen {cell['ring']} mtu {MTU}",
                    f"address add {here} peer {there} dev {TUNNEL}",
                    f"link set {TUNNEL} up",
                )
                space.set_qdisc(TUNNEL, cell["qdisc"])
            _wait_until_up(path, Path(scratch) / "client.log")
            if size := cell.get("socket_buffer"):
                for child in running:
                    set_socket_buffers(child.pid, size)
            yield Tunnel(echoes, {"far_reader": running[0].pid, "reader": running[1].pid})
        finally:
            for child in running:
                child.kill()


def set_socket_buffers(pid: int, size: int) -> int:
    """Give the UDP sockets of a running process another size, beyond the kernel's maximum too.

    wireguard-go does the same by itself since commit f26efb65f23a of 2 March 2023, to 7 MiB; versions up to
    0.0.20230223 leave them at `net.core.rmem_default`. No option sets them, so the laboratory borrows the sockets.

    Parameters
    ----------
    pid
        Process whose sockets are changed.
    size
        Bytes that are asked for, in both directions; the kernel doubles them.

    Returns
    -------
    int
        Sockets that were changed.

    Raises
    ------
    LabError
        If the kernel does not hand them over (`pidfd_getfd`, Linux 5.6), or there is none.
    """
    libc, changed = ctypes.CDLL(None, use_errno=True), 0
    process_fd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
            fd = libc.syscall(SYS_PIDFD_GETFD, process_fd, int(name), 0)
            if fd < 0:
                raise LabError(f"no access to a socket of process {pid}: {os.strerror(ctypes.get_errno())}")
            with socket.socket(fileno=fd) as borrowed:
                if borrowed.type == socket.SOCK_DGRAM and borrowed.family in (socket.AF_INET, socket.AF_INET6):
                    borrowed.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
                    borrowed.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, size)
                    changed += 1
    finally:
        os.close(process_fd)
    if not changed:
        raise LabError(f"process {pid} has no UDP socket")
    return changed


def _wait_until_up(path: RoutedPath, log: Path) -> None:
    """Wait until a packet has come back through the tunnel."""

    def answered() -> bool:
        try:
            path.client.run("ping", "-c", "1", "-W", "2", SERVER_INNER)
        except LabError:
            return False
        return True

    process.wait_for(answered, "no packet gets through wireguard-go", UP_LIMIT, log)
