"""Two measurements of one plan on two kernels, compared in 72 columns for a mail."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tunbp.errors import LabError
from tunbp.quantities import show

LEVEL, POWER = 0.95, 0.8
FEWEST = 3
WIDTH = 72


@dataclass(frozen=True)
class Difference:
    """Mean of two independent samples, B - A with its 95 % interval (Welch), and the smallest detectable effect.

    `detectable` is the true difference that a test at 5 % would find in 80 % of such comparisons: the standard error
    times the sum of both quantiles of Student's t.
    """

    first: float
    second: float
    low: float
    high: float
    detectable: float

    @property
    def verdict(self) -> str:
        """Is B "higher" or "lower"; "no difference found" when the interval includes zero."""
        if self.low > 0:
            return "higher"
        return "lower" if self.high < 0 else "no difference found"


def difference(first: ArrayLike, second: ArrayLike) -> Difference | None:
    """B - A of two samples of at least three values each; None for fewer.

    Parameters
    ----------
    first, second
        Values of kernel A and of kernel B.

    Returns
    -------
    Difference | None
        Mean and 95 % interval (Welch).
    """
    a, b = (_known(sample) for sample in (first, second))
    if min(a.size, b.size) < FEWEST:
        return None
    parts = [sample.var(ddof=1) / sample.size for sample in (a, b)]
    error, gap = float(np.sqrt(sum(parts))), float(b.mean() - a.mean())
    if error == 0:
        return Difference(float(a.mean()), float(b.mean()), gap, gap, 0.0)
    freedom = sum(parts) ** 2 / sum(part**2 / (n.size - 1) for part, n in zip(parts, (a, b), strict=True))
    reach, power = (float(stats.t.ppf(share, freedom)) for share in ((1 + LEVEL) / 2, POWER))
    return Difference(
        float(a.mean()), float(b.mean()), gap - reach * error, gap + reach * error, (reach + power) * error
    )


def _known(sample: ArrayLike) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.asarray(sample, dtype=float)
    known: NDArray[np.float64] = values[~np.isnan(values)]
    return known


def report(first: xr.Dataset, second: xr.Dataset, variables: Sequence[str]) -> Iterator[str]:
    """Lines of at most 72 columns: what was compared, then each variable, cell by cell and variant by variant.

    Parameters
    ----------
    first, second
        Datasets of `tunbp.lab.collect.collect` from the same plan.
    variables
        Names of totals.

    Yields
    ------
    str
        A line each.

    Raises
    ------
    LabError
        If the measurements are of different experiments or have no cell in common.
    """
    if first.attrs["experiment"] != second.attrs["experiment"]:
        experiments = " and ".join(repr(runs.attrs["experiment"]) for runs in (first, second))
        raise LabError(f"measurements of different experiments: {experiments}")
    cells = [cell for cell in dict.fromkeys(first["cell"].to_numpy().tolist()) if cell in second["cell"].to_numpy()]
    if not cells:
        raise LabError("the measurements have no cell in common; measure the same plan with both kernels")
    yield f"tunbp lab, experiment {first.attrs['experiment']}"
    for name, runs in (("A", first), ("B", second)):
        yield f"{name}: {_machine(runs)}"
    yield "mean A, mean B, B - A with 95 % interval, smallest detectable effect"
    for variable in variables:
        if variable not in first or variable not in second:
            continue
        yield ""
        yield f"{first[variable].attrs['long_name']}"[:WIDTH]
        for cell in cells:
            yield from _cell(first, second, cell, variable)


def _cell(first: xr.Dataset, second: xr.Dataset, cell: str, variable: str) -> Iterator[str]:
    units = str(first[variable].attrs["units"])
    for variant in dict.fromkeys(first["variant"].to_numpy().tolist()):
        samples = [_sample(runs, cell, variant, variable) for runs in (first, second)]
        found = difference(*samples)
        if found is None:
            continue
        yield f" {cell}, {variant}: {found.verdict}"[:WIDTH]
        shown = [
            show(value, units, 3) for value in (found.first, found.second, found.low, found.high, found.detectable)
        ]
        numbers = f"   {shown[0]}, {shown[1]}, {shown[2]} to {shown[3]}, {shown[4]}"
        yield from textwrap.wrap(numbers, WIDTH, subsequent_indent="   ")


def _sample(runs: xr.Dataset, cell: str, variant: str, variable: str) -> NDArray[np.float64]:
    here = (runs["cell"].to_numpy() == cell) & (runs["variant"].to_numpy() == variant)
    return np.asarray(runs[variable].to_numpy()[here], dtype=float)


def _machine(runs: xr.Dataset) -> str:
    facts = json.loads(str(runs.attrs["facts"]))
    where = f"VM, {facts['acceleration']}" if facts["where"] == "vm" else "native"
    edit = f", tun changed by {facts['tun_edit']}" if facts.get("tun_edit") else ""
    return f"{facts['kernel']}{edit}, {where}, {runs.sizes['run']} runs"[: WIDTH - 3]
