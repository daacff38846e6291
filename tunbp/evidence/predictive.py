"""How well predictive intervals cover: coverage, sharpness, CRPS against simple baselines, errors as log ratios."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from tunbp.evidence.held_out import Cell
from tunbp.prediction import predict
from tunbp.prediction.distribution import LEVELS, VARIANTS

Array = npt.NDArray[np.float64]

INSIDE = {"90 %": ("low90", "high90"), "50 %": ("low50", "high50")}
"""Intervals that are judged, by their ends."""


def predictive(cells: Sequence[Cell], count: int = 128, seed: int = 0, steps: float | None = None) -> xr.Dataset:
    """Predictive draws of every cell, as `tunbp predict` makes them; cells that differ in the ring alone share a batch.

    Parameters
    ----------
    cells
        Configurations.
    count, seed, steps
        As for `tunbp.prediction.predict`.

    Returns
    -------
    xarray.Dataset
        `received_rate` (with the model's error and the noise of one run), `simulated_rate`, `ceiling` [bit/s],
        `drop_fraction` [1], `latency` of a ping [s] and `load` over `cell` and `draw`.
    """
    parts: dict[int, dict[str, Array]] = {}
    for group in _groups(cells):
        first = cells[group[0]]
        rings = [cells[place].known["ring"] for place in group]
        variants = sorted({cells[place].variant for place in group}, key=VARIANTS.index)
        found = predict(
            first.known, rings, product=first.product, sources=first.sources, count=count, seed=seed, steps=steps,
            variants=variants,
        )  # fmt: skip
        stages = found.draws["ceiling"].transpose("stage", "draw")
        programs = stages.sel(stage=["reader", "far reader"]).min("stage").to_numpy()
        for place in group:
            here = found.draws.sel(ring=cells[place].known["ring"], variant=cells[place].variant)
            rate = here["simulated_rate"].to_numpy()
            parts[place] = {
                "received_rate": here["received_rate"].to_numpy(),
                "simulated_rate": rate,
                "ceiling": stages.min("stage").to_numpy(),
                "drop_fraction": here["drop_fraction"].to_numpy(),
                "latency": here["latency"].to_numpy(),
                "load": rate / programs,
            }
    names = [cell.name for cell in cells]
    return xr.Dataset(
        {key: (("cell", "draw"), np.stack([parts[i][key] for i in range(len(cells))])) for key in parts[0]},
        coords={"cell": names},
    )


def _groups(cells: Sequence[Cell]) -> Iterable[list[int]]:
    """Places of cells that share everything but ring and variant."""
    groups: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        shared = {name: value for name, value in cell.known.items() if name != "ring"}
        groups.setdefault(json.dumps([cell.product, shared, cell.sources], sort_keys=True), []).append(place)
    return groups.values()


def compared(cells: Sequence[Cell], draws: xr.Dataset) -> pd.DataFrame:
    """Every cell with its predictive interval and whether it holds the measured rate.

    Parameters
    ----------
    cells
        Cells with what was measured.
    draws
        `received_rate` over cell and draw, bit/s.

    Returns
    -------
    pandas.DataFrame
        `source`, `name`, `variant`, `use`, `measured`, `median`, `low50`, `high50`, `low90`, `high90` [bit/s],
        `inside50`, `inside90`, `log_ratio` (of median over measured), `place` (share of the draws below the
        measured rate), and of the single runs, where their rates are known: `places` (text), `runs50` and `runs90`
        (share of them inside); `dropped` [packet] and `drops` [1] of the ring and, where drawn, the median
        `drops_predicted`. An interval is of one run; a median of several lies nearer to its middle.
    """
    rates = draws["received_rate"].transpose("cell", "draw").to_numpy()
    measured = np.array([cell.measured for cell in cells])
    ends = dict(zip(LEVELS, np.quantile(rates, list(LEVELS.values()), axis=1, method="hazen"), strict=True))
    columns: dict[str, Any] = {
        key: [getattr(cell, key) for cell in cells] for key in ("source", "name", "variant", "use")
    }
    found = pd.DataFrame({**columns, "measured": measured, **ends})
    for low, high in INSIDE.values():
        found[f"inside{low[3:]}"] = (found[low] <= measured) & (measured <= found[high])
    found = found.assign(log_ratio=np.log(found["median"] / measured), place=(rates < measured[:, None]).mean(axis=1))
    found["dropped"], found["drops"] = [cell.dropped for cell in cells], [cell.drop_fraction for cell in cells]
    if "drop_fraction" in draws:
        found["drops_predicted"] = draws["drop_fraction"].median("draw").to_numpy()
    each = [np.array(cell.rates or (cell.measured,)) for cell in cells]
    places = [(drawn < runs[:, None]).mean(axis=1) for drawn, runs in zip(rates, each, strict=True)]
    found["places"] = [" ".join(f"{place:.3f}" for place in runs) for runs in places]
    for low, high in INSIDE.values():
        found[f"runs{low[3:]}"] = [
            float(np.mean((least <= runs) & (runs <= most)))
            for runs, least, most in zip(each, found[low], found[high], strict=True)
        ]
    return found


def judged(cells: Sequence[Cell], draws: xr.Dataset) -> pd.DataFrame:
    """`compared`, with `crps` of the logarithm of the rate.

    Parameters
    ----------
    cells
        Cells with what was measured.
    draws
        `received_rate` over cell and draw, bit/s.

    Returns
    -------
    pandas.DataFrame
        One row per cell.
    """
    from scores.probability import crps_for_ensemble

    logs = xr.DataArray(np.log(draws["received_rate"].transpose("cell", "draw").to_numpy()), dims=("cell", "draw"))
    measured = xr.DataArray(np.log([cell.measured for cell in cells]), dims="cell")
    crps = crps_for_ensemble(logs, measured, "draw", preserve_dims="cell", method="fair")
    return compared(cells, draws).assign(crps=crps.to_numpy())


def coverage(table: pd.DataFrame, by: str = "source") -> pd.DataFrame:
    """Coverage and sharpness of `judged` by a column, and of all.

    Parameters
    ----------
    table
        What `judged` returned.
    by
        Column of the groups.

    Returns
    -------
    pandas.DataFrame
        `cells`, `inside 90 %`, `inside 50 %` [1] (of single runs where these are known, a cell counting once), `width`
        (median of high / low of the 90 % interval), `log ratio` (median absolute) and `crps` (mean).
    """
    parts = [*table.groupby(by, sort=False), ("all", table)]
    return pd.DataFrame(
        {
            by: [name for name, _ in parts],
            "cells": [len(part) for _, part in parts],
            "inside 90 %": [part["runs90"].mean() for _, part in parts],
            "inside 50 %": [part["runs50"].mean() for _, part in parts],
            "width": [(part["high90"] / part["low90"]).median() for _, part in parts],
            "log ratio": [part["log_ratio"].abs().median() for _, part in parts],
            "crps": [part["crps"].mean() for _, part in parts],
        }
    )
