"""Every writer of a file, a store or a folder of results: killed at each step and between them, and begun again."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.attack.commands import ROOT, SECONDS, BrokenError, Kill, tunbp
from tests.run.test_batch import FIGURE, new_project, write_notebook
from tests.small_run import write_run
from tunbp.run import state as runstate

TRACE = ROOT / "tests/traces/fixtures/iperf3_reverse.json"
LAB_PLAN = """\
experiment: ring
repeat: 2
cells:
  - {mode: burst, ring: [10, 25], qdisc: pfifo_fast, reader_rate: 5000, offered_rate: 3000, burst: 100, duration: 0.2}
"""
SWEEP_PLAN = """\
design: {kind: latin, samples: 64, seed: 3}
chunk: 8
parameters:
  ring: {from: 10, to: 1000, scale: log}
  rtt: 0.1
  dt: 0.0005
  duration: 20
"""


@dataclass(frozen=True)
class Writer:
    """A command that writes, what it writes inside its folder, and how its inputs are made there."""

    command: tuple[str, ...]
    target: str
    inputs: Callable[[Path], object] = lambda folder: None
    by_time: float = 0.2
    """Part of the kills at any moment; the others are at a change of the file system or within milliseconds of it."""
    most: int = 4
    """Most kills before it may end: of one that takes long, early ones cost little."""


def reproduce_inputs(folder: Path) -> None:
    """A project of three notebooks with parameters of their own."""
    new_project(folder / "p")
    for number, figure in enumerate(("one", "two", "three"), 1):
        cells = [FIGURE.format(name=figure), "sum(range(10**6))"]
        write_notebook(folder / "p", f"0{number}_{figure}", cells, 'x = 1\nout_dir = "results"')
        (folder / f"p/job{number}.yaml").write_text(f"# notebook: 0{number}_{figure}\nx: {number}\n")


def archive_inputs(folder: Path) -> None:
    """A finished run: what `tunbp archive` packs."""
    new_project(folder / "p")
    write_run(folder / "r")
    from tunbp.site.finish import finish

    finish(folder / "r")


def sweep_inputs(folder: Path) -> None:
    """A plan of eight chunks."""
    (folder / "plan.yaml").write_text(SWEEP_PLAN)


def lab_inputs(folder: Path) -> None:
    """A plan of four short runs."""
    (folder / "lab.yaml").write_text(LAB_PLAN)


def bundle_inputs(folder: Path) -> None:
    """A measurement that is finished."""
    lab_inputs(folder)
    done = tunbp("lab", "run", "lab.yaml", "--out", "measured", folder=folder)
    if done.status:
        raise BrokenError(f"a measurement to bundle could not be made\n{done.output[-500:]}")


PLOT = ("predict", "--rtt=10ms", "--draws=8", "--duration=2s", "--plot")
JOBS = tuple(word for number in (1, 2, 3) for word in ("--params", f"job{number}.yaml"))
WRITERS = {
    "convert": Writer(("convert", str(TRACE), "w.nc"), "w.nc"),
    "convert to Zarr": Writer(("convert", str(TRACE), "w.zarr"), "w.zarr"),
    "convert to flent": Writer(("convert", str(TRACE), "w.flent.gz"), "w.flent.gz"),
    "predict --plot": Writer((*PLOT, "w.svg"), "w.svg"),
    "trace --plot": Writer(("trace", str(TRACE), "--plot", "w.pdf"), "w.pdf"),
    "sweep": Writer(("sweep", "plan.yaml", "--out", "s.zarr"), "s.zarr", sweep_inputs),
    "archive": Writer(("archive", "--results", "r", "--output", "w.zip"), "w.zip", archive_inputs),
    "lab run": Writer(("lab", "run", "lab.yaml", "--out", "w"), "w", lab_inputs, by_time=0.8, most=8),
    "lab bundle": Writer(("lab", "bundle", "measured", "w"), "w", bundle_inputs),
    "reproduce": Writer(("reproduce", *JOBS, "--out", "results"), "p/results", reproduce_inputs, by_time=0.5, most=10),
}


@dataclass(frozen=True)
class Whole:
    """A writer that nobody killed: its inputs, what it wrote, how long it took, how often it changed the disk."""

    inputs: Path
    digest: dict[str, str]
    seconds: float
    changes: int


WHOLE: dict[str, Whole] = {}


def where(name: str, folder: Path) -> Path:
    """The folder in which a writer is started."""
    return folder / "p" if name in ("reproduce", "archive") else folder


def arguments(name: str) -> tuple[str, ...]:
    """The command of a writer."""
    command = WRITERS[name].command
    return tuple("../" + word if name == "archive" and word in ("r", "w.zip") else word for word in command)


def run(name: str, folder: Path, kill: Kill | None = None) -> tuple[int, str, int]:
    """Start a writer in its folder, with a folder of its own for temporary files."""
    (folder / "tmp").mkdir(exist_ok=True)
    ended = tunbp(*arguments(name), folder=where(name, folder), kill=kill, more={"TMPDIR": str(folder / "tmp")})
    return ended.status, ended.output, ended.changes


def digests(path: Path) -> dict[str, str]:
    """Sha256 of a file, or of each file below a folder but hidden ones."""
    found = {}
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        name = file.relative_to(path).as_posix()
        if not any(part.startswith(".") and part != "." for part in Path(name).parts):
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


TIMED = ("notebooks/", "environment.json", "index.html", "ro-crate-metadata.json")
"""Files of `reproduce` with times in them."""


def compared(name: str, target: Path) -> dict[str, str]:
    """Digests of what must be the same however often a writer was killed."""
    found = digests(target)
    if name == "reproduce":
        return {file: "there" if file.startswith(TIMED) else digest for file, digest in found.items()}
    if name == "lab run":  # no repetition gives the bytes of another one
        return {file: "there" for file in found if file.endswith("run.json")}
    return found


def whole(name: str, folder: Path) -> Whole:
    """A writer that nobody kills; done once, its inputs are used again."""
    if name not in WHOLE:
        inputs, there = folder / f"{name}.inputs", folder / f"{name}.whole"
        shutil.rmtree(inputs, ignore_errors=True)  # of a try that did not come through
        inputs.mkdir()
        WRITERS[name].inputs(inputs)
        for _ in range(2):  # the first compiles, and says nothing of the time
            shutil.rmtree(there, ignore_errors=True)
            shutil.copytree(inputs, there)
            start = time.monotonic()
            status, output, changes = run(name, there)
            seconds = time.monotonic() - start
        found = compared(name, there / WRITERS[name].target)
        if status or not found:
            raise BrokenError(f"{name}: status {status} without a kill\n{output[-1500:]}")
        WHOLE[name] = Whole(inputs, found, seconds, changes)
    return WHOLE[name]


def finished(target: Path) -> dict[str, dict[str, str]]:
    """Digests of the runs of the laboratory that are finished: no kill may touch them."""
    return {path.parent.name: digests(path.parent) for path in sorted(target.glob("runs/*/run.json"))}


def check_killed(name: str, there: Path, expected: dict[str, str], old: dict[str, str]) -> None:
    """What a kill may leave at the place of the target.

    Raises
    ------
    BrokenError
        If it is half written, or said to be done and is not.
    """
    target = there / WRITERS[name].target
    if (target.exists() and name in ("convert to Zarr",)) or target.is_file():
        if digests(target) not in (expected, old):
            raise BrokenError(f"{name}: a killed run left neither the old {WRITERS[name].target} nor the new one")
    elif old:
        raise BrokenError(f"{name}: a killed run left no {WRITERS[name].target}, and there was one before")
    if name == "lab bundle":
        for file in ("raw.tar.xz",):
            if (target / file).exists() and not tarfile.is_tarfile(target / file):
                raise BrokenError(f"{name}: a killed run left a {file} that is not whole")
    if name == "reproduce":
        for state in runstate.read_all(target):
            if state.verdict == "done" and not runstate.intact(target, state.outputs):
                raise BrokenError(f"{name}: {state.notebook} is said to be done, and its results are not whole")


def chosen(r: random.Random, name: str, made: Whole) -> Kill:
    """A moment to kill at, or within milliseconds of a change of the file system."""
    early = WRITERS[name].most / 4
    if r.random() < WRITERS[name].by_time:
        return Kill(0, max(1e-3, 1.1 * r.random() ** early * made.seconds))
    event = 1 + int(max(made.changes, 1) * r.random() ** early)
    return Kill(event, r.choice([0.0, r.uniform(1e-5, 1e-2)]))


def aged(folder: Path) -> None:
    """Make all parts two minutes old: younger ones are left alone, they may be somebody's."""
    for part in folder.rglob(".*.part"):
        os.utime(part, (time.time() - 120.0,) * 2, follow_symlinks=False)


PROBE = re.compile(r"[a-z0-9_]{8}")
"""Name of the file by which Python's `tempfile` tries a folder, where it was killed before it removed it."""


def leftovers(folder: Path) -> list[str]:
    """Names of parts that a writer left, and all that is in its folder of temporary files."""
    left = [path for path in folder.rglob("*") if path.name.endswith((".part", ".partial"))]
    left += [path for path in (folder / "tmp").glob("*") if not PROBE.fullmatch(path.name)]
    return sorted({path.relative_to(folder).as_posix() for path in left})


def wait_for_orphans(folder: Path) -> None:
    """Wait until all that a killed command had started has ended, as it must by itself.

    Raises
    ------
    BrokenError
        If it does not.
    """
    until = time.monotonic() + SECONDS
    while left := [place for place in Path("/proc").glob("[0-9]*/cwd") if _is_in(place, folder)]:
        if time.monotonic() > until:
            raise BrokenError(f"processes outlive a killed command: {[str(place.parent) for place in left]}")
        time.sleep(0.1)


def _is_in(place: Path, folder: Path) -> bool:
    try:
        return Path(os.readlink(place)).is_relative_to(folder)
    except OSError:
        return False


def attack(r: random.Random, name: str, base: Path, folder: Path) -> tuple[str, int]:
    """Kill a writer a few times, start it again, and compare; what was done, and how many kills hit it.

    Raises
    ------
    BrokenError
        If anything is not as if nobody had killed it.
    """
    made = whole(name, base)
    there = folder / "killed"
    shutil.copytree(made.inputs, there)
    target = there / WRITERS[name].target
    old: dict[str, str] = {}
    if (name.startswith("convert") or name.endswith("--plot") or name == "archive") and r.random() < 0.5:
        if name == "convert to Zarr":
            target.mkdir()
            (target / "old").write_text("old")
        else:
            target.write_text("old")
        old = digests(target)
    hits, kept, said = 0, {}, []
    for _ in range(r.randint(1, WRITERS[name].most)):
        kill = chosen(r, name, made)
        status, _, _ = run(name, there, kill)
        hits += status < 0
        said.append(f"{kill}{'' if status < 0 else ' (ended before)'}")
        if status >= 0:
            old = {}
        kept |= finished(target) if name == "lab run" else {}
        check_killed(name, there, made.digest, old)
    story = f"{name}, killed after {', '.join(said)}"
    if r.random() < 0.5:
        wait_for_orphans(there)
        aged(there)
    status, output, _ = run(name, there)
    found = compared(name, target)
    again = finished(target) if name == "lab run" else {}
    if status or found != made.digest or any(again.get(one) != what for one, what in kept.items()):
        wrong = sorted(found.items() ^ made.digest.items())
        raise BrokenError(f"{story}: status {status}, not what is there without a kill: {wrong[:9]}\n{output[-1500:]}")
    wait_for_orphans(there)
    aged(there)
    run(name, there)
    if left := leftovers(there):
        raise BrokenError(f"{story}: left {left}")
    return story, hits
