"""Priors of the constants a user may not know, from ``data/priors.yaml``, and Sobol draws from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from scipy.stats import norm, qmc

from tunbp.errors import ParamsError
from tunbp.model.fields import FIELDS
from tunbp.project import data_folder

Array = npt.NDArray[np.float64]
NINETY = 1.6448536269514722
"""Standard normal quantile of 95 %: a 90 % interval ends there on both sides."""


@dataclass(frozen=True)
class Prior:
    """The distribution of one constant.

    Attributes
    ----------
    name
        Field of `tunbp.Scenario`.
    kind
        "lognormal" (median and factor of the 90 % interval), "loguniform" or "uniform" (low and high).
    first, second
        Its two numbers, SI units.
    relative, per
        Field whose value multiplies the draw; field whose value divides it (a cost in service times).
    source, measure
        Where it comes from, and what measures the constant.
    """

    name: str
    kind: str
    first: float
    second: float
    relative: str = ""
    per: str = ""
    source: str = ""
    measure: str = ""

    def quantile(self, u: Array) -> Array:
        """Values at the probabilities `u`, before `relative` and `per`."""
        if self.kind == "lognormal":
            return np.asarray(self.first * np.exp(norm.ppf(u) * np.log(self.second) / NINETY))
        if self.kind == "loguniform":
            return np.asarray(self.first * (self.second / self.first) ** u)
        return np.asarray(self.first + (self.second - self.first) * u)


@cache
def _table() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((data_folder() / "priors.yaml").read_text(encoding="utf-8"))
    return loaded


def products() -> tuple[str, ...]:
    """Products whose reader's speed has a prior."""
    return tuple(_table()["constants"]["drain_rate"]["product"])


def noise() -> float:
    """Standard deviation of the logarithm of one measured run around the model: repeats and the model's own error."""
    return float(np.hypot(*(row["sigma"] for row in _table()["noise"].values())))


def priors(product: str = "openvpn") -> dict[str, Prior]:
    """Priors by field.

    Parameters
    ----------
    product
        Program that reads the device, one of `products()`.

    Raises
    ------
    ParamsError
        If there is no such product; the message lists those there are.
    """
    if product not in products():
        raise ParamsError(f"product: {product!r} is not known; allowed: {', '.join(products())}")
    found = {}
    for name, row in _table()["constants"].items():
        chosen = {**row, **row.get("product", {}).get(product, {})}
        kind = next(k for k in ("lognormal", "loguniform", "uniform") if k in chosen)
        words = {key: chosen.get(key, "") for key in ("relative", "per", "source", "measure")}
        first, second = map(float, chosen[kind])
        found[name] = Prior(name, kind, first, second, **words)
    return found


def draws(unknown: Mapping[str, Prior], known: Mapping[str, Any], count: int, seed: int = 0) -> dict[str, Array]:
    """Sobol draws of the unknown constants, with the last column of the sequence as ``noise``.

    Parameters
    ----------
    unknown
        Their priors, by field.
    known
        Values of fields that others are relative to.
    count
        Draws; rounded up to a power of two by the caller where balance matters.
    seed
        Scrambling of the sequence: the same seed, the same bits.

    Returns
    -------
    dict
        One array of `count` values per field within the field's bounds, and ``noise`` (standard normal).
    """
    ordered = sorted(unknown.values(), key=lambda p: bool(p.relative or p.per))
    cube = np.clip(qmc.Sobol(len(ordered) + 1, seed=seed).random(count), 1e-9, 1 - 1e-9)
    values: dict[str, Array] = {}
    for column, prior in enumerate(ordered):
        drawn = prior.quantile(cube[:, column])
        base = prior.relative or prior.per
        if base:
            of = values[base] if base in values else np.full(count, float(known[base]))
            drawn = drawn * of if prior.relative else drawn / of
        row = FIELDS[prior.name]
        values[prior.name] = np.clip(np.round(drawn) if row.integer else drawn, row.low, row.high)
    values["noise"] = np.asarray(norm.ppf(cube[:, -1]))
    return values
