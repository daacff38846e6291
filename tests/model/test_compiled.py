"""Compiled kernels follow every source they are made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import tunbp
from tunbp.model import compiled

PACKAGE = Path(tunbp.__file__).parent
PRINT = "import os, tunbp.model.congestion as c, numba; print(numba.config.CACHE_DIR, c.__file__)"


def place(folder: Path, **extra: str) -> tuple[str, str]:
    """Folder for compiled code, and the package used, of a new process that finds the package in `folder`."""
    environment = {k: v for k, v in os.environ.items() if k != compiled.VARIABLE}
    environment |= {"PYTHONPATH": str(folder), **extra}
    done = subprocess.run(
        [sys.executable, "-c", PRINT], env=environment, capture_output=True, text=True, check=True, cwd=folder
    )
    cache, package = done.stdout.split()
    return cache, package


def test_a_change_of_any_source_of_the_model_moves_the_cache(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "tunbp", ignore=shutil.ignore_patterns("__pycache__"))
    before, package = place(tmp_path)
    assert package.startswith(str(tmp_path))
    assert place(tmp_path)[0] == before
    with (tmp_path / "tunbp" / "model" / "congestion.py").open("a") as source:
        source.write("# changed\n")
    assert place(tmp_path)[0] != before


def test_a_folder_that_the_user_names_is_kept(tmp_path):
    assert place(PACKAGE.parent, **{compiled.VARIABLE: str(tmp_path)})[0] == str(tmp_path)
