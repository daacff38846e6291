"""What the sampler reads of processes and devices."""

import os

import pytest

from tunbp.lab import sampler

NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0     0
  tun0: 3233776   62184    0    0    0     0          0         0 354263040  246016    0 1910    0     0       0     0
"""


def test_a_devices_transmitted_and_dropped_packets_are_read():
    assert sampler.transmitted("tun0", NET_DEV) == (246016, 1910)
    with pytest.raises(ValueError, match="no device tun1"):
        sampler.transmitted("tun1", NET_DEV)


def test_the_time_of_all_threads_of_a_process_is_summed(tmp_path):
    for thread, schedstat in (("7", "1500000000 250000000 40\n"), ("8", "500000000 0 3\n")):
        (tmp_path / "7" / "task" / thread).mkdir(parents=True)
        (tmp_path / "7" / "task" / thread / "schedstat").write_text(schedstat)
    assert sampler.cpu_seconds(7, tmp_path) == (2.0, 0.25)


def test_a_process_that_computes_uses_processor_time():
    before = {"me": sampler.cpu_seconds(os.getpid())}
    sum(range(2_000_000))
    found = sampler.between(before, {"me": sampler.cpu_seconds(os.getpid())})
    assert 0.001 < found["me_cpu"] < 5
    assert found["me_wait"] >= 0
