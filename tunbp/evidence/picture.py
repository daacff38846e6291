"""The laws behind the model, simulated: why bursts decide, what a wake costs, which stage sets the clock (docs)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from tunbp.evidence.studies import VERSIONS
from tunbp.model.hosts import host
from tunbp.model.laws import saturated_service_time
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

BUNCHES = np.geomspace(0.1, 10.0, 41)
"""ACK interval in units of N/mu, the time the reader needs for a full ring."""

SHARES = np.geomspace(0.1, 10.0, 41)
"""Rate of the path over that of the reader."""

NEARBY = 32
"""Paths within 15 % of the round-trip time, each with a seed of its own, that a point is the mean of: a single run
locks to its own round trip."""

LONG = 300.0
"""Simulated seconds of each run: in shorter ones the few losses since slow start decide, and lines are rough."""

CYCLES = np.geomspace(1, 1000, 40)
"""Packets per stop/wake cycle."""


def bursts(rings: tuple[int, ...] = (100, 500), duration: float = LONG) -> xr.Dataset:
    """Throughput over how long ACKs are bunched: OpenVPN of the paper's lab at 120 ms, stock and backpressure.

    Parameters
    ----------
    rings
        txqueuelen values in packets.
    duration
        Simulated seconds.

    Returns
    -------
    xarray.Dataset
        `received_rate` [bit/s] over `driver`, `ring` and `bunch` (ACK interval over N/mu).
    """
    fields = host("lab-openvpn") | {"stall_rate": 0.0}
    ring = xr.DataArray(list(rings), dims="ring", coords={"ring": list(rings)})
    bunch = xr.DataArray(BUNCHES, dims="bunch", coords={"bunch": BUNCHES})
    names = list(VERSIONS.values())
    variant = xr.DataArray(names, dims="driver", coords={"driver": names})
    changes: dict[str, Any] = {
        **fields,
        "ring": ring,
        "driver": variant,
        "rtt": _nearby(0.12),
        "duration": duration,
        "ack_interval": bunch * ring / fields["drain_rate"],
        "warmup": duration / 6,
    }
    return simulate(Scenario().replace(**changes))[["received_rate"]].mean("path", keep_attrs=True)


def _nearby(rtt: float) -> xr.DataArray:
    return xr.DataArray(rtt * np.linspace(0.85, 1.15, NEARBY), dims="path")


def stages(
    shares: Sequence[float] = tuple(SHARES),
    rings: tuple[int, ...] = (100, 500),
    duration: float = LONG,
) -> xr.Dataset:
    """Which stage sets the clock: OpenVPN of the paper's lab at 60 ms, before paths of different rates.

    Parameters
    ----------
    shares
        Rates of the path over that of the reader.
    rings
        txqueuelen values in packets.
    duration
        Simulated seconds.

    Returns
    -------
    xarray.Dataset
        Over `driver`, `ring` and `share` (rate of the path over that of the reader): `received_rate` [bit/s], and
        `dropped_ring` and `dropped_path` per packet sent [1]. The path buffers 1000 packets.
    """
    fields = host("lab-openvpn")
    names = list(VERSIONS.values())
    share = xr.DataArray(list(shares), dims="share", coords={"share": list(shares)})
    changes: dict[str, Any] = {
        **fields,
        "ring": xr.DataArray(list(rings), dims="ring", coords={"ring": list(rings)}),
        "driver": xr.DataArray(names, dims="driver", coords={"driver": names}),
        "rtt": _nearby(0.06),
        "seed": xr.DataArray(np.arange(NEARBY) + 1, dims="path"),
        "path_rate": share * fields["drain_rate"],
        "path_buffer": 1000,
        "duration": duration,
        "warmup": duration / 6,
    }
    result = simulate(Scenario().replace(**changes))
    lost = {name: (result[name] / result["sent"]).mean("path") for name in ("dropped_ring", "dropped_path")}
    return xr.Dataset({"received_rate": result["received_rate"].mean("path"), **lost})


def wakes(stock_rate: float = 1.293e6, ring: int = 1000) -> xr.Dataset:
    """Packets per second of a saturated reader over packets per wake: the 5600X of the wake ablation (S13, S14).

    Parameters
    ----------
    stock_rate
        Packets per second without backpressure.
    ring
        Ring size in packets.

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
