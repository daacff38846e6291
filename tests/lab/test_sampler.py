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


def test_threads_are_told_apart_by_their_names(tmp_path):
    rows = (("7", "guest", "1000000000 0 1\n", 5, 2), ("8", "vhost-7", "3000000000 0 1\n", 40, 6))
    for thread, name, schedstat, waited, preempted in rows:
        place = tmp_path / "7" / "task" / thread
        place.mkdir(parents=True)
        (place / "schedstat").write_text(schedstat)
        switches = f"voluntary_ctxt_switches:\t{waited}\nnonvoluntary_ctxt_switches:\t{preempted}\n"
        (place / "status").write_text(f"Name:\t{name}\nState:\tS (sleeping)\n{switches}")
    found = sampler.threads(7, tmp_path)
    assert found["vhost-7"] == {"cpu": 3.0, "waited": 40.0, "preempted": 6.0}
    assert found["guest"]["cpu"] == 1.0


def test_a_process_that_computes_uses_processor_time():
    before = {"me": sampler.cpu_seconds(os.getpid())}
    sum(range(2_000_000))
    found = sampler.between(before, {"me": sampler.cpu_seconds(os.getpid())})
    assert 0.001 < found["me_cpu"] < 5
    assert found["me_wait"] >= 0
