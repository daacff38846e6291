"""Posteriors of the paper's hosts from the rows that they were fitted to, and what these predict of the other rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import norm

from tunbp.evidence.held_out import CALIBRATION, Cell, paper
from tunbp.evidence.studies import VERSIONS
from tunbp.infer.discrepancy import discrepancy
from tunbp.infer.priors import priors
from tunbp.infer.sample import POOL, Rows, sample, simulated
from tunbp.model import hosts as known

KERNELS = {"stock": VERSIONS["stock"], "backpressure": VERSIONS["patched"]}
"""Kernels of the paper's tables by variant."""

SENDER = {"pacing": False}
"""What is taken of the paper's senders, which do not say: a ring of 10 carries 2 Mbit/s (paced 20 and 41)."""

SECONDS = 30.0
"""Simulated time of a row at most, s."""

STEPS_OF = 0.02
"""RTT below which a row is simulated for proportionally less time, s."""

LEVELS = (0.05, 0.5, 0.95)
"""Low end, median and high end of a 90 % interval."""

NOTHING, LITTLE = 0.25, 0.6
"""Contraction below which the rows say nothing, and little, of a constant."""


def hosts() -> dict[str, list[Cell]]:
    """Cells of the paper by host: ``path-openvpn``, ``lab-wireguard``, ..."""
    found: dict[str, list[Cell]] = {}
    for cell in paper():
        found.setdefault("-".join(cell.name.split("-")[:2]), []).append(cell)
    return found


def rows_of(cells: Sequence[Cell]) -> Rows:
    """Cells of one host as rows of an inference.

    Parameters
    ----------
    cells
        Cells of one host.

    Returns
    -------
    Rows
        With what was measured in bit/s.
    """

    def known(cell: Cell) -> dict[str, Any]:
        seconds = SECONDS * min(1.0, float(cell.known["rtt"]) / STEPS_OF)
        return {**cell.known, **SENDER, "driver": KERNELS[cell.variant], "duration": seconds, "warmup": seconds / 6.0}

    known_names = {**cells[0].known, **SENDER}
    unknown = {name: prior for name, prior in priors(cells[0].product).items() if name not in known_names}
    measured = np.array([cell.measured for cell in cells])
    return Rows([cell.name for cell in cells], [known(cell) for cell in cells], measured, unknown)


def posterior_of(
    host: str,
    count: int = 256,
    seed: int = 0,
    state: Path | None = None,
    report: Callable[[int, float, float], None] = lambda *_: None,
    most: int | None = None,
) -> xr.Dataset:
    """Draws of a host's constants, see `tunbp.infer.sample.sample`, from its fitted rows alone.

    Parameters
    ----------
    host
        A host of ``hosts.yaml``.
    count
        Draws.
    seed
        Seed of the draws.
    state
        File to continue from; None: none is kept.
    report
        Called with stage, temper and effective draws.
    most
        Draws of the prior that it begins with, at most; None: `tunbp.infer.sample.POOL` for each of its own.

    Returns
    -------
    xarray.Dataset
        Constants over `draw`.
    """
    pool = POOL if most is None else min(POOL, max(most // count, 1))
    return sample(fitted_rows(host), count, seed, state, report, pool)


def fitted_rows(host: str) -> Rows:
    """The rows of a host that a posterior may use: those that `hosts.yaml` comes from.

    Parameters
    ----------
    host
        A host of ``hosts.yaml``.

    Returns
    -------
    Rows
        With what was published in bit/s.
    """
    return rows_of([cell for cell in hosts()[host] if cell.use == CALIBRATION])


def predicted(host: str, posterior: xr.Dataset, seed: int = 0) -> tuple[list[Cell], xr.Dataset]:
    """The held-out rows of a host, and `received_rate` of each over the draws of its posterior, with all errors.

    Parameters
    ----------
    host
        A host of ``hosts.yaml``.
    posterior
        What `posterior_of` returned.
    seed
        Seed of the runs.

    Returns
    -------
    tuple[list[Cell], xr.Dataset]
        Cells, and their rates in bit/s over cell and draw.
    """
    cells = [replace(cell, source="posterior") for cell in hosts()[host] if cell.use != CALIBRATION]
    rows, sizes = rows_of(cells), discrepancy()
    values = {name: posterior[name].to_numpy() for name in rows.unknown}
    found = simulated(rows, values, seed)
    rng = np.random.default_rng([seed, 2])
    shape = found.rate.shape
    errors = rng.normal(size=(2, *shape))
    expected = sizes.expected(found.rate, found.ceiling, found.load, rows.rings, *errors)
    rates = sizes.run(expected, found.load, rng.uniform(size=shape))
    return cells, xr.Dataset({"received_rate": (("cell", "draw"), rates.T)}, coords={"cell": [c.name for c in cells]})


def contraction(posteriors: dict[str, xr.Dataset]) -> pd.DataFrame:
    """What the rows say of each constant: median and 90 % interval, and how much narrower than the prior.

    Parameters
    ----------
    posteriors
        Host to what `posterior_of` returned.

    Returns
    -------
    pandas.DataFrame
        `host`, `constant`, `relative` (whether its prior is one of a factor, to the reader's speed or service time),
        `median`, `low90`, `high90` (SI units), `prior_low90`, `prior_high90` (of the factor where relative; NaN for a
        yes or no), the posterior's as quantiles of the prior (`place`, `place_low90`, `place_high90`; of the factor
        where relative), `contraction` (1 - variance over the prior's, in the space where the prior is normal; near 0
        the rows say nothing), `draws` and `says` in words.
    """
    lines = []
    for host, found in posteriors.items():
        unknown = fitted_rows(host).unknown
        for name in map(str, found["constant"].to_numpy()):
            low, middle, high = np.quantile(found[name].to_numpy(), LEVELS)
            places = norm.cdf(np.quantile(found["place"].sel(constant=name).to_numpy(), LEVELS))
            prior = dict(zip(("place_low90", "place", "place_high90"), places, strict=True))
            relative = bool(unknown[name].relative or unknown[name].per)
            ends = (np.nan, np.nan) if unknown[name].kind == "chance" else unknown[name].quantile(np.array(LEVELS[::2]))
            share = float(found["contraction"].sel(constant=name))
            lines.append(
                {"host": host, "constant": name, "relative": relative, "median": middle, "low90": low, "high90": high,
                 "prior_low90": float(ends[0]), "prior_high90": float(ends[1]), **prior, "contraction": share,
                 "draws": found.sizes["draw"], "says": _says(share)}
            )  # fmt: skip
    return pd.DataFrame(lines)


def inferred() -> pd.DataFrame:
    """What the rows of every host of ``hosts.yaml`` say of its constants, from the draws that come with it.

    Returns
    -------
    pandas.DataFrame
        As `contraction`, with the `value` at which the model meets the rows best, SI units.
    """
    stored = known.posteriors()
    lines = []
    for place in range(stored.sizes["entry"]):
        one = stored.isel(entry=place)
        host, name, share = str(one["host"].item()), str(one["constant"].item()), float(one["contraction"])
        low, middle, high = np.quantile(one["draws"].to_numpy(), (0.05, 0.5, 0.95))
        lines.append(
            {"host": host, "constant": name, "value": known.host(host)[name], "median": middle, "low90": low,
             "high90": high, "contraction": share, "says": _says(share)}
        )  # fmt: skip
    return pd.DataFrame(lines)


def _says(contraction: float) -> str:
    """A contraction in words."""
    return "nothing" if contraction < NOTHING else "little" if contraction < LITTLE else "much"


def diagnostics(posteriors: dict[str, xr.Dataset]) -> pd.DataFrame:
    """How each posterior was reached: rows, stages, smallest effective draws, accepted steps, Pareto k of one step.

    Parameters
    ----------
    posteriors
        Host to what `posterior_of` returned.

    Returns
    -------
    pandas.DataFrame
        One row per host.
    """
    return pd.DataFrame(
        [
            {
                "host": host,
                "rows": len(found.attrs["rows"]),
                "draws": found.sizes["draw"],
                "stages": found.sizes["stage"],
                "effective": float(found["effective"].min()),
                "accepted": float(found["accepted"].mean()),
                "pareto_k": float(found["pareto_k"]),
            }
            for host, found in posteriors.items()
        ]
    )
