"""What each stage of a path can carry: the rate that no draw passes, and the stage that sets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model.gso import segments_per_entry

Array = npt.NDArray[np.float64]


def ceilings(values: Mapping[str, Any], count: int) -> dict[str, Array]:
    """Rates that the sender, the window and each stage allow, bit/s, one per draw.

    Parameters
    ----------
    values
        Fields of `Scenario`: numbers, arrays over the draws, or None.
    count
        Draws.

    Returns
    -------
    dict
        ``offered``, ``window``, ``shaper``, ``reader``, ``link`` (the slowest stage behind the reader) and
        ``far reader``; infinite where a stage does not limit.

    Examples
    --------
    >>> found = ceilings({"mss": 1250.0, "drain_rate": 10e3, "rtt": 0.1, "receive_window": 1e6}, 1)
    >>> float(found["reader"][0]), float(found["window"][0])
    (100000000.0, 80000000.0)
    """

    def value(name: str, otherwise: float) -> Array:
        found = values.get(name)
        return np.broadcast_to(np.asarray(otherwise if found is None else found, float), (count,))

    tcp = values.get("source", "tcp") == "tcp"
    carried = segments_per_entry(values.get("source", "tcp"), value("gso_segments", 1.0), values.get("qdisc"))
    bits = 8.0 * value("mss", 1448.0) * carried
    streams = value("streams", 1.0)
    shared = float(values.get("reader_policy", "link_first") != "separate") * float(tcp)
    window = np.minimum(value("receive_window", np.inf), value("send_buffer", np.inf))
    passing = 1.0 - value("path_loss", 0.0)
    near = 1.0 / value("drain_rate", np.inf) + shared * value("ack_cost", 0.0) / 2.0
    far = 1.0 / value("far_rate", np.inf) + shared * value("far_ack_cost", 0.0) / 2.0
    with np.errstate(divide="ignore"):
        return {
            "offered": np.full(count, np.inf) if tcp else value("offered_rate", np.inf) * streams * bits,
            "window": 8.0 * streams * window / value("rtt", 1.0) if tcp else np.full(count, np.inf),
            "shaper": value("qdisc_rate", np.inf) * 8.0 * value("mss", 1448.0),
            "reader": bits / near,
            "link": value("path_rate", np.inf) * passing * bits,
            "far reader": bits / far,
        }


def busy(stages: Mapping[str, Array]) -> Array:
    """What the programs can carry, bit/s: the smaller of both readers; a rate over this is how busy they are.

    Parameters
    ----------
    stages
        Rates of the stages of a path by name, bit/s, one value per draw.

    Returns
    -------
    ndarray
        bit/s, one value per draw.
    """
    return np.asarray(np.minimum(stages["reader"], stages["far reader"]))
