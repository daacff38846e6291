"""A prediction as JSON, schema 1: an interface that programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tunbp.prediction.causes import causes
from tunbp.prediction.conditioning import Fit
from tunbp.prediction.distribution import VARIANTS, Prediction
from tunbp.prediction.offered import Remedy
from tunbp.prediction.unknown import LINK

QUANTITIES = ("received_rate", "drop_fraction", "latency", "dropped")
"""What each row states with its five quantiles."""


OF_REMEDIES = ("received_rate", "latency")
"""What each remedy states with its five quantiles."""


def record(
    prediction: Prediction, rings: Sequence[int] = (), remedies: Sequence[Remedy] = (), verdict: str = ""
) -> dict[str, Any]:
    """The prediction as JSON: bit/s, seconds, packets and shares of one.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    rings
        Rings that were asked for; empty: all.
    remedies
        What the card offers (`tunbp.prediction.card.Card.remedies`).
    verdict
        The card's first sentence.

    Returns
    -------
    dict
        `schema`, `rows` (one per ring and variant: `received_rate`, `drop_fraction`, `latency` and `dropped` packets,
        each with median, low50, high50, low90, high90; `held_by`, cause -> probability), `gain` at the present ring,
        `gains` at every ring, `verdict`, `remedies`, `unknown`, `used`, `fit`, `draws`, `duration`, `notes`. What
        each is says the published schema, `tunbp predict --json-schema`.
    """
    rings = [n for n in map(int, prediction.draws["ring"].to_numpy()) if not rings or n in rings]
    rows = [
        {"ring": ring, "variant": variant}
        | {name: prediction.quantiles(name, ring, variant) for name in QUANTITIES}
        | {"held_by": causes(prediction, variant, ring)}
        for ring in rings
        for variant in VARIANTS
    ]
    return {
        "schema": 1,
        "rows": rows,
        "gain": {"ring": prediction.ring, **prediction.gain()},
        "gains": [{"ring": ring, **prediction.gain(ring)} for ring in rings],
        "verdict": verdict,
        "remedies": [_remedy(remedy) for remedy in remedies],
        "unknown": prediction.ranking(),
        "used": {name: _source(row) for name, row in prediction.used.items()},
        "fit": None if prediction.fit is None else _fit(prediction.fit),
        "draws": int(prediction.draws.sizes["draw"]),
        "duration": prediction.duration,
        "notes": list(prediction.notes),
    }


SOURCES = {"default": "prior", "constants": "given", LINK: "given"}
"""What counts as one of the four sources of the interface: a default is a belief without width."""


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    """Value and source: given, trace, host or prior."""
    source = SOURCES.get(row["source"], row["source"])
    return {"value": row["value"], "source": source, **({"fixed": True} if row["source"] == "default" else {})}


def _remedy(remedy: Remedy) -> dict[str, Any]:
    """What a card offers: what sets it where, and what the path carries with it."""
    return {
        "name": remedy.name,
        "against": remedy.against,
        "side": remedy.side,
        "host": remedy.host,
        "how": remedy.how,
        "commands": [command for setting in remedy.settings for command in setting.commands],
        "keep": [
            {"file": setting.file, "lines": list(setting.lines), "note": setting.note}
            for setting in remedy.settings
            if setting.lines or setting.note
        ],
        "changes": dict(remedy.changes),
        "ring": remedy.ring if remedy.after else None,
        "variant": remedy.variant if remedy.after else None,
        **{name: _with(remedy, name) for name in OF_REMEDIES},
        "held_by": remedy.limits,
        "draws": None if remedy.after is None else int(remedy.after.draws.sizes["draw"]),
    }


def _with(remedy: Remedy, name: str) -> dict[str, float] | None:
    """Five quantiles of a variable with a remedy; None where that is not predicted."""
    return None if remedy.after is None else remedy.after.quantiles(name, remedy.ring, remedy.variant)


def _fit(fit: Fit) -> dict[str, Any]:
    return {
        "runs": [
            {
                "ring": run.ring,
                "variant": run.variant,
                "received_rate": list(run.rates),
                "model": dict(zip(("low90", "median", "high90"), run.model, strict=True)),
            }
            for run in fit.runs
        ],
        "effective_draws": fit.effective,
        "pareto_k": fit.pareto_k if np.isfinite(fit.pareto_k) else None,
        "reproduced": fit.reproduced,
    }
