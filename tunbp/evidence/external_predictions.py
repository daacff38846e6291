"""Predictions of the runs of others, made before they are compared: ``data/external/predictions.csv``.

Written by ``python -m tunbp.evidence.external_predictions`` from priors and what the sources state, and committed
before the commit that compares; the measured rates are not read.
"""

from __future__ import annotations

import pandas as pd

from tunbp import opened
from tunbp.atomic import write_atomically
from tunbp.evidence.datasets import data_path
from tunbp.evidence.held_out import others
from tunbp.evidence.predictive import predictive
from tunbp.prediction.distribution import LEVELS

FILE = ("external", "predictions.csv")
COLUMNS = ("low90", "low50", "median", "high50", "high90")


def made(count: int = 128, seed: int = 0) -> pd.DataFrame:
    """Predict every external run anew: quantiles of the received rate [bit/s] by run.

    Parameters
    ----------
    count
        Draws of the priors.
    seed
        Seed of the draws.

    Returns
    -------
    pandas.DataFrame
        One row per run.
    """
    cells = others()
    found = predictive(cells, count, seed)["received_rate"].quantile(
        [LEVELS[name] for name in COLUMNS], "draw", method="hazen"
    )
    table = pd.DataFrame(found.transpose("cell", "quantile").to_numpy(), columns=list(COLUMNS))
    return table.set_index(pd.Index([cell.name for cell in cells], name="run_id"))


def committed() -> pd.DataFrame:
    """The predictions that are in the data folder."""
    return pd.read_csv(opened.note(data_path(*FILE)), index_col="run_id")


def main() -> None:
    """Write the file."""
    path = data_path("external") / FILE[-1]
    write_atomically(path, made().map(lambda rate: f"{rate:.4g}").to_csv().encode())
    print(path)


if __name__ == "__main__":
    main()
