"""One zip of a run for a DOI deposit, with the same bytes for the same content."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tunbp.atomic import replacing
from tunbp.errors import OutputError
from tunbp.results import files
from tunbp.site import crate

# the earliest time a zip can hold: the content's own dates do not belong into its bytes
_TIME = (1980, 1, 1, 0, 0, 0)
SUMS = "data/SHA256SUMS"
PROJECT_FILES = ("CITATION.cff", "LICENSE", "README.md", "requirements.lock", "data/registry.yaml")


def write(results: Path, root: Path, target: Path) -> list[str]:
    """Pack results, notebooks, parameters, data hashes and how to cite into one zip.

    The results are at the top, so that the zip is itself an RO-Crate; beside them `params/`, the sources of
    the notebooks, `data/SHA256SUMS` (hashes of the bundled data) and the project's own files.

    Parameters
    ----------
    results
        Folder of a finished run.
    root
        Folder of the project.
    target
        Zip to write, whole or not at all.

    Returns
    -------
    Names of the packed files, sorted.

    Raises
    ------
    OutputError
        If the run is not finished, or the target lies in the results.
    """
    if not (results / crate.FILE).is_file():
        raise OutputError(f"{results}: not a finished run, {crate.FILE} is missing; run `make reproduce` first")
    if target.resolve().is_relative_to(results.resolve()):
        raise OutputError(f"{target}: the archive cannot lie inside the results it packs")
    packed: dict[str, Path | None] = {**_packed(results, root), SUMS: None}
    with replacing(target) as part, zipfile.ZipFile(part, "w") as archive:
        for name, path in sorted(packed.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes() if path else _sums(root), zipfile.ZIP_DEFLATED, 9)
    return sorted(packed)


def _sums(root: Path) -> bytes:
    """Hashes of the bundled data, as sha256sum prints them."""
    lines = [f"{files.sha256(path)}  {path.relative_to(root).as_posix()}\n" for path in _own(root / "data", root)]
    return "".join(lines).encode()


def _packed(results: Path, root: Path) -> dict[str, Path]:
    """Name in the zip and path of every file to pack."""
    packed = {path.relative_to(results).as_posix(): path for path in _own(results, results)}
    for path in _own(root / "params", root, "*.y*ml"):
        packed[path.relative_to(root).as_posix()] = path
    for path in _own(root / "notebooks", root, "*.ipynb"):
        if path.parent == root / "notebooks":
            packed[f"notebooks/source/{path.name}"] = path
    packed |= {name: root / name for name in PROJECT_FILES if (root / name).is_file()}
    return packed


def _own(folder: Path, above: Path, pattern: str = "*") -> list[Path]:
    """Regular files below a folder, but hidden ones; nothing that lies elsewhere.

    Raises
    ------
    OutputError
        If something there is a link: what it names would be published, from wherever it is.
    """
    found = []
    for path in sorted(folder.rglob(pattern)):
        if any(part.startswith((".", "__pycache__")) for part in path.relative_to(above).parts):
            continue
        if path.is_symlink():
            raise OutputError(
                f"{path}: is a link; an archive holds what lies in its folders: remove it, or copy it there"
            )
        if path.is_file():
            found.append(path)
    return found
