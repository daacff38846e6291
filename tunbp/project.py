"""Where the project is: the folder that holds notebooks, parameters, data and results."""

from __future__ import annotations

import os
import re
from pathlib import Path

_NAME = re.compile(r'^name\s*=\s*"tunbp"', re.MULTILINE)


def project_root(start: Path | None = None) -> Path:
    """Folder of the project: above `start`, else above this package, else `start` itself.

    Parameters
    ----------
    start
        Folder to look from; the working directory when left out.

    Returns
    -------
    Path
        Absolute path.
    """
    start = (start or Path.cwd()).resolve()
    package = Path(__file__).resolve().parent
    return _above(start) or _above(package) or start


def data_folder() -> Path:
    """Folder of the bundled data, which may not exist: named by ``TUNBP_DATA``, else in the package or beside it.

    An installed package has it inside, a clone beside the package.
    """
    package = Path(__file__).resolve().parent
    inside = package / "data"
    return Path(os.environ.get("TUNBP_DATA") or (inside if inside.is_dir() else package.parent / "data"))


def _above(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        if project.is_file() and _NAME.search(project.read_text(encoding="utf-8", errors="replace")):
            return folder
    return None
