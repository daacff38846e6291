"""The laboratory's experiments besides TCP through OpenVPN: what was measured, and what the model says of it.

What a prediction knows of a run is how it was set up, and one or two constants that are no result of it: processor time
per packet (of stock runs, for both variants), floods, the speed at which a burst was seen to come. Nothing is fitted.
Where the model lacks what decides (several queues, a processor that sender and reader share), it says nothing, or its
number stands there to be seen wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence import held_out, live, sockets
from tunbp.model.drivers import COMPARED, NAPI_POLL
from tunbp.model.laws import burst_window
from tunbp.model.qdiscs import qdisc_limit
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.prediction.path import HEADERS

Predict = Callable[[xr.Dataset, str], Mapping[str, float]]
"""`predict(stock, variant)`: values by the names of variables, from one cell's stock runs."""

OPENVPN_OUTSIDE = 24 + 28 + 14
"""Bytes that a packet of OpenVPN's AES-256-GCM (opcode and peer 4, number 4, tag 16), UDP and IP, and Ethernet add."""
SEEN = 1e-9
"""Share of packets below which losses are none in the runs here."""
OWN_QUEUE = 1024
"""Packets that wireguard-go queues for decryption behind its socket (`QueueInboundSize` of its device)."""
VIDEO_PAYLOAD, VIDEO_SPREAD = 1200, 0.3
"""Bytes of the laboratory's video packets, and the share by which its frames vary (`tunbp.lab.experiments.video`)."""
SHORT = 1e-4
"""RTT where no delay was added, s."""


def beside(runs: xr.Dataset, predict: Predict, stock: xr.Dataset | None = None) -> pd.DataFrame:
    """Every cell and variant: the median and range of what was measured, beside the prediction.

    Parameters
    ----------
    runs
        A measurement, along run.
    predict
        One of this module's, bound to its constants.
    stock
        Another measurement of these cells on that machine, whose stock runs give the constants; None: this one.
        A cell without stock runs is left out.

    Returns
    -------
    pandas.DataFrame
        `cell`, `variant`, `variable`, `quantity` (its long name), `units`, `runs`, `measured` (median), `least`,
        `most`, `predicted` (NaN: the model says nothing), by cell, variant and variable.
    """
    rows = []
    known = runs if stock is None else stock
    known = known.isel(run=known["variant"].to_numpy() == "stock")
    for cell in dict.fromkeys(runs["cell"].to_numpy().tolist()):
        here = runs.isel(run=runs["cell"].to_numpy() == cell)
        constants = known.isel(run=known["cell"].to_numpy() == cell)
        if not constants.sizes["run"]:
            continue
        for variant in [name for name in COMPARED if name in here["variant"].to_numpy()]:
            part = here.isel(run=here["variant"].to_numpy() == variant)
            for name, predicted in predict(constants, variant).items():
                values = part[name].to_numpy()
                rows.append(
                    {
                        "cell": cell,
                        "variant": variant,
                        "variable": name,
                        "quantity": runs[name].attrs["long_name"],
                        "units": runs[name].attrs["units"],
                        "runs": int(np.isfinite(values).sum()),
                        "measured": float(np.nanmedian(values)),
                        "least": float(np.nanmin(values)),
                        "most": float(np.nanmax(values)),
                        "predicted": predicted,
                    }
                )
    return pd.DataFrame(rows)


def _first(runs: xr.Dataset, name: str) -> Any:
    return runs[name].to_numpy()[0]


def _cost(runs: xr.Dataset, name: str = "reader_cpu") -> float:
    """Processor time that a process needed per packet, s: the median of runs."""
    return float((runs[name] / runs["delivered"]).median())


def _tcp(stock: xr.Dataset, variant: str, **fields: Any) -> Scenario:
    """TCP as a cell was set up, and what is known besides."""
    setup = {
        "driver": COMPARED[variant],
        "qdisc": str(_first(stock, "qdisc")),
        "ring": int(_first(stock, "ring")),
        "congestion": str(_first(stock, "congestion")),
        "pacing": bool(live.paced(stock)[0]),
        "receive_window": live.RECEIVE_WINDOW,
    }
    return Scenario(**{**setup, **fields})


def _tunnel(stock: xr.Dataset, variant: str, **fields: Any) -> Scenario:
    """TCP through a tunnel as a cell was set up: `_tcp` with its delay, segments and length."""
    setup = {
        "rtt": max(float(_first(stock, "added_rtt")), SHORT),
        "mss": float(stock["mss"].median()),
        "duration": float(_first(stock, "set_duration") + _first(stock, "warmup")),
        "warmup": float(_first(stock, "warmup")),
    }
    return _tcp(stock, variant, **{**setup, **fields})


def _simulated(scenario: Scenario) -> dict[str, float]:
    """Medians over the seeds of a scenario, and the share of packets that met a full ring."""
    return _medians(simulate(scenario, engine="auto"))


def _medians(found: xr.Dataset) -> dict[str, float]:
    values = {str(name): float(found[name].median()) for name in found.data_vars}
    reached = values["delivered"] + values["dropped_ring"]
    return {**values, "ring_drop_fraction": values["dropped_ring"] / reached if reached else 0.0}


def shaped(stock: xr.Dataset, variant: str) -> Mapping[str, float]:
    """OpenVPN over a slow uplink: it waits for its socket, so it reads at the uplink's speed, and both queues add up.

    Nothing is known but the set-up: uplink, socket buffer (of 2304 bytes a packet), ring, segment size.

    Parameters
    ----------
    stock
        Stock runs of one cell of the experiment `shaped`.
    variant
        ``"stock"`` or ``"backpressure"``.

    Returns
    -------
    Mapping[str, float]
        Predicted variables by name, SI units.
    """
    outside = float(stock["mss"].median()) + HEADERS + OPENVPN_OUTSIDE
    waiting = int(2 * _first(stock, "socket_buffer") / sockets.TRUESIZE)
    speed = float(_first(stock, "uplink_rate")) / 8 / outside
    found = _simulated(_tunnel(stock, variant, ring=int(_first(stock, "ring")) + waiting, drain_rate=speed))
    return {
        "received_rate": found["received_rate"],
        "ping_mean_rtt": found["sparse_latency"],
        "ring_drop_fraction": found["ring_drop_fraction"],
    }


def wireguard(cpus: int, floods: xr.Dataset | None = None) -> Predict:
    """TCP through wireguard-go, whose threads share the processors: speeds from processor time per packet in stock.

    The chain carries a packet in the sum of what both ends (and the relay, if there is one) need for it, on all
    processors; the near end alone is the reader. What iperf3 and the kernel's TCP need is not known and left out.
    What the far end's socket loses while its reader pauses is known from paced floods, where these were measured.

    Parameters
    ----------
    cpus
        Processors of the machine.
    floods
        Runs of the experiment `speed` through wireguard-go on that machine; None: the far socket loses nothing.

    Returns
    -------
    Predict
        Predicts a cell from its stock runs and the variant.
    """
    pauses = None if floods is None else sockets.pauses(floods)

    def predict(stock: xr.Dataset, variant: str) -> Mapping[str, float]:
        parts = [name for name in ("reader_cpu", "far_reader_cpu", "relay_cpu") if name in stock]
        near, *others = (_cost(stock, name) for name in parts)
        chain, held = cpus / (near + float(np.nansum(others))), sockets.held_packets(stock)
        known = {"drain_rate": cpus / near, "path_rate": chain, "path_buffer": held + OWN_QUEUE}
        scenario = _tunnel(stock, variant, reader_policy="separate", **known)
        if pauses is None or float(_first(stock, "added_rtt")) == 0.0 or pauses.lost(chain, held) < SEEN:
            found = _simulated(scenario)
        else:
            found = _medians(sockets.settled(scenario, pauses, held))
        return {name: found[name] for name in ("received_rate", "ring_drop_fraction")}

    return predict


def video(drain_rate: float, burst_rate: float) -> Predict:
    """Frames into the ring: of B packets B (1 - mu/lambda) - N do not fit in stock.

    Under backpressure the ring drops none, and the qdisc what does not fit into both: pfifo_fast holds as many as the
    ring (txqueuelen). That half was written after the first emulated run had been seen.

    Parameters
    ----------
    drain_rate
        The reader's speed mu, packets/s.
    burst_rate
        The speed lambda at which a program's packets enter the ring, packets/s.

    Returns
    -------
    Predict
        Predicts a cell from its stock runs and the variant.
    """
    fits = float(burst_window(1, drain_rate, burst_rate))  # packets of a frame per slot of the ring

    def predict(stock: xr.Dataset, variant: str) -> Mapping[str, float]:
        spacing, size = int(_first(stock, "key_interval")), float(_first(stock, "key_size"))
        frame = float(_first(stock, "bit_rate")) / float(_first(stock, "frame_rate")) / 8 / VIDEO_PAYLOAD
        other = frame * spacing / (spacing - 1 + size)
        sizes = np.array([other, other * size]) * np.linspace(1 - VIDEO_SPREAD, 1 + VIDEO_SPREAD, 201)[:, None]
        ring, kept = int(_first(stock, "ring")), variant != "stock"
        waits = float(qdisc_limit(str(_first(stock, "qdisc")), None, ring, VIDEO_PAYLOAD)) if kept else 0.0
        lost = np.maximum(0.0, sizes / fits - ring - waits)
        broken, keys = (lost > 0).mean(0), 1 / spacing
        share = np.array([1 - keys, keys])
        return {
            "ring_drop_fraction": 0.0 if kept else float((lost.mean(0) * share).sum() / (sizes.mean(0) * share).sum()),
            "broken_fraction": float((broken * share).sum()),
            "broken_key_fraction": float(broken[1]),
        }

    return predict


def senders(cpus: int) -> Predict:
    """Senders through one queue: the reader's own speed, from its processor time per packet in stock.

    TCP senders sleep while the ring is full of their windows: the reader has a processor for itself. A UDP flood sleeps
    where a stopped queue's qdisc has room for all that its sockets may send. Where packets are dropped, by the ring or
    by the qdisc, it never does: the reader gets its fair share of processors.

    Parameters
    ----------
    cpus
        Processors of the machine.

    Returns
    -------
    Predict
        Predicts a cell from its stock runs and the variant.
    """

    def predict(stock: xr.Dataset, variant: str) -> Mapping[str, float]:
        count, speed = int(_first(stock, "senders")), 1 / _cost(stock)
        if _first(stock, "queues") > 1:
            return dict.fromkeys(("transmitted_rate", "ring_drop_fraction"), np.nan)
        if _first(stock, "protocol") == "udp":
            offered = float((stock["sent"] / stock["duration"]).median())
            room = qdisc_limit(str(_first(stock, "qdisc")), None, int(_first(stock, "ring")), 1448.0)
            asleep = variant != "stock" and count * (sockets.DEFAULT_BUFFER // sockets.TRUESIZE) <= room
            taken = min(offered, speed * (1.0 if asleep else min(1.0, cpus / (count + 1))))
            return {
                "transmitted_rate": taken,
                "ring_drop_fraction": 1 - taken / offered if variant == "stock" else 0.0,
            }
        found = _simulated(
            _tcp(stock, variant, drain_rate=speed, rtt=SHORT, mss=1448.0, streams=count, duration=2.0, warmup=0.5)
        )
        return {name: found[name] for name in ("transmitted_rate", "ring_drop_fraction")}

    return predict


def vhost(thread_rate: float) -> Predict:
    """A flood for a guest behind vhost-net: offered evenly at the rate that the sender was seen to reach.

    Parameters
    ----------
    thread_rate
        The vhost thread's speed, packets/s: one over its processor time per packet (`vhost_rate`).

    Returns
    -------
    Predict
        Predicts a cell from its stock runs and the variant.
    """

    def predict(stock: xr.Dataset, variant: str) -> Mapping[str, float]:
        guest = float(_first(stock, "guest_rate"))
        found = _simulated(
            Scenario(
                driver=COMPARED[variant],
                source="open" if _first(stock, "load") == "udp" else "pktgen",
                offered_rate=float((stock["sent"] / stock["duration"]).median()),
                qdisc=str(_first(stock, "qdisc")),
                ring=int(_first(stock, "ring")),
                drain_rate=thread_rate,
                guest_rate=guest or None,
                duration=2.0,
                warmup=0.5,
            )
        )
        return {name: found[name] for name in ("transmitted_rate", "ring_drop_fraction")}

    return predict


def vhost_rate(runs: xr.Dataset) -> float:
    """The vhost thread's speed from its processor time, in stock runs with the largest ring and a fast guest.

    Parameters
    ----------
    runs
        Runs of the experiment `vhost`.

    Returns
    -------
    float
        packets/s.
    """
    kept = (runs["variant"] == "stock") & (runs["guest_rate"] == 0) & (runs["ring"] == runs["ring"].max())
    return 1 / _cost(runs.isel(run=kept.to_numpy()))


def per_stop(veth: xr.Dataset) -> pd.DataFrame:
    """Packets that a veth carried between two stops: measured, and one NAPI poll, after which it is woken.

    Parameters
    ----------
    veth
        Runs of the experiment `veth`.

    Returns
    -------
    pandas.DataFrame
        One row per cell, in packets.
    """
    kept = veth.isel(run=(veth["queue_stops"] > 0).to_numpy())
    between = (kept["delivered"] / kept["queue_stops"]).assign_attrs(long_name="packets per stop", units="packet")
    return beside(kept.assign(per_stop=between), lambda stock, variant: {"per_stop": float(NAPI_POLL)})


def every(runs: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """All measurements that are predicted here, `beside` their predictions, with the measurement's name in front.

    Parameters
    ----------
    runs
        `tunbp.evidence.live.measurements`.

    Returns
    -------
    pandas.DataFrame
        One row per cell, variant and variable.
    """
    tables = []
    for name, dataset in runs.items():
        predict = _predict_of(name, dataset, runs)
        if predict is not None:
            bare = "stock" not in dataset["variant"].to_numpy()  # a changed driver, measured with the flag alone
            stock = runs.get(dataset.attrs["experiment"]) if bare else None
            tables.append(beside(dataset, predict, stock).assign(measurement=name))
        elif dataset.attrs["experiment"] == "veth":
            tables.append(per_stop(dataset).assign(measurement=name))
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True)
    return table[["measurement", *table.columns.drop("measurement")]]


def rated(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `every` whose measured value can be divided by a predicted one: rates, times and counts, no shares.

    Parameters
    ----------
    table
        What `every` returned.

    Returns
    -------
    pandas.DataFrame
        Some of its rows, with `ratio`, measured over predicted.
    """
    if table.empty:
        return table
    kept = table[(table["predicted"] > 0) & (table["measured"] > 0) & table["units"].ne("1")]
    return kept.assign(ratio=kept["measured"] / kept["predicted"])


def _predict_of(name: str, dataset: xr.Dataset, runs: Mapping[str, xr.Dataset]) -> Predict | None:
    """The prediction of a measurement, with its constants; None where there is none, or its constants are missing."""
    experiment, native = dataset.attrs["experiment"], name.endswith("_native")
    if experiment == "shaped":
        return shaped
    if experiment == "senders":
        return senders(cpus(dataset))
    if experiment == "wireguard":
        return wireguard(cpus(dataset), runs.get("speed_wireguard_native") if native else None)
    if experiment == "vhost":
        return vhost(vhost_rate(dataset))
    ring = runs.get("ring_native" if native else "ring")
    if experiment != "video" or ring is None or (native and "speed_native" not in runs):
        return None
    drain_rate = held_out.reader_rate(runs["speed_native"]) if native else live.speeds(ring).drain_rate
    return video(drain_rate, push_rate(ring))


def push_rate(ring: xr.Dataset) -> float:
    """Speed at which a program's single sends enter the ring, packets/s: of bursts into stock.

    Parameters
    ----------
    ring
        Runs of the experiment `ring`.

    Returns
    -------
    float
        packets/s.
    """
    bursts = ring.isel(run=((ring["mode"] == "burst") & (ring["variant"] == "stock")).to_numpy())
    return float(bursts["burst_rate"].median())


def cpus(runs: xr.Dataset) -> int:
    """Processors of the machine that a measurement was made on.

    Parameters
    ----------
    runs
        Runs of any experiment.

    Returns
    -------
    int
        At least 1.
    """
    return int(json.loads(str(runs.attrs["facts"]))["cpus"])
