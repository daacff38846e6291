"""What a run was made from and what it left behind: fingerprints, and one state file per notebook."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from tunbp.atomic import write_atomically
from tunbp.errors import ParamsError
from tunbp.project import data_folder
from tunbp.quantities import show

FOLDER = ".state"
"""Folder of the state files inside the results folder."""

Verdict = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class Inputs:
    """Hashes of everything a notebook's results depend on."""

    notebook: str
    parameters: str
    library: str
    data: str

    def changed(self, before: Mapping[str, str]) -> list[str]:
        """Names of the inputs that differ from an earlier run's.

        Parameters
        ----------
        before
            Hashes of an earlier run by name of the input.

        Returns
        -------
        list[str]
            Names, as people read them.
        """
        return [name for name, digest in asdict(self).items() if before.get(name) != digest]


@dataclass
class State:
    """The last run of one notebook; `outputs` maps path inside the results folder to sha256."""

    notebook: str
    verdict: Verdict
    inputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    @property
    def figures(self) -> int:
        """How many figures the notebook wrote, each counted once whatever its formats."""
        return len({Path(path).name.partition(".")[0] for path in self.outputs if is_figure(path)})


def is_figure(path: str) -> bool:
    """Whether a path inside the results folder is a picture of `figures/`.

    Parameters
    ----------
    path
        Path inside the results folder.

    Returns
    -------
    bool
        True for a PDF, SVG or PNG there.
    """
    return path.startswith("figures/") and Path(path).suffix in {".pdf", ".svg", ".png"}


def read(results: Path, notebook: str) -> State | None:
    """State of the last run of a notebook; None if there is none that can be read and that stays in its folder.

    Parameters
    ----------
    results
        Folder of results.
    notebook
        Name without `.ipynb`.

    Returns
    -------
    State | None
        Inputs, outputs and outcome of that run.
    """
    try:
        state = State(**json.loads(_path(results, notebook).read_text(encoding="utf-8")))
        return state if state.notebook == notebook and all(confined(results, path) for path in state.outputs) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def confined(results: Path, path: str) -> bool:
    """Whether a path of a state file names something inside the results folder, also through links.

    Parameters
    ----------
    results
        Folder of results.
    path
        Relative path.

    Returns
    -------
    bool
        False for a path that leads out.
    """
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or parts[0].startswith(("/", ".")) or "\0" in path:
        return False
    return (results / path).parent.resolve().is_relative_to(results.resolve())


def read_all(results: Path) -> list[State]:
    """States of all notebooks that were run into a results folder, by name.

    Parameters
    ----------
    results
        Folder of results.

    Returns
    -------
    list[State]
        Those that can be read.
    """
    names = sorted(path.stem for path in (results / FOLDER).glob("[!_.]*.json"))
    return [state for name in names if (state := read(results, name))]


def write(results: Path, state: State) -> None:
    """Write a state file whole or not at all.

    Parameters
    ----------
    results
        Folder of results.
    state
        What is written, under its notebook's name.
    """
    write_json(_path(results, state.notebook), asdict(state))


def forget(results: Path, notebook: str) -> None:
    """Remove the state of a notebook.

    Parameters
    ----------
    results
        Folder of results.
    notebook
        Name without `.ipynb`.
    """
    _path(results, notebook).unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    Parameters
    ----------
    path
        The file.
    content
        What json can write.
    """
    write_atomically(path, json.dumps(content, indent=1, sort_keys=True).encode() + b"\n")


def intact(results: Path, outputs: Mapping[str, str]) -> bool:
    """Whether every output is still there, inside the folder, with the bytes it was written with.

    Parameters
    ----------
    results
        Folder of results.
    outputs
        Path inside the folder to sha256.

    Returns
    -------
    bool
        False where one is missing or another.
    """
    return all(confined(results, path) and hash_file(results / path) == digest for path, digest in outputs.items())


def hash_text(text: str) -> str:
    """Sha256 of a text in hex.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def hash_json(value: Any) -> str:
    """Sha256 of a value as canonical JSON.

    Parameters
    ----------
    value
        What json can write.

    Returns
    -------
    str
        64 hexadecimal digits, the same whatever the order of keys.
    """
    return hash_text(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str))


def hash_file(path: Path) -> str:
    """Sha256 of a file in hex; empty if it cannot be read or is no regular file (a pipe would never end).

    Parameters
    ----------
    path
        Any path.

    Returns
    -------
    str
        64 hexadecimal digits, or an empty text.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


MOST_FILES, MOST_BYTES = 100_000, 50e9
"""Most files and folders below a folder that is hashed, and bytes in its files: minutes of a disk."""


def hash_files(root: Path, paths: Iterable[Path]) -> str:
    """One sha256 over the names (inside `root`) and contents of files.

    Parameters
    ----------
    root
        Folder that the paths are below.
    paths
        Files, in any order.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hash_json({path.relative_to(root).as_posix(): hash_file(path) for path in paths})


def hash_folder(root: Path) -> str:
    """One sha256 over all files below a folder; caches and hidden files do not count.

    Parameters
    ----------
    root
        A folder.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    ParamsError
        If it holds more than a measurement does: somebody named a disk, or the machine.
    """
    files, size = [], 0
    for count, path in enumerate(root.rglob("*")):
        if count >= MOST_FILES or size > MOST_BYTES:
            most = f"{MOST_FILES:,} files and folders" if count >= MOST_FILES else show(MOST_BYTES, "byte", 2)
            raise ParamsError(f"{root}: holds more than {most}; name the folder of one measurement")
        if path.is_file() and not _is_cache(path.relative_to(root)):
            files.append(path)
            size += path.stat().st_size
    return hash_files(root, files)


def _is_cache(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def hash_notebook(content: Mapping[str, Any]) -> str:
    """Sha256 of what a notebook does: its cells' types, tags and sources, not outputs or execution counts.

    Parameters
    ----------
    content
        A notebook as nbformat reads it.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    cells = [
        [cell["cell_type"], cell.get("metadata", {}).get("tags", []), "".join(cell["source"])]
        for cell in content["cells"]
    ]
    return hash_json(cells)


def hash_library(root: Path) -> str:
    """Sha256 of the code that computes: the package, the locked dependencies, and Python's version.

    Parameters
    ----------
    root
        Folder of the project.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    lock = hash_file(root / "requirements.lock")
    return hash_json([hash_folder(Path(__file__).parent.parent), lock, platform.python_version()])


def hash_data(root: Path, parameters: Mapping[str, Any]) -> str:
    """Sha256 of the bundled data and of the files and folders that parameters name.

    Parameters
    ----------
    root
        Folder of the project.
    parameters
        The notebook's; what names a file or folder counts by its content.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    named = {}
    for name, value in parameters.items():
        if isinstance(value, (str, Path)) and str(value).strip() and name != "out_dir":
            path = Path(value) if Path(value).exists() else root / value
            named[name] = hash_folder(path) if path.is_dir() else hash_file(path)
    data = data_folder() if os.environ.get("TUNBP_DATA") else root / "data"
    return hash_json([hash_folder(data), named])


def _path(results: Path, notebook: str) -> Path:
    return results / FOLDER / f"{notebook}.json"
