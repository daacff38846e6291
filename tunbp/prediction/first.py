"""What to do first, in one line: the remedy of a card that brings most for what is set, with its number."""

from __future__ import annotations

import numpy as np

from tunbp.prediction.brings import gains
from tunbp.prediction.causes import READER
from tunbp.prediction.offered import QUEUEING, Remedy
from tunbp.prediction.phrases import median_of
from tunbp.prediction.remedies import Asked
from tunbp.prediction.rings import SHOWN
from tunbp.quantities import show

DONE = {
    "socket buffers": "larger socket buffers at both ends",
    "socket buffers and txqueuelen": "larger socket buffers and txqueuelen {ring}",
    "bbr": "use BBR where TCP sends",
    "cake": "shape with CAKE before the link; on the device of the tunnel",
    "fq": "pace with fq",
    "mtu": "raise the MTU",
    "txqueuelen": "set txqueuelen {ring}",
}
"""Remedies as somebody is told to use them; the flag, which few kernels have, is never the first."""


def first(asked: Asked) -> list[str]:
    """The first thing to do, with what it brings; what is best of those that are predicted.

    Parameters
    ----------
    asked
        The path with what its card offers.

    Returns
    -------
    list[str]
        A sentence, or none where nothing is offered.
    """
    told = [remedy for remedy in asked.offers if remedy.after is not None and remedy.name in DONE]
    faster = {_gain(asked, remedy): remedy for remedy in reversed(told) if remedy.against != QUEUEING}
    programs = [remedy.how.partition(" (")[0] for remedy in asked.offers if remedy.name == "program"]
    if faster and max(faster) >= SHOWN:
        return [f"Do: {_said(asked, faster[max(faster)])}."]
    if programs and next(iter(asked.held)) == READER:
        return [f"Do: {programs[0]} (below)."]
    return [f"Do: {_said(asked, remedy)}." for remedy in told[:1]]


def _gain(asked: Asked, remedy: Remedy) -> float:
    """Median of what draws gain with a remedy."""
    after = remedy.after or asked.prediction
    return float(np.median(gains(asked.prediction, after, remedy.ring, remedy.variant)))


def _said(asked: Asked, remedy: Remedy) -> str:
    """A remedy with its number: a rate, or a ping where it is against that."""
    what, unit, digits = ("latency", "s", 2) if remedy.against == QUEUEING else ("received_rate", "bit/s", 3)
    now, after = asked.prediction, remedy.after or asked.prediction
    there = show(median_of(after, what, remedy.ring, remedy.variant), unit, digits)
    here = show(median_of(now, what, now.ring, now.variant), unit, digits)
    ping = "ping under load " if remedy.against == QUEUEING else ""
    return f"{DONE[remedy.name].format(ring=remedy.ring)}: {ping}{there} instead of {here}"
