"""Children and their failures."""

import sys

import pytest

from tunbp.errors import LabError
from tunbp.lab import process


def python(code):
    return [sys.executable, "-S", "-c", code]


def test_a_missing_tool_points_to_the_check():
    with pytest.raises(LabError, match=r"`/nonexistent/iperf3` is not installed[^$]*tunbp lab check"):
        process.run(["/nonexistent/iperf3"])


def test_a_failure_carries_status_last_lines_and_advice():
    with pytest.raises(LabError) as caught:
        process.run(python("import sys; sys.stderr.write('line\\n' * 50 + 'the cause'); sys.exit(3)"), "do this")
    message = str(caught.value)
    assert "failed with status 3" in message
    assert "the cause" in message
    assert "What to do: do this" in message
    assert message.count("line\n") <= 12


def test_a_command_that_hangs_is_ended_at_its_limit():
    with pytest.raises(LabError, match=r"did not end within 0\.2 s"):
        process.run(python("import time; time.sleep(60)"), timeout=0.2)


def test_waiting_tells_when_the_program_ended_first(tmp_path):
    log = tmp_path / "log"
    log.write_text("Options error: cannot open tun\n")
    child = process.start(python("raise SystemExit(7)"))
    child.wait()
    with pytest.raises(LabError, match=r"OpenVPN did not come up: the program ended with status 7[^$]*cannot open tun"):
        process.wait_for(lambda: False, "OpenVPN did not come up", 5.0, log, child)


def test_waiting_ends_at_its_limit():
    with pytest.raises(LabError, match=r"never: not within 0\.1 s"):
        process.wait_for(lambda: False, "never", 0.1)


def test_a_child_ends_with_its_parent():
    code = (
        "from tunbp.lab import process; import os, sys, time\n"
        "child = process.start([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    import subprocess

    from tunbp.lab.clean import start_time

    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.wait()
    process.wait_for(lambda: start_time(pid) is None, "the child is still there", 5.0)


def test_limits_are_stretched_where_the_clock_runs_ahead(monkeypatch):
    monkeypatch.setattr(process, "_factor", 1.0)
    assert process.stretched(10.0) == 10.0
    process.stretch_limits(100.0)
    assert process.run(["sh", "-c", "sleep 0.05; echo late"], timeout=0.01) == "late\n"
