"""What the probe says to an ordinary user: what is missing, and how to get it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.probe import live
from tunbp.lab.compiled import COMPILERS

ROOT = Path(__file__).parents[3]
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def interpreter():
    """A Python that an ordinary user can start and that can import the package, or why there is none."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return "", "only root can drop its rights (setpriv of util-linux)"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, f"/usr/bin/python{version}"):
        tried = subprocess.run(
            [*NOBODY, program, "-c", "import tunbp.cli.lab_probe"], env=environment("/"), capture_output=True
        )
        if tried.returncode == 0:
            return program, ""
    return "", f"no Python {version} that another user may start, with this package in reach of it"


def environment(home):
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "COLUMNS": "100",
    }


PYTHON, OBSTACLE = interpreter()
OBSTACLE = OBSTACLE or live.obstacle() or ("" if any(map(shutil.which, COMPILERS)) else "no C compiler")
pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(OBSTACLE), reason=OBSTACLE)]


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory):
    """The namespace of a tun device that a program of root's has open."""
    folder = tmp_path_factory.mktemp("tunnel")
    with live.tunnel(live.build(folder), folder, 300, 2_000, 1, 1_000_000, 1_000, 0, 0) as (space, _, _):
        yield space


def probed(tunnel, folder, *options):
    """The command as an ordinary user, in the namespace of the tunnel."""
    code = f"from tunbp.cli import main; main({['lab', 'probe', live.DEVICE, *options]!r})"
    return subprocess.run(
        tunnel.command(*NOBODY, PYTHON, "-c", code),
        cwd=folder, env=environment(folder), capture_output=True, text=True,
    )  # fmt: skip


def test_an_ordinary_user_is_told_which_rights_are_missing_and_how_to_get_them(tunnel, tmp_path):
    tmp_path.chmod(0o777)
    found = probed(tunnel, tmp_path)
    assert found.returncode == 1
    assert "may not look into" in found.stderr
    assert "run as root (`sudo`; it stays in this network namespace)" in found.stderr
    assert "CAP_SYS_ADMIN" in found.stderr
    assert "--coarse" in found.stderr
    assert "Traceback" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_rights_the_coarse_probe_asks_for_the_program(tunnel, tmp_path):
    tmp_path.chmod(0o777)
    found = probed(tunnel, tmp_path, "--coarse", "--seconds", "0.5")
    assert found.returncode == 1
    assert "name it by --pid (`pidof openvpn`)" in found.stderr
    assert list(tmp_path.iterdir()) == []
