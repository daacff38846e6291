"""`simulate(scenario)`: broadcast a scenario, run an engine over the batch, and return a Dataset of the schema."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from tunbp import schema
from tunbp.errors import ScenarioError
from tunbp.model import congestion, fluid
from tunbp.model.drivers import Wake, driver, pushes_back, ring_batch, wake_threshold
from tunbp.model.lazy import Chunked, simulate_lazily
from tunbp.model.limits import saturated_service_time
from tunbp.model.scenario import BATCH_WIDE, CHOICES, Scenario, qdisc_limit

Array = npt.NDArray[Any]

TILE = 64
"""Scenarios per tile: wide enough for SIMD, small enough for the round-trip ring to stay in the L2 cache."""

STEPS_PER_RTT = (32, 256)
"""Fewest and most time steps per RTT when `dt` is automatic and the ring does not ask for more."""

STEPS_PER_RING = 4
"""Time steps in which the reader empties a full ring, when `dt` is automatic: bursts are resolved on that scale."""

MOST_STEPS = 2048

SHORTEST_STEP = 15e-6


def simulate(scenario: Scenario | Chunked, engine: str = "fluid", threads: int | None = None) -> xr.Dataset:
    """Simulate every scenario of a batch.

    Parameters
    ----------
    scenario
        One scenario or a batch (fields that are DataArrays); `Scenario.chunk` of a batch gives a Dataset that
        Dask computes when it is asked for.
    engine
        "fluid" (vectorized) or "packets" (the exact packet-level twin, one scenario at a time).
    threads
        Worker threads; None: ``NUMBA_NUM_THREADS`` if set, else one per core. Results do not depend on it.

    Returns
    -------
    xarray.Dataset
        Totals over ``duration - warmup`` with the batch's dims and coordinates; with `interval` also series over
        `time`. Names and units are those of `tunbp.schema`; the scenario's scalar fields are kept as attributes.

    Raises
    ------
    ScenarioError
        If `engine` is unknown.
    """
    if engine not in ("fluid", "packets"):
        raise ScenarioError(f"engine: {engine!r} is not known; allowed: fluid, packets")
    if isinstance(scenario, Chunked):
        return simulate_lazily(scenario, engine)
    fields = scenario.broadcast()
    template = fields["ring"]
    shape = template.shape
    flat = {name: field.values.ravel() for name, field in fields.items()}
    workers = threads or int(os.environ.get("NUMBA_NUM_THREADS", 0)) or os.cpu_count() or 1
    if engine == "packets":
        totals, series = _run_packets(scenario, flat, workers)
    else:
        totals, series = _run_fluid(scenario, flat, workers)
    dims = tuple(str(d) for d in template.dims)
    data: dict[str, Any] = {name: (dims, values.reshape(shape)) for name, values in totals.items()}
    coords: dict[Any, Any] = {name: c for field in fields.values() for name, c in field.coords.items()}
    if scenario.interval is not None:
        data |= {name: ((*dims, "time"), values.reshape(*shape, values.shape[-1])) for name, values in series.items()}
        samples = next(iter(series.values())).shape[-1]
        coords["time"] = (
            "time",
            scenario.interval * np.arange(1, samples + 1),
            {"units": "s", "long_name": "time"},
        )
    dataset = schema.describe(xr.Dataset(data, coords))
    return dataset.assign_attrs(engine=engine, **_scalars(scenario))


def _scalars(scenario: Scenario) -> dict[str, Any]:
    return {k: v for k, v in scenario.parameters().items() if isinstance(v, str | int | float)}


# ---------------------------------------------------------------------------------------------------- fluid engine


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
"""What `tunbp.model.fluid.kernel` is compiled for, the width of the tile excepted."""


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


def _numbers(flat: dict[str, Array]) -> dict[str, Array]:
    return {name: values.astype(float) for name, values in flat.items() if name not in CHOICES}


def service_times(flat: dict[str, Array]) -> tuple[Array, Array, Array, Array]:
    """Seconds per ring entry with and without a standing queue, whether the ring pushes back, and k.

    Parameters
    ----------
    flat
        One flat array per scenario field.

    Returns
    -------
    free, full, pushing, per_cycle
        Service time of a reader that keeps up, of a saturated one under the wake-cycle law, 1.0 where a full ring
        stops the queue, and packets per stop/wake cycle.
    """
    number = _numbers(flat)
    rules = [driver(str(name)) for name in flat["driver"]]
    stock = np.array([rule.wake is Wake.NEVER for rule in rules])
    pushing = np.array([pushes_back(r, str(q)) for r, q in zip(rules, flat["qdisc"], strict=True)], dtype=float)
    k = np.array([wake_threshold(r.wake, n) for r, n in zip(rules, number["ring"], strict=True)])
    service = 1.0 / number["drain_rate"]
    overhead = np.where(stock, 0.0, number["patch_overhead"])
    share = 1.0 - 1.0 / number["streams"]
    waiting = np.where(stock, 0.0, k / number["ring"])
    alternating = share * (number["contention"] + number["contention_wait"] * waiting)
    k = np.where(np.isinf(k), 1.0, k)
    full = saturated_service_time(
        service, overhead, number["wake_cost"], k, number["ring"], number["wake_latency"], alternating
    )
    free = service + overhead
    guest = np.where(np.isnan(number["guest_rate"]), 0.0, 1.0 / number["guest_rate"])
    free, full = np.maximum(free, guest), np.maximum(np.where(pushing > 0, full, free), guest)
    return free, full, pushing, k


def _prepare(scenario: Scenario, flat: dict[str, Array]) -> Prepared:
    number = _numbers(flat)
    slots = round_trip_slots(number["rtt"], scenario.dt, number["ring"] / number["drain_rate"])
    dt = number["rtt"] / slots
    g = number["gso_segments"]
    free, full, pushing, k = service_times(flat)
    source = np.array([fluid.SOURCE_CODES[str(x)] for x in flat["source"]])
    control = np.array([congestion.CODES[str(x)] for x in flat["congestion"]])
    offered = np.where(np.isnan(number["offered_rate"]), 0.0, number["offered_rate"]) * number["streams"]
    frames = source == fluid.FRAMES
    streams = number["streams"].astype(int)
    single = (streams == 1) | (source != fluid.TCP)
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
        "ecn": np.zeros(dt.shape),
    }
    table = np.stack([np.asarray(rows[name], float) for name in fluid.PARAMETERS])
    codel = (flat["qdisc"] == "fq_codel") & (pushing > 0) & (source == fluid.TCP)
    kinds = [
        (bool(a), int(b), int(c), bool(d), bool(e))
        for a, b, c, d, e in zip(single, control, source, codel, pushing, strict=True)
    ]
    return Prepared(table, number["seed"].astype(np.int64), slots, kinds, streams, number["mss"] * 8.0, k)


def _tiles(batch: Prepared) -> list[tuple[Kind, Array]]:
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, kind in enumerate(batch.kinds):
        key = (*kind, int(batch.slots[i]), int(batch.streams[i]) if not kind[0] else 1)
        groups.setdefault(key, []).append(i)
    tiles = []
    for key, members in groups.items():
        order = np.array(members)[np.argsort(batch.table[fluid.RTT, members], kind="stable")]
        tiles += [(key[:-2], order[a : a + TILE]) for a in range(0, len(order), TILE)]
    return tiles


def _run_tile(
    batch: Prepared,
    kind: Kind,
    members: Array,
    duration: float,
    interval: float | None,
) -> tuple[Array, Array]:
    width = 1 if len(members) == 1 else (8 if len(members) <= 8 else TILE)
    padded = np.resize(members, width)
    slots = int(batch.slots[members[0]])
    table = np.ascontiguousarray(batch.table[:, padded])
    steps = int(np.ceil(duration / table[fluid.DT].min())) + 2
    samples = int(np.floor(duration / interval + 1e-9)) if interval else 0
    run = fluid.kernel(width, *kind)
    totals = np.zeros((2, len(fluid.TOTALS), width))
    series = np.zeros((samples, len(fluid.SERIES), width))
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


def _run_fluid(scenario: Scenario, flat: dict[str, Array], workers: int) -> tuple[dict[str, Array], dict[str, Array]]:
    batch = _prepare(scenario, flat)
    n = batch.table.shape[1]
    samples = int(np.floor(scenario.duration / scenario.interval + 1e-9)) if scenario.interval else 0
    totals = np.empty((2, len(fluid.TOTALS), n))
    series = np.empty((samples, len(fluid.SERIES), n))

    def work(tile: tuple[Kind, Array]) -> None:
        kind, members = tile
        totals[:, :, members], series[:, :, members] = _run_tile(
            batch, kind, members, scenario.duration, scenario.interval
        )

    _map(work, _tiles(batch), workers)
    return _totals(scenario, batch, totals), _series(scenario, batch, series)


def _map(work: Callable[[Any], None], items: list[Any], workers: int) -> None:
    if workers == 1 or len(items) == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, items):
            pass


def _totals(scenario: Scenario, batch: Prepared, totals: Array) -> dict[str, Array]:
    end = dict(zip(fluid.TOTALS, totals[1], strict=True))
    start = dict(zip(fluid.TOTALS, totals[0], strict=True))
    run = {name: end[name] - start[name] for name in fluid.TOTALS}
    seconds = scenario.duration - batch.table[fluid.WARMUP]
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
    result["wake_cycles"] = run["full_packets"] * batch.table[fluid.ENTRY] / batch.per_cycle
    result["ring_sojourn"], result["qdisc_sojourn"] = ring, qdisc
    result["mean_rtt"] = batch.table[fluid.RTT] + ring + qdisc + held
    result["min_rtt"] = batch.table[fluid.RTT] + 0.0
    codel = np.array([kind[3] for kind in batch.kinds])
    # fq_codel serves a sparse flow first: only the ring is in front of it (net/sched/sch_fq_codel.c)
    result["sparse_latency"] = ring + np.where(codel, 0.0, qdisc)
    return result


def _series(scenario: Scenario, batch: Prepared, series: Array) -> dict[str, Array]:
    if scenario.interval is None:
        return {}
    rows = {name: series[:, j, :].T for j, name in enumerate(fluid.SERIES)}
    steps = {name: np.diff(rows[name], axis=1, prepend=0.0) for name in fluid.SERIES}
    waiting = steps["ring_seconds"] + steps["qdisc_seconds"] + steps["held_seconds"]
    delivered = np.maximum(steps["delivered"], 1e-12)
    bits = batch.segment_bits[:, None]
    return {
        "throughput": steps["delivered"] * bits / scenario.interval,
        "retransmits": steps["total_retransmits"],
        "cwnd": rows["cwnd"] * bits / 8.0,
        "rtt": batch.table[fluid.RTT][:, None] + np.where(steps["delivered"] > 0, waiting / delivered, 0.0),
        "ring_occupancy": rows["ring_occupancy"],
        "qdisc_backlog": rows["qdisc_backlog"],
    }


# ------------------------------------------------------------------------------------------- the packet-level twin


def _run_packets(scenario: Scenario, flat: dict[str, Array], workers: int) -> tuple[dict[str, Array], dict[str, Array]]:
    from tunbp.model import packets  # it compiles kernels of its own

    common = {name: getattr(scenario, name) for name in BATCH_WIDE}
    points = [
        {**{k: v.item() for k, v in zip(flat, row, strict=True)}, **common} for row in zip(*flat.values(), strict=True)
    ]
    results: list[Any] = [None] * len(points)

    def work(i: int) -> None:
        results[i] = packets.run(points[i])

    _map(work, list(range(len(points))), workers)
    both = {name: np.array([r[name] for r in results]) for name in results[0] if name in schema.VARIABLES}
    totals = {name: values for name, values in both.items() if values.ndim == 1}
    return totals, {name: values for name, values in both.items() if values.ndim == 2}
