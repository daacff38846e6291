"""Sobol and Latin-hypercube samples of the unit cube (`scipy.stats.qmc`), taken slice by slice."""

from __future__ import annotations

import threading
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BITS = 30
"""Bits of a Sobol point up to 2**30 samples (SciPy's default); more samples take 62."""


class Sobol:
    """A scrambled Sobol sequence of which slices are taken; forward slices cost nothing twice.

    Parameters
    ----------
    dims, samples, seed
        Dimensions of the cube, length of the sequence, and seed of the scrambling.
    """

    def __init__(self, dims: int, samples: int, seed: int) -> None:
        from scipy.stats import qmc

        bits = BITS if samples <= 2**BITS else 62
        self._engine: Any = qmc.Sobol(dims, scramble=True, bits=bits, rng=seed)
        self._lock = threading.Lock()

    def take(self, start: int, stop: int) -> Array:
        """Points `start` to `stop` of the sequence, [points, dims].

        Parameters
        ----------
        start
            First point.
        stop
            Point after the last.

        Returns
        -------
        ndarray
            Between 0 and 1.
        """
        with self._lock, warnings.catch_warnings():
            # SciPy warns of every length that is no power of two; `Plan.notes` says it once
            warnings.simplefilter("ignore", UserWarning)
            if start < self._engine.num_generated:
                self._engine.reset()
            if start > self._engine.num_generated:
                self._engine.fast_forward(start - self._engine.num_generated)
            points: Array = self._engine.random(stop - start)
            return points


class Latin:
    """A Latin hypercube, held in memory as a whole: its points depend on how many there are."""

    def __init__(self, dims: int, samples: int, seed: int) -> None:
        from scipy.stats import qmc

        self._points: Array = qmc.LatinHypercube(dims, rng=seed).random(samples)

    def take(self, start: int, stop: int) -> Array:
        """Points `start` to `stop`, [points, dims].

        Parameters
        ----------
        start
            First point.
        stop
            Point after the last.

        Returns
        -------
        ndarray
            Between 0 and 1.
        """
        return self._points[start:stop]


@lru_cache(maxsize=4)
def sequence(kind: str, dims: int, samples: int, seed: int) -> Sobol | Latin:
    """The sample of a design, made once: the same arguments give the same points.

    Parameters
    ----------
    kind
        ``"sobol"`` or ``"latin"``.
    dims
        Parameters.
    samples
        Points.
    seed
        Seed of the scrambling.

    Returns
    -------
    Sobol | Latin
        Points on demand.
    """
    return (Sobol if kind == "sobol" else Latin)(dims, samples, seed)
