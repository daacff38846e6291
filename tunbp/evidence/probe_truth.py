"""The probe against the truth: its errors on runs of a program whose pace, pauses and bursts are known.

The program (`tests/lab/probe/paced.c`) logs every packet that it sends and reads; ``python -m tests.lab.probe`` makes
the runs and stores their errors, `data/measured/probe_truth.json`. Here they are put beside what is promised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tunbp import opened
from tunbp.evidence.datasets import data_path

FILE = "probe_truth.json"
STEADY = "overload"
"""Case of a reader of 50,000 packets/s that is never idle and never pauses."""


@dataclass(frozen=True)
class Promise:
    """What is promised of one quantity: the largest error, of relative errors and shares alike [1]."""

    name: str
    quantity: str
    most: float


PROMISES = (
    Promise("service_time", "speed of the reader (mu), against its log", 0.05),
    Promise("pace", "the same, against the pace it was set to", 0.05),
    Promise("burst_rate", "speed of bursts (lambda)", 0.10),
    Promise("pause_rate", "rate of pauses", 0.10),
    Promise("pause_mean", "mean length of pauses", 0.10),
    Promise("occupancy_wrong", "samples of the occupancy that are not the program's own count", 0.01),
    Promise("throughput_lost", "throughput lost to tracing at 50,000 packets/s", 0.10),
    Promise("cost_added", "processor time per packet added by tracing at 50,000 packets/s", 0.10),
)


def runs() -> pd.DataFrame:
    """The runs, a row each: case, repetition, load of the machine, and errors by the names of `PROMISES`.

    Returns
    -------
    pandas.DataFrame
        Relative errors, signed; NaN where a case does not show a quantity. Attributes: `skipped`, how many runs more
        were begun in which a busy machine let the program read too few packets, and `nice` of the others.

    Raises
    ------
    DataError
        If the bundled file is missing.
    """
    stored = json.loads(opened.note(data_path("measured", FILE)).read_text())
    table = pd.DataFrame([_row(run) for run in stored["runs"]])
    table.attrs = {"skipped": len(stored["skipped"]), "nice": stored["host"]["nice"]}
    return table


def _row(run: dict[str, Any]) -> dict[str, Any]:
    steady = run["case"] == STEADY
    return {
        **{name: value for name, value in run.items() if not isinstance(value, list)},
        "occupancy_wrong": 1 - run["occupancy_exact"],
        "throughput_lost": -run["rate_change"][0] if steady else np.nan,
        "cost_added": run["cost_change"][0] if steady else np.nan,
    }


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Each promise beside the errors of the runs.

    Parameters
    ----------
    found
        What `runs` returned.

    Returns
    -------
    pandas.DataFrame
        `quantity`, `runs`, `median` and `worst` of the absolute error (of what tracing costs: of the signed one),
        `promised` [1], and whether all runs `held` it.

    Examples
    --------
    >>> from tunbp.evidence import probe_truth
    >>> rows = probe_truth.table(probe_truth.runs())
    >>> bool(rows["held"].iloc[0])
    True
    """
    rows = []
    for promise in PROMISES:
        errors = found[promise.name].dropna().to_numpy(float)
        if promise.name not in ("throughput_lost", "cost_added"):
            errors = np.abs(errors)
        rows.append(
            {
                "quantity": promise.quantity,
                "runs": errors.size,
                "median": float(np.median(errors)),
                "worst": float(errors.max()),
                "promised": promise.most,
                "held": bool((errors <= promise.most).all()),
            }
        )
    return pd.DataFrame(rows)


def words(found: pd.DataFrame) -> str:
    """Where the runs come from, for a caption.

    Parameters
    ----------
    found
        What `runs` returned.

    Returns
    -------
    str
        A sentence or two.
    """
    low, high = found["load_average"].min(), found["load_average"].max()
    missed, attributes = int(found["drops_missed"].max()), found.attrs
    return (
        f"`tunbp lab probe` against our own program's log: {len(found)} runs of {found['case'].nunique()} kinds, load "
        f"of the machine {low:.1f} to {high:.1f}, programs at nice {attributes['nice']}; {attributes['skipped']} runs "
        f"more read too few packets. Drops in a window differ by {missed} packets at most (one may be under way). "
        "Errors are relative; what tracing costs comes from traced windows beside untraced ones."
    )
