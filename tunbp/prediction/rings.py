"""Which txqueuelen is advised: one rule by which a longer ring is taken and a longer one is left."""

from __future__ import annotations

import numpy as np

from tunbp.prediction.distribution import WORTH, Prediction
from tunbp.prediction.phrases import median_of
from tunbp.quantities import percent, show

OPEN = 0.25
"""Probability of being over `WORTH` faster from which a longer ring is worth it, and the flag worth a word."""

HALF = 0.5
"""Probability from which a longer ring is advised, and not only worth a try."""

SHOWN = 0.05
"""Relative gain of the table's medians from which a longer ring is worth it, see `_worth`."""

LITTLE, SHORTER_PING = 0.9, 0.8
"""Parts of rate and ping that a shorter ring must keep, and must not exceed, to be worth a word."""

FELT = 0.01
"""Queueing [s] of a ping below which nobody asks for less."""


def chance_of(prediction: Prediction, ring: int, over: int) -> float:
    """Probability that stock with a ring is over `WORTH` faster than with another.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    ring, over
        Predicted txqueuelen values, packets.

    Returns
    -------
    float
        Share of the draws.
    """
    rates = prediction.draws["expected_rate"].sel(variant="stock")
    there, here = (rates.sel(ring=size).to_numpy() for size in (ring, over))
    return float((there > (1.0 + WORTH) * np.maximum(here, 1.0)).mean())


def _part(prediction: Prediction, name: str, ring: int, over: int) -> float:
    """Median of a variable in stock with a ring, over that with another."""
    there, here = (median_of(prediction, name, size, "stock") for size in (ring, over))
    return there / max(here, 1e-9)


def _more_shown(prediction: Prediction, ring: int, over: int) -> float:
    """Relative gain of a ring over another by the table's medians."""
    return _part(prediction, "received_rate", ring, over) - 1.0


def _worth(prediction: Prediction, ring: int, over: int) -> bool:
    """Whether a longer ring is worth it over another: the one rule by which a ring is taken, and a longer one left."""
    return chance_of(prediction, ring, over) >= OPEN and _more_shown(prediction, ring, over) >= SHOWN


def enough(prediction: Prediction) -> int:
    """The smallest ring worth it over the present one over which no longer one is worth it, too; else the present.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.

    Returns
    -------
    int
        txqueuelen, packets.
    """
    longer = [int(n) for n in prediction.draws["ring"] if int(n) > prediction.ring]
    sizes = [prediction.ring, *(n for n in sorted(longer) if _worth(prediction, n, prediction.ring))]
    return next(n for n in sizes if not any(_worth(prediction, m, n) for m in sizes if m > n))


def why_enough(prediction: Prediction, ring: int) -> str:
    """Why this ring and no longer one, with what the rule goes by; the longest of the table says so.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    ring
        What `enough` returned, packets.

    Returns
    -------
    str
        A sentence without its full stop.
    """
    longer = [int(n) for n in prediction.draws["ring"] if int(n) > ring]
    if not longer:
        return "It is the longest of the table: `--rings` shows longer ones"
    best = max(longer, key=lambda n: chance_of(prediction, n, ring))
    chance, shown = chance_of(prediction, best, ring), max(_more_shown(prediction, best, ring), 0.0)
    waits = [show(median_of(prediction, "latency", size, "stock"), "s", 2) for size in (best, ring)]
    price = f", at a ping of {waits[0]} instead of {waits[1]}" if waits[0] != waits[1] else ""
    return (
        f"Not longer: {best} would bring {percent(shown, 2)} more (over {percent(WORTH)} more: "
        f"{100 * chance:.0f} %){price}"
    )


def shorter_ring(prediction: Prediction) -> int | None:
    """The smallest ring below the present one that costs little and whose ping is clearly shorter.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.

    Returns
    -------
    int | None
        txqueuelen, packets; None if there is none.
    """

    def worth(size: int) -> bool:
        rate, ping = (_part(prediction, name, size, prediction.ring) for name in ("received_rate", "latency"))
        loses = chance_of(prediction, prediction.ring, size)
        return rate >= LITTLE and ping <= SHORTER_PING and loses <= OPEN

    if median_of(prediction, "latency", prediction.ring, "stock") - float(prediction.used["rtt"]["value"]) < FELT:
        return None

    sizes = sorted(int(n) for n in prediction.draws["ring"] if int(n) < prediction.ring)
    return next((size for size in sizes if worth(size)), None)
