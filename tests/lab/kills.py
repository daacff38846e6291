"""Kill `tunbp lab run` at random moments of a short plan, look for what it leaves, and go on in the same folder.

Run as root from the project's root, with a fetched kernel: ``python -m tests.lab.kills`` kills pktgen and vhost-net in
a VM and the review of two kernels 20 times each; ``--only openvpn`` kills one experiment, of the others natively.

A measurement is made once without a kill, which tells how long its parts are. Then it is begun in a new folder and
killed (SIGKILL) at a moment of one of three parts: of each six kills two are anywhere before the first run (in a VM:
while it boots), three anywhere in the runs that are left to do, and one in the collection of results. A moment drawn
from the whole length would mostly meet the boot, which takes most of the time of an emulated VM. Lengths are in
processor time where there is a VM, which a busy machine changes little. What a kill left is gone on with in the same
folder, which is killed too, and so on, until one attempt ends by itself: its result must be complete. After each kill
nothing may be there that was not there before: processes (by a mark in their environment), the namespaces they lived
in, devices, mounts, instances of tracefs and temporary files; after `tunbp lab clean` no record and no half-made run
either. Finished runs keep their bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.attack.kills import digests
from tunbp.errors import LabError
from tunbp.lab import clean, process
from tunbp.lab.collect import collect
from tunbp.lab.folder import IMAGE, finished, read_json

ROOT = Path(__file__).parents[2]
PATH = "rtt: 0.01, ring: 25, qdisc: pfifo_fast, path: relay, duration: 2"
CELLS = {
    "forward": PATH,
    "openvpn": PATH + ", warmup: 0, sample_interval: 0.2",
    "pktgen": "xmit_mode: queue_xmit, threads: 1, ring: 100, qdisc: pfifo_fast",
    "ring": "mode: sparse, ring: 100, qdisc: pfifo_fast, reader_rate: 500, offered_rate: 2000, sparse_rate: 50",
    "senders": "protocol: tcp, senders: 4, ring: 100, qdisc: pfifo_fast, duration: 2",
    "shaped": PATH + ", warmup: 0",
    "speed": "packets: data, offered_rate: 5000, ring: 100, qdisc: pfifo_fast, rtt: 0, path: relay, duration: 2",
    "veth": "napi: thread, qdisc: pfifo_fast, duration: 2",
    "vhost": "load: udp, ring: 25, qdisc: pfifo_fast",
    "video": "bit_rate: 2.0e+7, rtt: 0.02, ring: 25, qdisc: pfifo_fast, path: relay, duration: 2",
    "wireguard": PATH,
}
"""A short cell of each experiment, to be killed in."""
SHORTER = ", duration: 0.5, warmup: 0.1"
MACHINES = {"pktgen": ("pktgen", 1), "vhost": ("vhost", 1), "review": ("ring", 2)}
"""What needs a VM: the experiment, and how many kernels."""
MARK = "TUNBP_KILLED"
PATIENCE = 20.0 * float(os.environ.get("TUNBP_PATIENCE", "1"))
"""Seconds in which what a kill took with it must be gone."""
SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/run"), Path("/dev/shm"))
OURS = ("virtme", "vng")
"""How temporary files begin that virtme-ng makes elsewhere than in the command's own folder for them."""


def of_a_worker(record: Path) -> bool:
    """Whether a record is of a process that measures, and not of one that collects; one that is being written, too."""
    try:
        return bool(json.loads(record.read_text())["pid"] != clean.NO_GROUP)
    except (OSError, ValueError):
        return True


@dataclass(frozen=True)
class Command:
    """A measurement that is killed: what is run, in which folder of its own, and the mark of its processes."""

    folder: Path
    experiment: str
    kernels: int
    repeat: int = 1

    @property
    def out(self) -> Path:
        """Folder of the results."""
        return self.folder / "out"

    @property
    def sides(self) -> list[Path]:
        """Folders of measurements in it: of one, or of both kernels."""
        return [self.out / name for name in "AB"] if self.kernels == 2 else [self.out]

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the command: places of its own, and the mark."""
        own = {"XDG_STATE_HOME": str(self.folder / "state"), "TMPDIR": str(self.folder / "tmp"), MARK: str(self.folder)}
        return {**os.environ, "PYTHONPATH": str(ROOT), **own}

    @property
    def records(self) -> Path:
        """Where its running measurements are recorded."""
        return self.folder / "state" / "tunbp" / "lab"

    def start(self) -> subprocess.Popen[bytes]:
        """Begin it, or go on with it."""
        for place in (self.folder / "tmp", self.folder / "state"):
            place.mkdir(parents=True, exist_ok=True)
        plan = self.folder / "plan.yaml"
        shorter = SHORTER if self.kernels else ""
        plan.write_text(f"experiment: {self.experiment}\ncells: [{{{CELLS[self.experiment]}{shorter}}}]\n")
        machines = ["--vm", "fetched"] * self.kernels
        command = ["lab", "run", str(plan), "--repeat", str(self.repeat), "--out", str(self.out), *machines]
        with (self.folder / "said").open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "-c", f"from tunbp.cli import main; main({command!r})"],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self.environment,
            )  # fmt: skip

    def runs_are_made(self) -> bool:
        """Whether all runs are finished and no worker lives: what is left to do is to collect them."""
        return all(map(complete, self.sides)) and not any(map(of_a_worker, self.records.glob("*.json")))

    def made(self) -> int:
        """Finished runs of all sides."""
        return sum(len(finished(side)) for side in self.sides)

    def phase(self) -> str:
        """What it is doing."""
        if self.runs_are_made():
            return "collection"
        for record in self.records.glob("*.json"):
            try:
                side = Path(json.loads(record.read_text())["out"])
            except (OSError, ValueError):
                continue  # being written, or gone
            if any(side.glob("runs/*.part")):
                return "run"
            return "between runs" if (side / "state.json").exists() else "boot"
        return "start"


def complete(side: Path) -> bool:
    """Whether the folder of a measurement holds all runs that its worker wanted to make."""
    try:
        return finished(side) >= set(read_json(side / "state.json")["runs"])
    except LabError:
        return False


def visible() -> set[str]:
    """What a user would compare before and after, a line each: namespaces, links, mounts, instances of tracefs.

    Without those of the probe's tests, which may run at the same time and have leftovers of their own to look for.
    """
    shown = [
        subprocess.run(["ip", *what], capture_output=True, text=True).stdout for what in (["netns"], ["-br", "link"])
    ]
    instances = [path.name for path in Path("/sys/kernel/tracing/instances").glob("*")]
    mounts = Path("/proc/self/mounts").read_text()
    lines = [*instances, *(line for text in (*shown, mounts) for line in text.splitlines())]
    files = [str(path) for folder in SHARED for path in folder.glob("*") if path.name.startswith(OURS)]
    return {line for line in (*lines, *files) if "tunbp-probe-" not in line}


def marked(mark: Path) -> dict[int, str]:
    """Processes of one command by the mark in their environment, and what they are called."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                found[int(place.name)] = (place / "comm").read_text().strip()
        except OSError:
            continue
    return found


def namespaces(pids: Sequence[int] | None = None) -> set[str]:
    """Namespaces that processes live in: of these processes, or of all."""
    places = [Path(f"/proc/{pid}") for pid in pids] if pids is not None else Path("/proc").glob("[0-9]*")
    found = set()
    for place in places:
        for name in ("net", "mnt", "pid", "user", "ipc", "uts"):
            try:
                found.add(os.readlink(place / "ns" / name))
            except OSError:
                continue
    return found


@dataclass
class Watch:
    """What was there before a command began, and what it lived in when it was killed."""

    command: Command
    before: set[str] = field(default_factory=visible)
    around: set[str] = field(default_factory=namespaces)
    inside: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Note the namespaces that the command's processes live in, just before the kill."""
        self.inside = namespaces(list(marked(self.command.folder))) - self.around

    def left(self) -> list[str]:
        """What is there that was not there before, and should not be; without what only `tunbp lab clean` removes."""
        found = [f"process {pid} ({name})" for pid, name in marked(self.command.folder).items()]
        found += sorted(visible() - self.before)
        found += [f"namespace {name}" for name in sorted(self.inside & namespaces())]
        mounts = Path("/proc/self/mounts").read_text()
        return found + [f"mounted {name}" for name in sorted(self.inside) if name in mounts]

    def left_after_cleaning(self) -> list[str]:
        """What is in the command's own places that should not be."""
        own = [*self.command.records.glob("*"), *(self.command.folder / "tmp").glob("*")]
        own += [*self.command.out.rglob("*.part"), *self.command.out.rglob(IMAGE)]
        return sorted(str(path.relative_to(self.command.folder)) for path in own)


def gone(watch: Watch) -> list[str]:
    """Wait until nothing is left by a killed command, clean as `tunbp lab clean` does, and look once more.

    Returns what stays; nothing, if all is well.
    """
    until = time.monotonic() + PATIENCE
    while (left := watch.left()) and time.monotonic() < until:
        time.sleep(0.1)
    clean.clean_recorded(watch.command.records)
    return left + watch.left_after_cleaning()


def runs_of(command: Command) -> dict[str, dict[str, str]]:
    """Digests of the finished runs: no kill may change them."""
    return {
        f"{side.name}/{path.parent.name}": digests(path.parent)
        for side in command.sides
        for path in sorted(side.glob("runs/*/run.json"))
        if not path.parent.name.endswith(".part")
    }


def wrong_result(command: Command, status: int, expected: Sequence[int]) -> str:
    """What is wrong with the result of a command that ended by itself; nothing, if it is complete."""
    said = (command.folder / "said").read_text(errors="replace")[-800:]
    if status:
        return f"status {status}: {said}"
    for side, count in zip(command.sides, expected, strict=True):
        files = list(side.glob("lab_*.nc"))
        if not complete(side) or len(files) != 1:
            return f"{side.name}: no complete result: {said}"
        if len(finished(side)) != count or collect(side).sizes["run"] != count:
            return f"{side.name}: {len(finished(side))} runs, not {count}"
    return ""


@dataclass
class Tally:
    """Of one experiment: kills by what it was doing, results that were completed after kills, and failures."""

    phases: Counter[str] = field(default_factory=Counter)
    completed: int = 0
    failures: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        """As it is printed."""
        phases = ", ".join(f"{count} {phase}" for phase, count in sorted(self.phases.items()))
        return (
            f"{name}: {self.phases.total()} kills ({phases}), {self.completed} results completed after kills, "
            f"{len(self.failures)} failures"
        )


@contextmanager
def begun(command: Command) -> Iterator[subprocess.Popen[bytes]]:
    """A command that is killed at the end of the block, if it has not ended by then."""
    child = command.start()
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait()


class Clock:
    """How far a command has come: processor time of all its processes with a VM, else time [s]."""

    def __init__(self, command: Command) -> None:
        self.command, self.begun, self.spent = command, time.monotonic(), dict[int, float]()

    def now(self) -> float:
        """Seconds since it began."""
        if not self.command.kernels:
            return time.monotonic() - self.begun
        for pid in marked(self.command.folder):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            self.spent[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return sum(self.spent.values())

    def wait(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        """Until it has come so far, or has ended."""
        while child.poll() is None and self.now() < seconds:
            process.pause(child, 0.1 if self.command.kernels else min(0.3, seconds - self.now()))


@dataclass(frozen=True)
class Lengths:
    """Of a measurement that nobody killed: its parts in seconds of `Clock`, and how many runs of each side it makes."""

    start: float
    run: float
    end: float
    runs: tuple[int, ...]


def unkilled(command: Command) -> Lengths:
    """Make a measurement without a kill.

    Raises
    ------
    AssertionError
        If that fails already.
    """
    parts, before = dict.fromkeys(("start", "run", "between", "end"), 0.0), 0.0
    with begun(command) as child:
        clock = Clock(command)
        while child.poll() is None:
            part = {"run": "run", "collection": "end"}.get(command.phase(), "between" if parts["run"] else "start")
            now = clock.now()
            parts[part], before = parts[part] + now - before, now
            process.pause(child, 0.2)
        child.wait()
    runs = tuple(len(finished(side)) for side in command.sides)
    if wrong := wrong_result(command, child.returncode, runs):
        raise AssertionError(f"without a kill: {wrong}")
    return Lengths(parts["start"], parts["run"] / sum(runs), parts["end"], runs)


PARTS = ("run", "start", "run", "start", "run", "end")
"""Where one kill after the other is: the order lets the same folder meet all of them."""


@dataclass(frozen=True)
class Moment:
    """When to kill: in which part, at which share of its length; in the runs, in which of those that are left."""

    part: str
    share: float
    which: float = 0.0

    def __str__(self) -> str:
        """In the words of a report."""
        return f"at {self.share:.0%} of {self.part}"


@dataclass(frozen=True)
class Tried:
    """One attempt: what was going on when it was killed (empty: it ended by itself), its status, what is wrong."""

    phase: str
    status: int
    wrong: list[str]


def reach(command: Command, child: subprocess.Popen[bytes], moment: Moment, lengths: Lengths) -> None:
    """Wait for a moment, or for the end of the command: a folder that holds all runs has only moments of its start."""
    clock, waits = Clock(command), 0.0
    left = sum(lengths.runs) - command.made()
    if moment.part != "start" and not left:
        child.wait()
        return
    if moment.part == "run":
        before = command.made() + int(moment.which * left)
        while child.poll() is None and (command.made() < before or command.phase() != "run"):
            process.pause(child, 0.05)
        waits = lengths.run
    elif moment.part == "end":
        while child.poll() is None and not command.runs_are_made():
            process.pause(child, 0.05)
        waits = lengths.end
    else:
        waits = lengths.start
    clock.wait(child, (clock.now() if moment.part != "start" else 0.0) + moment.share * waits)


def attempt(command: Command, moment: Moment | None, lengths: Lengths) -> Tried:
    """Begin or go on, kill at a moment (None: never), and look."""
    watch, kept = Watch(command), runs_of(command)
    with begun(command) as child:
        if moment is None:
            child.wait()
        else:
            reach(command, child, moment, lengths)
        watch.look()
        phase = command.phase()
        ended = child.poll() is not None
    wrong = gone(watch)
    now = runs_of(command)
    wrong += [f"run {name} changed" for name, files in kept.items() if now.get(name) != files]
    return Tried("" if ended else phase, child.returncode, wrong)


def moments(r: random.Random, kills: int) -> Iterator[Moment]:
    """Where to kill, see `PARTS`."""
    for number in range(kills):
        yield Moment(PARTS[number % len(PARTS)], r.random(), r.random())


def attack(name: str, kills: int, seed: str, base: Path, say: Callable[[str], object]) -> Tally:
    """Kill one experiment so many times, in each folder until its result is complete."""
    experiment, kernels = MACHINES.get(name, (name, 0))
    r, tally = random.Random(f"{name} {seed}"), Tally()
    lengths = unkilled(Command(base / "whole", experiment, kernels))
    say(f"{name}: {lengths.start:.0f} s until the first run, {lengths.run:.1f} s a run, {lengths.end:.1f} s after them")
    wanted = moments(r, kills)
    moment, number, hits = next(wanted, None), 0, 0
    while moment is not None or hits:
        command = Command(base / str(number), experiment, kernels)
        tried = attempt(command, moment, lengths)
        tally.failures += [f"{name} {tried.phase or 'end'}: {what}" for what in tried.wrong]
        if tried.phase:
            tally.phases[tried.phase] += 1
            hits += 1
            say(f"{name} {tally.phases.total()}: {moment}, in: {tried.phase} {tried.wrong or ''}")
            moment = next(wanted, None)
            continue
        if wrong := wrong_result(command, tried.status, lengths.runs):
            tally.failures.append(f"{name} after {hits} kills: {wrong}")
        tally.completed += not wrong and hits > 0
        say(f"{name}: ended by itself after {hits} kills {wrong or 'with a complete result'}")
        shutil.rmtree(command.folder)
        number, hits = number + 1, 0
        # the moment lay behind the end, or its part was over: another one of that part, or it would come again
        moment = moment and Moment(moment.part, r.random(), r.random())
    return tally


def main() -> None:
    """Status 1 if anything failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.kills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="of each (20)")
    parser.add_argument(
        "--only", choices=[*MACHINES, *(name for name in CELLS if name not in MACHINES)], action="append"
    )
    parser.add_argument("--seed", default="")
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    tallies = {}
    for name in given.only or MACHINES:
        with tempfile.TemporaryDirectory(prefix="killed-") as base:
            say = (lambda line: None) if given.quiet else partial(print, flush=True)
            tallies[name] = attack(name, given.kills, given.seed, Path(base), say)
    for name, tally in tallies.items():
        print("\n".join([tally.line(name), *(f"  {failure}" for failure in tally.failures)]))
    sys.exit(1 if any(tally.failures for tally in tallies.values()) else 0)


if __name__ == "__main__":
    main()
