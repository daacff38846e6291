"""What the same draws carry on a path of which something else than its ring was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tunbp.infer.priors import BYTE_COST, corrections, draws
from tunbp.prediction.distribution import VARIANTS, Prediction, batch
from tunbp.prediction.unknown import bytes_beyond, idle

SHARE = 1 / 24
"""Part of a prediction's scenarios that one change may take again: what it costs is that part of its time."""

FEWEST, MOST = 32, 64
"""Draws of it."""


def draws_of(prediction: Prediction, scenarios: int) -> int:
    """How many draws a change is predicted with: a power of two that costs little beside the prediction.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    scenarios
        Rings times variants that are asked for.

    Returns
    -------
    int
        At most as many as the prediction has.
    """
    draw, ring, variant = (int(prediction.draws.sizes[dim]) for dim in ("draw", "ring", "variant"))
    affordable = SHARE * draw * ring * variant / scenarios
    count: int = 2 ** int(np.log2(min(max(affordable, FEWEST), MOST)))
    return min(count, draw)


def changed(
    prediction: Prediction, changes: Mapping[str, Any], rings: Sequence[int] = (), variants: Sequence[str] = ()
) -> Prediction | None:
    """Predict the path with some fields changed: the first of the same draws, of the same length.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    changes
        Fields of `tunbp.Scenario`, SI units; what was drawn of them is drawn no more.
    rings
        txqueuelen values, packets; empty: the present one.
    variants
        Of `tunbp.prediction.distribution.VARIANTS`; empty: the present one.

    Returns
    -------
    Prediction | None
        None where the prediction kept nothing to start from.

    Examples
    --------
    >>> from tunbp.prediction import predict
    >>> found = predict({"rtt": 0.1, "send_buffer": 64e3, "duration": 2.0, "drain_rate": 70e3}, [], count=16)
    >>> more = changed(found, {"send_buffer": 4e6})
    >>> more.quantiles("received_rate", 500, "stock")["median"] > 2e7
    True
    """
    start = prediction.start
    if start is None:
        return None
    rings = sorted(set(rings or [prediction.ring]))
    ordered = [name for name in VARIANTS if name in (variants or [prediction.variant])]
    count = draws_of(prediction, len(rings) * len(ordered))
    base = start.base.replace(**changes)
    gone = {*changes, *idle(base)}
    unknown = {name: prior for name, prior in prediction.unknown.items() if name not in gone}
    constants = {name: values[:count] for name, values in start.constants.items() if name not in gone}
    if "drain_rate" in unknown and BYTE_COST not in unknown and bytes_beyond(base) > 0.0:
        new = {BYTE_COST: corrections(start.product)[BYTE_COST]}
        constants |= {BYTE_COST: draws(new, {}, count, start.seed)[BYTE_COST]}
        unknown |= new
    kept = replace(start, base=base, constants=constants)
    used = {name: row for name, row in prediction.used.items() if name not in changes}
    used |= {name: {"value": value, "source": "given"} for name, value in changes.items()}
    found = batch(kept, unknown, rings, ordered, prediction.at_most)
    return replace(prediction, draws=found, used=used, unknown=unknown, fit=None, notes=(), start=kept)
