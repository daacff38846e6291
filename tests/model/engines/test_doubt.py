"""Where the fluid engine says nothing, it gives what the packets engine gives: every field drawn at random."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.model.batches import every_field
from tunbp import Scenario, simulate

FEWEST = 50.0
"""Packets from which a rate is worth comparing."""


def differences(scenarios: Iterable[Scenario]) -> tuple[npt.NDArray[np.float64], int]:
    """Absolute logarithms of both engines' ratio of rates where nothing warns, and how often something did."""
    found, warned = [], 0
    for scenario in scenarios:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fluid = simulate(scenario)
        if any("fluid engine" in str(warning.message) for warning in caught):
            warned += 1
            continue
        exact = simulate(scenario, engine="packets")
        if max(float(fluid.delivered), float(exact.delivered)) >= FEWEST:
            rates = [max(float(result.received_rate), 1.0) for result in (fluid, exact)]
            found.append(abs(np.log(rates[0] / rates[1])))
    return np.array(found), warned


def few_kernels(number: int) -> Scenario:
    """All fields drawn but those that would compile a kernel each."""
    kind: dict[str, Any] = {"source": "tcp", "congestion": "cubic", "streams": 1, "path_rate": 3e4, "far_rate": 1e5}
    return every_field(number, **kind)


def test_every_field_at_random_agrees_where_nothing_warns() -> None:
    found, warned = differences(map(few_kernels, range(100)))
    assert len(found) >= 20
    assert warned >= 30
    # single runs: in one of ten a burst just fits into one engine's ring and not into the other's
    assert np.median(found) <= 0.02
    assert np.percentile(found, 75) <= 0.10
    assert np.mean(found > np.log(1.3)) <= 0.12


@pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="every kernel, 2,000 scenarios: make soak")
def test_soak_every_field_of_every_kind_agrees_where_nothing_warns() -> None:
    found, _ = differences(map(every_field, range(10_000, 12_000)))
    assert len(found) >= 200
    assert np.median(found) <= 0.01
    assert np.percentile(found, 75) <= 0.05
    assert np.mean(found > np.log(1.3)) <= 0.08


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ({"streams": 8, "ring": 10}, "several flows on a stock ring"),
        ({"receive_window": 3 * 1448.0}, "a window below 7 entries"),
        ({"source": "frames", "frame_rate": 60.0, "gso_segments": 4}, "video frames with several segments"),
        ({"source": "open", "offered_rate": 1e4, "far_rate": 5e3}, "a source without feedback with a far reader"),
        ({"ring": 1}, "a ring of fewer than 5 entries"),
        ({"driver": "7.3", "qdisc": "pfifo", "qdisc_limit": 10, "ring": 20, "streams": 4}, "a ring and qdisc of fewer"),
        ({"path_rate": 2e4, "path_buffer": 5}, "a link buffer of fewer than 20 packets"),
        ({"congestion": "bbr", "streams": 4}, "BBR of local senders"),
        ({"path_loss": 1e-3, "streams": 4}, "random loss on the path with several flows"),
        ({"path_loss": 1e-3, "path_loss_burst": 9.0}, "losses in runs"),
        ({"gso_segments": 45, "ack_cost": 1e-6}, "ACKs that cost a reader"),
        ({"driver": "7.3", "ring": 20, "wake_latency": 1e-3}, "wakes that take longer"),
        ({"ring": 20, "idle_latency": 1e-3}, "a reader that sleeps longer"),
        ({"rtt": 0.3}, "a run shorter than a round trip"),
    ],
)  # fmt: skip
def test_the_fluid_engine_says_where_it_is_not_to_be_relied_on(point: dict[str, Any], reason: str) -> None:
    with pytest.warns(UserWarning, match=reason):
        simulate(Scenario(**{"duration": 0.2, "rtt": 0.02, **point}))
