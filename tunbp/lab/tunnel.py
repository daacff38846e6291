"""A real OpenVPN tunnel between two namespaces, with the ring, the qdisc and the flag of both ends set."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tunbp.lab import process, shim
from tunbp.lab.namespaces import Namespace
from tunbp.lab.path import CLIENT_INNER, CLIENT_OUTER, SERVER_INNER, SERVER_OUTER, TUNNEL, RoutedPath

UP_LIMIT = 90.0
"""Seconds in which OpenVPN must come up; the TLS handshake takes a few seconds under emulation."""
ADVICE = "look at the log; a slow machine or a full /tmp are the usual causes"
READY = "Initialization Sequence Completed"
PORT = 1194
CIPHER = "AES-256-GCM"
"""OpenVPN's own first choice."""
SOCKET_BUFFER = 4_194_304
OPTIONS = [
    "--dev", TUNNEL, "--dev-type", "tun", "--proto", "udp", "--port", str(PORT), "--disable-dco",
    "--data-ciphers", CIPHER, "--dh", "none", "--verb", "3", "--ping", "10",
]  # fmt: skip


@dataclass(frozen=True)
class Tunnel:
    """A tunnel that is up: the flags its devices echoed, and the process ids of its programs by name."""

    echo: list[int]
    programs: dict[str, int]


@contextmanager
def openvpn(path: RoutedPath, cell: Mapping[str, Any], backpressure: bool) -> Iterator[Tunnel]:
    """OpenVPN between client and server of `path`.

    Certificates are made for this one tunnel, and each end knows the other's fingerprint.

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
        If OpenVPN is missing, does not come up within its limit, or the kernel lacks the flag asked for.
    """
    with tempfile.TemporaryDirectory(prefix="tunbp-openvpn-") as name:
        # not in the results' folder: in a VM that is mounted from outside, and a growing file cannot be read
        scratch = Path(name)
        ends = {
            "server": (
                path.server,
                [SERVER_OUTER, path.server_peer, SERVER_INNER, CLIENT_INNER],
                ["--tls-server"],
            ),
            "client": (
                path.client,
                [CLIENT_OUTER, path.client_peer, CLIENT_INNER, SERVER_INNER],
                ["--tls-client"],
            ),
        }
        fingerprints = {end: make_certificate(scratch, end) for end in ends}
        buffer = str(cell.get("socket_buffer") or SOCKET_BUFFER)
        running: list[subprocess.Popen[bytes]] = []
        try:
            for end, (space, (here, there, inner, inner_peer), role) in ends.items():
                peer = fingerprints["client" if end == "server" else "server"]
                command = [
                    "openvpn", *OPTIONS, *role, "--local", here, "--remote", there,
                    "--ifconfig", inner, inner_peer, "--txqueuelen", str(cell["ring"]),
                    "--cert", str(scratch / f"{end}.crt"), "--key", str(scratch / f"{end}.key"),
                    "--peer-fingerprint", peer, "--sndbuf", buffer, "--rcvbuf", buffer,
                ]  # fmt: skip
                environment = shim.environment(backpressure, scratch / f"{end}.echo")
                with (scratch / f"{end}.log").open("wb") as log:
                    running.append(space.start(*command, stdout=log, stderr=log, environment=environment))
            for end, child in zip(ends, running, strict=True):
                log_file = scratch / f"{end}.log"
                what = f"OpenVPN ({end}) did not come up"
                process.wait_for(partial(_is_up, log_file), what, UP_LIMIT, log_file, child, ADVICE)
            echoes = [shim.read_echo(scratch / f"{end}.echo", f"OpenVPN ({end})", backpressure) for end in ends]
            for space in (path.client, path.server):
                _dress(space, cell)
            yield Tunnel(echoes, {"far_reader": running[0].pid, "reader": running[1].pid})
        finally:
            for child in running:
                process.kill(child)


def _is_up(log: Path) -> bool:
    return READY in process.read_log(log)


def _dress(space: Namespace, cell: Mapping[str, Any]) -> None:
    """Qdisc and queue length of one end; the length again, as OpenVPN only warns when it fails."""
    space.ip(f"link set {TUNNEL} txqueuelen {cell['ring']}")
    space.set_qdisc(TUNNEL, cell["qdisc"])


def make_certificate(folder: Path, name: str) -> str:
    """Make a self-signed `name`.key and `name`.crt in `folder`; returns the SHA-256 fingerprint.

    Parameters
    ----------
    folder
        Where both files go.
    name
        Of the end.

    Returns
    -------
    str
        Fingerprint, pairs of hexadecimal digits.

    Raises
    ------
    LabError
        If openssl is missing or fails.
    """
    key, certificate = str(folder / f"{name}.key"), str(folder / f"{name}.crt")
    process.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", certificate, "-subj", f"/CN={name}", "-days", "3650"]
    )  # fmt: skip
    printed = process.run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"])
    return printed.strip().split("=", 1)[1]
