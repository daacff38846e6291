"""Record single events of Linux's TCP over a tunnel whose constants are known: `tests/model/linux_events/*.csv`.

Run as root: ``python -m tools.linux_events.record [CASE ...]``. Two network namespaces, a tun device in each, `line.c`
between them; the kernel's own tracepoint ``tcp:tcp_probe`` says what the sender's window, threshold and smoothed RTT are
at each ACK. What is kept is what a packet-by-packet simulation of the same path can be compared with.
"""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "tests" / "model" / "linux_events"
PORT = 5001
SENDER, RECEIVER = "10.66.0.1", "10.66.0.2"
TRACE = re.compile(
    r"(?P<t>\d+\.\d+): tcp_probe: .* data_len=(?P<data>\d+) snd_nxt=0x(?P<next>[0-9a-f]+) snd_una=0x(?P<una>[0-9a-f]+) "
    r"snd_cwnd=(?P<cwnd>\d+) ssthresh=(?P<ssthresh>\d+) snd_wnd=(?P<window>\d+) srtt=(?P<srtt>\d+)"
)


@dataclass(frozen=True)
class Case:
    """One recording: a path, a transfer, and the data packets that are lost behind the reader.

    Parameters
    ----------
    rtt
        Both ways together, s.
    rate
        Of the reader, packet/s.
    ring
        txqueuelen, packet.
    congestion
        Kernel's name of the congestion control.
    seconds
        How long the sender sends; with `segments`, how long is recorded.
    segments
        How many segments are sent; None, as many as go.
    lost
        Numbers of data packets that are lost, from 1.
    qdisc
        Arguments of ``tc qdisc add dev tun0 root``.
    """

    rtt: float
    rate: float
    ring: int
    congestion: str
    seconds: float
    segments: int | None = None
    lost: tuple[int, ...] = ()
    qdisc: str = "pfifo_fast"


CASES = {
    "slow_start_exit": Case(0.05, 5000, 2000, "cubic", 1.5),
    "slow_start_exit_long": Case(0.12, 5000, 4000, "cubic", 3.0),
    "slow_start_overshoot": Case(0.05, 5000, 100, "reno", 4.0),
    "recovery": Case(0.04, 20000, 1000, "reno", 4.0, None, (1500,)),
    "cubic_epoch": Case(0.04, 20000, 1000, "cubic", 16.0, None, (3000,)),
    "cubic_overflow": Case(0.06, 5000, 50, "cubic", 20.0),
    "tail_loss_probe": Case(0.05, 5000, 500, "cubic", 1.5, 10, (10,)),
    "timeout": Case(0.05, 5000, 500, "cubic", 3.0, 10, (10, 11, 12)),
    "lost_retransmission": Case(0.04, 20000, 1000, "reno", 4.0, None, (1500, 2270)),
}


def run(*words: str) -> str:
    """Run a command; its output."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def compiled(folder: str) -> str:
    """Compile `line.c`."""
    run("cc", "-O2", "-Wall", "-o", f"{folder}/line", str(HERE / "line.c"))
    return f"{folder}/line"


SEND = """
import socket, sys, time
peer, congestion, seconds, count, size = sys.argv[1:6]
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
s.bind(("", 5002))
s.connect((peer, 5001))
time.sleep(0.3)
end = time.monotonic() + float(seconds)
print(time.monotonic(), flush=True)
if int(count):
    s.sendall(bytes(int(count) * int(size)))
    time.sleep(float(seconds))
else:
    block = bytes(1 << 18)
    s.settimeout(0.2)
    while time.monotonic() < end:
        try:
            s.send(block)
        except TimeoutError:
            pass
print(time.monotonic(), flush=True)
"""

RECEIVE = """
import socket
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("", 5001))
listening.listen()
print("ready", flush=True)
s, _ = listening.accept()
while s.recv(1 << 20):
    pass
"""


def namespaces() -> list[str]:
    """Two namespaces with large TCP windows and no memory of earlier connections; their names."""
    names = [f"events-{os.getpid()}-{end}" for end in ("left", "right")]
    for name in names:
        run("ip", "netns", "add", name)
        within(name, "sysctl", "-q", "-w", "net.ipv4.tcp_no_metrics_save=1",
               "net.ipv4.tcp_wmem=4096 16777216 67108864", "net.ipv4.tcp_rmem=4096 67108864 67108864")
        within(name, "ip", "link", "set", "lo", "up")
    return names


def within(name: str, *words: str) -> str:
    """Run a command in a namespace; its output."""
    return run("ip", "netns", "exec", name, *words)


def started(*words: str, **options) -> subprocess.Popen[str]:
    """Start a program that prints a line when it is ready."""
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **options)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def record(case: Case, tracing: Path, folder: str) -> tuple[list[dict], list[list[str]], dict]:
    """One run; what the sender saw at each ACK, what the reader took, and counters."""
    names = namespaces()
    children = []
    try:
        line = started("chrt", "-f", "50", compiled(folder), *(f"/run/netns/{name}" for name in names),
                       str(round(1e9 / case.rate)), str(round(5e8 * case.rtt)), *map(str, case.lost))
        children.append(line)
        for name, here, there in zip(names, (SENDER, RECEIVER), (RECEIVER, SENDER), strict=True):
            within(name, "ip", "link", "set", "tun0", "mtu", "1500", "txqueuelen", str(case.ring))
            within(name, "ip", "address", "add", here, "peer", there, "dev", "tun0")
            within(name, "tc", "qdisc", "add", "dev", "tun0", "root", *case.qdisc.split())
            within(name, "ip", "link", "set", "tun0", "up")
        children.append(started("ip", "netns", "exec", names[1], sys.executable, "-c", RECEIVE))
        event = tracing / "events/tcp/tcp_probe"
        (event / "filter").write_text(f"dport == {PORT}")
        (tracing / "trace").write_text("")
        (event / "enable").write_text("1")
        sender = subprocess.Popen(
            ["ip", "netns", "exec", names[0], sys.executable, "-c", SEND, RECEIVER, case.congestion,
             str(case.seconds), str(case.segments or 0), "1448"], stdout=subprocess.PIPE, text=True)
        start, end = map(float, sender.communicate(timeout=case.seconds + 20)[0].split())
        (event / "enable").write_text("0")
        link = json.loads(within(names[0], "ip", "-j", "-s", "link", "show", "tun0"))[0]["stats64"]["tx"]
        line.send_signal(signal.SIGTERM)
        taken = [words.split() for words in line.communicate(timeout=20)[0].splitlines()]
        text = (tracing / "trace").read_text()
        acks = []
        for found in TRACE.finditer(text):
            t = float(found["t"])
            if found["data"] == "0" and start - 0.001 <= t <= end:
                acks.append({"t": t - start, "next": int(found["next"], 16), "una": int(found["una"], 16),
                             "cwnd": int(found["cwnd"]), "ssthresh": int(found["ssthresh"]),
                             "srtt": int(found["srtt"]), "window": int(found["window"])})
        return acks, taken, {"start": start, "end": end, "dropped": link["dropped"], "packets": link["packets"]}
    finally:
        for child in children:
            child.kill()
            child.wait()
        for name in names:
            run("ip", "netns", "delete", name)
