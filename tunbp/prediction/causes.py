"""What holds a path, draw by draw: a stage at its ceiling, drops in the ring, loss on the path, or a growing window."""

from __future__ import annotations

import numpy as np

from tunbp.prediction.distribution import Prediction

NEAR = 0.85
"""Part of a stage's ceiling from which the stage holds a draw; a saw that touches it carries as much."""

SENDER, WINDOW, SHAPER = "what is sent", "the window", "the rate of the qdisc"
READER, LINK = "the reader", "the link"
RING, LOSS, GROWTH = "drops in the ring", "loss on the path", "slow start and growth of the window"


def causes(prediction: Prediction, variant: str = "", ring: int | None = None) -> dict[str, float]:
    """Share of the draws that each cause holds, largest first.

    A link is a cause of its own only where its rate was given: what follows the reader is a guess otherwise (the far
    program, processors that both share), and counts as the reader, which stands for the tunnel's programs.

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
    dropped = here["ring_share"].to_numpy()
    loss = float(prediction.used.get("path_loss", {}).get("value", 0.0))
    without = np.where(dropped > max(1e-6, loss), RING, LOSS if loss else GROWTH)
    held = np.where(near, stage, without)
    found, counts = np.unique(held, return_counts=True)
    shares = {str(name): float(count) / held.size for name, count in zip(found, counts, strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
