"""Write a file or a folder whole or not at all; what killed processes left half-written is swept away."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AGE = 60.0
"""Seconds after which a part counts as left behind, if its process is gone."""

PART = re.compile(r"\..*\.(?P<process>\d+)(?:\.\w{8})?\.part", re.DOTALL)
"""Name of a part: of the file `.NAME.PROCESS.part`, of a folder `.NAME.PROCESS.RANDOM.part`."""

LONGEST = 200
"""Bytes of a name that its part repeats: file systems take 255."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it becomes `path` if the block ends well, else it is removed.

    Parameters
    ----------
    path
        The file that is to be there afterwards.

    Yields
    ------
    Path
        Name to write to, beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    temporary = path.with_name(f".{_short(path.name)}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`; it takes the place of `path` if the block ends well, else it is removed.

    What was at `path` is there until then, whenever the process is killed, where the file system can exchange names.

    Parameters
    ----------
    path
        The folder that is to be there afterwards.

    Yields
    ------
    Path
        An empty folder to write into.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch(path.name, path.parent) as workspace:
        new = workspace / "new"
        new.mkdir()
        yield new
        if path.exists() and not _exchange(new, path):
            os.replace(path, workspace / "old")
        if new.exists() and not path.exists():
            os.replace(new, path)


@contextmanager
def scratch(name: str, where: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder that the next scratch of this name removes if this process is killed.

    Parameters
    ----------
    name
        What it is for; part of its own name.
    where
        Folder to make it in; default the one for temporary files.

    Yields
    ------
    Path
        The folder, removed at the end of the block.
    """
    folder = scratch_folder(name, where)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch_folder(name: str, where: Path | None = None) -> Path:
    """Make the folder of `scratch` for this process and what it becomes; the next one removes it.

    Parameters
    ----------
    name
        What it is for; part of its own name.
    where
        Folder to make it in; None: the one for temporary files.

    Returns
    -------
    Path
        The folder, which exists.
    """
    where = where or Path(tempfile.gettempdir())
    sweep(where, name)
    return Path(tempfile.mkdtemp(dir=where, prefix=f".{_short(name)}.{os.getpid()}.", suffix=".part"))


def sweep(folder: Path, name: str = "*") -> list[Path]:
    """Remove parts that processes left which ended while they wrote.

    Parameters
    ----------
    folder
        Where the parts lie.
    name
        Name of the file or folder that was written; default every one.

    Returns
    -------
    What was removed: our own parts at least a minute old whose process is gone.
    """
    removed = []
    for part in folder.glob(f".{glob.escape(_short(name)) if name != '*' else '*'}.*.part"):
        with contextlib.suppress(OSError):
            found = part.lstat()
            old = time.time() - found.st_mtime > AGE and found.st_uid == os.geteuid()
            if old and (match := PART.fullmatch(part.name)) and not _alive(int(match["process"])):
                if part.is_dir() and not part.is_symlink():
                    shutil.rmtree(part)
                else:
                    part.unlink()
                removed.append(part)
    return removed


def is_part(path: Path) -> bool:
    """Whether a name is that of something half-written.

    Parameters
    ----------
    path
        Any path.

    Returns
    -------
    bool
        True for a name that `replacing` gives.
    """
    return PART.fullmatch(path.name) is not None


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a reader sees the old file or the new one, never a part.

    Parameters
    ----------
    path
        The file.
    content
        All of it.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _short(name: str) -> str:
    encoded = os.fsencode(name)
    return name if len(encoded) <= LONGEST else os.fsdecode(encoded[:LONGEST])


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2); False where the system or the file system has no such step."""
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    return bool(renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
