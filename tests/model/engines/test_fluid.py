"""The fluid engine: invariants on generated scenarios, and closed forms matched to stated digits."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model.batches import KINDS, SINCE_V7, batches, generated, run
from tunbp.model.congestion import CONTROLS
from tunbp.model.drivers import ring_batch
from tunbp.model.engines import flattened
from tunbp.model.engines.fluid import batch as engine
from tunbp.model.engines.fluid.state import TOTALS
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

PLACES = ("delivered", "dropped_ring", "dropped_qdisc", "dropped_path", "queued", "in_flight")
few = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
BITS = 1448 * 8.0
PUSHING = ["pfifo", "pfifo_fast", "fq_codel", "netem"]


def engine_totals(scenario: Scenario) -> dict[str, np.ndarray]:
    """Rows of the engine's own table at the end of the run, some of which `simulate` does not show."""
    fields = flattened(scenario.broadcast())
    batch = engine.prepare(scenario, fields)
    rows = np.empty((len(TOTALS), batch.table.shape[1]))
    for kind, members in engine.tiles(batch):
        totals, _ = engine.run_tile(batch, kind, members, scenario.duration, None)
        rows[:, members] = totals[1]
    return dict(zip(TOTALS, rows, strict=True))


def assert_invariants(scenario: Scenario) -> None:
    """Packets conserved to 1e-9 of what was sent, places within their size, every number finite."""
    result = simulate(scenario)
    for name, values in result.data_vars.items():
        assert np.isfinite(values).all(), name
    whole = simulate(scenario.replace(warmup=0.0))
    for r in (result, whole):
        error = abs(r.sent - sum(r[name] for name in PLACES))
        assert (error <= 1e-9 * np.maximum(whole.sent, 1.0)).all(), float(error.max())
    for name in ("sent", *PLACES, "total_retransmits", "loss_events", "timeouts", "ring_sojourn", "qdisc_sojourn"):
        assert (whole[name] >= -1e-6).all(), name
    if scenario.interval is not None:
        held = result.ring_occupancy
        assert ((held >= 0) & (held <= scenario.ring * scenario.gso_segments * (1 + 1e-12))).all()
        assert (result.qdisc_backlog >= 0).all()


@few
@given(batches(), st.booleans())
def test_packets_are_conserved_and_places_never_hold_more_than_their_size(scenario: Scenario, series: bool) -> None:
    assert_invariants(scenario.replace(interval=scenario.duration / 20 if series else None))


@few
@given(batches(("cubic", "reno", "bbr", "cubic streams", "bbr streams")))
def test_what_senders_believe_to_be_in_flight_is_what_the_engine_holds(scenario: Scenario) -> None:
    totals = engine_totals(scenario)
    error = np.abs(totals["outstanding"] - totals["accounted"])
    assert (error <= 1e-9 * np.maximum(totals["sent"], 1.0)).all(), error.max()


@few
@given(batches(), st.sampled_from(SINCE_V7), st.sampled_from(PUSHING))
def test_backpressure_never_drops_in_the_ring(scenario: Scenario, driver: str, qdisc: str) -> None:
    assert (simulate(scenario.replace(driver=driver, qdisc=qdisc)).dropped_ring == 0).all()


@few
@given(batches(), st.sampled_from(SINCE_V7))
def test_without_a_qdisc_every_version_since_v7_is_stock(scenario: Scenario, driver: str) -> None:
    patched = scenario.replace(driver=driver, qdisc="noqueue", patch_overhead=0.0)
    xr.testing.assert_equal(simulate(patched), simulate(patched.replace(driver="stock")))


@few
@given(batches(("cubic", "reno", "bbr", "cubic streams"), patch_overhead=0.0, ring=1_000_000, receive_window=1e6))
def test_backpressure_that_never_stops_the_queue_is_stock(scenario: Scenario) -> None:
    patched = simulate(scenario.replace(driver="7.3", qdisc="pfifo"))
    assert (patched.wake_cycles == 0).all()
    stock = simulate(scenario.replace(driver="stock", qdisc="pfifo"))
    xr.testing.assert_allclose(patched, stock, rtol=1e-9, atol=1e-6)


@pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="100,000 scenarios: make soak")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rtt", [2e-4, 2e-3, 0.02, 0.3])
def test_soak(kind: str, rtt: float) -> None:
    count = math.ceil(100_000 / len(KINDS) / 4)
    for seed in range(4):
        scenario = generated(count // 4 + 1, seed, (rtt,), duration=max(200 * rtt, 0.1), **KINDS[kind])
        assert_invariants(scenario.replace(interval=scenario.duration / 10))
        safe = simulate(scenario.replace(driver=SINCE_V7[seed], qdisc=PUSHING[seed]))
        assert (safe.dropped_ring == 0).all()


def test_a_window_that_recovery_takes_back_leaves_nothing_below_zero_to_grow() -> None:
    """Found by the soak: three flows in recovery at once, and a pause, made a NaN of a rounding error."""
    scenario = Scenario(
        driver="test-batch", qdisc="fq", qdisc_limit=10, ring=2, drain_rate=381169.8663664926, rtt=0.02, streams=3,
        burst_rate=4055069.0245870613, receive_window=9046608.80178493, origin="local", ack_interval=1e-3,
        delayed_ack=0.04, idle_latency=1e-5, stall_rate=1.0, stall_mean=0.1, wake_cost=5e-6, wake_latency=1e-5,
        patch_overhead=-1e-7, duration=0.25, warmup=0.0, interval=0.025, seed=1647407846,
    )  # fmt: skip
    assert_invariants(scenario)


# ---- closed forms

CLOSED = {
    "duration": 60.0,
    "warmup": 20.0,
    "drain_rate": 1e5,
    "receive_window": 200 * 1448.0,
    "rtt": 0.05,
    "origin": "forwarded",
}


def test_a_receive_window_is_delivered_once_per_round_trip() -> None:
    """W / RTT to three digits, with the RTT that packets have on average."""
    result = simulate(Scenario(**CLOSED))
    assert float(result.received_rate) == pytest.approx(200 * BITS / float(result.mean_rtt), rel=1e-3)
    assert float(result.received_rate) == pytest.approx(200 * BITS / 0.05, rel=0.01)
    assert result.dropped_ring == 0


@pytest.mark.parametrize("congestion", ["cubic", "reno", "bbr"])
def test_a_window_above_the_bandwidth_delay_product_fills_the_reader(congestion: str) -> None:
    """Queue = W - BDP, and rate = mu, to three digits (BBR keeps its own window)."""
    point = {"ring": 5000, "drain_rate": 1e4, "rtt": 0.02, "receive_window": 1000 * 1448.0, "burst_rate": 1.0e5}
    result = simulate(Scenario(**(CLOSED | point | {"congestion": congestion, "driver": "7.3", "qdisc": "pfifo"})))
    assert float(result.received_rate) == pytest.approx(1e4 * BITS, rel=2e-3 if congestion != "bbr" else 0.05)
    if congestion != "bbr":
        assert float(result.ring_sojourn) * 1e4 == pytest.approx(1000 - 1e4 * 0.02, rel=2e-3)


@pytest.mark.parametrize(("driver", "k"), [("v3", 1000), ("v7", 16), ("7.3", 500), ("v7-7/8", 875)])
def test_a_wake_costs_c_once_per_k_packets(driver: str, k: float) -> None:
    """Wake-cycle law s + o + c/K, four digits: K packets from wake to wake, the batch itself where that wakes."""
    s, c, o = 1 / 196e3, 5.1e-6, 2e-7
    cycle = k if driver == "v7" else k / (1 - 1 / ((s + o) * 1.81e6))
    point = Scenario(source="open", offered_rate=1.8e6, burst_rate=1.81e6, drain_rate=1 / s, ring=1000, wake_cost=c,
                     patch_overhead=o, rtt=1e-4, duration=0.5, warmup=0.1, driver=driver)  # fmt: skip
    result = simulate(point)
    assert float(result.transmitted_rate) == pytest.approx(1 / (s + o + c / cycle), rel=1e-4)
    assert float(result.wake_cycles) == pytest.approx(float(result.transmitted_rate) * 0.4 / cycle, rel=1e-3)
    assert result.dropped_ring == 0


def test_v7_in_pktgen_is_predicted_by_the_wake_cost_of_iperf3() -> None:
    """196 -> 184.5 Kpps with c = 5.1 us and k = 16; published 185 (S07)."""
    point = Scenario(source="open", offered_rate=1.8e6, burst_rate=1.81e6, drain_rate=196e3, ring=1000, driver="v7",
                     wake_cost=5.1e-6, rtt=1e-4, duration=0.5, warmup=0.1)  # fmt: skip
    assert float(simulate(point).transmitted_rate) == pytest.approx(184.5e3, rel=1e-3)


BURSTS = {"ack_interval": 0.2, "duration": 300.0, "warmup": 60.0, "receive_window": 1e8, "interval": 0.05}


def burst_windows(ring: int) -> tuple[float, float]:
    """W* = N / (1 - mu / lambda) for a burst pushed ten times as fast as it is read, with N slots in sight.

    A ring of N shows N - 15 free slots at least and N at most, depending on how much of a batch is consumed.
    """
    return (ring - ring_batch(ring) + 1) / 0.9, ring / 0.9


@pytest.mark.parametrize("ring", [100, 500, 1000])
def test_stock_saws_below_the_burst_law(ring: int) -> None:
    """Cubic saws: mean between 0.86 (fast convergence alone) and 0.925 of W*, overshoot of one blind round trip."""
    result = simulate(Scenario(ring=ring, drain_rate=1e5, burst_rate=1e6, rtt=0.12, **BURSTS))
    window = result.cwnd.sel(time=slice(60, None)) / 1448.0
    low, high = burst_windows(ring)
    assert 0.86 * low <= float(window.mean()) <= CONTROLS["cubic"].mean * high
    assert low <= float(window.quantile(0.99)) <= 1.04 * high


def test_reno_saws_between_half_of_the_burst_law_and_all_of_it() -> None:
    result = simulate(Scenario(ring=100, drain_rate=1e5, burst_rate=1e6, rtt=0.05, congestion="reno", **BURSTS))
    window = result.cwnd.sel(time=slice(60, None)) / 1448.0
    low, high = burst_windows(100)
    assert 0.97 * low <= float(window.quantile(0.95)) <= 1.03 * high
    assert 0.97 * low <= 2.0 * float(window.min()) <= 1.03 * high
    assert 0.97 * low <= float(window.mean()) / 0.75 <= 1.03 * high


# ---- congestion controls and qdiscs

SLOW: dict[str, Any] = {"drain_rate": 1e4, "rtt": 0.05, "ring": 50, "receive_window": 1e7, "duration": 30.0,
                        "warmup": 10.0, "driver": "7.3", "origin": "forwarded"}  # fmt: skip
"""Forwarded: a local sender would keep no more than a millisecond of its rate in the qdisc (TCP small queues)."""


@pytest.mark.parametrize("streams", [1, 4])
def test_bbr_fills_the_reader_and_queues_less_than_cubic(streams: int) -> None:
    cubic, bbr = (
        simulate(Scenario(**SLOW, qdisc="pfifo", qdisc_limit=2000, streams=streams, congestion=name))
        for name in ("cubic", "bbr")
    )
    assert float(bbr.transmitted_rate) == pytest.approx(1e4, rel=0.05)
    assert float(bbr.mean_rtt) < 0.6 * float(cubic.mean_rtt)


def test_bbr_is_held_by_a_small_window() -> None:
    result = simulate(Scenario(**(SLOW | {"receive_window": 100 * 1448.0, "congestion": "bbr"})))
    # one round trip in ten seconds is PROBE_RTT, one of eight drains
    assert 0.92 <= float(result.transmitted_rate) / (100 / 0.05) <= 1.0


@pytest.mark.parametrize("streams", [1, 4])
def test_codel_holds_the_queue_near_its_target(streams: int) -> None:
    codel, pfifo = (
        simulate(Scenario(**SLOW, qdisc=name, qdisc_limit=10240, streams=streams)) for name in ("fq_codel", "pfifo")
    )
    assert float(codel.qdisc_sojourn) < 0.012
    assert float(pfifo.qdisc_sojourn) > 0.1
    assert 0 < float(codel.dropped_qdisc) < 5e-3 * float(codel.delivered)
    assert float(codel.transmitted_rate) == pytest.approx(1e4, rel=0.03)
    assert float(codel.sparse_latency) < 50 / 1e4 + 1e-6


@pytest.mark.parametrize("streams", [1, 4])
def test_a_local_sender_keeps_two_blocks_and_one_more_in_the_qdisc(streams: int) -> None:
    path = SLOW | {"origin": "local", "qdisc": "pfifo", "qdisc_limit": 2000, "interval": 1.0}
    result = simulate(Scenario(**path, streams=streams))
    window = float(result["cwnd"].max()) / 1448.0 / streams  # of several flows it stays above what is in flight
    block = 1.2 / 1024.0 * window / float(result.mean_rtt)  # and the small queue lets one more in than it allows
    most = streams * (2.0 * max(block, 2.0) + max(block, 2.0))
    assert float(result.qdisc_sojourn) * 1e4 <= most + 0.5 * 25.0  # half of what a wake lets in waits there on average
    assert result.dropped_qdisc == 0
    assert float(result.transmitted_rate) == pytest.approx(1e4, rel=0.01)


def test_a_full_pfifo_drops_what_arrives() -> None:
    result = simulate(Scenario(**SLOW, qdisc="pfifo", qdisc_limit=100))
    assert float(result.dropped_qdisc) > 0
    assert float(result.qdisc_sojourn) < 100 / 1e4


@pytest.mark.parametrize("driver", ["stock", "7.3"])
def test_many_streams_fill_the_reader_and_share_it(driver: str) -> None:
    result = simulate(Scenario(**(SLOW | {"driver": driver, "streams": 16, "ring": 500})))
    assert float(result.transmitted_rate) == pytest.approx(1e4, rel=0.02)


def test_frames_lose_what_does_not_fit_and_every_nth_is_larger() -> None:
    """60 packets at once into a ring of 25: 35 lost less what is read meanwhile (here nothing)."""
    point = Scenario(source="frames", frame_rate=30.0, frame_packets=8, iframe_packets=60, iframe_every=30, ring=25,
                     drain_rate=2e3, burst_rate=1e9, rtt=0.01, duration=10.0 - 1e-3)  # fmt: skip
    result = simulate(point)
    assert float(result.sent) == pytest.approx(10 * (60 + 29 * 8))
    assert float(result.dropped_ring) == pytest.approx(10 * (60 - 25), rel=0.05)
    waits = simulate(point.replace(driver="7.3"))
    assert waits.dropped_ring == waits.dropped_qdisc == 0


def test_one_stream_of_many_is_one_stream() -> None:
    """The engine for several flows, run with one, agrees with the engine for one flow."""
    scenario = generated(8, 11, (0.05,), duration=5.0, streams=1, congestion="cubic")
    fields = flattened(scenario.broadcast())
    batch = engine.prepare(scenario, fields)
    for kind, members in engine.tiles(batch):
        single, _ = engine.run_tile(batch, kind, members, 5.0, None)
        several, _ = engine.run_tile(batch, kind._replace(single=False), members, 5.0, None)
        assert several[1] == pytest.approx(single[1], rel=1e-9, abs=1e-6)


def test_the_order_of_the_batch_does_not_change_a_scenario() -> None:
    scenario = generated(70, 3, (0.05,), duration=2.0, congestion="cubic")
    whole = simulate(scenario)
    xr.testing.assert_identical(simulate(run(scenario, 33)).drop_attrs(), whole.isel(run=33).drop_attrs())
