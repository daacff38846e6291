"""Make an unmodified tunnel program ask for backpressure, by a small library preloaded into it."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab import flags, process

LIBRARY = "backpressure.so"


@cache
def build() -> Path:
    """Compile the shim once per process, into a new folder that only this user can write; the library's path.

    Raises
    ------
    LabError
        If there is no C compiler or it fails.
    """
    library = Path(tempfile.mkdtemp(prefix="tunbp-shim-")) / LIBRARY
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise LabError("no C compiler: it builds the shim that sets IFF_BACKPRESSURE; Debian: install gcc libc6-dev")
    with as_file(files("tunbp.lab") / "backpressure.c") as source:
        process.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"])
    return library


def environment(library: Path, backpressure: bool, echo: Path) -> dict[str, str]:
    """Environment that preloads the shim; without `backpressure` it only records the flags in `echo`."""
    return {
        "LD_PRELOAD": str(library),
        "TUNBP_TUN_FLAGS": str(flags.IFF_BACKPRESSURE if backpressure else 0),
        "TUNBP_TUN_ECHO": str(echo),
    }


def read_echo(echo: Path, name: str, backpressure: bool) -> int:
    """The flags the kernel echoed to the preloaded program, checked against what was asked for.

    Raises
    ------
    LabError
        If nothing was recorded, or the kernel did not set what was asked for.
    """
    recorded = echo.read_text().split() if echo.exists() else []
    if not recorded:
        raise LabError(f"{name}: no TUNSETIFF was seen; is the program statically linked or set-user-ID?")
    value = int(recorded[-1])
    flags.check_echo(name, value, backpressure)
    return value
