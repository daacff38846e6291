"""Several at once, and what a machine does to a process: stops, signals, strange times, code in place of a value."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.attack.commands import ENVIRONMENT, SECONDS, TUNBP, BrokenError, bounded, judged, tunbp
from tests.attack.kills import (
    SWEEP_PLAN,
    WRITERS,
    aged,
    arguments,
    compared,
    leftovers,
    run,
    where,
    whole,
)  # fmt: skip
from tests.run.test_batch import new_project, write_notebook

CHEAP = ("convert", "convert to Zarr", "convert to flent", "trace --plot", "archive", "sweep")
"""Writers that end within seconds."""


def start(name: str, there: Path) -> subprocess.Popen[str]:
    """A writer in a process of its own, not waited for."""
    (there / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(
        [*TUNBP, *arguments(name)], cwd=where(name, there), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", preexec_fn=bounded, start_new_session=True,
        env={**os.environ, **ENVIRONMENT, "TMPDIR": str(there / "tmp")},
    )  # fmt: skip


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Status and output of a writer that was started; raises `BrokenError` where it hangs."""
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise BrokenError(f"hangs: more than {SECONDS:g} s\n{process.communicate()[0][-500:]}") from None
    return process.returncode, output


def copy(name: str, base: Path, folder: Path) -> Path:
    """A folder with the inputs of a writer."""
    return Path(shutil.copytree(whole(name, base).inputs, folder / "there"))


def check_whole(name: str, base: Path, there: Path, story: str, output: str = "") -> None:
    """What is written must be what a writer that was left alone writes, and nothing besides."""
    found, expected = compared(name, there / WRITERS[name].target), whole(name, base).digest
    if found != expected:
        raise BrokenError(
            f"{story}: not what is there without it: {sorted(found.items() ^ expected.items())[:9]}\n{output}"
        )
    if left := leftovers(there):
        raise BrokenError(f"{story}: left {left}")


def try_two_at_once(r: random.Random, base: Path, folder: Path) -> str:
    """The same writer twice into one place: one of them may be refused, the result is whole."""
    name = r.choice([*CHEAP, "sweep", "reproduce"])
    there = copy(name, base, folder)
    first = start(name, there)
    time.sleep(r.choice([0.0, r.uniform(0.0, 1.0)]) * whole(name, base).seconds)
    second = start(name, there)
    ended = [end(first), end(second)]
    for status, output in ended:
        judged(status, output)
    if all(status for status, _ in ended):
        raise BrokenError(f"{name} twice: both failed\n{ended[0][1][-500:]}\n{ended[1][1][-500:]}")
    check_whole(name, base, there, f"{name} twice")
    return f"{name} twice: status {ended[0][0]} and {ended[1][0]}"


def try_stopped(r: random.Random, base: Path, folder: Path) -> str:
    """A writer that is stopped and goes on, again and again."""
    name = r.choice(CHEAP)
    there = copy(name, base, folder)
    process, stops = start(name, there), 0
    until = time.monotonic() + SECONDS / 2
    while process.poll() is None and time.monotonic() < until and stops < 40:
        time.sleep(r.uniform(0.0, 0.2))
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(r.uniform(0.0, 0.05))
        os.kill(process.pid, signal.SIGCONT)
        stops += 1
    status, output = end(process)
    judged(status, output)
    check_whole(name, base, there, f"{name}, stopped {stops} times: status {status}", output[-500:])
    return f"{name}, stopped {stops} times"


def try_signalled(r: random.Random, base: Path, folder: Path) -> str:
    """A writer that is asked to end: by a terminal, a hang-up, a shutdown; and is started again."""
    name = r.choice(CHEAP)
    there = copy(name, base, folder)
    process = start(name, there)
    sent = r.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGXCPU])
    time.sleep(r.uniform(0.0, 1.1) * (whole(name, base).seconds + 1.0))
    process.send_signal(sent)
    status, output = end(process)
    if "Traceback" in output and sent in (signal.SIGTERM, signal.SIGHUP):
        raise BrokenError(f"{name}, {sent.name}: status {status}\n{output[-1500:]}")
    aged(there)
    status, output, _ = run(name, there)
    check_whole(name, base, there, f"{name}, {sent.name}, then status {status}", output[-500:])
    return f"{name}, {sent.name}"


def try_strange_times(r: random.Random, base: Path, folder: Path) -> str:
    """A writer whose inputs, and whose parts, are of the far past or of the future."""
    name = r.choice(CHEAP)
    there = copy(name, base, folder)
    moment = r.choice([-(2**31), 0, 1, 2**31, 2**33, 2**34 - 1])
    for path in [*there.rglob("*"), there]:
        os.utime(path, (moment, moment))
    part = (there / WRITERS[name].target).with_name(f".{Path(WRITERS[name].target).name}.99999999.part")
    part.write_text("half")
    os.utime(part, (moment, moment))
    status, output, _ = run(name, there)
    if status:
        raise BrokenError(f"{name}, times of {moment}: status {status}\n{output[-500:]}")
    part.unlink(missing_ok=True)  # of the future: it stays until then
    check_whole(name, base, there, f"{name}, times of {moment}")
    return f"{name}, times of {moment}"


CODE = (
    "__import__('os').system('touch hacked')", "1); import os; os.system('touch hacked'); (1", "\n!touch hacked\n",
    "'\"\"\"; import os; os.system('touch hacked') #", "%%bash\ntouch hacked", "{{ cycler.__init__ }}", "\\N{BULLET}",
    "\u2028import os", "x" * 100_000, "\ud800", "!!python/object/apply:os.system ['touch hacked']", "$(touch hacked)",
)  # fmt: skip


def try_code(r: random.Random, base: Path, folder: Path) -> str:
    """Parameters of a notebook, names of columns and values of plans that are code."""
    text = r.choice(CODE)
    root = new_project(folder / "p")
    write_notebook(root, "01_good", ["assert isinstance(x, str)"], 'x = ""\nout_dir = "results"')
    quoted = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in text)
    (root / "job.yaml").write_text(f'# notebook: 01_good\nx: "{quoted}"\n')
    (root / "plan.yaml").write_text(SWEEP_PLAN.replace("rtt: 0.1", f'rtt: "{quoted}"'))
    command = r.choice([("reproduce", "--params", "job.yaml"), ("sweep", "plan.yaml", "--plan"),
                        ("predict", "--rtt", text.replace("\0", "").encode(errors="replace").decode(), "--draws=8"),
                        ("lab", "run", text.encode(errors="replace").decode())])  # fmt: skip
    tunbp(*command, folder=root)
    if any(path.name == "hacked" for path in folder.rglob("*")):
        raise BrokenError(f"{command[0]} ran {text!r}")
    return f"{command[0]}: {text[:40]!r}"


def try_strange_descriptors(r: random.Random, base: Path, folder: Path) -> str:
    """A writer without a standard input or error, or with a folder for temporary files that is full or is none."""
    name = r.choice(CHEAP)
    there = copy(name, base, folder)
    (there / "tmp").mkdir(exist_ok=True)
    how = r.choice(["<&-", "2>&-", "<&- >&- 2>&-", "<&2", "</dev/full 2>/dev/full", ">/dev/full"])
    command = ["sh", "-c", f'exec "$@" {how}', "sh", *TUNBP, *arguments(name)]
    environment = {**os.environ, **ENVIRONMENT, "TMPDIR": str(there / "tmp")}
    done = subprocess.run(
        command, cwd=where(name, there), env=environment, capture_output=True, text=True, errors="replace",
        timeout=SECONDS, check=False,
    )  # fmt: skip
    if "Traceback" in done.stderr + done.stdout or done.returncode not in (0, 1, 2):
        raise BrokenError(f"{name} {how}: status {done.returncode}\n{done.stderr[-800:]}")
    if not done.returncode:
        check_whole(name, base, there, f"{name} {how}")
    return f"{name} {how}: status {done.returncode}"


TRIES = (try_two_at_once, try_stopped, try_signalled, try_strange_times, try_code, try_strange_descriptors)
"""What is tried in turn; each is given a folder of inputs that were made once."""
