"""What a card offers, in numbers: a remedy, what sets it where, and what the same draws carry with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tunbp.prediction.causes import causes
from tunbp.prediction.distribution import VARIANTS, Prediction
from tunbp.prediction.settings import Setting

DEVICE, SENDER, ENDS, UPLINK = "device", "sender", "both ends", "link"
"""Where a remedy is set: where the ring is, where TCP sends, at both of its ends, where packets enter a slow link."""

QUEUEING = "queueing"
"""What a remedy is against that shortens the ping."""


@dataclass(frozen=True)
class Remedy:
    """Something that a card offers.

    Attributes
    ----------
    name
        txqueuelen, flag, socket buffers (and txqueuelen), bbr, fq, cake, mtu, or program: a faster one.
    against
        What it helps against: one of `tunbp.prediction.causes`, or `QUEUEING`.
    side
        Where it is set, one of this module's.
    host
        The same in the card's words.
    changes
        Fields of `tunbp.Scenario` that it changes, SI units.
    settings
        What sets it and keeps it.
    how
        How it is set where no command does, in words.
    after
        The path with it; None where that is not predicted.
    ring, variant
        Where in that prediction.
    """

    name: str
    against: str
    side: str
    host: str
    changes: Mapping[str, Any]
    settings: tuple[Setting, ...] = ()
    how: str = ""
    after: Prediction | None = None
    ring: int = 0
    variant: str = "stock"

    def carries(self, after: Prediction | None, ring: int | None = None, variant: str = "") -> Remedy:
        """It with what the path carries then.

        Parameters
        ----------
        after
            The path with it; None where that is not predicted.
        ring, variant
            Where in that prediction; as the path is, where nothing is said.

        Returns
        -------
        Remedy
            The same remedy.
        """
        if after is None:
            return self
        return replace(self, after=after, ring=ring or after.ring, variant=variant or after.variant)

    @property
    def limits(self) -> dict[str, float] | None:
        """What limits then, cause -> probability; None where the flag, by which that is told, was not predicted too."""
        after = self.after
        if after is None or set(VARIANTS) - {str(name) for name in after.draws["variant"].to_numpy()}:
            return None
        return causes(after, self.variant, self.ring)
