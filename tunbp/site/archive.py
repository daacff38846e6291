"""One zip of a run for a DOI deposit, with the same bytes for the same content."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from tunbp.errors import OutputError
from tunbp.results import files
from tunbp.site import crate

# the earliest time a zip can hold: the content's own dates do not belong into its bytes
_TIME = (1980, 1, 1, 0, 0, 0)
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
    content = {name: path.read_bytes() for name, path in _packed(results, root).items()}
    data = sorted(path for path in (root / "data").rglob("*") if path.is_file() and not _hidden(path, root))
    content["data/SHA256SUMS"] = "".join(
        f"{files.sha256(path)}  {path.relative_to(root).as_posix()}\n" for path in data
    ).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, content[name], zipfile.ZIP_DEFLATED, 9)
    files.write(target, buffer.getvalue())
    return sorted(content)


def _packed(results: Path, root: Path) -> dict[str, Path]:
    """Name in the zip and path of every file to pack."""
    packed = {
        path.relative_to(results).as_posix(): path
        for path in results.rglob("*")
        if path.is_file() and not _hidden(path, results)
    }
    for path in sorted((root / "params").rglob("*.y*ml")):
        packed[path.relative_to(root).as_posix()] = path
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        packed[f"notebooks/source/{path.name}"] = path
    packed |= {name: root / name for name in PROJECT_FILES if (root / name).is_file()}
    return packed


def _hidden(path: Path, above: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in path.relative_to(above).parts)
