"""Facts about the host."""

import os

import pytest

from tunbp.lab import facts


def test_facts_name_kernel_processor_tools_and_the_sysctls_that_matter():
    found = facts.host()
    assert found["kernel"] == os.uname().release
    assert found["cpus"] >= 1
    assert found["memory_bytes"] > 0
    assert "net.ipv4.tcp_congestion_control" in found["sysctls"]


def test_the_processor_is_named_as_cpuinfo_does():
    text = "processor\t: 0\nmodel name\t: QEMU TCG CPU version 2.5+\nflags\t: fpu\n"
    assert facts.cpu_model(text) == "QEMU TCG CPU version 2.5+"
    assert facts.cpu_model("processor : 0\nBogoMIPS : 50\n") == "unknown"


def test_busy_fraction_counts_everything_but_idle_and_waiting():
    before = {"cpu_seconds": {"user": 1.0, "system": 1.0, "idle": 10.0, "iowait": 0.0}}
    after = {"cpu_seconds": {"user": 3.0, "system": 2.0, "idle": 16.0, "iowait": 1.0}}
    assert facts.busy_fraction(before, after) == pytest.approx(0.3)
    assert facts.busy_fraction(before, before) is None


def test_load_is_read_from_the_first_line_of_proc_stat(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 50 800 20 0 10 20 0 0\ncpu0 100 0 50 800 20 0 10 20 0 0\n")
    ticks = os.sysconf("SC_CLK_TCK")
    found = facts.load(stat)["cpu_seconds"]
    assert found["user"] == pytest.approx(100 / ticks)
    assert found["steal"] == pytest.approx(20 / ticks)


def test_a_tool_that_does_not_answer_is_unknown():
    assert facts.version(["/nonexistent/tool"]) == "unknown"
