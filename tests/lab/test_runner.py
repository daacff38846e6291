"""Decisions of the worker before it measures."""

import os
import time

import pytest

from tunbp.errors import LabError
from tunbp.lab import runner

STOCK_KERNEL, NEW_KERNEL = 0x7173, 0x71F3


def test_auto_takes_both_variants_where_the_kernel_has_them():
    assert list(runner.choose_variants("auto", NEW_KERNEL)) == ["stock", "backpressure"]
    assert list(runner.choose_variants("auto", STOCK_KERNEL)) == ["stock"]
    assert list(runner.choose_variants("backpressure", NEW_KERNEL)) == ["backpressure"]


@pytest.mark.parametrize("wanted", ["both", "backpressure"])
def test_backpressure_on_a_kernel_without_it_is_an_error(wanted):
    with pytest.raises(LabError, match=r"TUNGETFEATURES 0x7173.*needs Linux 7\.3"):
        runner.choose_variants(wanted, STOCK_KERNEL)


def test_tools_kept_in_memory_are_the_ones_that_children_find(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    for name in ("tool", "libtool.so.1"):
        (tmp_path / name).write_text(name)
    runner.keep_in_memory([str(tmp_path / "tool"), str(tmp_path / "libtool.so.1")], tmp_path / "ram")
    assert (tmp_path / "ram" / "bin" / "tool").read_text() == "tool"
    assert (tmp_path / "ram" / "lib" / "libtool.so.1").exists()
    assert os.environ["PATH"].split(":") == [str(tmp_path / "ram" / "bin"), "/usr/bin"]


def test_time_is_up_by_the_clock_of_the_machine_that_carries_the_vm(tmp_path):
    before = time.monotonic()
    assert before <= runner._clock(tmp_path) <= time.monotonic()
    (tmp_path / "outer_load.json").write_text('{"time": 1234.5}')
    assert runner._clock(tmp_path) == 1234.5
