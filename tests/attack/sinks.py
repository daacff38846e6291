"""Where it goes: disks that are full or read-only, no standard output, the POSIX locale."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from tests.attack.commands import TUNBP, BrokenError, call
from tests.attack.kills import WRITERS, arguments, digests, leftovers, where

SUNK = ("convert", "convert to Zarr", "convert to flent", "predict --plot", "trace --plot", "sweep", "archive")
"""Writers that are tried in each place."""

KINDS = ("full", "full", "full for a file", "read-only", "closed", "broken", "locale", "no descriptors")
"""Places; full disks of several sizes count twice."""

UNTRIED = "no namespaces here, not tried"


def mounted(options: str, folder: Path) -> tuple[str, ...]:
    """A prefix of commands for which `folder` is a file system of its own; needs user namespaces."""
    script = 'mount -t tmpfs -o "$1" x "$2" && shift 2 && exec "$@"'
    return ("unshare", "-rm", "sh", "-c", script, "sh", options, str(folder))


def placed(name: str, folder: Path) -> tuple[str, ...]:
    """The command of a writer with another folder for what it writes."""
    target = Path(WRITERS[name].target).name
    return tuple(str(folder / target) if Path(word).name == target else word for word in arguments(name))


def try_sink(r: random.Random, folder: Path) -> str:
    """A writer in a place that is none."""
    return sink(r.choice(SUNK), r.choice(KINDS), folder, r.choice(["4k", "16k", "64k", "256k"]), r.randrange(3, 30))


def sink(name: str, kind: str, folder: Path, size: str = "16k", descriptors: int = 10) -> str:
    """A writer on a disk that is full or read-only, without a standard output, or in the POSIX locale.

    Raises
    ------
    BrokenError
        If it shows a traceback, leaves half a file or anything besides, or fails where it could write.
    """
    there = folder / "m\u00fcller \u65e5\u672c"
    there.mkdir()
    WRITERS[name].inputs(there)
    for place in ("disk", "tmp"):
        (there / place).mkdir()
    before = set(os.listdir(there))
    prefix: tuple[str, ...] = ()
    more = {"TMPDIR": str(there / "tmp")}
    if kind in ("full", "read-only"):
        prefix = mounted(f"size={size}" if kind == "full" else "ro", there / "disk")
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            return f"{name}: {kind}: {UNTRIED}"
    elif kind == "full for a file":
        prefix = ("sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh")
    elif kind == "no descriptors":
        prefix = ("sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh")
        if subprocess.run([*prefix, sys.executable, "-c", "pass"], capture_output=True, check=False).returncode:
            return f"{name}: {descriptors} descriptors: Python itself does not start"
    elif kind == "closed":
        prefix = ("sh", "-c", 'exec "$@" >&-', "sh")
    elif kind == "broken":
        prefix = ("sh", "-c", '"$@" | true', "sh")
    else:
        more |= {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = call(*prefix, *TUNBP, *placed(name, there / "disk"), folder=where(name, there), more=more)
    told = f"{name}: {kind}{f' at {size}' if kind == 'full' else ''}: status {ended.status}"
    if kind == "no descriptors":
        return told
    left = [*(set(os.listdir(there)) - before), *leftovers(there)]
    target = there / "disk" / Path(WRITERS[name].target).name
    half = bool(ended.status) and name != "sweep" and target.exists()
    if left or half or (kind == "locale" and ended.status) or (not prefix and not digests(target)):
        raise BrokenError(f"{told}, left {left}{' and half of it' if half else ''}\n{ended.output[-500:]}")
    return told
