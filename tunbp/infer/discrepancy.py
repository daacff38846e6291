"""How far one measured run lies from the model: what repeats of a run differ by, and the model's own error.

The model's error has two parts. What a stage carries (reader, link, window) is known to a few per cent. What losses and
growth of the window cost is known far worse, and the more of it there is: the odds of a rate r against its smallest
ceiling c, r / (c - r), are off by a log-normal factor. A rate near its ceiling then moves little and never passes
it; one far below moves by the whole factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from tunbp.infer.priors import noise

Array = npt.NDArray[np.float64]
Rings = npt.NDArray[np.int64]

NEAREST = 0.97
"""Part of its ceiling beyond which no simulated rate counts: the model knows of no losses, the run may have some."""


BLOCK = 64
"""Packets below which a ring is about as small as what TCP hands over at once (64 KB are 47): how much of that fits
is what the model knows least."""

FULL = 0.5
"""Part of what the programs can carry from which runs differ as busy ones do."""


def _normal_rule(count: int) -> tuple[Array, Array]:
    """Places and weights that integrate over a standard normal (Gauss-Hermite)."""
    places, weights = np.polynomial.hermite_e.hermegauss(count)
    return places, weights / weights.sum()


CAPACITY_RULE, LOSSES_RULE = _normal_rule(5), _normal_rule(25)
"""Rules for both errors; that of losses is wide, and steep where a run is far from the model."""


@dataclass(frozen=True)
class Means:
    """Logarithm of expected rates over draw, row and the model's errors, and the scale of a run around each."""

    log: Array
    scale: Array


@dataclass(frozen=True)
class Discrepancy:
    """Sizes of the differences between a run and the model (``noise`` of ``data/priors.yaml``).

    Attributes
    ----------
    replicate, freedom
        Scale and degrees of freedom of Student's t of the logarithm of one run around the mean of its repeats.
    idle
        What is left of `replicate` and `capacity` where the programs are idle most of the time.
    capacity
        Standard deviation of the logarithm of what a stage carries.
    losses, small_ring
        Standard deviation of the logarithm of the odds of a rate against its ceiling; the same of a ring below `BLOCK`.
    queue
        Standard deviation of the logarithm of a waiting time.
    drops
        Standard deviation of the logarithm of a share of dropped packets.
    processor
        Standard deviation of the logarithm of a program's processor time per packet.
    """

    replicate: float
    freedom: float
    idle: float
    capacity: float
    losses: float
    small_ring: float
    queue: float
    drops: float
    processor: float

    def expected(
        self, rate: Array, ceiling: Array, load: Array, ring: Rings | int, capacity: Array, losses: Array
    ) -> Array:
        """Mean rate of a path whose simulated rate is `rate`.

        Parameters
        ----------
        rate, ceiling
            Simulated rate and the smallest rate of its stages, any shape that broadcasts.
        load
            The rate over what the programs can carry: a path whose programs sleep most of the time is known better.
        ring
            Packets that the ring holds, see `dropping`.
        capacity, losses
            Standard normal draws of the two errors.

        Returns
        -------
        ndarray
            bit/s, one value per draw.
        """
        share = np.clip(rate / ceiling, 1e-9, NEAREST)
        size = np.where(np.asarray(ring) < BLOCK, self.small_ring, self.losses)
        odds = share / (1.0 - share) * np.exp(size * losses)
        # a rate at its ceiling stays there in the middle
        moved = odds / (1.0 + odds) / share * np.minimum(rate, ceiling)
        return np.asarray(moved * np.exp(self._busy(self.capacity, load) * capacity))

    def _busy(self, size: float, load: Array) -> Array:
        """A difference that comes from processors at work, at a load."""
        return np.asarray(self.idle + (size - self.idle) * np.clip(load / FULL, 0.0, 1.0))

    def run(self, expected: Array, load: Array, repeat: Array) -> Array:
        """Rate of one run, `repeat` between 0 and 1 being its probability.

        Parameters
        ----------
        expected
            Mean rate of the path, bit/s.
        load
            Share of what the programs can carry.
        repeat
            Probability of the run among its repetitions, between 0 and 1.

        Returns
        -------
        ndarray
            bit/s.
        """
        return np.asarray(expected * np.exp(self._busy(self.replicate, load) * stdtrit(self.freedom, repeat)))

    def log_rate(self, measured: float | Array, expected: Array, load: Array) -> Array:
        """Logarithm of the probability density of one run's rate, given its expected ones (Student's t).

        Parameters
        ----------
        measured
            Rate of the run, bit/s.
        expected
            Mean rate of the path, bit/s, one value per draw.
        load
            Share of what the programs can carry.

        Returns
        -------
        ndarray
            Log density per unit of log rate.
        """
        from scipy.stats import t  # half a second to import, which a prediction from nothing measured does not need

        scale = self._busy(self.replicate, load)
        away = np.log(measured / np.maximum(expected, 1.0)) / scale
        return np.asarray(t.logpdf(away, self.freedom) - np.log(scale))

    def log_at_least(self, least: float | Array, expected: Array, load: Array) -> Array:
        """Logarithm of the probability that one run carries `least` or more, given its expected rates.

        Parameters
        ----------
        least
            Rate, bit/s.
        expected
            Mean rates of such runs, bit/s.
        load
            Rate over what the programs can carry.

        Returns
        -------
        ndarray
            In the shape of `expected`.
        """
        away = np.log(least / np.maximum(expected, 1.0)) / self._busy(self.replicate, load)
        from scipy.stats import t

        return np.asarray(t.logsf(away, self.freedom))

    def log_run(self, measured: Array, rate: Array, ceiling: Array, load: Array, ring: Rings) -> Array:
        """Logarithm of the probability density of runs, the model's own errors integrated out.

        Parameters
        ----------
        measured
            Rates of the runs, shape (row,).
        rate, ceiling, load
            Simulated ones and what bounds them, shape (draw, row).
        ring
            Packets that the ring holds, shape (row,).

        Returns
        -------
        ndarray
            Log density per unit of log rate, one value per run and draw.
        """
        return self.log_of(measured, self.means(rate, ceiling, load, ring))

    def means(self, rate: Array, ceiling: Array, load: Array, ring: Rings) -> Means:
        """Expected rates over both errors of the model, which no measured value changes.

        Parameters
        ----------
        rate, ceiling, load
            Simulated rates [bit/s] and what bounds them, shape (draw, row).
        ring
            Packets that the ring holds, shape (row,).

        Returns
        -------
        Means
            Over draw, row and both errors.
        """
        shape = (..., None, None)
        errors = CAPACITY_RULE[0][:, None], LOSSES_RULE[0][None, :]
        expected = self.expected(rate[shape], ceiling[shape], load[shape], ring[shape], *errors)
        scale = np.broadcast_to(self._busy(self.replicate, load[shape]), (*rate.shape, 1, 1))
        return Means(np.log(np.maximum(expected, 1.0)), np.asarray(scale))

    def log_of(self, measured: Array, means: Means) -> Array:
        """`log_run`, where the expected rates are known.

        Parameters
        ----------
        measured
            Rates of the runs, bit/s, shape (row,).
        means
            What `means` returned.

        Returns
        -------
        ndarray
            Log density per unit of log rate, one value per draw and run.
        """
        away = (np.log(measured)[..., None, None] - means.log) / means.scale
        density = (1.0 + away * away / self.freedom) ** (-(self.freedom + 1.0) / 2.0) / means.scale
        weights = CAPACITY_RULE[1][:, None] * LOSSES_RULE[1][None, :]
        from scipy.stats import t

        total = float(t.pdf(0.0, self.freedom)) * (density * weights).sum(axis=(-2, -1))
        return np.asarray(np.log(np.maximum(total, 1e-300)))

    def log_other(self, name: str, measured: float, expected: Array) -> Array:
        """The same of a share of packets or of a time: log-normal, known from 1e-6 or a microsecond on.

        Parameters
        ----------
        name
            ``"drop_fraction"``, ``"resent"``, ``"queueing"`` or ``"reader_cost"``.
        measured
            The run's value, 1 or s.
        expected
            The simulated ones, one per draw.

        Returns
        -------
        ndarray
            Log density per unit of the logarithm.
        """
        from scipy.stats import norm

        if name == "reader_cost":  # what a packet takes by the clock is at least that: programs wait for processors
            return np.asarray(norm.logsf(np.log(measured / expected) / self.processor))
        width = self.queue if name == "queueing" else self.drops
        return np.asarray(norm.logpdf(np.log((measured + 1e-6) / (expected + 1e-6)) / width))


def dropping(ring: Array | Rings | int, drops: npt.NDArray[np.bool_] | bool) -> Rings:
    """Rings as their losses count: one that never drops loses as little as a large one, however small it is.

    Parameters
    ----------
    ring
        Packets that the ring holds.
    drops
        Whether it drops what it does not hold: a stock one.

    Returns
    -------
    ndarray
        Packets, in the shape of both.
    """
    return np.asarray(np.where(drops, ring, np.maximum(ring, BLOCK)))


def discrepancy() -> Discrepancy:
    """The sizes that ``data/priors.yaml`` states."""
    return Discrepancy(**noise())
