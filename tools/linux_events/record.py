"""Record single events of Linux's TCP over a tunnel whose constants are known: `tests/model/linux_events/*.csv`.

Run as root: ``python -m tools.linux_events.record [CASE ...]``. Two network namespaces, a tun device in each, `line.c`
between them; the kernel's own tracepoint ``tcp:tcp_probe`` says what the sender's window, threshold and smoothed RTT
are at each ACK. What is kept is what a packet-by-packet simulation of the same path can be compared with.
"""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "tests" / "model" / "linux_events"
PORT = 5001
MSS = 1448
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
        How long the sender sends.
    lost
        First and last number of data packets that are lost, from 1.
    window
        Receive window, segment; None, the path's own.
    shaped
        Rate to which a token bucket in front of the device shapes, packet/s; its backlog is sampled.
    """

    rtt: float
    rate: float
    ring: int
    congestion: str
    seconds: float
    lost: tuple[int, int] | None = None
    window: int | None = None
    shaped: float | None = None


CASES = {
    "slow_start_exit": Case(0.05, 5000, 2000, "cubic", 1.5),
    "slow_start_exit_long": Case(0.12, 5000, 4000, "cubic", 3.0),
    "slow_start_overshoot": Case(0.05, 5000, 100, "reno", 3.0),
    "cubic_overflow": Case(0.06, 5000, 50, "cubic", 20.0),
    "cubic_epoch": Case(0.04, 20000, 1000, "cubic", 12.0, (3000, 3000)),
    "recovery": Case(0.04, 20000, 1000, "reno", 2.5, (1500, 1519)),
    "tail_loss_probe": Case(0.05, 5000, 500, "cubic", 2.0, (101, 110), 10),
    "timeout": Case(0.05, 5000, 500, "cubic", 4.0, (101, 113), 10),
    "small_queue": Case(0.05, 40000, 1000, "cubic", 6.0, shaped=3000),
    "small_queue_fast": Case(0.05, 40000, 1000, "cubic", 6.0, shaped=12000),
}
SAMPLED = 0.02
"""Seconds between two looks at the backlog of a qdisc."""
REPETITIONS = 6
"""Of these the recording that carried most is kept: a machine busy with other things holds packets back."""
POINTS = 400
"""ACKs that are kept of a recording."""
LATE = 0.5e-3
"""A packet that is handed over so many seconds late was disturbed."""


def run(*words: str) -> str:
    """Run a command; its output."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def compiled(folder: str) -> str:
    """Compile `line.c`."""
    run("cc", "-O2", "-Wall", "-o", f"{folder}/line", str(HERE / "line.c"))
    return f"{folder}/line"


SEND = """
import socket, sys, time
peer, congestion, seconds = sys.argv[1:]
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
s.bind(("", 5002))
s.connect((peer, 5001))
time.sleep(0.3)
end = time.monotonic() + float(seconds)
print(time.monotonic(), flush=True)
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
        within(
            name,
            "sysctl",
            "-q",
            "-w",
            "net.ipv4.tcp_no_metrics_save=1",
            "net.ipv4.tcp_wmem=4096 16777216 67108864",
            "net.ipv4.tcp_rmem=4096 67108864 67108864",
        )
        within(name, "ip", "link", "set", "lo", "up")
    return names


def within(name: str, *words: str) -> str:
    """Run a command in a namespace; its output."""
    return run("ip", "netns", "exec", name, *words)


class Child(subprocess.Popen[str]):
    """A program that prints a line when it is ready: `first`."""

    first: str = ""


def started(*words: str) -> Child:
    """Start a program that prints a line when it is ready."""
    child = Child(words, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.first = child.stdout.readline()
    return child


def backlog(name: str, sender: Child) -> list[tuple[float, int]]:
    """Packets in the qdisc of a namespace's device while its sender runs: s, packet."""
    looks = []
    while sender.poll() is None:
        told = json.loads(within(name, "tc", "-s", "-j", "qdisc", "show", "dev", "tun0"))
        looks.append((time.monotonic(), int(told[0]["qlen"])))
        time.sleep(SAMPLED)
    return looks


def record(case: Case, tracing: Path, folder: str) -> tuple[list[dict[str, float]], dict[str, float]]:
    """One run: what the sender saw at each ACK, and what happened to the packets."""
    names = namespaces()
    children = []
    try:
        lost = map(str, range(case.lost[0], case.lost[1] + 1)) if case.lost else ()
        line = started("chrt", "-f", "50", compiled(folder), *(f"/run/netns/{name}" for name in names),
                       str(round(1e9 / case.rate)), str(round(5e8 * case.rtt)), *lost)  # fmt: skip
        children.append(line)
        for name, here, there in zip(names, (SENDER, RECEIVER), (RECEIVER, SENDER), strict=True):
            within(name, "ip", "link", "set", "tun0", "mtu", "1500", "txqueuelen", str(case.ring))
            within(name, "ip", "address", "add", here, "peer", there, "dev", "tun0")
            qdisc = ["pfifo_fast"]
            if case.shaped and name == names[0]:
                size = MSS + 52
                qdisc = ["tbf", "rate", f"{8 * size * case.shaped:.0f}bit", "burst", f"{size + 40}", "limit", "10MB"]
            within(name, "tc", "qdisc", "add", "dev", "tun0", "root", *qdisc)
            within(name, "ip", "link", "set", "tun0", "up")
        if case.window:  # half of a receive buffer is window
            buffer = 2 * case.window * MSS
            within(names[1], "sysctl", "-q", "-w", f"net.ipv4.tcp_rmem=4096 {buffer} {buffer}")
        children.append(started("ip", "netns", "exec", names[1], sys.executable, "-c", RECEIVE))
        event = tracing / "events/tcp/tcp_probe"
        (event / "filter").write_text(f"dport == {PORT}")
        (tracing / "trace").write_text("")
        (event / "enable").write_text("1")
        sender = started(
            "ip", "netns", "exec", names[0], sys.executable, "-c", SEND, RECEIVER, case.congestion, str(case.seconds)
        )
        children.append(sender)
        looks = backlog(names[0], sender) if case.shaped else []
        start, end = map(float, sender.first.split() + sender.communicate(timeout=case.seconds + 20)[0].split())
        (event / "enable").write_text("0")
        line.send_signal(signal.SIGTERM)
        text = line.communicate(timeout=20)[0]
        found = packets(text, start) | {"backlog": [(round(t - start, 6), n) for t, n in looks]}
        return acks((tracing / "trace").read_text(), start, end), found
    finally:
        for child in children:
            child.kill()
            child.wait()
        for name in names:
            run("ip", "netns", "delete", name)


def acks(text: str, start: float, end: float) -> list[dict[str, float]]:
    """What ``tcp_probe`` says at each ACK: s, segments, s. It is traced before the ACK is looked at."""
    rows = []
    first = None
    for found in TRACE.finditer(text):
        t = float(found["t"])
        if found["data"] != "0" or not start - 0.001 <= t <= end:
            continue
        una = int(found["una"], 16)
        first = una if first is None else first
        ssthresh = int(found["ssthresh"])
        rows.append({
            "time": round(t - start, 6),
            "cwnd": int(found["cwnd"]),
            "ssthresh": ssthresh if ssthresh < 2**31 - 1 else -1,
            "srtt": int(found["srtt"]) / 1e6,
            "acked": ((una - first) % 2**32) // MSS,
            "outstanding": ((int(found["next"], 16) - una) % 2**32) // MSS,
        })  # fmt: skip
    return rows


def packets(text: str, start: float) -> dict[str, Any]:
    """What happened to the packets: how many came late, were resent, were missing at the reader, and when."""
    highest, first, resent, missing = 0, None, [], []
    late = 0
    for words in text.splitlines():
        at, seq, size, _, behind = map(int, words.split())
        t = round(at / 1e9 - start, 6)
        first = seq if first is None else first
        place = (seq - first) % 2**32
        late += behind > LATE * 1e9
        if place < highest:
            resent.append(t)
        elif place > highest:
            missing.append((t, (place - highest) // MSS))
        highest = max(highest, place + size)
    return {"packets": len(text.splitlines()), "late": late, "missing": missing, "resent": resent}


@contextmanager
def tracing() -> Iterator[Path]:
    """An instance of the kernel's tracing of our own."""
    with tempfile.TemporaryDirectory() as mount:
        run("mount", "-t", "tracefs", "none", mount)
        instance = Path(mount) / "instances" / f"linux-events-{os.getpid()}"
        try:
            instance.mkdir()
            (instance / "trace_clock").write_text("mono")
            (instance / "buffer_size_kb").write_text("65536")
            yield instance
        finally:
            instance.rmdir()
            run("umount", mount)


def write(name: str, case: Case, rows: list[dict[str, float]], found: dict[str, Any]) -> None:
    """Keep a recording: at most `POINTS` ACKs as CSV, the case and what happened to the packets as JSON."""
    TARGET.mkdir(exist_ok=True)
    spacing = case.seconds / POINTS
    kept, due = [], 0.0
    for row in rows:
        if row["time"] >= due:
            kept.append(row)
            due = row["time"] + spacing
    with open(TARGET / f"{name}.csv", "w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(kept)
    story = {"case": asdict(case), "kernel": os.uname().release.split("-")[0], **found}
    (TARGET / f"{name}.json").write_text(json.dumps(story) + "\n")


def main(names: list[str]) -> None:
    """Record the named cases, or all."""
    with tracing() as instance, tempfile.TemporaryDirectory() as folder:
        for name in names or CASES:
            case = CASES[name]
            best = max((record(case, instance, folder) for _ in range(REPETITIONS)), key=lambda one: one[1]["packets"])
            write(name, case, *best)
            print(f"{name}: {best[1]['packets']} packets, {best[1]['late']} late")


if __name__ == "__main__":
    main(sys.argv[1:])
