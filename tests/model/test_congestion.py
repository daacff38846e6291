"""Congestion control against its formulas: CUBIC's curve and mean, Reno's saw, BBR's state machine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tunbp.model.congestion import CODES, CONTROLS, INITIAL_WINDOW, bbr, cubic, reno
from tunbp.model.engines import controls

CUBIC_MEAN = cubic.CONTROL.mean


def cubic_epoch(peak: float, rtt: float, steps: int) -> tuple[np.ndarray, float]:
    """Window after every ACK batch of one epoch that starts with a loss at `peak`, and K."""
    cwnd, wmax, k = cubic.loss(peak, peak)
    west, windows, dt = cwnd, [], rtt / steps
    for n in range(round(k / dt)):
        cwnd, west = cubic.growth(cwnd, west, cwnd / steps, n * dt + rtt, k, wmax)
        windows.append(cwnd)
    return np.array(windows), k


def test_cubic_reduces_to_717_of_1024_and_remembers_the_maximum() -> None:
    reduced, wmax, k = cubic.loss(1000.0, 900.0)
    assert reduced == 1000.0 * 717 / 1024
    assert wmax == 1000.0
    # RFC 9438, equation 2: K = cubic root of (W_max - cwnd_epoch) / C
    assert k == pytest.approx(((1000.0 - reduced) / 0.4) ** (1 / 3), rel=1e-12)


def test_fast_convergence_gives_way_below_the_last_maximum() -> None:
    _, wmax, _ = cubic.loss(1000.0, 1200.0)
    assert wmax == pytest.approx(1000.0 * (1 + 717 / 1024) / 2, rel=1e-12)


@pytest.mark.parametrize("name", CONTROLS)
def test_compiled_rules_chosen_by_code_are_those_of_the_row(name: str) -> None:
    row, code = CONTROLS[name], CODES[name]
    assert controls.growth(code, 100.0, 90.0, 4.0, 2.0, 3.0, 120.0) == row.growth(100.0, 90.0, 4.0, 2.0, 3.0, 120.0)
    assert controls.loss(code, 100.0, 120.0) == row.loss(100.0, 120.0)
    states = np.zeros((2, max(row.state, 1)))
    assert controls.start(code, states[0], 0, 1, 0.1) == row.start(states[1], 0, 1, 0.1)
    args = (0, 1, 900.0, 0.11, 80.0, 0.2)
    assert controls.round_trip(code, states[0], *args) == row.round_trip(states[1], *args)
    assert np.array_equal(*states)


def test_windows_are_never_reduced_below_two_segments() -> None:
    assert cubic.loss(2.1, 5.0)[0] == 2.0
    assert reno.loss(2.1, 5.0)[0] == 2.0


def test_cubics_mean_is_0_925_of_its_peak() -> None:
    """Integral of the cubic from 0.7 to 1: (3 + beta) / 4 = 0.925, four digits on a long path."""
    assert round(CUBIC_MEAN, 4) == 0.9250
    windows, k = cubic_epoch(10_000.0, rtt=0.02, steps=32)
    assert k == pytest.approx((3000 / 0.4) ** (1 / 3), rel=1e-3)
    assert windows[-1] == pytest.approx(10_000.0, rel=1e-3)
    assert windows.mean() / 10_000.0 == pytest.approx(CUBIC_MEAN, abs=1e-3)


def test_cubic_is_reno_friendly_on_short_paths() -> None:
    """RFC 9438, 4.3: on short paths at least 3 (1 - beta) / (1 + beta) segments per RTT."""
    cwnd, wmax, k = cubic.loss(20.0, 20.0)
    start, west = cwnd, cwnd
    for n in range(100):
        cwnd, west = cubic.growth(cwnd, west, cwnd, n * 1e-3, k, wmax)
    assert cwnd - start == pytest.approx(100 * 3 * (1 - 717 / 1024) / (1 + 717 / 1024), rel=1e-6)


def test_cubic_grows_by_at_most_one_segment_per_two_acknowledged() -> None:
    grown, _ = cubic.growth(10.0, 10.0, 4.0, 100.0, 0.0, 10.0)
    assert grown == 12.0


def test_reno_gains_one_segment_per_round_trip_and_halves() -> None:
    cwnd = 100.0
    for _ in range(100):
        cwnd, _ = reno.growth(cwnd, 0.0, 1.0, 0.0, 0.0, 0.0)
    assert cwnd == pytest.approx(101.0, abs=0.01)
    assert reno.loss(100.0, 0.0)[0] == 50.0


class Path:
    """A path of rate 1000 segments/s and 0.1 s that BBR's rounds are run on, without queueing."""

    def __init__(self) -> None:
        self.state = np.zeros(bbr.CONTROL.state)
        self.now, self.cwnd, self.pace = 0.0, INITIAL_WINDOW, bbr.start(self.state, 0, 1, 0.1)

    def round(self, rate: float = 1000.0, rtt: float = 0.1) -> None:
        """One round trip."""
        self.now += rtt
        bw = min(self.pace, self.cwnd / rtt, rate)
        flight = min(self.cwnd, bw * rtt)
        self.cwnd, self.pace = bbr.round_trip(self.state, 0, 1, bw, rtt, flight, self.now)


def test_bbr_starts_up_drains_and_cycles_around_the_bandwidth() -> None:
    path, modes, paces = Path(), [], []
    for _ in range(60):
        path.round()
        modes.append(int(path.state[0]))
        paces.append(path.pace)
    assert modes[0] == bbr.STARTUP
    assert modes[-1] == bbr.PROBE_BW
    assert sorted(modes) == modes  # startup, (drain,) probe bandwidth
    gains = np.round(np.array(paces[-16:]) / 1000.0, 6)
    assert sorted(gains) == sorted([1.25, 0.75, *[1.0] * 6] * 2)
    assert path.cwnd == pytest.approx(2 * 100.0)


def test_bbr_forgets_a_bandwidth_after_ten_rounds() -> None:
    path = Path()
    for _ in range(40):
        path.round()
    for _ in range(9):
        path.round(rate=400.0)
    assert path.cwnd == pytest.approx(200.0)
    path.round(rate=400.0)
    assert path.cwnd == pytest.approx(80.0)


def test_bbr_probes_the_round_trip_every_ten_seconds_with_four_segments() -> None:
    path, low = Path(), []
    for n in range(400):
        path.round(rtt=0.1 + 1e-6 * n)  # never again as short
        if path.state[0] == bbr.PROBE_RTT:
            low.append(path.now)
            assert path.cwnd == 4.0
    probes = [low[0]] + [b for a, b in itertools.pairwise(low) if b - a > 1.0]
    assert 3 <= len(probes) <= 4
    assert np.diff(probes) == pytest.approx(10.0, abs=0.6)
