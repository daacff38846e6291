"""The folder of one measurement: its plan, its finished runs, and files that are whole or not there at all.

`plan.json`, `state.json`, `host.json`, `runs/<cell>.<variant>.<repetition>/run.json` with raw outputs beside
it, and in the end `lab_<experiment>.nc`. A run counts as finished when its folder has its final name.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tunbp.atomic import is_part, write_atomically
from tunbp.errors import LabError

PART = ".part"
IMAGE = "worker.image"
"""The worker's modules for a VM, there while it runs."""
LARGEST = 1 << 26
"""Most bytes of a JSON file of this folder."""


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    Parameters
    ----------
    path
        The file.
    content
        What json can write.

    Raises
    ------
    LabError
        If it cannot be written (full disk, no permission).
    """
    try:
        write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}; finished repetitions are kept") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of this folder.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict[str, Any]
        Its content.

    Raises
    ------
    LabError
        If it is missing or not JSON.
    """
    return cast(dict[str, Any], _read(path, dict, "an object"))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read what `ip` or `tc` printed as JSON, a list of objects.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list[dict[str, Any]]
        Its content.

    Raises
    ------
    LabError
        If it is missing or no such list.
    """
    rows = cast(list[Any], _read(path, list, "a list"))
    if not all(isinstance(row, dict) for row in rows):
        raise LabError(f"cannot read {path}: not a list of objects; is this a folder made by `tunbp lab run`?")
    return rows


def _read(path: Path, kind: type, words: str) -> object:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise ValueError("no regular file" if found.st_size <= LARGEST else f"{found.st_size} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, kind):
            raise ValueError(f"a {type(content).__name__}, not {words}")
        return content
    except (OSError, ValueError, RecursionError) as error:
        raise LabError(f"cannot read {path}: {error}; is this a folder made by `tunbp lab run`?") from error


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the folder where it is not there, and keep other measurements out of it.

    Parameters
    ----------
    out
        Folder of a measurement.

    Raises
    ------
    LabError
        If it cannot be made, or another measurement is running in it.
    """
    if out.is_dir() and not (out / "runs").is_dir() and any(out.iterdir()):
        raise LabError(f"{out} holds something else than a measurement; choose a new folder with --out")
    try:
        (out / "runs").mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise LabError(f"cannot use {out}: {error.strerror}; choose another folder with --out") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LabError(f"another measurement is running in {out}; wait for it, or choose another --out") from error
    else:
        yield
    finally:
        os.close(folder)


def finished(out: Path) -> set[str]:
    """Names of the finished runs in `out`.

    Parameters
    ----------
    out
        Folder of a measurement.

    Returns
    -------
    set[str]
        Names such as `120ms-ring25.stock.1`.
    """
    return {path.parent.name for path in (out / "runs").glob("*/run.json") if not path.parent.name.endswith(PART)}


@contextmanager
def run_folder(out: Path, name: str) -> Iterator[Path]:
    """A temporary folder for one run that gets its final name only if the block ends without an error.

    Parameters
    ----------
    out
        Folder of a measurement.
    name
        Name of the run.

    Yields
    ------
    Path
        Folder to write into.
    """
    temporary, final = out / "runs" / (name + PART), out / "runs" / name
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, final)
    except OSError as error:
        raise LabError(f"run {name}: {error}; finished repetitions are kept") from error


def remove_parts(out: Path) -> list[Path]:
    """Remove what an interrupted measurement left half-written in `out`, and its image; returns what was removed.

    Parameters
    ----------
    out
        Folder of a measurement.

    Returns
    -------
    list[Path]
        What is gone.
    """
    # in the folder itself only what has the name of a part of ours: others call their downloads so, too
    left = sorted([*filter(is_part, out.glob("*" + PART)), *(out / "runs").glob("*" + PART), *out.glob(IMAGE)])
    for path in left:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return left
