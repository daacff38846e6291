"""Where the project is: the folder that holds notebooks, parameters, data and results."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r'^name\s*=\s*"tunbp"', re.MULTILINE)


def project_root(start: Path | None = None) -> Path:
    """Folder of the project: above `start`, else above this package, else `start` itself.

    Parameters
    ----------
    start
        Folder to look from; the working directory when left out.
    """
    start = (start or Path.cwd()).resolve()
    package = Path(__file__).resolve().parent
    return _above(start) or _above(package) or start


def _above(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        if project.is_file() and _NAME.search(project.read_text(encoding="utf-8", errors="replace")):
            return folder
    return None
