"""Which TCP senders pace: space their segments over the round trip instead of sending them as ACKs come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model.congestion import ROWS
from tunbp.model.qdiscs import fact

OF_ITSELF = [row.name for row in ROWS if row.paced]
"""Congestion controls that pace whatever the queue is."""


def paced(fields: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Whether TCP paces: of itself, as its connection began under a control that does, or for a qdisc that asks for it.

    Parameters
    ----------
    fields
        `source`, `congestion`, `pacing`, `origin` and `qdisc` of `Scenario`, each one value or an array.

    Returns
    -------
    ndarray of bool
        In their common shape. A qdisc (``fq``) paces local senders alone (`tunbp.model.qdiscs.Qdisc.paces`).

    Examples
    --------
    >>> fields = {"source": "tcp", "pacing": False, "origin": "local", "qdisc": "fq"}
    >>> paced({**fields, "congestion": "cubic"}).item(), paced({**fields, "source": "open", "congestion": "bbr"}).item()
    (True, False)
    """
    source, control, origin = (np.asarray(fields[name], dtype=str) for name in ("source", "congestion", "origin"))
    kept = np.asarray(fields["pacing"], dtype=float) > 0.0
    asked = (origin == "local") & fact(fields["qdisc"], "paces")
    return np.asarray((source == "tcp") & (np.isin(control, OF_ITSELF) | kept | asked))
