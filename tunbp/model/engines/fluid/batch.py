"""A batch for the fluid kernel: parameter table, tiles of scenarios that share a kernel, results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tunbp.model import congestion
from tunbp.model.drivers import ring_batch
from tunbp.model.engines import sources
from tunbp.model.engines.fluid import kernel
from tunbp.model.engines.workers import each
from tunbp.model.qdiscs import qdisc_limit
from tunbp.model.scenario import Scenario
from tunbp.model.service import numbers, service_times

Array = npt.NDArray[Any]

TILE = 64
"""Scenarios per tile: wide enough for SIMD, small enough for the round-trip ring to stay in the L2 cache."""

STEPS_PER_RTT = (32, 256)
"""Fewest and most time steps per RTT when `dt` is automatic and the ring does not ask for more."""

STEPS_PER_RING = 4
"""Time steps in which the reader empties a full ring, when `dt` is automatic: bursts are resolved on that scale."""

MOST_STEPS = 2048

SHORTEST_STEP = 15e-6


def round_trip_slots(rtt: Array, dt: float | None, emptying: Array | float = np.inf) -> Array:
    """Time steps per RTT, a value of a fixed ladder of quarter octaves.

    A scenario's step never depends on the batch it is in, and scenarios of similar RTT share a tile.

    Parameters
    ----------
    rtt
        Round-trip times in seconds.
    dt
        Longest time step wanted, or None for automatic.
    emptying
        Times the reader needs for a full ring, N/mu, in seconds; matters where `dt` is automatic.
    """
    low, high = STEPS_PER_RTT
    if dt is None:
        wanted = np.clip(rtt / SHORTEST_STEP, low, high)
        wanted = np.maximum(wanted, np.minimum(STEPS_PER_RING * rtt / emptying, MOST_STEPS))
    else:
        wanted = np.maximum(np.ceil(rtt / dt - 1e-9), 4)
    octave = 2.0 ** np.floor(np.log2(wanted))
    slots: Array = np.ceil(wanted / octave * 4 - 1e-9) / 4 * octave
    return slots.astype(np.int64)


Kind: TypeAlias = tuple[bool, int, int, bool, bool]
"""What `tunbp.model.engines.fluid.kernel.kernel` is compiled for, the width of the tile excepted."""


@dataclass(frozen=True)
class Prepared:
    """The engine's view of a batch: parameter table, seeds, slots per RTT and the kind of kernel of each scenario."""

    table: Array
    seeds: Array
    slots: Array
    kinds: list[Kind]
    streams: Array
    segment_bits: Array
    per_cycle: Array


def prepare(scenario: Scenario, flat: dict[str, Array]) -> Prepared:
    """The kernel's parameters for each scenario of a batch, from one flat array per field."""
    number = numbers(flat)
    slots = round_trip_slots(number["rtt"], scenario.dt, number["ring"] / number["drain_rate"])
    dt = number["rtt"] / slots
    g = number["gso_segments"]
    free, full, pushing, k = service_times(flat)
    source = np.array([sources.CODES[str(x)] for x in flat["source"]])
    control = np.array([congestion.CODES[str(x)] for x in flat["congestion"]])
    offered = np.where(np.isnan(number["offered_rate"]), 0.0, number["offered_rate"]) * number["streams"]
    frames = source == sources.FRAMES
    streams = number["streams"].astype(int)
    single = (streams == 1) | (source != sources.TCP)
    # segments that a busy reader takes from the first held ACK until the ACK interval ends; ACKs of two at least
    bunch = np.maximum(g * (np.floor(number["ack_interval"] / free * (1 + 1e-9)) + 1.0), 2.0)
    batch = np.array([float(ring_batch(n)) for n in number["ring"]])
    rows = {
        "ring": number["ring"] * g,
        "drain": g * dt / free,
        "drain_full": g * dt / full,
        "rho": np.minimum(1.0 / (free * number["burst_rate"]), 1.0),
        "burst": number["burst_rate"] * g * dt,
        "window": number["receive_window"] / number["mss"],
        # counted in packets where one flow keeps the reader busy, else (and while it pauses) in time
        "ack_interval": number["ack_interval"] + np.where(single, dt, 0.0),
        "delayed_ack": number["delayed_ack"],
        "bunch": bunch,
        "bunches": 1.0 / bunch,
        "safe": number["ring"] - batch,
        "batch": batch,
        "qdisc_limit": qdisc_limit(flat["qdisc"], number["qdisc_limit"], number["ring"]) * g,
        "dt": dt,
        "rtt": number["rtt"],
        "stall_rate": np.where(number["stall_mean"] > 0, number["stall_rate"], 0.0),
        "stall_mean": number["stall_mean"],
        "entry": 1.0 / g,
        "service": free / g,
        "offered": offered * dt,
        "frame_interval": np.where(frames, 1.0 / number["frame_rate"], 0.0),
        "frame": number["frame_packets"] * number["streams"],
        "iframe": number["iframe_packets"] * number["streams"],
        "iframe_every": number["iframe_every"],
        "duration": np.full(dt.shape, scenario.duration),
        "warmup": number["warmup"],
        "ecn": number["ecn"],
    }
    table = np.stack([np.asarray(rows[name], float) for name in kernel.PARAMETERS])
    codel = (flat["qdisc"] == "fq_codel") & (pushing > 0) & (source == sources.TCP)
    kinds = [
        (bool(a), int(b), int(c), bool(d), bool(e))
        for a, b, c, d, e in zip(single, control, source, codel, pushing, strict=True)
    ]
    return Prepared(table, number["seed"].astype(np.int64), slots, kinds, streams, number["mss"] * 8.0, k)


def tiles(batch: Prepared) -> list[tuple[Kind, Array]]:
    """Scenarios that one call steps together, by their number: same kernel, steps per round trip and flows."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, kind in enumerate(batch.kinds):
        key = (*kind, int(batch.slots[i]), int(batch.streams[i]) if not kind[0] else 1)
        groups.setdefault(key, []).append(i)
    tiles = []
    for key, members in groups.items():
        order = np.array(members)[np.argsort(batch.table[kernel.RTT, members], kind="stable")]
        tiles += [(key[:-2], order[a : a + TILE]) for a in range(0, len(order), TILE)]
    return tiles


def run_tile(
    batch: Prepared,
    kind: Kind,
    members: Array,
    duration: float,
    interval: float | None,
) -> tuple[Array, Array]:
    """Totals `[2, len(TOTALS), member]` and series `[sample, len(SERIES), member]` of one tile."""
    width = 1 if len(members) == 1 else (8 if len(members) <= 8 else TILE)
    padded = np.resize(members, width)
    slots = int(batch.slots[members[0]])
    table = np.ascontiguousarray(batch.table[:, padded])
    steps = int(np.ceil(duration / table[kernel.DT].min())) + 2
    samples = int(np.floor(duration / interval + 1e-9)) if interval else 0
    run = kernel.kernel(width, *kind)
    totals = np.zeros((2, len(kernel.TOTALS), width))
    series = np.zeros((samples, len(kernel.SERIES), width))
    run(
        table,
        batch.seeds[padded],
        slots,
        steps,
        int(batch.streams[members[0]]),
        interval or 0.0,
        totals,
        series,
    )
    return totals[..., : len(members)], series[..., : len(members)]


def run(scenario: Scenario, flat: dict[str, Array], workers: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Totals and series of every scenario, by the names of `tunbp.schema`."""
    batch = prepare(scenario, flat)
    n = batch.table.shape[1]
    samples = int(np.floor(scenario.duration / scenario.interval + 1e-9)) if scenario.interval else 0
    totals = np.empty((2, len(kernel.TOTALS), n))
    series = np.empty((samples, len(kernel.SERIES), n))

    def work(tile: tuple[Kind, Array]) -> None:
        kind, members = tile
        totals[:, :, members], series[:, :, members] = run_tile(
            batch, kind, members, scenario.duration, scenario.interval
        )

    each(work, tiles(batch), workers)
    return _totals(scenario, batch, totals), _series(scenario, batch, series)


def _totals(scenario: Scenario, batch: Prepared, totals: Array) -> dict[str, Array]:
    end = dict(zip(kernel.TOTALS, totals[1], strict=True))
    start = dict(zip(kernel.TOTALS, totals[0], strict=True))
    run = {name: end[name] - start[name] for name in kernel.TOTALS}
    seconds = scenario.duration - batch.table[kernel.WARMUP]
    through = np.maximum(run["delivered"], 1e-12)
    ring, qdisc, held = (run[f"{place}_seconds"] / through for place in ("ring", "qdisc", "held"))
    result = {
        name: run[name]
        for name in (
            "sent",
            "delivered",
            "dropped_ring",
            "dropped_qdisc",
            "total_retransmits",
            "loss_events",
            "timeouts",
        )
    }
    # what was on its way at the end of the warm-up counts as sent here and delivered later
    result["queued"] = run["queued"]
    result["in_flight"] = run["in_flight"]
    result["dropped_path"] = np.zeros_like(seconds)
    result["received_rate"] = run["delivered"] * batch.segment_bits / seconds
    result["sent_rate"] = run["sent"] * batch.segment_bits / seconds
    result["transmitted_rate"] = (run["delivered"] + run["in_flight"]) / seconds
    result["lost_rate"] = run["dropped_ring"] / seconds
    result["drop_fraction"] = (run["dropped_ring"] + run["dropped_qdisc"]) / np.maximum(run["sent"], 1e-12)
    result["wake_cycles"] = run["full_packets"] * batch.table[kernel.ENTRY] / batch.per_cycle
    result["ring_sojourn"], result["qdisc_sojourn"] = ring, qdisc
    result["mean_rtt"] = batch.table[kernel.RTT] + ring + qdisc + held
    result["min_rtt"] = batch.table[kernel.RTT] + 0.0
    codel = np.array([kind[3] for kind in batch.kinds])
    # fq_codel serves a sparse flow first: only the ring is in front of it (net/sched/sch_fq_codel.c)
    result["sparse_latency"] = ring + np.where(codel, 0.0, qdisc)
    return result


def _series(scenario: Scenario, batch: Prepared, series: Array) -> dict[str, Array]:
    if scenario.interval is None:
        return {}
    rows = {name: series[:, j, :].T for j, name in enumerate(kernel.SERIES)}
    steps = {name: np.diff(rows[name], axis=1, prepend=0.0) for name in kernel.SERIES}
    waiting = steps["ring_seconds"] + steps["qdisc_seconds"] + steps["held_seconds"]
    delivered = np.maximum(steps["delivered"], 1e-12)
    bits = batch.segment_bits[:, None]
    return {
        "throughput": steps["delivered"] * bits / scenario.interval,
        "retransmits": steps["total_retransmits"],
        "cwnd": rows["cwnd"] * bits / 8.0,
        "rtt": batch.table[kernel.RTT][:, None] + np.where(steps["delivered"] > 0, waiting / delivered, 0.0),
        "ring_occupancy": rows["ring_occupancy"],
        "qdisc_backlog": rows["qdisc_backlog"],
    }
