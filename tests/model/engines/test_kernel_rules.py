"""Each rule of the kernel that the model uses: where it stands in Linux 7.3.4, and an event of both engines.

Places are file:line of Debian's linux-source-7.3 (7.3.4), read there; rules in the words of this project.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunbp.lab.flags import IFF_BACKPRESSURE
from tunbp.model.drivers import (
    DEFAULT_RING,
    DRIVERS,
    NAPI_POLL,
    VHOST_NET_BATCH,
    Stop,
    driver,
    packets_per_wake,
    pushes_back,
    ring_batch,
    wake_threshold,
)
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.sources import sources

ENGINES = ("packets", "fluid")
BURST = {"source": "frames", "drain_rate": 1e3, "burst_rate": 1e6, "rtt": 0.001, "duration": 0.1, "warmup": 0.0,
         "frame_rate": 10.0, "iframe_every": 1}  # fmt: skip
"""One burst in the run, into a reader of 1 packet/ms."""
FLOOD = {"source": "open", "offered_rate": 1.8e6, "burst_rate": 3.6e6, "wake_cost": 1e-6, "drain_rate": 196e3,
         "rtt": 0.001, "duration": 1.0, "warmup": 0.2}  # fmt: skip


def run(engine: str, **point: Any) -> dict[str, float]:
    result = simulate(Scenario(**point), engine)
    names = ("delivered", "dropped_ring", "dropped_qdisc", "queued", "in_flight", "wake_cycles", "transmitted_rate")
    return {name: float(result[name]) for name in names}


def burst(engine: str, packets: float, **point: Any) -> dict[str, float]:
    return run(engine, **(BURST | point | {"frame_packets": packets, "iframe_packets": packets}))


def per_wake(engine: str, **point: Any) -> float:
    found = run(engine, **(FLOOD | point))
    return found["transmitted_rate"] * (FLOOD["duration"] - FLOOD["warmup"]) / found["wake_cycles"]


def slots_are_freed_in_batches() -> None:
    assert [ring_batch(n) for n in (31, 32, 1000)] == [1, 16, 16]
    # a burst of N + 1 packets fits: one is in service, its slot free
    assert all(burst(engine, 15.0, ring=10, driver="stock")["dropped_ring"] == 4.0 for engine in ENGINES)


def vhost_takes_64() -> None:
    assert VHOST_NET_BATCH == 64
    for engine in ENGINES:
        for version in ("v5", "v6", "v7"):
            found = per_wake(engine, driver=version, ring=1000, guest_rate=600e3, drain_rate=700e3, wake_cost=0.0)
            assert found == pytest.approx(64.0, rel=1e-6)
    assert packets_per_wake(driver("v7"), 1000, behind_vhost=True) == 64


def a_tun_begins_with_500() -> None:
    assert DEFAULT_RING["tun"] == 500


def a_tap_begins_with_1000() -> None:
    assert DEFAULT_RING["tap"] == DEFAULT_RING["tap+vhost-net"] == 1000


def veth_has_256() -> None:
    assert DEFAULT_RING["veth"] == 256


def the_flag() -> None:
    assert IFF_BACKPRESSURE == 0x0080


def a_full_ring_stops_the_queue_where_a_qdisc_is() -> None:
    for engine in ENGINES:
        assert burst(engine, 15.0, ring=10, driver="7.3")["dropped_ring"] == 0.0
        assert burst(engine, 15.0, ring=10, driver="7.3", qdisc="noqueue")["dropped_ring"] == 4.0
    assert not pushes_back(DRIVERS["7.3"], "noqueue")


def woken_at_half_counted_from_the_stop() -> None:
    # 128 from the stop, 7 more until it is stopped again; slots appear in batches, so to within one of them
    for engine in ENGINES:
        assert per_wake(engine, driver="7.3", ring=256) == pytest.approx(128 / (1 - 196e3 / 3.6e6), abs=2.0)


def wakes(engine: str, driver: str, packets: float) -> float:
    return burst(engine, packets, ring=10, driver=driver, qdisc="pfifo", qdisc_limit=1000, idle_latency=0.0,
                 duration=0.4, frame_rate=1.0)["wake_cycles"]  # fmt: skip


def the_attempt_that_fills_the_ring_stops_the_queue() -> None:
    # ten packets and the one in service: the last one that fits stops the queue, of veth the next one, which does not
    for version in ("v7", "v12", "7.3"):
        assert [wakes("packets", version, n) for n in (10.0, 11.0)] == [0.0, 1.0]
    assert [wakes("packets", "veth", n) for n in (10.0, 11.0, 12.0)] == [0.0, 0.0, 1.0]
    for version in ("v7", "v12", "7.3", "veth"):  # the fluid engine wakes in parts, and for what waits
        for n in (10.0, 11.0, 12.0, 13.0):
            exact = wakes("packets", version, n)
            assert exact - 1.0 <= wakes("fluid", version, n) <= exact


def from_a_stop_nothing_enters_until_k_were_taken_and_then_k_enter() -> None:
    for version, ring, k in (
        ("7.3", 64, 32),
        ("v3", 64, 64),
        ("v7", 64, 16),
        ("test-batch", 64, 16),
        ("veth", 256, 64),
    ):
        point = BURST | {"ring": ring, "driver": version, "qdisc": "pfifo", "qdisc_limit": 1000, "frame_rate": 1.0,
                         "frame_packets": ring + 201.0, "iframe_packets": ring + 201.0, "idle_latency": 0.0,
                         "duration": 0.2, "interval": 1e-3}  # fmt: skip
        exact, fluid = (simulate(Scenario(**point), engine)["qdisc_backlog"].values for engine in ENGINES)
        steps = np.flatnonzero(np.diff(exact))
        # one packet/ms is taken; the queue is stopped when the ring is full, some microseconds after 0
        assert exact[0] in (200.0, 201.0)
        assert np.diff(exact)[steps].tolist() == [-k] * len(steps)
        assert np.diff(steps).tolist() == [k] * (len(steps) - 1)
        assert k - 1 <= steps[0] + 1 <= k + 1
        # the fluid engine has the mean of these steps
        assert abs(fluid - exact).max() <= k + 1.0


def behind_vhost_net_64_enter_at_once() -> None:
    point = BURST | {"ring": 256, "drain_rate": 1e5, "guest_rate": 1e3, "qdisc": "pfifo", "qdisc_limit": 1000,
                     "frame_rate": 1.0, "frame_packets": 756.0, "iframe_packets": 756.0, "duration": 0.3,
                     "interval": 1e-3}  # fmt: skip
    for version, k in (("v5", 64), ("v6", 64), ("v7", 64), ("7.3", 128)):
        scenario = Scenario(**point, driver=version)
        exact, fluid = (simulate(scenario, engine)["qdisc_backlog"].values for engine in ENGINES)
        steps = np.flatnonzero(np.diff(exact))
        assert set(np.diff(exact)[steps]) == {-k}
        assert np.diff(steps).tolist() == [k] * (len(steps) - 1)
        # the mean of these steps, without 64 entries that vhost-net has taken already and 53 of its first batch
        assert abs(fluid - exact).max() <= k + 2 * VHOST_NET_BATCH


def pktgen_waits_at_a_stopped_queue_until_half_was_taken() -> None:
    point = {"source": "pktgen", "driver": "7.3", "ring": 64, "drain_rate": 1e3, "offered_rate": 1e5, "rtt": 0.001,
             "duration": 0.2, "warmup": 0.0, "interval": 1e-3}  # fmt: skip
    exact, fluid = (simulate(Scenario(**point), engine) for engine in ENGINES)
    assert all(
        float(found[name].max()) == 0.0 for found in (exact, fluid) for name in ("qdisc_backlog", "dropped_ring")
    )
    saw = exact["ring_occupancy"].values[5:]
    assert (saw.min(), saw.max()) == (32.0, 63.0)
    refilled = np.flatnonzero(np.diff(saw) > 0)
    assert set(np.diff(refilled)) == {32}
    assert fluid["ring_occupancy"].values[5:] == pytest.approx(48.0, abs=1.0)


def half_is_an_integer_division() -> None:
    assert wake_threshold(DRIVERS["7.3"].wake, 7) == 3
    for engine in ENGINES:
        assert per_wake(engine, driver="7.3", ring=7) == pytest.approx(3.0, rel=0.07)


def woken_when_empty_in_the_test_patch_only() -> None:
    for engine in ENGINES:
        assert per_wake(engine, driver="test-empty", ring=256) == pytest.approx(256.0, rel=0.07)


def veth_stops_on_a_failed_insertion() -> None:
    assert DRIVERS["veth"].stop is Stop.FAILED
    for engine in ENGINES:  # what did not fit is requeued, so nothing is lost
        found = burst(engine, 300.0, ring=256, driver="veth")
        assert (found["dropped_ring"], found["dropped_qdisc"]) == (0.0, 0.0)
        assert found["delivered"] + found["queued"] + found["in_flight"] == pytest.approx(300.0, rel=1e-9)


def veth_wakes_once_per_poll() -> None:
    assert NAPI_POLL == 64
    assert all(per_wake(engine, driver="veth", ring=256) == pytest.approx(64.0, rel=2e-3) for engine in ENGINES)


def a_batch_rule_counts_from_batch_to_batch() -> None:
    for engine in ENGINES:
        for version in ("v5", "v6", "v7"):
            assert per_wake(engine, driver=version, ring=256) == pytest.approx(16.0, rel=2e-3)


def the_first_test_patch_counts_from_the_stop() -> None:
    # 16 from the stop, and as many more as fit until it is stopped again
    for engine in ENGINES:
        found = per_wake(engine, driver="test-batch", ring=256, drain_rate=1e6, burst_rate=1.8e6, wake_cost=0.0)
        assert found == pytest.approx(16 / (1 - 1.0 / 1.8), abs=2.0)


def pktgen_passes_the_qdisc() -> None:
    # the ring fills again as fast as pktgen offers, not at the rate of a burst from the qdisc
    point = {"driver": "7.3", "ring": 256, "source": "pktgen"}
    for engine in ENGINES:
        found = run(engine, **(FLOOD | point))
        assert found["dropped_qdisc"] == found["dropped_ring"] == 0.0
        assert per_wake(engine, **point) == pytest.approx(128 / (1 - 196e3 / 1.8e6), rel=0.02)


def a_slot_is_free_before_the_copy() -> None:
    # of three packets into a ring of one the first is in the reader's hands, the second in the ring
    for engine in ENGINES:
        assert burst(engine, 3.0, ring=1, driver="stock", idle_latency=0.0)["dropped_ring"] == 1.0


def without_a_qdisc_a_local_sender_sees_the_drop() -> None:
    # the initial window of 10 meets a ring of 5 and the reader: TCP stops at the first drop and reduces its window,
    # with a qdisc it learns of all four from the ACKs, later; the fluid engine tries once more before the first ACK
    point = {"ring": 5, "driver": "stock", "drain_rate": 1e3, "burst_rate": 1e6, "rtt": 0.1, "duration": 0.02,
             "warmup": 0.0, "idle_latency": 0.0}  # fmt: skip
    seen = {"packets": (7.0, 1.0, 1.0), "fluid": (8.0, 2.0, 1.0)}
    for engine in ENGINES:
        for qdisc, expected in (("noqueue", seen[engine]), ("pfifo", (10.0, 4.0, 0.0))):
            result = simulate(Scenario(**point, qdisc=qdisc), engine)
            assert tuple(float(result[name]) for name in ("sent", "dropped_ring", "loss_events")) == expected


def fq_codel_drops_in_bulk() -> None:
    limit = {"ring": 10, "driver": "7.3", "qdisc": "fq_codel", "qdisc_limit": 100, "duration": 0.02, "frame_rate": 1.0,
             "idle_latency": 0.0}  # fmt: skip
    # 200 packets, 11 of them into ring and reader; as the 101st waits half of the flow goes (51), and again
    # 64 of a longer flow: 389 packets, 89 more than its limit, so twice
    for engine in ENGINES:
        assert burst(engine, 200.0, **limit)["dropped_qdisc"] == 2 * 51.0
        assert burst(engine, 400.0, **(limit | {"qdisc_limit": 300}))["dropped_qdisc"] == 2 * 64.0
        pfifo = burst(engine, 400.0, **(limit | {"qdisc": "pfifo", "qdisc_limit": 300}))
        assert pfifo["dropped_qdisc"] == pytest.approx(89.0, abs=0.02)  # the fluid's reader takes parts of packets


def fq_codel_is_full_at_its_memory() -> None:
    # 508 packets of 64 KB take 32 MiB, far fewer than its 10240: 700 - 11 of them are 181 too many, 64 go at once
    large = {"ring": 10, "driver": "7.3", "duration": 0.02, "frame_rate": 1.0, "idle_latency": 0.0, "mss": 65160.0}
    for engine in ENGINES:
        assert burst(engine, 700.0, **large, qdisc="fq_codel")["dropped_qdisc"] == 3 * 64.0
        assert burst(engine, 700.0, **large, qdisc="pfifo", qdisc_limit=10240)["dropped_qdisc"] == 0.0


@dataclass(frozen=True)
class Rule:
    """Where a rule stands, what it says, the check, and names of the kernel that stand in these very lines."""

    where: str
    words: str
    check: Callable[[], None]
    names: tuple[str, ...] = ()


RULES = (
    Rule("include/linux/ptr_ring.h:509-516", "16 slots are freed at once, 1 below a ring of 32",
         slots_are_freed_in_batches, ("SMP_CACHE_BYTES", "r->batch = 1")),
    Rule("drivers/vhost/net.c:105,179-193", "vhost-net takes up to 64 entries, v7 wakes once for them", vhost_takes_64,
         ("VHOST_NET_BATCH 64", "__ptr_ring_consume_batched", "tun_wake_queue")),
    Rule("drivers/vhost/net.c:105,179-193", "so that 64 packets enter at once", behind_vhost_net_64_enter_at_once,
         ("VHOST_NET_BATCH 64",)),
    Rule("drivers/net/veth.c:315-316,388-405", "veth stops when an insertion failed; the packet is requeued",
         veth_stops_on_a_failed_insertion, ("ptr_ring_produce", "NETDEV_TX_BUSY", "netif_tx_stop_queue")),
    Rule("drivers/net/veth.c:1005-1010", "veth wakes once per NAPI poll of at most 64", veth_wakes_once_per_poll,
         ("per NAPI poll", "netif_tx_wake_queue")),
    Rule("drivers/net/tun.c:1128-1152", "an attempt that leaves the ring full stops the queue, if a qdisc is there",
         a_full_ring_stops_the_queue_where_a_qdisc_is,
         ("__ptr_ring_produce", "IFF_BACKPRESSURE", "qdisc_txq_has_no_queue", "netif_tx_stop_queue")),
    Rule("drivers/net/tun.c:2217-2248", "woken when half was consumed since the stop",
         woken_at_half_counted_from_the_stop, ("cons_cnt += consumed", "tx_ring.size / 2")),
    Rule("drivers/net/tun.c:1128-1152", "the packet that fills the ring stops the queue, not the one that does not fit",
         the_attempt_that_fills_the_ring_stops_the_queue, ("__ptr_ring_produce", "netif_tx_stop_queue")),
    Rule("drivers/net/tun.c:2217-2248", "from a stop nothing enters until half was taken, and then half enters",
         from_a_stop_nothing_enters_until_k_were_taken_and_then_k_enter,
         ("cons_cnt += consumed", "netif_tx_wake_queue")),
    Rule("drivers/net/tun.c:2217-2248", "half is an integer division", half_is_an_integer_division,
         ("tx_ring.size / 2",)),
    Rule("drivers/net/tun.c:2251-2262,2305-2332", "a read consumes, which frees the slot and may wake, and then copies",
         a_slot_is_free_before_the_copy,
         ("__ptr_ring_consume", "__tun_wake_queue(tun, tfile, 1)", "tun_put_user(")),
    Rule("net/core/pktgen.c:3643", "pktgen's start_xmit bypasses the qdisc and waits at a stopped queue",
         pktgen_passes_the_qdisc, ("netif_xmit_frozen_or_drv_stopped",)),
    Rule("net/core/pktgen.c:3643", "it waits until half was taken",
         pktgen_waits_at_a_stopped_queue_until_half_was_taken, ("netif_xmit_frozen_or_drv_stopped",)),
    Rule("include/uapi/linux/if_tun.h:75", "the flag", the_flag, ("IFF_BACKPRESSURE\t0x0080",)),
    Rule("include/uapi/linux/if_tun.h:25", "a tun device begins with a ring of 500 packets", a_tun_begins_with_500,
         ("TUN_READQ_SIZE\t500",)),
    Rule("include/net/pkt_sched.h:13", "a tap device begins with a ring of 1000 packets", a_tap_begins_with_1000,
         ("DEFAULT_TX_QUEUE_LEN\t1000",)),
    Rule("drivers/net/veth.c:37", "veth's ring has 256 packets", veth_has_256, ("VETH_RING_SIZE\t\t256",)),
    Rule("drivers/net/tun.c:1165-1170", "what does not fit is dropped, and the caller is told",
         without_a_qdisc_a_local_sender_sees_the_drop, ("NET_XMIT_DROP",)),
    Rule("net/core/dev.c:4957-4972", "without a qdisc the driver's answer is what the sender gets",
         without_a_qdisc_a_local_sender_sees_the_drop, ("dev_hard_start_xmit(skb, dev, txq, &rc)",)),
    Rule("net/ipv4/tcp_output.c:1716-1723", "a local TCP whose packet is refused reduces its window at once",
         without_a_qdisc_a_local_sender_sees_the_drop, ("tcp_enter_cwr",)),
    Rule("net/sched/sch_fq_codel.c:161-173,518-519", "over its limit fq_codel drops up to 64 packets, or half of the "
         "fattest flow", fq_codel_drops_in_bulk, ("maxbacklog >> 1", "i < max_packets", "drop_batch_size = 64")),
    Rule("net/sched/sch_fq_codel.c:217-219,518", "fq_codel's queue is also full at 32 MiB of memory",
         fq_codel_is_full_at_its_memory, ("memory_limited", "memory_limit = 32 << 20")),
)  # fmt: skip
"""Rules read in 7.3.4 at a line."""

ELSEWHERE = (
    Rule("S35", "the first test patch wakes when a batch was consumed since the stop, or when the ring is empty",
         the_first_test_patch_counts_from_the_stop),
    Rule("S35", "the second test patch wakes when the ring is empty", woken_when_empty_in_the_test_patch_only),
    Rule("S07", "v7 wakes by each freed batch", a_batch_rule_counts_from_batch_to_batch),
)  # fmt: skip
"""Rules of patches that no kernel was released with."""


@pytest.mark.parametrize("check", dict.fromkeys(rule.check for rule in (*RULES, *ELSEWHERE)), ids=lambda f: f.__name__)
def test_the_rule_holds(check: Callable[[], None]) -> None:
    check()


def test_every_rule_names_its_lines_or_its_source() -> None:
    assert all(re.fullmatch(r"[\w./]+\.[ch]:\d+(-\d+)?(,\d+(-\d+)?)*", rule.where) and rule.names for rule in RULES)
    assert {rule.where for rule in ELSEWHERE} <= sources().keys()


@pytest.mark.skipif("TUNBP_LINUX" not in os.environ, reason="TUNBP_LINUX: the unpacked linux-source-7.3 of 7.3.4")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.where}-{rule.check.__name__}")
def test_the_lines_hold_what_the_rule_is_about(rule: Rule) -> None:
    path, _, places = rule.where.partition(":")
    lines = Path(os.environ["TUNBP_LINUX"], path).read_text(encoding="utf-8").splitlines()
    spans = [[int(end) for end in place.split("-")] for place in places.split(",")]
    said = "\n".join("\n".join(lines[span[0] - 1 : span[-1]]) for span in spans)
    assert [name for name in rule.names if name not in said] == []
