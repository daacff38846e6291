"""Maps of bpftrace: printed once or again and again, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def read(text):
    return opening.read(source_of(Path("input"), text.encode()))


def drops(run):
    return dict(zip(run["queue"].values.tolist(), run["drop_events"].values.tolist(), strict=True))


def test_maps_that_are_cleared_at_each_printing_add_up():
    run = open_trace(FIXTURES / "bpftrace_intervals.txt")
    assert drops(run) == {"@drops[FULL_RING]": 430, "@drops[NOT_SPECIFIED]": 3}
    assert "cleared in between" in run.attrs["warnings"]


def test_maps_that_count_on_are_totals_at_their_last_printing():
    run = read("@drops[A]: 10\n@drops[B]: 2\n\n@drops[A]: 30\n@drops[B]: 2\n\n@drops[A]: 31\n@drops[B]: 5\n")
    assert drops(run) == {"@drops[A]": 31, "@drops[B]": 5}
    assert "no count shrinks" in run.attrs["warnings"]


def test_stacks_of_one_place_in_one_printing_add_up():
    stack = "@drops[\n    kfree_skb_reason+1\n    tun_net_xmit+2\n    {}+3\n]: {}\n"
    run = read(stack.format("dev_hard_start_xmit", 4) + stack.format("sch_direct_xmit", 5))
    assert drops(run) == {"@drops[tun_net_xmit]": 9}
    assert not run.attrs["warnings"]


def test_json_of_bpftrace_gives_the_counts_of_its_text():
    assert drops(open_trace(FIXTURES / "bpftrace.jsonl")) == {"@drops[2]": 17, "@drops[71]": 4211, "@drops[5]": 1}
    stack = "\n    kfree_skb_reason+1\n    tun_net_xmit+2\n"
    line = json.dumps({"type": "map", "data": {"@drops": {stack: 9}}}) + "\n"
    assert drops(read(line)) == {"@drops[tun_net_xmit]": 9}
