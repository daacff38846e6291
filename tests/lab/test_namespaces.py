"""Counters and features as the tools print them."""

import pytest

from tunbp.lab.namespaces import features_on, link_counter, qdisc_drops

LINKS = [
    {"ifname": "lo", "stats64": {"tx": {"dropped": 7, "packets": 1}}},
    {"ifname": "tun0", "stats64": {"tx": {"dropped": 13, "packets": 400}}},
]  # as `ip -s -j link show` prints, shortened
QDISCS = [
    {"kind": "fq_codel", "dev": "tun0", "root": True, "drops": 5},
    {"kind": "noqueue", "dev": "lo", "root": True, "drops": 3},
    {"kind": "pfifo", "dev": "tun0", "parent": "1:1", "drops": 99},
]  # as `tc -s -j qdisc show` prints, shortened


def test_a_counter_is_the_one_of_the_device_asked_for():
    assert link_counter(LINKS, "tun0", "tx", "dropped") == 13
    with pytest.raises(ValueError, match="not enough values"):
        link_counter(LINKS, "tun1", "tx", "dropped")


def test_only_the_root_qdisc_of_the_device_counts():
    assert qdisc_drops(QDISCS, "tun0") == 5
    assert qdisc_drops([], "tun0") == 0


def test_offloads_that_are_fixed_on_count_and_those_off_do_not():
    printed = (
        "Features for tun0:\nrx-checksumming: off [fixed]\ntx-checksumming: on\n"
        "\ttx-checksum-ip-generic: on [fixed]\ntcp-segmentation-offload: off\n"
    )
    assert features_on(printed) == ["tx-checksumming", "tx-checksum-ip-generic"]
