"""What holds a path, draw by draw: a stage at its ceiling, drops in the ring, loss on the path, or a growing window."""

from __future__ import annotations

import numpy as np

from tunbp.prediction.distribution import WORTH, Prediction

NEAR = 0.85
"""Part of a stage's ceiling from which the stage holds a draw; a saw that touches it carries as much."""

SENDER, WINDOW, SHAPER = "what is sent", "the window", "the rate of the qdisc"
READER, LINK = "the reader", "the link"
RING, LOSS, GROWTH = "drops in the ring", "loss on the path", "slow start and growth of the window"

ALSO = 0.2
"""Share of the draws from which a cause beside the first is named, and its remedy told."""


def causes(prediction: Prediction, variant: str = "", ring: int | None = None) -> dict[str, float]:
    """Share of the draws that each cause holds, largest first.

    A link is a cause of its own only where its rate was given: what follows the reader is a guess otherwise (the far
    program, processors that both share), and counts as the reader, which stands for the tunnel's programs. Drops in the
    ring hold a draw of stock if it is over `WORTH` faster without them, with backpressure: so the probability that the
    ring limits is the one that the flag helps. Drops before the warm-up ends count too, which slow TCP for long.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    variant
        stock or backpressure; empty: as the path is.
    ring
        One of the predicted rings; None: the present one.

    Returns
    -------
    dict[str, float]
        Cause to share of the draws, summing to 1.
    """
    draws = prediction.draws
    here = draws.sel(ring=prediction.ring if ring is None else ring, variant=variant or prediction.variant)
    stages = [str(name) for name in draws["stage"].to_numpy()]
    link = READER if "path_rate" in prediction.unknown else LINK
    names = {
        "offered": SENDER,
        "window": WINDOW,
        "shaper": SHAPER,
        "reader": READER,
        "link": link,
        "far reader": READER,
    }
    ceiling = draws["ceiling"].transpose("stage", "draw").to_numpy()
    lowest = np.argmin(ceiling, axis=0)
    stage = np.array([names[stages[place]] for place in lowest])
    near = here["simulated_rate"].to_numpy() >= NEAR * ceiling.min(axis=0)
    loss = float(prediction.used.get("path_loss", {}).get("value", 0.0))
    flagged = _flagged(prediction, variant or prediction.variant)
    if flagged:
        held = np.where(near, stage, LOSS if loss else GROWTH)
        # with loss on the path runs differ by chance: fewer drops than that are no cause
        ringed = (here["ring_share"].to_numpy() > loss) | (loss == 0.0)
        held = np.where((prediction.gains(ring) > WORTH) & ringed, RING, held)
    else:
        without = np.where(here["ring_share"].to_numpy() > max(1e-6, loss), RING, LOSS if loss else GROWTH)
        held = np.where(near, stage, without)
    found, counts = np.unique(held, return_counts=True)
    shares = {str(name): float(count) / held.size for name, count in zip(found, counts, strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _flagged(prediction: Prediction, variant: str) -> bool:
    """Whether backpressure says what stock would be without drops in its ring: TCP waits for a queue that stops."""
    used = prediction.used
    stops = used.get("qdisc", {}).get("value") != "noqueue" and used.get("source", {}).get("value", "tcp") == "tcp"
    return variant == "stock" and stops and "backpressure" in prediction.draws["variant"].to_numpy()
