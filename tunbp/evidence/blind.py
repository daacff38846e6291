"""The laboratory's OpenVPN: what was measured, what was predicted without a fit to it, and what was known for that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tunbp import opened
from tunbp.evidence.datasets import data_path
from tunbp.evidence.held_out import Cell
from tunbp.evidence.predictive import compared, predictive
from tunbp.infer.priors import Prior
from tunbp.model.fields import FIELDS
from tunbp.model.scenario import Scenario
from tunbp.prediction.distribution import LEVELS
from tunbp.prediction.unknown import unknown_of

FLOODED = ("drain_rate", "path_rate", "ack_cost", "far_rate", "far_ack_cost")
"""Constants that floods measured."""


def blind(cells: Sequence[Cell], draws: int, seed: int = 0) -> pd.DataFrame:
    """Each configuration with its measured median and range beside its predictive intervals.

    Parameters
    ----------
    cells
        Configurations whose single rates are known (`tunbp.evidence.held_out.native`).
    draws, seed
        Draws of each prediction, a power of two, and their seed.

    Returns
    -------
    pandas.DataFrame
        `added_rtt` [s], `ring`, `sender`, `variant`, `runs`, `measured`, `least`, `most`, `predicted`, `low50`,
        `high50`, `low90`, `high90` [bit/s], `inside50`, `inside90`, `rates` (of each
        run) [bit/s], by RTT, sender, ring and variant.
    """
    found = compared(cells, predictive(cells, draws, seed)).rename(columns={"median": "predicted"})
    rates = pd.Series([sorted(cell.rates) for cell in cells], name="rates")
    predicted = [*LEVELS_SHOWN, "inside50", "inside90"]
    table = pd.concat([_measured(cells), found[["variant", *predicted]], rates], axis=1)
    columns = ["added_rtt", "ring", "sender", "variant", *RUNS, *predicted, "rates"]
    return table[columns].sort_values(["added_rtt", "sender", "ring", "variant"], ignore_index=True)


RUNS = ["runs", "measured", "least", "most"]
"""Columns of what a configuration's runs carried: their number, median and ends."""
LEVELS_SHOWN = ["predicted", *(name for name in LEVELS if name != "median")]
"""Columns of the predictive quantiles, the median first."""


def _measured(cells: Sequence[Cell]) -> pd.DataFrame:
    """What was measured in which configuration: `added_rtt` [s], `ring`, `sender`, and `RUNS` [bit/s]."""
    return pd.DataFrame(
        {
            "added_rtt": [0.0 if cell.name.startswith("0ms") else cell.known["rtt"] for cell in cells],
            "ring": [cell.known["ring"] for cell in cells],
            "sender": [sender(cell) for cell in cells],
            "runs": [cell.runs for cell in cells],
            "measured": [cell.measured for cell in cells],
            "least": [min(cell.rates) for cell in cells],
            "most": [max(cell.rates) for cell in cells],
        }
    )


def beforehand(cells: Sequence[Cell]) -> pd.DataFrame:
    """Each configuration of `held_out.pacing` beside what was predicted and committed before its first run.

    Parameters
    ----------
    cells
        What `held_out.pacing` returned.

    Returns
    -------
    pandas.DataFrame
        `added_rtt` [s], `ring`, `sender`, `runs`, `measured`, `least`, `most`, `predicted` [bit/s], `dropped` and
        `dropped_predicted` [packet], and `two_stages` [bit/s], the prediction that takes the chain's rate for a stage
        behind the reader.
    """
    known = _measured(cells).assign(
        pacing=[bool(cell.known["pacing"]) for cell in cells], dropped=[cell.dropped for cell in cells]
    )
    stored = pd.read_csv(opened.note(data_path("measured") / "lab_pacing_native" / "predicted.csv"))
    keys = ["pacing", "added_rtt", "ring"]
    one = stored[stored["model"] == "one_stage"].rename(
        columns={"received_rate": "predicted", "dropped_ring": "dropped_predicted"}
    )
    two = stored[stored["model"] == "two_stages"].rename(columns={"received_rate": "two_stages"})
    found = known.merge(one[[*keys, "predicted", "dropped_predicted"]], on=keys, validate="1:1")
    found = found.merge(two[[*keys, "two_stages"]], on=keys, validate="1:1")
    columns = ["added_rtt", "ring", "sender", *RUNS, "predicted", "dropped", "dropped_predicted", "two_stages"]
    return found.sort_values(["sender", "added_rtt", "ring"], ignore_index=True)[columns]


QUANTITIES = {"received_rate": "received_rate", "ping_mean_rtt": "latency"}
"""What a run measured, and the draws that predict it."""


def rates_and_pings(cells: Sequence[Cell], draws: int, seed: int = 0) -> pd.DataFrame:
    """Predictive intervals of throughput and of a ping beside it, of each configuration.

    Parameters
    ----------
    cells
        Configurations (`tunbp.evidence.held_out.tunnel`).
    draws, seed
        Draws of each prediction, a power of two, and their seed.

    Returns
    -------
    pandas.DataFrame
        `cell`, `variant`, `quantity` (a key of `QUANTITIES`), `median`, `low50`, `high50`, `low90`, `high90`
        [bit/s, s]; two rows per configuration.
    """
    found = predictive(cells, draws, seed)
    named = pd.DataFrame({"cell": [cell.name for cell in cells], "variant": [cell.variant for cell in cells]})
    parts = []
    for measured, drawn in QUANTITIES.items():
        values = found[drawn].transpose("cell", "draw").to_numpy()
        ends = dict(zip(LEVELS, np.quantile(values, list(LEVELS.values()), axis=1, method="hazen"), strict=True))
        parts.append(named.assign(quantity=measured, **ends))
    return pd.concat(parts, ignore_index=True)


def sender(cell: Cell) -> str:
    """Congestion control and windows of a configuration, in words.

    Parameters
    ----------
    cell
        A held-out configuration.

    Returns
    -------
    str
        E.g. ``"paced CUBIC, default windows"``.
    """
    control = ("paced " if cell.known.get("pacing") else "") + str(cell.known["congestion"]).upper()
    return control if "receive_window" in cell.known else f"{control}, default windows"


def constants(cell: Cell) -> pd.DataFrame:
    """Every constant of a prediction of one configuration: what it was known to be, and from where.

    Parameters
    ----------
    cell
        A held-out configuration.

    Returns
    -------
    pandas.DataFrame
        `constant`, `unit`, `value` (a prior's median, or its chance of yes), `low`, `high` (the prior's central 90 %),
        `relative to` and `from`.
    """
    base = Scenario().replace(**cell.known)
    known = [
        {"constant": FIELDS[name].long_name, "unit": FIELDS[name].units, "value": cell.known[name], "from": "floods of "
         "the same tunnel without TCP (`lab_speed_native`)"}
        for name in FLOODED
    ]  # fmt: skip
    set_up = {"constant": FIELDS["pacing"].long_name, "unit": "1", "value": float(cell.known["pacing"]),
              "from": "the host's default congestion control, under which the connection begins"}  # fmt: skip
    unknown = unknown_of(cell.product, base, cell.known, cell.sources)
    return pd.DataFrame([*known, set_up, *(_line(prior) for prior in unknown.values())])


def _line(prior: Prior) -> dict[str, object]:
    """A prior as a row of `constants`."""
    field = FIELDS.get(prior.name)
    factor = prior.relative or prior.per
    middle, low, high = (float(value) for value in prior.quantile(np.array([0.5, 0.05, 0.95])))
    if prior.kind == "chance":
        middle, low, high = prior.first, np.nan, np.nan
    return {
        "constant": field.long_name if field else prior.name.replace("_", " "),
        "unit": "1" if factor or field is None else field.units,
        "value": middle,
        "low": low,
        "high": high,
        "relative to": f"{'1 / ' if prior.per else ''}{FIELDS[factor].long_name}" if factor else "",
        "from": f"prior: {prior.source}",
    }
