"""Latency of ring and qdisc: over ring sizes, the shaped tun of S26, a video's loss, and the ring's own delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence.datasets import published
from tunbp.model.drivers import COMPARED, DEFAULT_RING, VETH_RING
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

COLUMNS = ["variant", "qdisc", "ring", "seed", "received_rate", "wait", "ring_wait", "drop_fraction"]


SHAPED_RATE = 8e6 / (8 * 1500)
"""Packets/s of 1500 bytes at 8 Mbit/s (S26)."""

SHAPED_RTT = 0.005
"""RTT of the path without the ring in seconds: assumed, S26 does not state it."""

READERS = (2000.0, 10_000.0, 60_000.0)
FRAMES = (20, 30, 40)
IFRAMES = (30, 40, 50, 60, 75, 90, 105, 120, 150, 180, 210, 240)
VIDEO_RINGS = (25, 500)
VIDEO_PUBLISHED = (25, 0.29)
"""Ring and loss in the paper's abstract (S01)."""


def over_rings(values: Mapping[str, Any]) -> pd.DataFrame:
    """Simulate a bulk TCP flow over ring sizes and qdiscs, stock and backpressure.

    Parameters
    ----------
    values
        `rings`, `qdiscs`, `qdisc_limit`, `rtt`, `drain_rate`, `burst_rate`, `streams`, `seeds`, `duration`.

    Returns
    -------
    pandas.DataFrame
        One row per variant, qdisc, ring and seed: `received_rate` [bit/s], `wait` of a sparse flow and its part in
        the ring, `ring_wait` [s], `drop_fraction`, and `full_ring`, N/mu [s].
    """
    rtt, drain = max(values["rtt"], 1e-4), values["drain_rate"]
    # a window that fills path, ring and qdisc: what waits is decided by the queues
    window = 1448.0 * 2 * (drain * rtt + max(values["rings"]) + values["qdisc_limit"])
    names = list(COMPARED)
    result = simulate(Scenario(
        driver=xr.DataArray([COMPARED[n] for n in names], dims="variant", coords={"variant": names}),
        qdisc=xr.DataArray(values["qdiscs"], dims="qdisc", coords={"qdisc": values["qdiscs"]}),
        ring=xr.DataArray(values["rings"], dims="ring", coords={"ring": values["rings"]}),
        seed=xr.DataArray(np.arange(values["seeds"]) + 1, dims="seed"),
        qdisc_limit=values["qdisc_limit"], drain_rate=drain, burst_rate=values["burst_rate"], rtt=rtt,
        streams=values["streams"], receive_window=window, wake_cost=5e-6, stall_rate=1.0, stall_mean=0.002,
        duration=values["duration"], warmup=values["duration"] / 4,
    ))  # fmt: skip
    kept = result[["received_rate", "drop_fraction"]]
    kept = kept.assign(wait=result["sparse_latency"], ring_wait=result["ring_sojourn"])
    frame = kept.assign_coords(seed=np.arange(values["seeds"]) + 1).to_dataframe().reset_index()[COLUMNS]
    return frame.assign(full_ring=frame["ring"] / drain)


def medians(bulk: pd.DataFrame) -> pd.DataFrame:
    """Medians over seeds of what `over_rings` returned.

    Parameters
    ----------
    bulk
        What `over_rings` returned.

    Returns
    -------
    pandas.DataFrame
        One row per variant, qdisc and ring.
    """
    grouped = bulk.groupby(["variant", "qdisc", "ring"], sort=False)
    return grouped[["received_rate", "wait", "ring_wait", "drop_fraction", "full_ring"]].median().reset_index()


def sweet_spot(bulk: pd.DataFrame) -> pd.Series:
    """The smallest ring at which backpressure has 98 % of its best rate, behind fq_codel if that was simulated.

    Parameters
    ----------
    bulk
        What `over_rings` returned.

    Returns
    -------
    pandas.Series
        A row of `medians`.
    """
    table = medians(bulk)
    qdisc = "fq_codel" if "fq_codel" in set(table["qdisc"]) else str(table["qdisc"].iloc[-1])
    pushed = table[(table["variant"] == "backpressure") & (table["qdisc"] == qdisc)]
    good = pushed[pushed["received_rate"] >= 0.98 * pushed["received_rate"].max()]
    smallest: pd.Series = good.nsmallest(1, "ring").iloc[0]
    return smallest


def headline(bulk: pd.DataFrame) -> dict[str, tuple[float, str, str]]:
    """Numbers worth a sentence: name -> (value, unit, words).

    Parameters
    ----------
    bulk
        What `over_rings` returned.

    Returns
    -------
    dict[str, tuple[float, str, str]]
        By the names that `Output.number` takes.
    """
    good, table = sweet_spot(bulk), medians(bulk)
    stock = table[(table["variant"] == "stock") & (table["qdisc"] == good["qdisc"])]
    largest = stock.nlargest(1, "ring").iloc[0]
    return {
        "qdisc_small_ring": (float(good["ring"]), "packet", "smallest ring with 98 % of the best rate, backpressure"),
        "qdisc_small_wait": (float(good["wait"]), "s", f"wait of a sparse flow at that ring, {good['qdisc']}"),
        "qdisc_stock_wait": (float(largest["wait"]), "s", f"sparse flow's wait, stock, ring of {largest['ring']:.0f}"),
    }  # fmt: skip


def shaped_tun(rings: Sequence[int] = (10, 25, 50, 100, 200, 500)) -> pd.DataFrame:
    """Ping beside 20 TCP streams through a tun read at 8 Mbit/s: `variant`, `ring`, `rtt` [s], `backlog` [s].

    Parameters
    ----------
    rings
        txqueuelen values in packets.

    Returns
    -------
    pandas.DataFrame
        One row per variant and ring.
    """
    names = list(COMPARED)
    result = simulate(Scenario(
        driver=xr.DataArray([COMPARED[n] for n in names], dims="variant", coords={"variant": names}),
        ring=xr.DataArray(list(rings), dims="ring", coords={"ring": list(rings)}),
        qdisc=xr.DataArray(["pfifo_fast", "fq_codel"], dims="variant", coords={"variant": names}),
        drain_rate=SHAPED_RATE, rtt=SHAPED_RTT, streams=20, receive_window=3e5, dt=SHAPED_RTT / 32, duration=60.0,
        warmup=20.0,
    ))  # fmt: skip
    kept = xr.Dataset({"rtt": result["sparse_latency"] + SHAPED_RTT, "backlog": result["qdisc_sojourn"]})
    return kept.to_dataframe().reset_index()[["variant", "ring", "rtt", "backlog"]]


def shaped_published() -> tuple[float, float]:
    """Smallest and largest ping of S26, s."""
    row = published("tcp").loc["stackexchange-762935"]
    return float(str(row["latency_low"])), float(str(row["latency_high"]))


def compare(shaped: pd.DataFrame) -> pd.DataFrame:
    """Published against simulated ping, and the time a full ring takes.

    Parameters
    ----------
    shaped
        What `shaped_tun` returned.

    Returns
    -------
    pandas.DataFrame
        One row per published ping, times in s.
    """
    low, high = shaped_published()
    stock = shaped[(shaped["variant"] == "stock") & (shaped["ring"] == DEFAULT_RING["tun"])]["rtt"].iloc[0]
    middle = (low + high) / 2
    rows = [("ping, 500 packets, simulated", middle, float(stock)),
            ("500 x 1500 byte x 8 / 8 Mbit/s", middle, 500 / SHAPED_RATE)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["case", "published", "model"])
    return table.assign(error=table["model"] / table["published"] - 1.0)


def video() -> pd.DataFrame:
    """Loss of a video in a stock ring over assumed frames and readers: `reader`, `ring`, `frame`, `iframe`, `loss`."""
    arrays = {name: xr.DataArray(list(sizes), dims=name, coords={name: list(sizes)}) for name, sizes in
              (("ring", VIDEO_RINGS), ("reader", READERS), ("frame", FRAMES), ("iframe", IFRAMES))}  # fmt: skip
    result = simulate(Scenario(
        driver="stock", source="frames", ring=arrays["ring"], drain_rate=arrays["reader"],
        frame_packets=arrays["frame"], iframe_packets=arrays["iframe"], frame_rate=30.0, iframe_every=30,
        burst_rate=1.81e6, rtt=0.02, duration=12.0, warmup=1.0,
    ))  # fmt: skip
    loss = (result["dropped_ring"] / result["sent"]).rename("loss")
    return loss.to_dataframe().reset_index()[["reader", "ring", "frame", "iframe", "loss"]]


def video_range(frames: pd.DataFrame, ring: int) -> tuple[float, str]:
    """Highest simulated loss at one ring, in percent, and the unit.

    Parameters
    ----------
    frames
        What `video` returned.
    ring
        Ring size in packets.

    Returns
    -------
    tuple[float, str]
        Loss in percent, and ``"%"``.
    """
    return 100.0 * float(frames[frames["ring"] == ring]["loss"].max()), "%"


def ring_delay(rings: Sequence[int]) -> pd.DataFrame:
    """Time in seconds that a full ring takes to drain: columns `reader` [packet/s], `ring`, `delay`.

    Parameters
    ----------
    rings
        Ring sizes in packets.

    Returns
    -------
    pandas.DataFrame
        One row per reader and ring.
    """
    rows = [(reader, ring, ring / reader) for reader in (SHAPED_RATE, 10_000.0, 60_000.0) for ring in rings]
    return pd.DataFrame(rows, columns=["reader", "ring", "delay"])


def veth() -> pd.DataFrame:
    """Published ping on veth under a flood: columns `words`, `ring`, `delay` [s]."""
    table = published("tcp")
    rows = [("veth, backpressure", "veth-fq-codel-backpressure"),
            ("veth, byte queue limits", "veth-fq-codel-backpressure-bql")]  # fmt: skip
    return pd.DataFrame([(words, VETH_RING, float(str(table.loc[row, "latency_low"]))) for words, row in rows],
                        columns=["words", "ring", "delay"])  # fmt: skip
