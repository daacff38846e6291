"""Random numbers of both engines: the same bits everywhere, one stream per seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tunbp.model.engines.random import exponential, stream, uniform, xorshift


@njit
def numbers(seed: int, count: int) -> Any:
    """Drawn in compiled code, as the engines do: a state never leaves it."""
    state, found = stream(seed), np.empty(count)
    for i in range(count):
        found[i] = uniform(state)
        state = xorshift(state)
    return found


def reference(seed: int, count: int) -> list[float]:
    """The same in Python's integers (Marsaglia 2003, xorshift64 with 13, 7, 17)."""
    mask = 2**64 - 1

    def step(x: int) -> int:
        x ^= x << 13 & mask
        x ^= x >> 7
        return x ^ (x << 17 & mask)

    x = seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03 & mask
    for _ in range(8):
        x = step(x)
    found = []
    for _ in range(count):
        found.append(((x >> 11) + 0.5) / 2**53)
        x = step(x)
    return found


def test_bits_are_those_of_the_published_generator() -> None:
    assert numbers(1, 50).tolist() == reference(1, 50)
    assert numbers(2**31, 50).tolist() == reference(2**31, 50)


def test_streams_of_neighbouring_seeds_do_not_resemble_each_other() -> None:
    streams = np.array([numbers(seed, 400) for seed in range(20)])
    together = np.corrcoef(streams)[np.triu_indices(20, 1)]
    assert np.abs(together).max() < 4.5 / np.sqrt(400)
    assert abs(streams.mean() - 0.5) < 4 / np.sqrt(12 * streams.size)


@njit
def mean_of(seed: int, mean: float, count: int) -> float:
    state, total = stream(seed), 0.0
    for _ in range(count):
        total += exponential(state, mean)
        state = xorshift(state)
    return total / count


def test_exponential_variates_have_their_mean() -> None:
    assert abs(mean_of(3, 2.0, 5000) - 2.0) < 4 * 2.0 / np.sqrt(5000)
