"""Scrambled Sobol sequences: scipy's points, bit for bit, without the half second that importing `scipy.stats` takes.

The direction numbers are those of scipy's own table (S. Joe, F. Y. Kuo, "Constructing Sobol sequences with better
two-dimensional projections", SIAM J. Sci. Comput. 30 (2008) 2635), scrambled by a linear matrix and a digital shift
(J. Matousek, "On the L2-discrepancy for anchored boxes", J. Complexity 14 (1998) 527).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

BITS = 30
"""Binary digits of a coordinate, as scipy has them."""


def sobol(dimensions: int, count: int, seed: int) -> npt.NDArray[np.float64]:
    """The first points of a scrambled sequence: ``scipy.stats.qmc.Sobol(dimensions, seed=seed).random(count)``.

    Parameters
    ----------
    dimensions
        Coordinates of a point.
    count
        Points; their balance holds for powers of two.
    seed
        Seed of the scrambling: the same seed, the same bits.

    Returns
    -------
    numpy.ndarray
        Between 0 and 1, shape (count, dimensions).

    Examples
    --------
    >>> sobol(2, 4, seed=0).shape
    (4, 2)
    """
    if not _file().exists():  # another scipy
        from scipy.stats import qmc

        return np.asarray(qmc.Sobol(dimensions, seed=seed).random(count))
    random = np.random.default_rng(seed)
    high_first = np.arange(BITS - 1, -1, -1)
    shift = random.integers(2, size=(dimensions, BITS), dtype=np.uint32) @ (1 << np.arange(BITS, dtype=np.uint32))
    matrix = np.tril(random.integers(2, size=(dimensions, BITS, BITS), dtype=np.uint32))
    matrix[:, np.arange(BITS), np.arange(BITS)] = 1
    digits = (_directions(dimensions)[:, :, None] >> high_first) & 1
    scrambled = (digits @ matrix.transpose(0, 2, 1) & 1) @ (1 << high_first)
    # the next point differs from one before in the direction of the lowest zero bit of its number
    lowest = [(~n & (n + 1)).bit_length() - 1 for n in range(count - 1)]
    steps = np.concatenate([shift[None].astype(np.int64), scrambled[:, lowest].T])
    return np.asarray(np.bitwise_xor.accumulate(steps, axis=0) * (1.0 / 2**BITS))


@cache
def _directions(dimensions: int) -> npt.NDArray[np.int64]:
    """Direction numbers, `BITS` of each dimension, as whole numbers (Joe and Kuo, section 2)."""
    found = np.ones((dimensions, BITS), np.int64)
    polynomials, initial = _table()
    for row, polynomial, first in zip(found[1:], polynomials[1:], initial[1:], strict=False):
        degree = int(polynomial).bit_length() - 1
        row[:degree] = first[:degree]
        for place in range(degree, BITS):
            row[place] = row[place - degree]
            for k in range(1, degree + 1):
                if polynomial >> (degree - k) & 1:
                    row[place] ^= row[place - k] << k
    return found << np.arange(BITS - 1, -1, -1)


def _table() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Polynomials and initial numbers, as scipy ships them."""
    with np.load(_file()) as stored:
        return stored["poly"].astype(np.int64), stored["vinit"].astype(np.int64)


@cache
def _file() -> Path:
    """Scipy's table of direction numbers, found without importing the package that it is in."""
    spec = find_spec("scipy.stats")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "_sobol_direction_numbers.npz"
