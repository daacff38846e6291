"""Video through a tunnel: frames of many packets sent in one go, key frames several times as large.

What counts for the viewer is the share of frames that arrive whole, of key frames above all: without one the picture
stays broken until the next.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.lab import inside, packet
from tunbp.lab.cells import PathCell, Seconds, Warmup
from tunbp.lab.experiment import Experiment
from tunbp.lab.namespaces import link_counter, qdisc_drops
from tunbp.lab.path import SERVER_INNER, TUNNEL, routed_path
from tunbp.lab.receiver import receive
from tunbp.lab.tunnel import CIPHER, PORT, openvpn

PAYLOAD = 1200
"""Bytes of a packet, as RTP sends them."""
SPREAD = 0.3
"""Sizes of frames vary uniformly by this share around their mean."""
PLACES = 1 << 16
"""A packet's number is its frame's number times this, plus its place in the frame."""


class VideoCell(PathCell):
    """A stream of video through OpenVPN."""

    label_fields: ClassVar[tuple[str, ...]] = ("bit_rate", "rtt", "ring", "qdisc")

    bit_rate: Annotated[float, Field(gt=0, le=1e10)] = Field(default=20e6, description="mean rate of the video [bit/s]")
    frame_rate: Annotated[float, Field(gt=0, le=1000)] = Field(default=30.0, description="frames per second [1/s]")
    key_interval: Annotated[int, Field(ge=1, le=10_000)] = Field(default=60, description="frames from key to key frame")
    key_size: Annotated[float, Field(ge=1, le=1000)] = Field(default=8.0, description="size of a key frame, in others")
    duration: Seconds = Field(default=10.0, description="measured time [s]")
    warmup: Warmup = Field(default=0.0, description="not used: every frame counts")


@dataclass(frozen=True)
class Frame:
    """One frame: when it is sent [s from the start], its packets, and whether it is a key frame."""

    due: float
    packets: int
    key: bool


def frames(cell: Mapping[str, Any], seed: int = 1) -> list[Frame]:
    """The frames of a stream; the same for the same settings.

    The mean rate is `bit_rate`: with K frames from key to key and a key frame of s others, one of the others has
    bit_rate / frame_rate K / (K - 1 + s) bits.
    """
    spacing, size, chance = cell["key_interval"], cell["key_size"], random.Random(seed)
    other = cell["bit_rate"] / cell["frame_rate"] * spacing / (spacing - 1 + size) / 8 / PAYLOAD
    stream = []
    for number in range(round(cell["duration"] * cell["frame_rate"])):
        key = number % spacing == 0
        mean = other * (size if key else 1.0)
        packets = max(1, round(mean * chance.uniform(1 - SPREAD, 1 + SPREAD)))
        stream.append(Frame(number / cell["frame_rate"], packets, key))
    return stream


def measure(cell: Mapping[str, Any], backpressure: bool, folder: Path) -> dict[str, Any]:
    """One stream; every packet is numbered and its way timed.

    Returns
    -------
    dict
        sent, delivered (at the far end), dropped_ring, dropped_qdisc [packet]; drop_fraction; frames,
        broken_fraction and broken_key_fraction of them; queue_latency and queue_latency_p95 [s] of packets from
        send() to recv(), the path's delay included.

    Raises
    ------
    LabError
        If the tunnel fails.
    """
    stream = frames(cell)
    with routed_path(cell, PORT) as path, openvpn(path, cell, backpressure) as tunnel:
        receiver = inside.start(path.server.name, "receiver", receive, SERVER_INNER)
        try:
            receiver.message()
            before = (path.client.links(), path.client.qdiscs())
            inside.call(path.client.name, "sender", send, stream)
            time.sleep(cell["rtt"] + 0.5)
            receiver.ask_to_stop()
            arrived = receiver.message()
        finally:
            receiver.kill()
        after = path.client.save_counters(folder, "client")
        ring = [link_counter(links, TUNNEL, "tx", "dropped") for links, _ in (before, after)]
        qdisc = [qdisc_drops(qdiscs, TUNNEL) for _, qdiscs in (before, after)]
        return {
            "echo": tunnel.echo,
            "cipher": CIPHER,
            **path.client.facts(TUNNEL),
            "path": path.kind,
            "dropped_ring": ring[1] - ring[0],
            "dropped_qdisc": qdisc[1] - qdisc[0],
            "duration": cell["duration"],
            **account(stream, arrived),
            **path.report(folder),
        }


def account(stream: list[Frame], arrived: Mapping[int, float]) -> dict[str, Any]:
    """What of a stream came through.

    Parameters
    ----------
    stream
        The frames sent.
    arrived
        Time each packet took [s], by its number.
    """
    whole = [0] * len(stream)
    for number in arrived:
        whole[number // PLACES] += 1
    broken = [count < frame.packets for count, frame in zip(whole, stream, strict=True)]
    keys = [bad for bad, frame in zip(broken, stream, strict=True) if frame.key]
    sent, delays = sum(frame.packets for frame in stream), sorted(arrived.values())
    return {
        "sent": sent,
        "delivered": len(arrived),
        "drop_fraction": 1 - len(arrived) / sent,
        "frames": len(stream),
        "broken_fraction": sum(broken) / len(broken),
        "broken_key_fraction": sum(keys) / len(keys),
        "queue_latency": sum(delays) / len(delays) if delays else None,
        "queue_latency_p95": delays[round(0.95 * (len(delays) - 1))] if delays else None,
    }


def send(stream: list[Frame]) -> int:
    """Send the frames, each in one go when it is due; returns the packets sent."""
    outlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outlet.connect((SERVER_INNER, packet.PORT))
    begin, sent = time.monotonic(), 0
    for number, frame in enumerate(stream):
        time.sleep(max(0.0, begin + frame.due - time.monotonic()))
        for place in range(frame.packets):
            outlet.send(packet.pack(packet.BULK, number * PLACES + place, time.monotonic_ns(), PAYLOAD))
        sent += frame.packets
    return sent


EXPERIMENT = Experiment(
    name="video",
    question="Which frames of a video arrive whole through a tunnel, by ring, qdisc and flag.",
    cell=VideoCell,
    needs=("namespaces", "tun", "ip", "tc", "openvpn", "openssl", "cc", "path"),
    shown=("broken_fraction", "broken_key_fraction", "drop_fraction", "queue_latency_p95"),
    measure=measure,
    programs=("backpressure", "relay"),
)
