"""The receiver behind a path: takes test packets from a socket and says how long each was on its way."""

from __future__ import annotations

import socket
import time
from multiprocessing.connection import Connection

from tunbp.lab import inside, packet


def receive(connection: Connection, address: str) -> None:
    """Receive at an address until SIGTERM; sends the time each packet took [s], by its number.

    Parameters
    ----------
    connection
        To the parent.
    address
        IP address inside the namespace.
    """
    inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inlet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    inlet.bind((address, packet.PORT))
    stopping = inside.stop_signal()
    inlet.settimeout(0.1)
    connection.send("listening")
    arrived: dict[int, float] = {}
    while not stopping:
        try:
            header = packet.unpack(inlet.recv(65536), 0)
        except TimeoutError:
            continue
        if header:
            arrived[header[1]] = (time.monotonic_ns() - header[2]) / 1e9
    connection.send(arrived)
