"""Attacks on the commands: hostile files, parameters and plans, disks that are full or read-only, and kills.

Run from the project's root: ``python -m tests.attack --seconds 600`` (`make attack`). Each try is a new process, which
must end within its time and memory, with status 0, 1 or 2, without a traceback, and leave nothing half written. A
writer that was killed and is started again must give the bytes of one that was not. A try depends on its number, and
kills on the speed of the machine: ``--first NUMBER --tries 1`` repeats it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.hostile import HOSTILE
from tests.run.test_batch import FIGURE, new_project, write_notebook
from tests.sweep import sweep_processes
from tests.traces.fuzz import mutated, seeds

SECONDS = 60.0
"""Longest time one command may take on a busy machine; a hang is one that takes longer."""

MEMORY = 12 * 2**30
"""Address space one command may take: threads and libraries reserve far more than they use."""

TUNBP = (sys.executable, *sweep_processes.TUNBP)
ROOT = Path(__file__).parent.parent
FIXTURES = Path(__file__).parent / "traces" / "fixtures"
TRACE = FIXTURES / "iperf3_reverse.json"

NUMBERS = (
    "nan", "-1", "0", "1e400", "1e-300", "1e12", "99999999999999999999", "1ns", "1000000s", "-0", "1e3", "½", "日本",
    "", " ", "1/0", "1" * 5000, "0x10", "1Mbit", "None", "[1]", "../../etc/passwd",
)  # fmt: skip
OPTIONS = (
    "--rtt", "--ring", "--drain", "--bandwidth", "--window", "--mss", "--streams", "--burst", "--loss", "--rings",
    "--draws", "--duration", "--seed", "--measured", "--cpu-bound", "--udp", "--mtu", "--warmup",
)  # fmt: skip
PLANS = (
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
    "design: {kind: latin, samples: 1099511627776}\nparameters:\n  ring: {from: 1, to: 9}\n",
    "design: grid\nparameters:\n  ring: {from: 1, to: 900000, steps: 99999}\n  rtt: {from: 0.1, to: 1, steps: 99999}\n",
    "design: grid\nparameters:\n  ring: [10, 100]\n  interval: 1.0e-9\n",
    "design: grid\nparameters:\n  ring: [10, 1000000000000]\n  rtt: 1.0e-9\n",
    "design: grid\nparameters:\n  ring: !!python/object/apply:os.system ['touch hacked']\n",
    "design: grid\nparameters: {ring: {from: .nan, to: .inf, steps: 3}}\n",
    "[" * 5000,
    "design: {kind: grid}\nparameters: {}\nparameters: {ring: 1}\n",
    "\x00\x01",
)
LAB_PLAN = """\
experiment: ring
repeat: 2
cells:
  - {mode: burst, ring: [10, 25], qdisc: pfifo_fast, reader_rate: 5000, offered_rate: 3000, burst: 100, duration: 0.5}
"""
LAB_PLANS = (
    PLANS[0],
    PLANS[5],
    PLANS[7],
    PLANS[9],
    "experiment: ring\ncells: []\n",
    "experiment: ../../etc/passwd\ncells: [{}]\n",
    "experiment: ring\nrepeat: 1000000000\ncells: [{mode: burst}]\n",
    "experiment: ring\ncells:\n  - {ring: ["
    + ",".join(map(str, range(1000)))
    + "], burst: ["
    + ",".join(map(str, range(1000)))
    + "]}\n",
    "experiment: ring\ncells: [{ring: 1000000000000, duration: 1.0e+30}]\n",
    "experiment: ring\ncells: [{ring: .nan, duration: -.inf}]\n",
    "experiment: ring\ncells: [{qdisc: 'pfifo; touch hacked'}]\n",
    "experiment: ring\ncells: [{mode: '../../x', qdisc: \"\\e]52;c;aGk=\\a\"}]\n",
    "experiment: ring\ncells: [[1, 2], 3]\n",
)


class BrokenError(AssertionError):
    """What a command did that it must not do."""


def call(*command: str, folder: Path, kill_after: float | None = None, more: dict[str, str] | None = None) -> int:
    """Run a command in a folder; its exit status.

    Raises
    ------
    BrokenError
        If it hangs, shows a traceback, is killed by a signal, or ends with a status that nobody documents.
    """

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", preexec_fn=bounded, start_new_session=True,
        env={**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT), **(more or {})},
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=kill_after or SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        if kill_after is None:
            raise BrokenError(f"hangs: more than {SECONDS:g} s\n{output[-500:]}") from None
        return -signal.SIGKILL
    if "Traceback (most recent call last)" in output or process.returncode not in (0, 1, 2):
        raise BrokenError(f"status {process.returncode}\n{output[-1500:]}")
    return process.returncode


def leftovers(folder: Path) -> list[str]:
    """Names of parts that a writer left."""
    return [p.name for p in folder.rglob("*") if p.name.endswith(".part")]


def digest(path: Path) -> str:
    """Sha256 over names and bytes of a file, or of all files below a folder but hidden ones."""
    total = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        name = file.relative_to(path).as_posix()
        if not any(part.startswith(".") and part != "." for part in Path(name).parts):
            total.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


# ---- what comes in


KINDS = ("fifo", "device", "root", "loop", "gzip members", "gzip bomb", "damaged", "damaged", "named", "netCDF", "Zarr")


def hostile_file(r: random.Random, folder: Path) -> str:
    """A file that is none, is endless, is huge when unpacked, is damaged, or has a hostile name."""
    name, path = r.choice(HOSTILE).replace("/", "_").replace("\x00", "") or "x", folder / "x"
    kind = r.choice(KINDS)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path(r.choice(["/dev/zero", "/dev/null", "/dev/stdin", "/proc/kmsg", "/proc/self/mem", "/dev/full"]))
    elif kind == "root":
        path = Path(r.choice(["/", "/proc", "/dev", "/sys"]))
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "gzip members":
        path.write_bytes(gzip.compress(b"") * 400_000)
    elif kind == "gzip bomb":
        path.write_bytes(gzip.compress(b"0" * 2**20, 9) * 4096)
    elif kind == "damaged":
        path.write_bytes(mutated(r.randrange(10**6), seeds()))
    elif kind in ("netCDF", "Zarr"):
        path = folder / ("s.nc" if kind == "netCDF" else "s.zarr")
        call(*TUNBP, "convert", str(TRACE), path.name, folder=folder)
        file = path if path.is_file() else r.choice([p for p in sorted(path.rglob("*")) if p.is_file()])
        content = bytearray(file.read_bytes())
        for _ in range(r.randrange(1, 40)):
            content[r.randrange(len(content))] = r.randrange(256)
        file.write_bytes(content[: r.randrange(1, len(content)) if r.random() < 0.3 else None])
    else:
        path = folder / name
        path.write_bytes(TRACE.read_bytes())
    return str(path)


def try_file(r: random.Random, folder: Path) -> str:
    """`trace` and `convert` of a hostile file."""
    path, out = hostile_file(r, folder), r.choice(["out.nc", "out.zarr"])
    call(*TUNBP, "trace", *r.choice([(), ("--json",)]), path, folder=folder)
    status = call(*TUNBP, "convert", path, out, folder=folder)
    if (status == 0) != (folder / out).exists() or leftovers(folder):
        raise BrokenError(f"convert: status {status}, left {sorted(os.listdir(folder))}")
    return f"{path} > {out}"


def try_parameters(r: random.Random, folder: Path) -> str:
    """`predict` with numbers that are none, or far beyond what anybody has."""
    given = [word for option in r.sample(OPTIONS, r.randrange(1, 3)) for word in (option, r.choice(NUMBERS))]
    call(*TUNBP, "predict", "--draws=8", *given, folder=folder)
    return " ".join(given)[:200]


def try_plan(r: random.Random, folder: Path) -> str:
    """`sweep` of a plan that is too large, malicious or damaged."""
    plan = r.choice(PLANS)
    if r.random() < 0.4:
        content = bytearray(sweep_processes.PLAN.encode())
        for _ in range(r.randrange(1, 6)):
            content[r.randrange(len(content))] = r.randrange(256)
        (folder / "p.yaml").write_bytes(content)
    else:
        (folder / "p.yaml").write_text(plan)
    call(*TUNBP, "sweep", "p.yaml", "--plan", folder=folder)
    if (folder / "hacked").exists():
        raise BrokenError("the plan ran a command")
    return (folder / "p.yaml").read_bytes()[:150].decode(errors="replace")


def try_lab_plan(r: random.Random, folder: Path) -> str:
    """`lab run` of a plan that is too large, malicious or damaged; a cell that can be measured is."""
    content = bytearray(r.choice(LAB_PLANS).encode())
    if r.random() < 0.4:
        content = bytearray(LAB_PLAN.encode())
        for _ in range(r.randrange(1, 6)):
            content[r.randrange(len(content))] = r.randrange(256)
    (folder / "p.yaml").write_bytes(content)
    call(*TUNBP, "lab", "run", "p.yaml", "--out", "o", "--at-most", "2s", folder=folder)
    if (folder / "hacked").exists() or set(os.listdir(folder)) - {"p.yaml", "o"}:
        raise BrokenError(f"the plan ran a command, or left {sorted(os.listdir(folder))}")
    return content[:150].decode(errors="replace")


def try_job(r: random.Random, folder: Path) -> str:
    """`reproduce` with parameters that name what is no file, and into what is no folder of results."""
    root = new_project(folder / "p")
    write_notebook(root, "01_good", ["1 + 1"], 'trace = ""\nx = 1\nout_dir = "results"')
    out, named = "results", r.choice(["/", "/dev/zero", "/proc", "/dev/stdin", str(root / "pipe"), ".."])
    os.mkfifo(root / "pipe")
    if r.random() < 0.3:
        out, named = r.choice(["/", "/proc/x", "/dev/null", str(root / "pipe")]), ""
    (root / "job.yaml").write_text(f'# notebook: 01_good\ntrace: "{named}"\n')
    call(*TUNBP, "reproduce", "--params", "job.yaml", "--out", out, folder=root)
    return f"trace: {named!r}, --out {out}"


# ---- where it goes


def writers(folder: Path) -> dict[str, tuple[tuple[str, ...], Path]]:
    """Commands that write, and what each writes, below a folder; their inputs are made."""
    (folder / "plan.yaml").write_text(sweep_processes.PLAN)
    if not (folder / "r").exists():
        (folder / "r/tables").mkdir(parents=True)
        for i in range(20):
            (folder / f"r/tables/{i}.csv").write_text("a,b\n" * 20_000)
    return {
        "convert": (("convert", str(TRACE), "w.nc"), folder / "w.nc"),
        "convert to Zarr": (("convert", str(TRACE), "w.zarr"), folder / "w.zarr"),
        "plot": (("predict", "--draws=8", "--plot", "w.svg"), folder / "w.svg"),
        "sweep": (("sweep", "plan.yaml", "--out", "s.zarr"), folder / "s.zarr"),
        "archive": (("archive", "--results", "r", "--output", "w.zip"), folder / "w.zip"),
    }


def mounted(options: str, folder: Path) -> tuple[str, ...]:
    """A prefix of commands for which `folder` is a file system of its own; needs user namespaces."""
    script = f'mount -t tmpfs -o {options} x "$0" && cd "$0" && exec "$@"'
    return ("unshare", "-rm", "sh", "-c", script, str(folder))


def try_sink(r: random.Random, folder: Path) -> str:
    """A writer on a disk that is full or read-only, without a standard output, or in the POSIX locale."""
    kind = r.choice(["full", "full for a file", "read-only", "closed", "broken", "locale"])
    there = folder / "müller 日本"
    there.mkdir()
    name, (command, target) = r.choice([*writers(there).items()])
    before = set(os.listdir(there))
    prefix: tuple[str, ...] = ()
    more: dict[str, str] = {}
    if kind == "full for a file":
        prefix = ("sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh")
    elif kind in ("full", "read-only"):
        if name in ("sweep", "archive"):
            command = tuple(str(folder / word) if word in ("plan.yaml", "r") else word for word in command)
            writers(folder)
        (folder / "disk").mkdir()
        prefix = mounted("size=16k" if kind == "full" else "ro", folder / "disk")
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            return f"{name}: {kind}: no namespaces here, not tried"
    elif kind == "closed":
        prefix = ("sh", "-c", 'exec "$@" >&-', "sh")
    elif kind == "broken":
        prefix = ("sh", "-c", '"$@" | true', "sh")
    else:
        more = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    status = call(*prefix, *TUNBP, *command, folder=there, more=more)
    left = set(os.listdir(there)) - before - {target.name}
    if left or (kind.startswith("full for") and name != "sweep" and target.exists() and status):
        raise BrokenError(f"{name}, {kind}: status {status}, left {sorted(left)} {target.exists()}")
    return f"{name}: {kind}: status {status}"


# ---- what must survive

WHOLE: dict[str, tuple[str, float]] = {}
"""Digest and time of each writer when nobody kills it."""


KILLED = ("convert", "convert to Zarr", "plot", "sweep", "archive", "reproduce", "lab")


def writer(name: str, where: Path) -> tuple[tuple[str, ...], Path]:
    """The command of a writer and what it writes; its inputs are made where they are missing.

    `reproduce` runs a job of three notebooks; `lab` measures four runs.
    """
    if name == "reproduce":
        if not where.exists():
            new_project(where)
            for number, figure in enumerate(("one", "two", "three"), 1):
                cells = [FIGURE.format(name=figure), "sum(range(10**6))"]
                write_notebook(where, f"0{number}_{figure}", cells, 'x = 1\nout_dir = "results"')
                (where / f"job{number}.yaml").write_text(f"# notebook: 0{number}_{figure}\nx: {number}\n")
        jobs = [word for number in (1, 2, 3) for word in ("--params", f"job{number}.yaml")]
        return ("reproduce", *jobs), where / "results/figures"
    where.mkdir(exist_ok=True)
    if name == "lab":
        (where / "lab.yaml").write_text(LAB_PLAN)
        return ("lab", "run", "lab.yaml", "--out", "w"), where / "w"
    return writers(where)[name]


def whole(name: str, folder: Path) -> tuple[str, float]:
    """Digest and time of a writer that nobody kills; the first call compiles and is not timed."""
    if name not in WHOLE:
        for _ in range(2):
            shutil.rmtree(folder / "whole", ignore_errors=True)
            command, target = writer(name, folder / "whole")
            start = time.monotonic()
            call(*TUNBP, *command, folder=folder / "whole")
        WHOLE[name] = digest(target), time.monotonic() - start
    return WHOLE[name]


def measured(target: Path) -> dict[str, str]:
    """Digests of the runs of the laboratory that are finished: no repetition gives their bytes again."""
    return {path.parent.name: digest(path.parent) for path in sorted(target.glob("runs/*/run.json"))}


def try_kill(r: random.Random, folder: Path) -> str:
    """A writer that is killed somewhere, once or twice, and started again."""
    name = r.choice(ONLY or KILLED)
    expected, seconds = whole(name, folder)
    there = folder / "killed"
    command, target = writer(name, there)
    kills = [r.uniform(0.05, 1.1) * seconds for _ in range(r.randrange(1, 3))]
    kept: dict[str, str] = {}
    for after in kills:
        call(*TUNBP, *command, folder=there, kill_after=after)
        if target.is_file() and digest(target) != expected:
            raise BrokenError(f"{name}: a killed run left a file that is not whole")
        kept |= measured(target)
    for part in there.rglob(".*.part"):  # parts are swept away when they are a minute old
        os.utime(part, (time.time() - 120.0,) * 2)
    status = call(*TUNBP, *command, folder=there)
    again = measured(target)
    if name == "lab" and (status or len(again) != 4 or any(again.get(run) != what for run, what in kept.items())):
        raise BrokenError(f"lab, killed after {kills}: status {status}, {len(again)} runs, or a finished one changed")
    if name != "lab" and digest(target) != expected:
        raise BrokenError(f"{name}, killed after {kills}: not the bytes of a run that was not killed")
    if name != "reproduce" and leftovers(there):
        raise BrokenError(f"{name}, killed after {kills}: left {leftovers(there)}")
    return f"{name}, killed after {', '.join(f'{x:.2f} s' for x in kills)}"


ONLY: list[str] = []
"""Writers to kill, where not all."""

TRIES: tuple[Callable[[random.Random, Path], str], ...] = (
    try_file, try_parameters, try_kill, try_plan, try_sink, try_job, try_kill, try_lab_plan,
)  # fmt: skip


def attempt(number: int) -> tuple[str, str, str]:
    """One try: its kind, what it did, and what went wrong (empty: nothing)."""
    r = random.Random(number)
    work = try_kill if ONLY else TRIES[number % len(TRIES)]
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        try:
            return work.__name__, work(r, Path(folder)), ""
        except BrokenError as error:
            return work.__name__, "", str(error)


def main() -> None:
    """Try until time or tries are used up; print tries and failures by kind, status 1 if there were any."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--tries", type=int, default=10**9)
    parser.add_argument("--kill", choices=KILLED, action="append", help="kill this writer, and try nothing else")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    ONLY.extend(given.kill or [])
    end = time.monotonic() + given.seconds
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    for number in range(given.first, given.first + given.tries):
        if time.monotonic() > end:
            break
        kind, did, wrong = attempt(number)
        tried[kind] += 1
        if kind == "try_kill" and did:
            killed[did.split(",")[0]] += did.count(" s")
        if wrong:
            failed[kind] += 1
            print(f"{number} {kind}: {wrong}", flush=True)
        elif given.verbose:
            print(f"{number} {kind}: {did}", flush=True)
    for kind, count in sorted(killed.items()):
        print(f"kills of {kind}: {count}")
    for kind, count in sorted(tried.items()):
        print(f"{kind.removeprefix('try_')}: {count} tries, {failed[kind]} failures")
    print(f"{tried.total()} tries, {killed.total()} kills, {failed.total()} failures")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
