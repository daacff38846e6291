"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AGE = 60.0
"""Seconds after which a part counts as left behind, if its process is gone."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it becomes `path` if the block ends well, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path, name: str = "*") -> list[Path]:
    """Remove parts that processes left which ended while they wrote.

    Parameters
    ----------
    folder
        Where the parts lie.
    name
        Name of the file that was written; default every one.

    Returns
    -------
    What was removed: parts at least a minute old whose process is gone.
    """
    removed = []
    for part in folder.glob(f".{glob.escape(name) if name != '*' else '*'}.*.part"):
        process = part.name.removesuffix(".part").rpartition(".")[2]
        with contextlib.suppress(OSError):
            if process.isdigit() and time.time() - part.lstat().st_mtime > AGE and not _alive(int(process)):
                part.unlink()
                removed.append(part)
    return removed


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a reader sees the old file or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
