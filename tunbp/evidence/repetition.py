"""What single runs and lone means can tell: intervals within a run, and the smallest effect data could show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from tunbp.evidence.datasets import published
from tunbp.quantities import percent, show_range
from tunbp.statistics import LEVEL, change_interval

POWER = 0.80

REPEATS = (
    ("5600X, TAP, stock", ("ryzen-tap-stock", "wake-tap-stock")),
    ("5600X, TAP, freed batch", ("ryzen-tap-patched", "wake-tap-freed-batch")),
    ("5600X, TAP+vhost-net, stock", ("ryzen-vhost-stock", "wake-vhost-stock")),
    ("5600X, TAP+vhost-net, freed batch", ("ryzen-vhost-patched", "wake-vhost-freed-batch")),
)
"""Published pktgen rows of one configuration that was measured twice, a week apart (S12, S13)."""
SAME_CODE = ("librecast-rc1-half-8s-receiver", "librecast-half-8s-receiver")
"""The merged code with 8 streams on two days (S19, S21)."""
PATCH_1 = ("patch1-tap-stock", "patch1-tap-patch-1-of-4")
"""The pair from which the series argues that its first patch costs nothing: 1.132 and 1.134 Mpps (S18)."""


@dataclass(frozen=True)
class Change:
    """Relative change of a mean with its interval, and the smallest change that the data could have shown."""

    change: float
    low: float
    high: float
    smallest: float

    @property
    def verdict(self) -> str:
        """The change in words."""
        if np.isnan(self.low):
            return "not known: the runs are too short"
        if self.low > 0 or self.high < 0:
            return f"{'faster' if self.low > 0 else 'slower'} by {_size(self.low, self.high)}"
        return f"no difference seen; {percent(self.smallest, 2)} or more would have been"


def _size(low: float, high: float) -> str:
    """An interval of changes in words: `3.1 to 4.2 %`, or as a factor from twice on."""
    if low > 1:
        return f"a factor of {1 + low:.3g} {'or more' if np.isinf(high) else f'to {1 + high:.3g}'}"
    smaller, larger = sorted((abs(low), abs(high)))
    return show_range(smaller, larger, "%")


def change(before: npt.ArrayLike, after: npt.ArrayLike) -> Change:
    """Relative change between the means of two runs, from what varies within them, see `change_interval`.

    Two runs, one of each kind: the interval knows what varies within them, not what differs from run to run.

    Parameters
    ----------
    before, after
        Two series at the same steps, at least 20 each.

    Returns
    -------
    Change
        `smallest` is the change that would have been found with 80 % probability at a level of 5 %: 2.80 standard
        errors (normal approximation).
    """
    found = change_interval(before, after, LEVEL)
    needed = 1 + stats.norm.ppf(POWER) / stats.norm.ppf((1 + LEVEL) / 2)
    return Change(found.estimate, found.low, found.high, float(needed * (found.high - found.low) / 2))


@dataclass(frozen=True)
class Halves:
    """How far two halves of the runs of the same configurations agree: medians over random splits.

    Attributes
    ----------
    middle, worst
        Factor between the medians of both halves: that of the middle and of the worst configuration.
    ranks
        Spearman's correlation of the configurations by the one half with those by the other.
    """

    middle: float
    worst: float
    ranks: float


def halves(cells: Sequence[npt.ArrayLike], splits: int = 200, seed: int = 0) -> Halves:
    """Split the runs of every configuration at random and compare the medians of both halves.

    The best that any prediction could do: a perfect one is judged by runs that differ from each other by as much.

    Parameters
    ----------
    cells
        Positive values of the runs of each configuration, at least two of each; of an odd number one half has one more.
    splits, seed
        How many random splits, and the seed of them.

    Returns
    -------
    Halves
        How far halves are apart, as factors.

    Examples
    --------
    >>> halves([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]])
    Halves(middle=1.0, worst=1.0, ranks=1.0)
    """
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        mixed = [chance.permutation(np.asarray(runs, float)) for runs in cells]
        one, two = (np.array([np.median(part) for part in parts]) for parts in zip(
            *((runs[: len(runs) // 2], runs[len(runs) // 2 :]) for runs in mixed), strict=True
        ))  # fmt: skip
        factors = np.exp(np.abs(np.log(one / two)))
        found.append((np.median(factors), factors.max(), stats.spearmanr(one, two).statistic))
    return Halves(*map(float, np.median(found, axis=0)))


# ------------------------------------------------------------------------------------------------ one mean each


def repeats(pairs: Sequence[tuple[str, tuple[str, str]]] = REPEATS) -> pd.DataFrame:
    """Configurations that were published twice: how far two means of the same thing are apart.

    Parameters
    ----------
    pairs
        Name and the two rows of each configuration.

    Returns
    -------
    pandas.DataFrame
        Columns `configuration`, `first`, `second` [packet/s], `difference` (relative to the mean of both).
    """
    rates = published("pktgen")["transmitted_rate"]
    lines = []
    for name, (first, second) in pairs:
        one, two = float(rates[first]), float(rates[second])
        lines.append({"configuration": name, "first": one, "second": two, "difference": 2 * (two - one) / (one + two)})
    return pd.DataFrame(lines)


def spread(differences: npt.ArrayLike) -> float:
    """Relative standard deviation of one mean, from differences of pairs that measured the same: rms / sqrt 2.

    Parameters
    ----------
    differences
        Relative differences of pairs.

    Returns
    -------
    float
        Relative.
    """
    return float(np.sqrt(np.mean(np.square(np.asarray(differences, float))) / 2))


def same_code() -> tuple[float, float]:
    """Two iperf3 runs of the same code with 8 streams on two days, bit/s: the only one repeated."""
    rates = published("tcp")["throughput"]
    one, two = (float(rates[row]) for row in SAME_CODE)
    return one, two


def same_code_difference() -> float:
    """Relative difference of the two runs of `same_code`."""
    one, two = same_code()
    return abs(two - one) / min(one, two)


def noise() -> dict[str, float]:
    """Relative standard deviation of one published value between repetitions, by study, where something was repeated.

    Returns
    -------
    dict
        `pktgen` from four configurations that were measured twice (`repeats`), `librecast` from one. No row of the
        paper's tables and none of the raw runs was repeated.
    """
    return {"pktgen": spread(repeats()["difference"]), "librecast": spread([same_code_difference()])}


def smallest_effect(deviation: float, freedom: float, runs: int = 1) -> float:
    """Smallest relative difference of two means that would be found in 4 of 5 cases at a level of 5 %.

    Parameters
    ----------
    deviation
        Relative standard deviation of one run (or of one mean, with `runs` = 1).
    freedom
        Degrees of freedom with which `deviation` is known.
    runs
        Runs behind each of the two means.

    Returns
    -------
    float
        (t(0.975) + t(0.8)) s sqrt(2 / runs), with Student's t (two-sided test, two equal samples).
    """
    needed = stats.t.ppf((1 + LEVEL) / 2, freedom) + stats.t.ppf(POWER, freedom)
    return float(needed * deviation * np.sqrt(2 / runs))


def change_half_width(level: float = LEVEL) -> float:
    """Half the width of the interval of a change between two lone means, from configurations published twice.

    Parameters
    ----------
    level
        Level of the interval.

    Returns
    -------
    float
        t s sqrt 2 with the spread s of one mean between sessions (`repeats`), known with one degree of freedom per
        configuration. Two means of one session may be closer than this says; nothing published tells by how much.
    """
    again = repeats()["difference"]
    return float(stats.t.ppf((1 + level) / 2, len(again)) * spread(again) * np.sqrt(2))


def lone_means(pair: tuple[str, str] = PATCH_1) -> pd.Series:
    """Two published means without a spread: their difference against the smallest that could be found.

    Parameters
    ----------
    pair
        Ids of two rows of ``pktgen.csv``.

    Returns
    -------
    pandas.Series
        `first`, `second` [packet/s], `difference`, `spread` (of one mean between sessions, from `repeats`),
        `smallest` (smallest detectable difference), `runs`, `needed_spread` (of single runs within one session,
        below which `runs` runs each would show the difference) and `verdict` in words.
    """
    table = published("pktgen")
    first, second = (float(table["transmitted_rate"][row]) for row in pair)
    runs = int(table["runs"][pair[0]])
    again = repeats()["difference"]
    deviation, difference = spread(again), second / first - 1
    smallest = smallest_effect(deviation, len(again))
    needed = abs(difference) / smallest_effect(1.0, 2 * runs - 2, runs)
    told = "it shows a difference" if abs(difference) >= smallest else "it shows neither a gain nor a loss"
    verdict = (
        f"{first / 1e6:.3f} against {second / 1e6:.3f} Mpps is {100 * difference:+.2f} %; means of the same "
        f"configuration a week apart scatter by {100 * deviation:.1f} %, so less than {100 * smallest:.1f} % is no "
        f"difference: {told}"
    )
    values = {"first": first, "second": second, "difference": difference, "spread": deviation, "smallest": smallest}
    return pd.Series({**values, "runs": runs, "needed_spread": needed, "verdict": verdict})
