"""The preloaded library that makes a program ask for backpressure."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from tunbp.errors import LabError
from tunbp.lab import flags, shim

compiler = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler")


@compiler
def test_the_library_compiles_and_a_program_runs_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    library = shim.build.__wrapped__()
    echo = tmp_path / "echo"
    environment = {**os.environ, **shim.environment(library, True, echo)}
    code = "import fcntl, os, struct, termios; print(fcntl.ioctl(os.pipe()[0], termios.FIONREAD, bytes(4)))"
    done = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == repr(bytes(4))  # other ioctls pass through unchanged
    assert not echo.exists()


def test_a_stock_run_is_only_observed(tmp_path):
    assert shim.environment(tmp_path / "x.so", False, tmp_path / "echo")["TUNBP_TUN_FLAGS"] == "0"
    wanted = shim.environment(tmp_path / "x.so", True, tmp_path / "echo")["TUNBP_TUN_FLAGS"]
    assert int(wanted) == flags.IFF_BACKPRESSURE


def test_the_last_echo_counts_and_must_be_what_was_asked_for(tmp_path):
    echo = tmp_path / "echo"
    echo.write_text(f"{0x1001}\n{0x3081}\n")
    assert shim.read_echo(echo, "OpenVPN", backpressure=True) == 0x3081
    with pytest.raises(LabError, match="OpenVPN: a stock run was asked for"):
        shim.read_echo(echo, "OpenVPN", backpressure=False)


def test_a_program_that_made_no_device_is_told(tmp_path):
    with pytest.raises(LabError, match="no TUNSETIFF was seen"):
        shim.read_echo(tmp_path / "echo", "OpenVPN", backpressure=True)


def test_without_a_compiler_the_user_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(shim.shutil, "which", lambda _: None)
    with pytest.raises(LabError, match="install gcc"):
        shim.build.__wrapped__()
