"""What a remedy that is not the ring brings, in words: what the same draws carry with it, and what limits then."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tunbp.prediction.causes import ALSO, causes
from tunbp.prediction.distribution import WORTH, Prediction
from tunbp.prediction.phrases import SUBJECTS, interval_of, median_of, subject
from tunbp.prediction.products import Product
from tunbp.prediction.rings import SHOWN
from tunbp.quantities import percent, show


def gains(before: Prediction, after: Prediction, ring: int = 0, variant: str = "") -> npt.NDArray[np.float64]:
    """Relative gain of each draw.

    Parameters
    ----------
    before, after
        A path, and what `tunbp.prediction.changed.changed` gave of it.
    ring, variant
        Where in `after`; as the path is, where nothing is said.

    Returns
    -------
    ndarray
        Over the path as it is, shape (draw,) of the shorter one.
    """
    count = after.draws.sizes["draw"]
    here = before.draws["expected_rate"].sel(ring=before.ring, variant=before.variant)[:count].to_numpy()
    there = after.draws["expected_rate"].sel(ring=ring or before.ring, variant=variant or before.variant).to_numpy()
    return np.asarray(there / np.maximum(here, 1.0) - 1.0)


def brought(what: str, before: Prediction, after: Prediction, ping: bool = False) -> str:
    """What a path carries after a remedy, beside what it carries now.

    Parameters
    ----------
    what
        The remedy, as the beginning of the sentence.
    before, after
        A path, and what `tunbp.prediction.changed.changed` gave of it.
    ping
        Whether its ping is told, too.

    Returns
    -------
    str
        A sentence without its full stop.
    """
    ring, variant = before.ring, before.variant
    if not ping and float(np.median(more := gains(before, after))) < SHOWN:
        chance = f"over {percent(WORTH)} more: {100.0 * float(np.mean(more > WORTH)):.0f} %"
        return f"{what}: hardly more ({chance})"
    now = show(median_of(before, "received_rate", ring, variant), "bit/s", 3)
    said = f"{what}: {interval_of(after, 'received_rate', ring, variant)} instead of {now}"
    if not ping:
        return said
    waits = [show(median_of(found, "latency", ring, variant), "s", 2) for found in (after, before)]
    return f"{said}, ping under load {waits[0]} instead of {waits[1]}"


def then(after: Prediction, known: Product, again: str) -> str:
    """What limits a path after a remedy.

    Parameters
    ----------
    after
        What `tunbp.prediction.changed.changed` gave, of both variants where the ring may be it.
    known
        The program that reads the device.
    again
        Option by which that path is asked about: its card is the next step.

    Returns
    -------
    str
        E.g. ``then drops in the ring (55 %) or the window of TCP (30 %) limit (next: the same with `--window 8MB`)``.
    """
    named = [(cause, share) for cause, share in causes(after).items() if share >= ALSO]
    said = " or ".join(f"{subject(cause, known)} ({100 * share:.0f} %)" for cause, share in named)
    verb = SUBJECTS[named[0][0]][1] if len(named) == 1 else "limit"
    return f"then {said} {verb} (what to do next: ask again with `{again}`)"
