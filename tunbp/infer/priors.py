"""Priors of the constants a user may not know, from ``data/priors.yaml``, and Sobol draws from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from scipy.special import ndtri

from tunbp import opened
from tunbp.errors import ParamsError
from tunbp.infer.sobol import sobol
from tunbp.model.fields import FIELDS
from tunbp.project import data_folder

Array = npt.NDArray[np.float64]
HEADROOM, SHARED, LIFT, BYTE_COST = "headroom", "shared", "lift", "byte_cost"
"""Corrections of a reader's speed, which are no fields of `tunbp.Scenario`: a factor, 0 or 1, a factor, s per byte."""

NINETY = 1.6448536269514722
"""Standard normal quantile of 95 %: a 90 % interval ends there on both sides."""


@dataclass(frozen=True)
class Prior:
    """The distribution of one constant.

    Attributes
    ----------
    name
        Field of `tunbp.Scenario`, or one of `corrections`.
    kind
        "lognormal" (median and factor of the 90 % interval), "loguniform" or "uniform" (low and high), "chance" (the
        probability of 1, twice).
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
        """Values at the probabilities `u`, before `relative` and `per`.

        Parameters
        ----------
        u
            Probabilities, any shape.

        Returns
        -------
        ndarray
            In the constant's unit, the shape of `u`.
        """
        if self.kind == "lognormal":
            return np.asarray(self.first * np.exp(ndtri(u) * np.log(self.second) / NINETY))
        if self.kind == "loguniform":
            return np.asarray(self.first * (self.second / self.first) ** u)
        if self.kind == "chance":
            return np.asarray(u < self.first, float)
        return np.asarray(self.first + (self.second - self.first) * u)


@cache
def _loaded(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def table() -> dict[str, dict[str, Any]]:
    """All of ``data/priors.yaml``: noise, products, constants."""
    path = opened.note(data_folder() / "priors.yaml")
    return _loaded(path, path.stat().st_mtime_ns)


def products() -> tuple[str, ...]:
    """Products whose reader's speed has a prior."""
    return tuple(table()["constants"]["drain_rate"]["product"])


def noise() -> dict[str, float]:
    """What one measured run differs from the model by, see `tunbp.infer.discrepancy`."""
    return {name: float(row["value"]) for name, row in table()["noise"].items()}


def priors(product: str = "openvpn") -> dict[str, Prior]:
    """Priors by field; a program without a far end has none of its constants.

    Parameters
    ----------
    product
        Program that reads the device, one of `products()`.

    Returns
    -------
    dict[str, Prior]
        Field name to prior.

    Raises
    ------
    ParamsError
        If there is no such product; the message lists those there are.
    """
    if product not in products():
        raise ParamsError(f"product: {product!r} is not known; allowed: {', '.join(products())}")
    absent = table()["products"][product].get("absent", ())
    return {name: _prior(name, row, product) for name, row in table()["constants"].items() if name not in absent}


def corrections(product: str = "openvpn") -> dict[str, Prior]:
    """Priors of what is between a stated or drawn speed of a reader and the one at which it reads.

    Parameters
    ----------
    product
        Program that reads the device, one of `products()`.

    Returns
    -------
    dict[str, Prior]
        Name of the correction to prior.
    """
    return {name: _prior(name, row, product) for name, row in table()["corrections"].items()}


def _prior(name: str, row: Mapping[str, Any], product: str) -> Prior:
    chosen = {**row, **row.get("product", {}).get(product, {})}
    kind = next(k for k in ("lognormal", "loguniform", "uniform", "chance") if k in chosen)
    words = {key: chosen.get(key, "") for key in ("relative", "per", "source", "measure")}
    first, second = map(float, 2 * [chosen[kind]] if kind == "chance" else chosen[kind])
    return Prior(name, kind, first, second, **words)


ERRORS = ("capacity", "losses", "waits", "repeat")
"""Columns of the sequence that draw the model's errors and the noise of one run."""


def draws(unknown: Mapping[str, Prior], known: Mapping[str, Any], count: int, seed: int = 0) -> dict[str, Array]:
    """Sobol draws of the unknown constants and, as probabilities, of `ERRORS`.

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
        One array of `count` values per field within the field's bounds, and one of probabilities per name of `ERRORS`.
    """
    cube = np.clip(sobol(len(unknown) + len(ERRORS), count, seed), 1e-9, 1 - 1e-9)
    columns = {name: cube[:, len(unknown) + i] for i, name in enumerate(ERRORS)}
    return at(unknown, known, cube[:, : len(unknown)]) | columns


def in_order(unknown: Mapping[str, Prior]) -> list[str]:
    """Names of the constants as columns of a cube: those that others are relative to come first.

    Parameters
    ----------
    unknown
        Priors by field.

    Returns
    -------
    list[str]
        Every name once.
    """
    return sorted(unknown, key=lambda name: bool(unknown[name].relative or unknown[name].per))


def at(unknown: Mapping[str, Prior], known: Mapping[str, Any], cube: Array) -> dict[str, Array]:
    """Constants at places of the unit cube.

    Parameters
    ----------
    unknown, known
        As for `draws`.
    cube
        Probabilities, shape (draw, constant), in the order of `in_order`.

    Returns
    -------
    dict
        One array per field, within the field's bounds.
    """
    values: dict[str, Array] = {}
    for column, prior in enumerate(unknown[name] for name in in_order(unknown)):
        drawn = prior.quantile(cube[:, column])
        base = prior.relative or prior.per
        if base:
            of = values[base] if base in values else np.full(len(cube), float(known[base]))
            drawn = drawn * of if prior.relative else drawn / of
        if prior.name not in FIELDS:
            values[prior.name] = drawn
            continue
        row = FIELDS[prior.name]
        values[prior.name] = np.clip(np.round(drawn) if row.integer else drawn, row.low, row.high)
    return values
