"""The forwarder: carries packets between a tun device and a UDP socket, a VPN without cryptography."""

from __future__ import annotations

import os
import select
import socket
from multiprocessing.connection import Connection

from tunbp.lab import flags

PORT = 40405
BUFFER = 4194304
BATCH = 32
"""Packets carried one way before the other way gets its turn."""


def carry(device: flags.Device, outer: socket.socket) -> None:
    """Move packets both ways until killed; what the outer socket does not take is lost, as in a VPN."""
    poll = select.poll()
    poll.register(device.fd, select.POLLIN)
    poll.register(outer, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == device.fd:
                _outward(device.fd, outer)
            else:
                _inward(device.fd, outer)


def _outward(device: int, outer: socket.socket) -> None:
    for _ in range(BATCH):
        try:
            packet = os.read(device, 65536)
        except BlockingIOError:
            return
        try:
            outer.send(packet)
        except OSError:  # full buffer, or the other end is not there yet
            continue


def _inward(device: int, outer: socket.socket) -> None:
    for _ in range(BATCH):
        try:
            packet = outer.recv(65536)
        except BlockingIOError:
            return
        except OSError:  # the other end's port was not open yet
            continue
        try:
            os.write(device, packet)
        except OSError:  # the device is not up yet
            continue


def serve(connection: Connection, name: str, local: str, remote: str, backpressure: bool) -> None:
    """Attach the device, connect the socket between the outer addresses, send the echoed flags, and carry."""
    device = flags.attach(name, "tun", backpressure)
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        outer.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    outer.bind((local, PORT))
    outer.connect((remote, PORT))
    outer.setblocking(False)
    connection.send(device.echo)
    carry(device, outer)
