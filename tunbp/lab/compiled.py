"""Small C programs of the laboratory, compiled at first use and kept under the hash of their source."""

from __future__ import annotations

import hashlib
import os
import shutil
from importlib.resources import files
from pathlib import Path

from tunbp import atomic
from tunbp.errors import LabError
from tunbp.lab import process

COMPILERS = ("cc", "gcc", "clang")
OPTIONS = {
    "backpressure": ["-shared", "-fPIC", "-ldl"],
    "guest": ["-Wall"],
    "pipe": ["-Wall", "-pthread"],
    "relay": ["-Wall"],
}
"""What the compiler is told besides `-O2`, by the name of the source."""


def folder() -> Path:
    """Where programs are kept: `tunbp/programs` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tunbp" / "programs"


def program(name: str) -> Path:
    """The compiled program (or library) of `tunbp/lab/<name>.c`.

    Parameters
    ----------
    name
        Of a C file of the laboratory, without `.c`.

    Returns
    -------
    Path
        Path of what was compiled, kept between runs.

    Raises
    ------
    LabError
        If there is no C compiler or it fails.
    """
    source = (files("tunbp.lab") / f"{name}.c").read_bytes()
    options = OPTIONS[name]
    digest = hashlib.sha256(source + " ".join(options).encode()).hexdigest()[:16]
    target = folder() / f"{name}-{digest}"
    if target.exists():
        return target
    compiler = next((found for found in map(shutil.which, COMPILERS) if found), None)
    if compiler is None:
        raise LabError(f"no C compiler, which builds {name}.c; Debian: apt-get install gcc libc6-dev")
    try:
        folder().mkdir(parents=True, exist_ok=True)
        place = atomic.scratch_folder(name, folder())
    except OSError as error:
        raise LabError(f"cannot write {folder()}: {error.strerror}; set XDG_CACHE_HOME to a folder of yours") from error
    try:
        text, built = place / f"{name}.c", place / name
        text.write_bytes(source)
        process.run([compiler, "-O2", "-o", str(built), str(text), *options])
        os.replace(built, target)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return target
