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


def load(time, softirqs=(0, 0), dropped=(0, 0), **cpu):
    return {
        "time": time,
        "load_average": 1.5,
        "cpu_seconds": dict.fromkeys(("user", "system", "idle", "iowait", "steal"), 0.0) | cpu,
        "softirqs": {"NET_TX": [0, 0], "NET_RX": list(softirqs)},
        "softnet": {"dropped": list(dropped)},
    }


def test_load_between_two_readings_tells_whose_the_processor_was():
    before = load(5.0, user=1.0, system=1.0, idle=10.0)
    after = load(10.0, softirqs=(7, 9), dropped=(0, 2), user=3.0, system=2.0, idle=15.0, iowait=1.0, steal=1.0)
    found = facts.load_between(before, after, own=2.5)
    assert found["seconds"] == 5.0
    assert found["busy_fraction"] == pytest.approx(0.4)  # all but idle and waiting
    assert found["steal_fraction"] == pytest.approx(0.1)
    assert found["foreign_fraction"] == pytest.approx(0.05)
    assert found["softirqs"]["NET_RX"] == [7, 9]
    assert found["softnet"]["dropped"] == [0, 2]


def test_load_without_time_between_is_unknown():
    found = facts.load_between(load(5.0), load(5.0))
    assert found["busy_fraction"] is None
    assert "foreign_fraction" not in found


def test_load_is_read_from_proc(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "stat").write_text(
        "cpu  100 0 50 800 20 0 10 20 0 0\ncpu0 100 0 50 800 20 0 10 20 0 0\nctxt 777\nbtime 1\n"
    )
    (tmp_path / "softirqs").write_text("      CPU0\n TIMER: 9\nNET_TX: 3\nNET_RX: 40\n")
    (tmp_path / "net" / "softnet_stat").write_text("0000001f 00000002 00000001 00000000\n")
    ticks = os.sysconf("SC_CLK_TCK")
    found = facts.load(tmp_path)
    assert found["cpu_seconds"]["user"] == pytest.approx(100 / ticks)
    assert found["cpu_seconds"]["steal"] == pytest.approx(20 / ticks)
    assert found["softirqs"] == {"NET_TX": [3], "NET_RX": [40]}
    assert found["softirq_seconds"] == [pytest.approx(10 / ticks)]
    assert facts.load(tmp_path)["context_switches"] == 777
    assert found["softnet"] == {"processed": [31], "dropped": [2], "squeezed": [1]}
    assert facts.load()["softnet"]["processed"]


def test_a_tool_that_does_not_answer_is_unknown():
    assert facts.version(["/nonexistent/tool"]) == "unknown"
