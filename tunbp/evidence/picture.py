"""The two laws behind the model, simulated: why bursts decide, and what a wake costs (README's figure)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from tunbp.model.fields import FIELDS
from tunbp.model.hosts import host
from tunbp.model.laws import saturated_service_time
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

BUNCHES = np.geomspace(0.1, 10.0, 25)
"""ACK interval in units of N/mu, the time the reader needs for a full ring."""

CYCLES = np.geomspace(1, 1000, 40)
"""Packets per stop/wake cycle."""


def bursts(rings: tuple[int, ...] = (100, 500), duration: float = FIELDS["duration"].default) -> xr.Dataset:
    """Throughput over how long ACKs are bunched: OpenVPN of the paper's lab at 120 ms, stock and backpressure.

    Returns
    -------
    xarray.Dataset
        `received_rate` [bit/s] over `driver`, `ring` and `bunch` (ACK interval over N/mu).
    """
    fields = host("lab-openvpn") | {"stall_rate": 0.0}
    ring = xr.DataArray(list(rings), dims="ring", coords={"ring": list(rings)})
    bunch = xr.DataArray(BUNCHES, dims="bunch", coords={"bunch": BUNCHES})
    names = ["stock", "v3"]
    variant = xr.DataArray(names, dims="driver", coords={"driver": names})
    changes: dict[str, Any] = {
        **fields,
        "ring": ring,
        "driver": variant,
        "rtt": 0.12,
        "duration": duration,
        "ack_interval": bunch * ring / fields["drain_rate"],
        "warmup": duration / 6,
    }
    return simulate(Scenario().replace(**changes))[["received_rate"]]


def wakes(stock_rate: float = 1.293e6, ring: int = 1000) -> xr.Dataset:
    """Packets per second of a saturated reader over packets per wake: the 5600X of the wake ablation (S13, S14).

    Returns
    -------
    xarray.Dataset
        `transmitted_rate` [packet/s] over `cycle` (packets per stop/wake cycle).
    """
    fields = host("5600x-pktgen-tap")
    cycle = xr.DataArray(CYCLES, dims="cycle", coords={"cycle": CYCLES})
    seconds = saturated_service_time(
        1.0 / stock_rate, fields["patch_overhead"], fields["wake_cost"], cycle, ring, 0.0, 0.0
    )
    return xr.Dataset({"transmitted_rate": 1.0 / seconds})
