"""Our own tunnel program on a real tun device: what it did is known, and compared with what the probe says."""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import LabError
from tunbp.lab import inside, namespaces, process
from tunbp.lab.probe import events, record
from tunbp.lab.probe.instance import instance
from tunbp.lab.probe.match import READ

DEVICE = "tunbp0"
ENOUGH = 20_000
"""Packets read in traced windows that the comparisons need."""
SOURCE = Path(__file__).with_name("paced.c")
OVERLOAD = (20_000, 50, 900_000, 2_000, 1500, 5_000_000)
"""50 packets 2 us apart every 0.9 ms into a reader of 50,000 packets/s that pauses for 5 ms after each 1500."""
STEADY = (*OVERLOAD[:4], 0, 0)
"""The same into a reader that never pauses."""
BURSTS = (10_000, 40, 2_000_000, 1_000, 0, 0)
"""40 packets 1 us apart every 2 ms into a reader of 100,000 packets/s that never pauses."""


def obstacle():
    """Why nothing can be traced here; empty if it can."""
    if shutil.which("cc") is None:
        return "no C compiler"
    try:
        with instance([0]) as recorder:
            recorder.find(events.PACKET)
            events.check(recorder.tracepoints)
    except LabError as error:
        return str(error).splitlines()[0]
    first = os.readlink("/proc/self/ns/pid") == record.INITIAL_PID_NAMESPACE
    return "" if first else "not the first pid namespace"


def build(folder):
    program = folder / "paced"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE], check=True)
    return program


@dataclass
class Truth:
    """What the program logged: sends and reads (number, times before and after), pauses (begin, end) [ns]."""

    sent: np.ndarray
    read: np.ndarray
    paused: np.ndarray

    @classmethod
    def load(cls, path):
        raw = np.fromfile(path, np.int64)
        sends, reads, pauses = raw[:3]
        sent, read, paused = np.split(raw[3:], [2 * sends, 2 * sends + 3 * reads])
        assert paused.size == 2 * pauses
        return cls(sent.reshape(-1, 2), read.reshape(-1, 3), paused.reshape(-1, 2))

    @property
    def kept(self):
        """Sends that were not dropped: those that were read later."""
        return self.sent[np.isin(np.arange(len(self.sent)), self.read[:, 0])]

    def occupancy(self, times):
        """Packets in the ring, and whether neither process was inside a system call."""
        kept = self.kept
        after, before = (np.searchsorted(kept[:, i], times, "right") for i in (1, 0))
        done, begun = (np.searchsorted(self.read[:, i], times, "right") for i in (2, 1))
        return after - done, (after == before) & (done == begun)

    def waits(self):
        """Begin and end [ns] of the times between reads, while the later packet had been sent before the earlier."""
        sent = self.sent[self.read[1:, 0], 1]
        busy = sent <= self.read[:-1, 2]
        return self.read[:-1, 2][busy], self.read[1:, 2][busy]


@contextmanager
def tunnel(program, folder, seconds, *numbers, mode="spin", ring=500):
    """The program in a namespace of its own; yields its namespace, its process, and where its log will be."""
    log = folder / "log.bin"
    with namespaces.namespaces(f"probe-{os.getpid()}") as (space,):
        command = [str(program), DEVICE, str(seconds), *map(str, numbers), mode, str(log)]
        child = subprocess.Popen(
            space.command(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=process.die_with_parent
        )
        try:
            assert child.stdout.readline() == b"ready\n"
            space.ip(f"address add 10.98.0.1/24 dev {DEVICE}", f"link set {DEVICE} txqueuelen {ring} up")
            child.stdin.write(b"go\n")
            child.stdin.flush()
            yield space, child, log
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()


def probed(program, folder, *numbers, mode="spin"):
    """The recording of a run, and the truth about it.

    On a busy machine the program gets little of the processor: then it is measured for longer, as it is a number of
    packets that is needed.
    """
    for seconds in (4.0, 8.0):
        with tunnel(program, folder, seconds + 1.5, *numbers, mode=mode) as (space, child, log):
            time.sleep(0.3)
            recording = inside.call(space.name, "probe", record.record, DEVICE, seconds, 0.4)
            assert child.wait(60) == 0
            truth = Truth.load(log)
        read = sum(int((window.packets.fate == READ).sum()) for window in recording.windows)
        if read >= ENOUGH and len(recording.windows) >= 5:
            return recording, truth
    return pytest.skip(f"the machine is too busy: {read} packets in {len(recording.windows)} windows of {seconds:g} s")
