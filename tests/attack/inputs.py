"""What comes in: files that are none, parameters that no one has, plans that are too large, a strange environment."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

from tests.attack.commands import TUNBP, BrokenError, call, tunbp
from tests.attack.kills import LAB_PLAN, SWEEP_PLAN, TRACE
from tests.hostile import HOSTILE
from tests.run.test_batch import new_project, write_notebook
from tests.traces.fuzz import mutated, seeds

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
        tunbp("convert", str(TRACE), path.name, folder=folder)
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
    tunbp("trace", *r.choice([(), ("--json",)]), path, folder=folder)
    status = tunbp("convert", path, out, folder=folder).status
    if (status == 0) != (folder / out).exists() or [p for p in folder.rglob("*") if p.name.endswith(".part")]:
        raise BrokenError(f"convert: status {status}, left {sorted(os.listdir(folder))}")
    return f"{path} > {out}"


def try_parameters(r: random.Random, folder: Path) -> str:
    """`predict` with numbers that are none, or far beyond what anybody has."""
    given = [word for option in r.sample(OPTIONS, r.randrange(1, 3)) for word in (option, r.choice(NUMBERS))]
    tunbp("predict", "--draws=8", *given, folder=folder)
    return " ".join(given)[:200]


def try_plan(r: random.Random, folder: Path) -> str:
    """`sweep` of a plan that is too large, malicious or damaged."""
    plan = r.choice(PLANS)
    if r.random() < 0.4:
        content = bytearray(SWEEP_PLAN.encode())
        for _ in range(r.randrange(1, 6)):
            content[r.randrange(len(content))] = r.randrange(256)
        (folder / "p.yaml").write_bytes(content)
    else:
        (folder / "p.yaml").write_text(plan)
    tunbp("sweep", "p.yaml", "--plan", folder=folder)
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
    tunbp("lab", "run", "p.yaml", "--out", "o", "--at-most", "2s", folder=folder)
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
    tunbp("reproduce", "--params", "job.yaml", "--out", out, folder=root)
    return f"trace: {named!r}, --out {out}"


NAMES = (
    "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "LANG", "LC_ALL", "PYTHONUTF8", "TZ",
    "COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR", "TUNBP_DATA", "NUMBA_CACHE_DIR", "IPYTHONDIR", "PYTHONPATH",
)  # fmt: skip
VALUES = ("", "/nowhere/at/all", "file", "0", "-1", "1e9", "\u65e5\u672c", "a" * 5000, "C", "/dev/null", "../..")
COMMANDS = (
    ("trace", str(TRACE)), ("trace", str(TRACE), "--json"), ("convert", str(TRACE), "w.nc"), ("cite",),
    ("predict", "--rtt=10ms", "--draws=8", "--duration=1s"), ("lab", "check"), ("sweep", "p.yaml", "--plan"),
    ("trace", str(TRACE), "--plot", "w.png"),
)  # fmt: skip


def try_environment(r: random.Random, folder: Path) -> str:
    """A command with variables of its environment that name nothing, a file, or what nobody expects."""
    (folder / "file").write_text("")
    (folder / "p.yaml").write_text(SWEEP_PLAN)
    more = {name: r.choice(VALUES) for name in r.sample(NAMES, r.randrange(1, 4))}
    command = r.choice(COMMANDS)
    call(*TUNBP, *command, folder=folder, more={"TMPDIR": str(folder), **more})
    return f"{' '.join(f'{name}={value[:30]}' for name, value in more.items())} {' '.join(command)}"
