"""Where the fluid engine is known to leave the packets engine by a factor: regions of scenarios, with their reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model.gso import segments_per_entry
from tunbp.model.service import numbers, service_times

Array = npt.NDArray[Any]


def regions(flat: dict[str, Array]) -> dict[str, Array]:
    """Scenarios of a batch for which the fluid engine is not to be relied on, by the reason in words.

    Found case by case by `tests.model.differential`: 8 flows on a stock ring of 10, 2.3 against 1,288 Mbit/s; video
    frames with several segments per entry, 1.7 times; windows of three segments, 1.5 times; a stock ring of one with 45
    segments per entry, 90 times.

    Parameters
    ----------
    flat
        One array per field of `Scenario`.
    """
    number = numbers(flat)
    tcp = flat["source"] == "tcp"
    stock = service_times(flat).pushing == 0
    window = np.fmin(number["receive_window"], number["send_buffer"]) / number["mss"]
    several = segments_per_entry(flat["source"], number["gso_segments"]) > 1
    return {
        "several flows on a stock ring of fewer than 5 packets per flow": (
            tcp & stock & (number["streams"] > 1) & (number["ring"] < 5 * number["streams"])
        ),
        "video frames with several segments per entry": ~tcp & several,
        "a window below 7 segments": tcp & (window < 7),
        "a stock ring of fewer than 5 entries of several segments": tcp & stock & several & (number["ring"] < 5),
    }


def reasons(flat: dict[str, Array]) -> str:
    """The reasons that hold for any scenario of a batch, in words; empty where there is none."""
    return "; ".join(reason for reason, where in regions(flat).items() if where.any())


def doubtful(flat: dict[str, Array]) -> npt.NDArray[np.bool_]:
    """Which scenarios of a batch lie in any of the regions."""
    return np.asarray(np.logical_or.reduce(list(regions(flat).values())), bool)
