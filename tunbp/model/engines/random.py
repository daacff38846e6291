"""Random numbers of both engines: one independent stream per scenario, the same bits on every machine."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np


@numba.njit(inline="always")
def xorshift(state: Any) -> Any:
    """Next state of Marsaglia's xorshift64 (13, 7, 17): one independent stream per scenario."""
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    return state ^ (state << np.uint64(17))


@numba.njit(inline="always")
def stream(seed: int) -> Any:
    """First state of the stream of one seed."""
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03)
    for _ in range(8):
        state = xorshift(state)
    return state


@numba.njit(inline="always")
def uniform(state: Any) -> float:
    """A number between 0 and 1 from the top 53 bits of a xorshift state."""
    return (float(state >> np.uint64(11)) + 0.5) / 9007199254740992.0


@numba.njit(inline="always")
def exponential(state: Any, mean: float) -> float:
    """An exponential variate of the given mean from a xorshift state."""
    return -math.log(uniform(state)) * mean
