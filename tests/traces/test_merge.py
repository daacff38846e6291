"""What tools beside each other add up to."""

from __future__ import annotations

import pytest

from tunbp.traces import open_trace

SENT = " Sent 1000 bytes 100 pkt (dropped {}, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n"
TREES = {
    "a root counts what its child dropped": (
        ("htb 1: dev tun0 root", 12),
        ("fq_codel 10: dev tun0 parent 1:1", 12),
        12,
    ),
    "a root may count only its own drops": (("netem 1: dev tun0 root", 9), ("tbf 10: dev tun0 parent 1:1", 327), 327),
    "what arrives is no drop of the queue": (
        ("pfifo 1: dev tun0 root", 5),
        ("clsact ffff: dev tun0 parent ffff:fff1", 0),
        5,
    ),
    "other devices are no tunnel": (("pfifo 1: dev tun0 root", 5), ("pfifo 2: dev eth0 root", 7), 5),
}


@pytest.mark.parametrize("case", TREES)
def test_drops_of_a_tree_of_qdiscs_are_counted_once(tmp_path, case):
    *qdiscs, dropped = TREES[case]
    for name, part in (("tc_before.txt", 0), ("tc_after.txt", 1)):
        text = "".join(f"qdisc {line}\n" + SENT.format(part * count) for line, count in qdiscs)
        (tmp_path / name).write_text(text)
    assert float(open_trace(tmp_path)["dropped_qdisc"]) == dropped
