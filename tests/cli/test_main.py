"""What a user sees of an error that is theirs to mend: one line, a status, no traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import click
import pytest

from tests.attack.sinks import UNTRIED, sink
from tunbp import cli
from tunbp.cli.terminal import LONGEST, plain


def _fails_with(monkeypatch, error):
    @click.command()
    def fails():
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: fails)


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE]
)
def test_an_error_of_the_system_is_one_line(monkeypatch, capsys, number):
    _fails_with(monkeypatch, OSError(number, os.strerror(number), "a\x1b[31m\u202e.svg"))
    with pytest.raises(SystemExit) as ended:
        cli.main(["predict"])
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.count("\n") == 1
    assert f"a\\x1b[31m\\u202e.svg: {os.strerror(number)}" in said


def test_too_little_memory_is_one_line(monkeypatch, capsys):
    _fails_with(monkeypatch, MemoryError("Unable to allocate 8. TiB"))
    with pytest.raises(SystemExit) as ended:
        cli.main(["predict"])
    assert ended.value.code == 1
    assert "not enough memory: Unable to allocate 8. TiB" in capsys.readouterr().err


def test_a_long_text_of_a_stranger_is_cut(capsys):
    from rich.console import Console

    start = time.process_time()
    Console(width=100).print(plain("x" * 1_000_000 + "[/b]"), soft_wrap=True)
    assert time.process_time() - start < 5
    assert len(capsys.readouterr().out) < LONGEST + 100


@pytest.mark.parametrize("option", ["--plot=nowhere/at/all.svg/w.svg", "--plot=file/w.svg"])
def test_a_plot_that_cannot_be_written_is_one_line(tmp_path, option):
    (tmp_path / "file").write_text("")
    (tmp_path / "nowhere").symlink_to("nowhere")
    command = [sys.executable, "-c", "from tunbp.cli import main; main()"]
    trace = os.path.join(os.path.dirname(__file__), "..", "traces", "fixtures", "iperf3_tcp.json")
    done = subprocess.run([*command, "trace", trace, option], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "nothing was left half written" in done.stderr


@pytest.mark.parametrize(
    ("writer", "kind"),
    [
        ("archive", "full"),
        ("trace --plot", "read-only"),
        ("trace --plot", "full for a file"),
        ("trace --plot", "closed"),
        ("convert", "broken"),
        ("convert to Zarr", "locale"),
    ],
)
def test_a_writer_that_cannot_write_says_so_in_one_line_and_leaves_nothing(writer, kind, tmp_path):
    told = sink(writer, kind, tmp_path)
    if UNTRIED in told:
        pytest.skip(told)
