"""The equations of the stages behind the reader (docs/theory.md), in both engines."""

from __future__ import annotations

from typing import Any

import pytest
import xarray as xr

from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

ENGINES = ("packets", "fluid")
MSS = 1448
WINDOW, RTT, READER = 1200, 0.02, 20e3
"""Packets, s, packets/s: the window is larger than what path and reader hold without a queue."""


def flow(engine: str, **changes: Any) -> xr.Dataset:
    """A long flow with backpressure and room everywhere: nothing is lost."""
    point: dict[str, Any] = {
        "driver": "7.3",
        "qdisc": "pfifo",
        "qdisc_limit": 100_000,
        "ring": 500,
        "drain_rate": READER,
        "burst_rate": 1e6,
        "rtt": RTT,
        "receive_window": WINDOW * MSS,
        "origin": "forwarded",
        "hystart": False,
        "ack_interval": 0.0,
        "duration": 10.0,
        "warmup": 3.0,
    }
    return simulate(Scenario(**(point | changes)), engine)


def load(engine: str, offered: float, **changes: Any) -> xr.Dataset:
    """A source without feedback through a reader that keeps up."""
    point: dict[str, Any] = {
        "driver": "stock", "source": "open", "offered_rate": offered, "drain_rate": READER, "burst_rate": 1e6,
        "ring": 500, "rtt": RTT, "duration": 10.0, "warmup": 3.0,
    }  # fmt: skip
    return simulate(Scenario(**(point | changes)), engine)


def packets(result: xr.Dataset) -> float:
    return float(result["received_rate"]) / (8 * MSS)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_path_that_is_slower_than_the_reader_sets_the_clock_and_holds_the_queue(engine: str) -> None:
    result = flow(engine, path_rate=10e3, path_buffer=5000)
    assert packets(result) == pytest.approx(10e3, rel=1e-3)
    assert float(result["mean_rtt"]) == pytest.approx(WINDOW / 10e3, rel=2e-3)
    assert float(result["path_sojourn"]) == pytest.approx(WINDOW / 10e3 - RTT, rel=3e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_acks_take_their_share_of_the_near_reader(engine: str) -> None:
    assert packets(flow(engine, ack_cost=20e-6)) == pytest.approx(1 / (1 / READER + 20e-6 / 2), rel=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_far_reader_with_a_thread_for_acks_carries_its_rate(engine: str) -> None:
    result = flow(engine, far_rate=15e3, far_ack_cost=20e-6, reader_policy="separate")
    assert packets(result) == pytest.approx(15e3, rel=1e-3)


@pytest.mark.parametrize(("engine", "above"), [("packets", 1e-3), ("fluid", 0.13)])
def test_a_far_reader_in_turns_pays_for_acks(engine: str, above: float) -> None:
    law = 1 / (1 / 15e3 + 20e-6 / 2)
    found = packets(flow(engine, far_rate=15e3, far_ack_cost=20e-6, reader_policy="fair"))
    assert law * 0.999 <= found <= law * (1 + above)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_overloaded_path_delays_by_its_buffer_and_loses_the_rest(engine: str) -> None:
    result = load(engine, 15e3, path_rate=10e3, path_buffer=100)
    assert float(result["dropped_path"] / result["sent"]) == pytest.approx(1 - 10 / 15, rel=2e-3)
    assert float(result["path_sojourn"]) == pytest.approx(101 / 10e3, rel=5e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_path_that_is_a_tenth_of_the_reader_carries_no_more_than_its_rate(engine: str) -> None:
    # of eight packets that are taken meanwhile seven are dropped: the packets engine had forgotten some that waited
    result = load(engine, 2e3, path_rate=250.0, path_buffer=1000, duration=20.0, warmup=0.0)
    assert float(result["delivered"]) == pytest.approx(250 * 20, abs=5)
    assert float(result["queued"]) == pytest.approx(1001, abs=1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("run", [1.0, 3.0])
def test_random_loss_takes_its_share_in_the_long_run(engine: str, run: float) -> None:
    result = load(engine, 8e3, path_loss=0.02, path_loss_burst=run, duration=60.0)
    losses = 0.02 * float(result["sent"]) / run
    # runs of losses are counted; their lengths are geometric with mean b
    deviation = (2 * run - 1) ** 0.5 / losses**0.5
    assert float(result["dropped_path"] / result["sent"]) == pytest.approx(0.02, rel=4 * deviation)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stock_ring_before_a_slower_path_stays_empty(engine: str) -> None:
    result = flow(engine, driver="stock", ring=100, path_rate=10e3, path_buffer=5000)
    assert float(result["dropped_ring"]) == 0
    assert packets(result) == pytest.approx(10e3, rel=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_guest_does_not_wait_for_the_path_behind_it(engine: str) -> None:
    # 64 packets may wait for a guest of 60 K/s; a thousand wait for the link, and none of them in the ring
    result = load(engine, 15e3, guest_rate=60e3, path_rate=10e3, path_buffer=1000)
    assert float(result["dropped_ring"]) == 0
    assert float(result["ring_sojourn"]) < 4 / READER
    assert float(result["path_sojourn"]) == pytest.approx(1000 / 10e3, rel=0.01)
