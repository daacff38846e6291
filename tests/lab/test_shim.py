"""The preloaded library that makes a program ask for backpressure."""

import os
import subprocess
import sys

import pytest

from tests.lab.need import compiler
from tunbp.errors import LabError
from tunbp.lab import flags, shim


@compiler
def test_the_library_compiles_and_a_program_runs_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a home with spaces"))
    echo = tmp_path / "echo"
    environment = {**os.environ, **shim.environment(True, echo)}
    assert " " not in environment["LD_PRELOAD"]
    code = "import fcntl, os, struct, termios; print(fcntl.ioctl(os.pipe()[0], termios.FIONREAD, bytes(4)))"
    done = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == repr(bytes(4))  # other ioctls pass through unchanged
    assert done.stderr == ""
    assert not echo.exists()


@compiler
def test_a_stock_run_is_only_observed(tmp_path):
    assert shim.environment(False, tmp_path / "echo")["TUNBP_TUN_FLAGS"] == "0"
    wanted = shim.environment(True, tmp_path / "echo")["TUNBP_TUN_FLAGS"]
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
