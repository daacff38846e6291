"""The registry of data files: which belong to tunbp, and the SHA-256 each must have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tunbp.atomic import write_atomically
from tunbp.errors import DataError
from tunbp.evidence.datasets import data_path

_HEADER = """\
# Files of the data folder and the remote files it was built from, with their SHA-256.
# `tunbp data verify` compares; `tunbp data verify --update` records the bundled files anew.
"""


@dataclass(frozen=True)
class Remote:
    """A pinned set of files in somebody else's repository.

    Attributes
    ----------
    repository, commit, folder, licence
        Where the files are and under which terms.
    base_url
        Address under which every path of `files` is found.
    files
        Path below `base_url` -> SHA-256 (hex).
    """

    repository: str
    commit: str
    folder: str
    licence: str
    base_url: str
    files: dict[str, str]


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex.

    Parameters
    ----------
    path
        File to read.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load() -> dict[str, Any]:
    path = data_path("registry.yaml")
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(loaded, dict) or not {"bundled", "remote"} <= loaded.keys():
        raise DataError(f"{path} must map 'bundled' and 'remote' to their files")
    return loaded


def bundled() -> dict[str, str]:
    """Bundled files (path below the data folder) and their recorded SHA-256."""
    files: dict[str, str] = _load()["bundled"]
    return files


def remote(name: str) -> Remote:
    """One set of remote files, e.g. ``remote("nodrop")``.

    Parameters
    ----------
    name
        Key of ``data/registry.yaml``.

    Returns
    -------
    Remote
        Addresses and checksums.

    Raises
    ------
    DataError
        If the registry has no such set.
    """
    sets = _load()["remote"]
    if name not in sets:
        raise DataError(f"remote data {name!r} is not in the registry: choose one of {', '.join(sets)}")
    return Remote(**sets[name])


def _present() -> dict[str, str]:
    root = data_path()
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "registry.yaml")
    visible = [path for path in files if not path.name.startswith(".")]
    return {path.relative_to(root).as_posix(): sha256(path) for path in visible}


def verify() -> dict[str, str]:
    """Compare every bundled file with the registry.

    Returns
    -------
    dict
        Path below the data folder -> ``"ok"``, ``"missing"``, ``"changed"`` or ``"not registered"``.
    """
    recorded, present = bundled(), _present()
    verdicts = {}
    for path in sorted(recorded.keys() | present.keys()):
        if path not in recorded:
            verdicts[path] = "not registered"
        elif path not in present:
            verdicts[path] = "missing"
        else:
            verdicts[path] = "ok" if present[path] == recorded[path] else "changed"
    return verdicts


def update() -> None:
    """Record the bundled files as they are now; the remote part of the registry stays as it is."""
    _store(_present())


def record(path: str) -> None:
    """Record one bundled file as it is now, by its path below the data folder.

    Parameters
    ----------
    path
        E.g. ``"published/tcp.csv"``.
    """
    _store({**bundled(), path: sha256(data_path(path))})


def _store(files: dict[str, str]) -> None:
    content = {"bundled": dict(sorted(files.items())), "remote": _load()["remote"]}
    text = _HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=200)
    write_atomically(data_path("registry.yaml"), text.encode())
