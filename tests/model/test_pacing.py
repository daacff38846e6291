"""TCP that is paced whatever its congestion control is, in both engines and as Linux does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tunbp import Scenario, simulate

ROUNDS = Path(__file__).parent / "linux_events" / "pacing.csv"
"""Packets that entered tun in each round trip of slow start and the time from the first to the last, s: iperf3 with
CUBIC through OpenVPN, 120 ms, Linux 6.18, by tracepoints; paced: the connection had begun under BBR."""

BOTH = pytest.mark.parametrize("engine", ["fluid", "packets"])
LONG: dict[str, Any] = {"driver": "stock", "qdisc": "pfifo_fast", "drain_rate": 60e3, "rtt": 0.12, "duration": 10.0,
                        "receive_window": 16e6}  # fmt: skip


def same(one: xr.Dataset, other: xr.Dataset) -> bool:
    names = [name for name in one.data_vars if one[name].dtype.kind == "f"]
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in names)


@BOTH
def test_a_flow_with_pacing_is_one_behind_fq_while_its_queue_is_empty(engine: str) -> None:
    alone = simulate(Scenario(**LONG, ring=100, pacing=True), engine=engine)
    assert same(alone, simulate(Scenario(**{**LONG, "qdisc": "fq"}, ring=100), engine=engine))
    assert not same(alone, simulate(Scenario(**LONG, ring=100), engine=engine))


@BOTH
@pytest.mark.parametrize("sender", [{"congestion": "bbr"}, {"source": "open", "offered_rate": 1e4}])
def test_pacing_changes_nothing_for_who_paces_already_or_is_not_tcp(sender: dict[str, Any], engine: str) -> None:
    one, other = (simulate(Scenario(**LONG, **sender, pacing=on), engine=engine) for on in (True, False))
    assert same(one, other)


@BOTH
@pytest.mark.parametrize("origin", ["local", "forwarded"])
def test_the_first_ten_segments_are_not_paced(origin: str, engine: str) -> None:
    run = simulate(Scenario(**{**LONG, "duration": 0.06}, origin=origin, pacing=True, interval=0.002), engine=engine)
    carried = run["throughput"].to_numpy() * 0.002 / 8.0 / 1448.0
    assert carried[:2].sum() == pytest.approx(10.0, rel=1e-6)
    assert carried[2:].sum() == pytest.approx(0.0, abs=1e-6)


def spans(pacing: bool, rounds: pd.DataFrame) -> list[float]:
    """Seconds from the first to the last packet that the reader takes, of each round trip."""
    rtt, step = 0.1203, 1e-3
    run = simulate(
        Scenario(driver="stock", qdisc="pfifo_fast", ring=1000, drain_rate=50e3, rtt=rtt, mss=1388,
                 receive_window=16e6, pacing=pacing, duration=len(rounds) * rtt, interval=step),
        engine="packets",
    )  # fmt: skip
    took = run["time"].values[run["throughput"].values > 0.0]  # ends of the steps
    each = [took[(took >= n * rtt) & (took < (n + 1) * rtt)] for n in rounds["round"]]
    return [float(times[-1] - times[0]) for times in each]


@pytest.mark.parametrize(("sender", "pacing"), [("paced", True), ("plain", False)])
def test_round_trips_of_slow_start_are_spread_as_linux_spreads_them(sender: str, pacing: bool) -> None:
    seen = pd.read_csv(ROUNDS).set_index("sender").loc[sender]
    assert list(seen["packets"])[:2] == [10, 20]
    found = spans(pacing, seen)
    # half of a round trip and more where TCP paces, and less than a millisecond where it does not
    assert found == pytest.approx(list(seen["span"]), rel=0.1, abs=0.003)
    assert (min(found[1:]) > 0.05) is pacing


@BOTH
def test_what_a_short_stock_ring_carries_is_decided_by_pacing(engine: str) -> None:
    paced, plain = (
        float(simulate(Scenario(**LONG, ring=64, pacing=on), engine=engine)["received_rate"]) for on in (True, False)
    )
    assert paced > 4.0 * plain


@pytest.mark.parametrize("ring", [16, 25, 50, 100, 200])
@pytest.mark.parametrize("readers", [{}, {"ack_cost": 1e-5, "far_rate": 70e3, "far_ack_cost": 1e-5}])
def test_both_engines_carry_as_much_through_a_short_stock_ring(ring: int, readers: dict[str, float]) -> None:
    """Whole blocks, one of them saved while nothing was sent, in recovery, too: no burst that Linux would not send."""
    point = Scenario(**{**LONG, "duration": 20.0}, **readers, ring=ring, pacing=True)
    fluid, packets = (float(simulate(point, engine=engine)["received_rate"]) for engine in ("fluid", "packets"))
    assert fluid == pytest.approx(packets, rel=0.2)


@pytest.mark.parametrize("sender", [{"pacing": False, "qdisc": "fq"}, {"streams": 4, "ring": 200}, {"driver": "7.3"}])
def test_so_do_other_senders_that_pace(sender: dict[str, Any]) -> None:
    point = Scenario(**{**LONG, "duration": 20.0, "ring": 40, "pacing": True, "receive_window": 4e6, **sender})
    fluid, packets = (float(simulate(point, engine=engine)["received_rate"]) for engine in ("fluid", "packets"))
    assert fluid == pytest.approx(packets, rel=0.2)


def test_a_short_queue_in_front_of_a_short_ring_drops_blocks_with_backpressure_too() -> None:
    """`pfifo_fast` holds as many packets as the ring: a block that is larger than both loses its end."""
    readers = {"ack_cost": 3.4e-6, "far_rate": 256e3, "far_ack_cost": 3.9e-6}
    path = {**LONG, **readers, "driver": "7.3", "drain_rate": 205e3, "rtt": 0.06, "duration": 15.0, "pacing": True}
    rates = {
        (ring, engine): float(simulate(Scenario(**path, ring=ring), engine=engine)["received_rate"])
        for ring in (17, 24)
        for engine in ("fluid", "packets")
    }
    for ring in (17, 24):
        assert rates[ring, "fluid"] == pytest.approx(rates[ring, "packets"], rel=0.15)
    assert rates[24, "packets"] > 3.0 * rates[17, "packets"]


@pytest.mark.parametrize("drain_rate", [15e3, 100e3])
@pytest.mark.parametrize("path", [{"rtt": 2e-5}, {"rtt": 3e-4}, {"rtt": 0.02, "dt": 1e-4}, {"rtt": 3e-4, "streams": 3}])
def test_a_block_that_lasts_longer_than_a_time_step_is_paid_for_as_it_is_sent(
    path: dict[str, Any], drain_rate: float
) -> None:
    scenario = Scenario(
        driver="7.3", ring=500, pacing=True, drain_rate=drain_rate, burst_rate=5 * drain_rate, hystart=False,
        receive_window=3e6, duration=4.0, warmup=1.0, **path,
    )  # fmt: skip
    rates = [float(simulate(scenario, engine=engine)["received_rate"].sum()) for engine in ("fluid", "packets")]
    # the fluid engine had 0.03 of it at 20 us
    assert rates[0] == pytest.approx(rates[1], rel=0.05)


@pytest.mark.parametrize("streams", [1, 2, 5])
@pytest.mark.parametrize("sender", [{"pacing": True}, {"qdisc": "fq"}])
def test_acks_of_senders_that_pace_are_held_only_while_packets_wait(sender: dict[str, Any], streams: int) -> None:
    """What is paced comes evenly, so that a reader with time to spare in a step finds the ring empty."""
    scenario = Scenario(
        rtt=0.012, ring=500, drain_rate=88e3 * streams, burst_rate=600e3, streams=streams, receive_window=247 * 1448,
        origin="forwarded", ack_interval=4.5e-3, duration=20.0, **sender,
    )  # fmt: skip
    fluid, packets = (
        float(simulate(scenario, engine=engine)["received_rate"].sum()) for engine in ("fluid", "packets")
    )
    # two flows had 0.73 of it in the fluid engine
    assert fluid == pytest.approx(packets, rel=0.05)
