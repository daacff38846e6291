"""Does the inference find a truth that is known? Data simulated from the prior, and where the truth falls.

Notes
-----
Talts, Betancourt, Simpson, Vehtari, Gelman, "Validating Bayesian inference algorithms with simulation-based
calibration", arXiv:1804.06788: over many data sets the rank of the truth among draws of its posterior is uniform.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from tunbp.infer import posterior
from tunbp.infer.discrepancy import discrepancy
from tunbp.infer.priors import in_order
from tunbp.infer.sample import Rows, constants, simulated
from tunbp.infer.sobol import sobol


def ranks(rows: Rows, sets: int = 200, pool: int = 2048, seed: int = 0) -> pd.DataFrame:
    """Probability of less than the truth in the posterior of each simulated data set.

    All sets share one pool of draws from the prior: each takes one of them as the truth, adds the model's error and the
    noise of runs, and weights the others by how well they reproduce it.

    Parameters
    ----------
    rows
        What is known of the rows; what was measured is not used.
    sets
        Data sets.
    pool
        Draws, a power of two above `sets`.
    seed
        The same seed, the same numbers.

    Returns
    -------
    pandas.DataFrame
        One row per data set, one column per constant, and `effective` draws.
    """
    sizes, names = discrepancy(), in_order(rows.unknown)
    place = ndtri(np.clip(sobol(len(names), pool, seed), 1e-9, 1.0 - 1e-9))
    found = simulated(rows, constants(rows, place), seed)
    means = sizes.means(found.rate, found.ceiling, found.load, rows.rings)
    rng = np.random.default_rng([seed, 1])
    lines = []
    for truth in rng.choice(pool, sets, replace=False):
        rate, ceiling, load = (part[truth] for part in (found.rate, found.ceiling, found.load))
        errors = rng.normal(size=(2, rate.size))
        measured = sizes.run(
            sizes.expected(rate, ceiling, load, rows.rings, *errors), load, rng.uniform(size=rate.size)
        )
        others = np.arange(pool) != truth
        weight, _ = posterior.smoothed(sizes.log_of(measured, means).sum(axis=1)[others])
        below = place[others] < place[truth]
        share = (weight[:, None] * below).sum(axis=0)
        lines.append({**dict(zip(names, share, strict=True)), "effective": posterior.effective(weight)})
    return pd.DataFrame(lines)


def covered(table: pd.DataFrame, level: float = 0.9) -> pd.Series:
    """Share of the data sets whose central interval holds the truth, per constant of `ranks`.

    Parameters
    ----------
    table
        What `ranks` returned.
    level
        Level of the interval.

    Returns
    -------
    pandas.Series
        Share between 0 and 1, by constant.
    """
    inside = (table.drop(columns="effective") - 0.5).abs() <= level / 2.0
    return inside.mean()
