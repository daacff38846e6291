"""Where compiled kernels are kept: one folder for each state of the model's sources.

numba compiles a kernel anew when the file it is written in has changed, but not when another file has whose functions
it takes in: a change of `tunbp.model.congestion` alone would go unnoticed in both engines.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def digest() -> str:
    """Short sha256 over all sources of the model."""
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def keep_apart() -> None:
    """Name the folder for numba, unless the user has named one or the package cannot be written to.

    (An installed package changes as a whole, with new times of all files.)
    """
    folder = Path(__file__).parent / "__pycache__"
    if os.access(folder if folder.exists() else folder.parent, os.W_OK):
        os.environ.setdefault(VARIABLE, str(folder / digest()))
