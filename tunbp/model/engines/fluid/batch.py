"""A batch for the fluid kernel: parameter table, tiles of scenarios that share a kernel, results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tunbp.model import congestion, gso
from tunbp.model.compiled import Kernel
from tunbp.model.drivers import ring_batch
from tunbp.model.engines import codes
from tunbp.model.engines.cost import check_cost
from tunbp.model.engines.fluid import state
from tunbp.model.engines.fluid.state import DT, ENTRY, FOREVER, PARAMETERS, RTT, SERIES, TOTALS, WARMUP, Kind, memory_of
from tunbp.model.engines.threads import each
from tunbp.model.pacing import paced
from tunbp.model.qdiscs import QDISCS, codel_times, fact, qdisc_limit, small_queue_share
from tunbp.model.scenario import Scenario
from tunbp.model.service import numbers, path_buffer, service_times

Array = npt.NDArray[Any]

WIDTHS = {True: 16, False: 16}
"""Scenarios per tile, of one flow each or of several: the least that LLVM still makes vectors of."""

FEW = {True: 4, False: 10}
"""Scenarios that alone, one after the other, take less time than in a tile with empty lanes (measured)."""

OWN_KERNEL_PAYS = 5e7
"""Steps of a flow from which on a scenario alone wins by a kernel of its own what compiling that takes (5 to 7 s)."""

BEHIND = ((True, True), (False, False))
"""A path and readers whose ACKs cost time, as `tunbp predict` draws them; neither."""

STEPS_PER_RTT = (32, 256)
"""Fewest and most time steps per RTT when `dt` is automatic and the ring does not ask for more."""

STEPS_PER_RING = 4
"""Time steps in which the reader empties a full ring, when `dt` is automatic: bursts are resolved on that scale."""

FEWEST_STEPS, MOST_STEPS = 4, 2048

SHORTEST_STEP = 15e-6

BLOCKS_PER_RING, BLOCKS_PER_QUEUE, BLOCKS_PER_WINDOW = 20.0, 3.0, 50.0
"""Blocks of which a stock ring, a ring and its qdisc, or the window holds more are left out: they change nothing."""


def round_trip_slots(
    rtt: Array, dt: float | None, emptying: Array | float = np.inf, shortest: Array | float = 0.0
) -> Array:
    """Time steps per RTT, a value of a fixed ladder of quarter octaves.

    A scenario's step never depends on the batch it is in, and scenarios of similar RTT share a tile.

    Parameters
    ----------
    rtt
        Round-trip times in seconds.
    dt
        Longest time step wanted, or None for automatic.
    emptying
        What `emptying` returns, in seconds; matters where `dt` is automatic.
    shortest
        Shortest step in seconds, where `dt` is automatic: what comes at once comes within one.
    """
    low, high = STEPS_PER_RTT
    if dt is None:
        wanted = np.clip(rtt / SHORTEST_STEP, low, high)
        wanted = np.maximum(wanted, np.minimum(STEPS_PER_RING * rtt / emptying, MOST_STEPS))
        with np.errstate(divide="ignore"):
            wanted = np.maximum(np.minimum(wanted, np.divide(rtt, shortest)), FEWEST_STEPS)
    else:
        wanted = np.maximum(np.ceil(rtt / dt - 1e-9), FEWEST_STEPS)
    wanted = np.minimum(wanted, 2.0**60)
    octave = 2.0 ** np.floor(np.log2(wanted))
    slots: Array = np.ceil(wanted / octave * 4 - 1e-9) / 4 * octave
    return slots.astype(np.int64)


def emptying(number: dict[str, Array]) -> Array:
    """Seconds that the reader needs for a full ring, or the link for a full buffer where that is less.

    Parameters
    ----------
    number
        Fields of a batch (`tunbp.model.service.numbers`).

    Returns
    -------
    Array
        Seconds.
    """
    times: Array = np.fmin(number["ring"] / number["drain_rate"], (path_buffer(number) + 1.0) / number["path_rate"])
    return times


@dataclass(frozen=True)
class Prepared:
    """The engine's view of a batch: parameter table, seeds, slots per RTT and the kind of kernel of each scenario.

    Of the kinds in `alone` single scenarios have a kernel of their own; of others they use that of the tiles.
    """

    table: Array
    seeds: Array
    slots: Array
    kinds: list[Kind]
    alone: set[Kind]
    streams: Array
    segment_bits: Array
    per_cycle: Array
    sparse_first: Array


def prepare(scenario: Scenario, flat: dict[str, Array]) -> Prepared:
    """The kernel's parameters for each scenario of a batch, from one flat array per field."""
    number = numbers(flat)
    path, path_on, readers_on = _behind_the_reader(flat, number)
    g = gso.segments_per_entry(flat["source"], number["gso_segments"], flat["qdisc"])
    free, full, pushing, k, per_cycle = service_times(flat)
    source = np.array([codes.SOURCES[str(x)] for x in flat["source"]], dtype=int)
    control = np.array([congestion.CODES[str(x)] for x in flat["congestion"]], dtype=int)
    rules = congestion.ROWS
    tcp = source == codes.TCP
    local = flat["origin"] == "local"
    more, most = gso.block_limits(number["rtt"], number["mss"])
    rate = np.where(source == codes.PKTGEN, np.nan, number["qdisc_rate"])
    payload = number["mss"] * g
    limit = qdisc_limit(flat["qdisc"], number["qdisc_limit"], number["ring"], payload, rate, number["streams"]) * g
    small_ring = np.where(
        pushing > 0, number["ring"] + limit < BLOCKS_PER_QUEUE * most, number["ring"] < BLOCKS_PER_RING * most
    )
    # ACKs that come together leave only young packets on the way: TCP does not wait, and bursts are theirs
    cut = local & tcp & (g == 1) & (number["ack_interval"] == 0.0)
    large = cut & (small_ring | (number["rtt"] < BLOCKS_PER_WINDOW * gso.DEFER_TIME))
    shortest = np.where(large, most / number["burst_rate"], 0.0)
    slots = round_trip_slots(number["rtt"], scenario.dt, emptying(number), shortest)
    dt = number["rtt"] / slots
    offered = np.where(np.isnan(number["offered_rate"]), 0.0, number["offered_rate"]) * number["streams"]
    frames = source == codes.FRAMES
    streams = number["streams"].astype(int)
    single = (streams == 1) | ~tcp
    shaped = np.isfinite(rate)
    shaper = np.where(shaped, 1.0 / rate, 0.0)
    target, patience = codel_times(rate)
    drops = np.array([float(QDISCS[str(name)].drops) for name in flat["qdisc"]])
    slowest = np.maximum(np.maximum(free / g, shaper), np.maximum(path["path_service"], path["far_service"]))
    # segments that arrive at a busy pace from the first held ACK until the ACK interval ends; ACKs of two at least
    bunch = np.maximum(g * (np.floor(number["ack_interval"] / (slowest * g) * (1 + 1e-9)) + 1.0), 2.0)
    batch = np.array([float(ring_batch(n)) for n in number["ring"]])
    send_buffer = np.where(np.isnan(number["send_buffer"]), np.inf, number["send_buffer"])
    blocks = np.where(local & np.isfinite(send_buffer), send_buffer / number["mss"], FOREVER)
    rows = {
        # a slot is free when the service of its entry begins, so one entry more is in the system
        "ring": (number["ring"] + 1.0) * g,
        "drain": g * dt / free,
        "drain_full": g * dt / full,
        "rho": np.minimum(1.0 / (free * number["burst_rate"]), 1.0),
        "burst": number["burst_rate"] * g * dt,
        "window": np.maximum(np.minimum(number["receive_window"], send_buffer) / number["mss"], 1.0),
        # counted in packets where one flow keeps the reader busy, else (and while it pauses) in time
        "ack_interval": number["ack_interval"] + np.where(single, dt, 0.0),
        "delayed_ack": number["delayed_ack"],
        "bunch": bunch,
        "bunches": 1.0 / bunch,
        "safe": number["ring"] - batch,
        "batch": batch,
        "sawtooth": 0.5 * np.minimum(k, number["ring"]) * g,
        "qdisc_limit": limit,
        "bulk": drops * g,
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
        "ecn": np.where(tcp, number["ecn"], 0.0),
        "small_queue": np.where(local & tcp, congestion.TSQ_TIME, 0.0),
        # packets in ring and qdisc from which on a small queue may hold a flow back
        "unheld": np.where(local & tcp, (number["ring"] + 1.0 - 0.5 * np.minimum(k, number["ring"])) * g, FOREVER),
        "block": np.where(source == codes.PKTGEN, 0.0, blocks),
        "idle": number["idle_latency"] / free,
        "sees_drops": np.where(local & tcp & ~fact(flat["qdisc"], "attached"), 1.0, 0.0),
        "path": np.minimum(dt * path["path_rate"], FOREVER),
        "path_service": path["path_service"],
        "path_room": path["path_room"],
        "path_rho": np.minimum(path["path_rate"] * free / g, 1.0),
        "loss_gap": path["loss_gap"],
        "loss_run": path["loss_run"],
        "acks": np.minimum(dt * path["acks"], FOREVER),
        "policy": path["policy"],
        "far": np.minimum(dt * path["far_rate"], FOREVER),
        "far_acks": np.minimum(dt * path["far_acks"], FOREVER),
        "pace": dt / slowest,
        "block_rate": congestion.TSQ_TIME / number["rtt"],
        "block_pace": congestion.TSQ_TIME / slowest,
        "block_more": more,
        "block_most": most,
        "probe": 3.0 * number["rtt"] + congestion.TLP_SLACK,
        "shape": np.where(shaped, dt * rate, FOREVER),
        # how much longer a packet in the qdisc waits for the next one than one in the ring
        "slower": np.where(shaped, np.maximum(shaper * g / free, 1.0), 1.0),
        # a qdisc that runs empty at each wake forgets how long packets waited
        "codel_queue": np.where(
            shaped,
            target * np.minimum(g * dt / full, dt * rate),
            np.maximum(target * (g * dt / full), dt * (0.5 * np.minimum(k, number["ring"]) * g)),
        ),
        "patience": patience,
        "small_share": small_queue_share(flat["qdisc"], number["mss"]),
    }
    waiting = (pushing > 0) | shaped
    rows["codel"] = np.where(fact(flat["qdisc"], "codel") & waiting & (source != codes.PKTGEN), 1.0, 0.0)
    rows["hystart"] = np.where(tcp & np.array([row.hystart for row in rules])[control], number["hystart"], 0.0)
    table = np.stack([np.asarray(rows[name], float) for name in PARAMETERS])
    control = np.where(tcp, control, 0)  # what is not TCP shares a kernel
    columns = (
        single,
        control,
        source,
        waiting,
        path_on | (readers_on & tcp),
        readers_on & tcp,
        large,
        paced(flat),
        shaped,
    )
    kinds = [Kind(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return Prepared(
        table,
        number["seed"].astype(np.int64),
        slots,
        kinds,
        _alone(table, kinds, np.where(single, 1, streams)),
        streams,
        number["mss"] * 8.0,
        per_cycle,
        fact(flat["qdisc"], "fair"),
    )


def _behind_the_reader(flat: dict[str, Array], number: dict[str, Array]) -> tuple[dict[str, Array], Array, Array]:
    """Rates of path, far reader and ACKs in segments per second, and where there is a path, or readers that cost.

    An ACK acknowledges two segments, or an entry of more.
    """
    acknowledged = np.maximum(gso.segments_per_entry(flat["source"], number["gso_segments"], flat["qdisc"]), 2.0)
    rate, far = (np.where(np.isnan(number[x]), np.inf, number[x]) for x in ("path_rate", "far_rate"))
    loss, run = number["path_loss"], number["path_loss_burst"]
    with np.errstate(divide="ignore"):
        behind = {
            "path_rate": rate,
            "path_service": 1.0 / rate,
            "path_room": np.where(np.isinf(rate), FOREVER, path_buffer(number) + 1.0),
            # good segments between two runs, and the mean of an exponential number whose whole part is one less a run
            "loss_gap": np.where(loss > 0.0, run * (1.0 - loss) / loss, 0.0),
            "loss_run": np.where(run > 1.0, -1.0 / np.log1p(-1.0 / np.maximum(run, 1.0 + 1e-12)), 0.0),
            "acks": acknowledged / number["ack_cost"],
            "far_rate": far,
            "far_service": 1.0 / far,
            "far_acks": acknowledged / number["far_ack_cost"],
            "policy": np.array([float(codes.POLICIES[str(x)]) for x in flat["reader_policy"]]),
        }
    readers = (number["ack_cost"] > 0.0) | (number["far_ack_cost"] > 0.0) | np.isfinite(far)
    return behind, np.isfinite(rate) | (loss > 0.0), readers


def usual() -> list[Kind]:
    """Kinds of kernel that most uses need, which are made ready: CUBIC flows, and a source without feedback."""
    cubic = congestion.CODES["cubic"]
    tcp = [
        Kind(single, cubic, codes.TCP, pushing, *behind, blocks, False, False)
        for behind, single, pushing, blocks in product(BEHIND, (True, False), (False, True), (False, True))
    ]
    return tcp + [Kind(True, cubic, codes.OPEN, pushing, *[False] * 5) for pushing in (False, True)]


def drawn_kinds() -> list[Kind]:
    """Kinds beside these that `tunbp predict` draws, made ready for whole tiles alone.

    A paced sender; one flow of BBR, or behind a qdisc that shapes, as remedies have it; a flood with a path behind.
    """
    cubic, bbr = congestion.CODES["cubic"], congestion.CODES["bbr"]
    halves = (False, True)
    paced = [
        Kind(single, cubic, codes.TCP, pushing, *BEHIND[0], blocks, True, False)
        for single, pushing, blocks in product((True, False), halves, halves)
        if single or blocks
    ]
    others = [
        Kind(True, bbr, codes.TCP, pushing, *BEHIND[0], blocks, True, False) for pushing in halves for blocks in halves
    ]
    shaped = [
        Kind(True, cubic, codes.TCP, True, *BEHIND[0], blocks, spaced, True) for blocks in halves for spaced in halves
    ]
    floods = [Kind(True, cubic, codes.OPEN, pushing, True, *[False] * 4) for pushing in halves]
    return paced + others + shaped + floods


def _alone(table: Array, kinds: list[Kind], flows: Array) -> set[Kind]:
    """Kinds whose kernel for single scenarios is ready, or wins more time than its compilation takes.

    That takes few of a kind: of many only the last ones would run alone. Counted as of a hundred round trips at
    least: empty lanes of a tile take memory too.
    """
    steps = np.maximum(table[state.DURATION], 100.0 * table[RTT]) / table[DT] * flows
    work: dict[Kind, list[float]] = {kind: [] for kind in kinds}
    for kind, taken in zip(kinds, steps.tolist(), strict=True):
        work[kind].append(taken)
    ready = set(usual())
    return {
        kind
        for kind, each in work.items()
        if kind in ready or (len(each) <= FEW[kind.single] and sum(each) > OWN_KERNEL_PAYS)
    }


def tiles(batch: Prepared) -> list[tuple[Kind, Array]]:
    """Scenarios that one call steps together, by their number: same kernel, steps per round trip and flows.

    A few that are left over run alone, where there is a kernel for that: the bits are the same, and no lane of a tile
    is wasted.
    """
    groups: dict[tuple[Kind, int, int], list[int]] = {}
    for i, kind in enumerate(batch.kinds):
        key = (kind, int(batch.slots[i]), 1 if kind.single else int(batch.streams[i]))
        groups.setdefault(key, []).append(i)
    tiles = []
    for key, members in groups.items():
        width, few = WIDTHS[key[0].single], FEW[key[0].single]
        order = np.array(members)[np.argsort(batch.table[RTT, members], kind="stable")]
        left = len(order) % width
        alone = left if left <= few and key[0] in batch.alone else 0
        tiles += [(key[0], order[a : a + 1]) for a in range(alone)]
        tiles += [(key[0], order[a : a + width]) for a in range(alone, len(order), width)]
    return tiles


@cache
def kernel(width: int, kind: Kind) -> Kernel:
    """The compiled engine for one kind of batch (`tunbp.model.engines.fluid.kernel.define`)."""
    name = "-".join(["fluid", *(str(int(part)) for part in (width, *kind))])
    return Kernel(name, "tunbp.model.engines.fluid.kernel:define", width, kind)


def make_ready(width: int, kind: Kind, place: Path) -> None:
    """Compile a kernel into a folder where it is not there yet; nothing is simulated."""
    totals, series = np.zeros((2, len(TOTALS), width)), np.zeros((0, len(SERIES), width))
    table, seeds = np.ones((len(PARAMETERS), width)), np.zeros(width, np.int64)
    memory = memory_of(width, kind, 1, 4)
    kernel(width, kind).prepare(table, seeds, memory, 4, 0, 1, 0.0, totals, series, place=place)


def run_tile(
    batch: Prepared,
    kind: Kind,
    members: Array,
    duration: float,
    interval: float | None,
) -> tuple[Array, Array]:
    """Totals `[2, len(TOTALS), member]` and series `[sample, len(SERIES), member]` of one tile."""
    width = 1 if len(members) == 1 and kind in batch.alone else WIDTHS[kind.single]
    padded = np.resize(members, width)
    slots = int(batch.slots[members[0]])
    table = np.ascontiguousarray(batch.table[:, padded])
    steps = int(np.ceil(duration / table[DT].min())) + 2
    samples = int(np.floor(duration / interval + 1e-9)) if interval else 0
    flows = 1 if kind.single else int(batch.streams[members[0]])
    totals = np.zeros((2, len(TOTALS), width))
    series = np.zeros((samples, len(SERIES), width))
    memory = memory_of(width, kind, flows, slots)
    kernel(width, kind)(table, batch.seeds[padded], memory, slots, steps, flows, float(interval or 0.0), totals, series)
    return totals[..., : len(members)], series[..., : len(members)]


def run(scenario: Scenario, flat: dict[str, Array], workers: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Totals and series of every scenario, by the names of `tunbp.schema`."""
    batch = prepare(scenario, flat)
    n = batch.table.shape[1]
    samples = int(np.floor(scenario.duration / scenario.interval + 1e-9)) if scenario.interval else 0
    _check_cost(batch, scenario.duration, samples, workers)
    totals = np.empty((2, len(TOTALS), n))
    series = np.empty((samples, len(SERIES), n))

    def work(tile: tuple[Kind, Array]) -> None:
        kind, members = tile
        totals[:, :, members], series[:, :, members] = run_tile(
            batch, kind, members, scenario.duration, scenario.interval
        )

    each(work, tiles(batch), workers)
    return _totals(scenario, batch, totals), _series(scenario, batch, series)


def _check_cost(batch: Prepared, duration: float, samples: int, workers: int) -> None:
    """Refuse a batch that no machine would end: by its steps, and by its round trips in tiles and its series."""
    flows = np.where([kind.single for kind in batch.kinds], 1.0, batch.streams)
    width = np.array([WIDTHS[kind.single] for kind in batch.kinds])
    one = len(flows) == 1 and batch.kinds[0] in batch.alone
    tiles = 16.0 * batch.slots * flows * (1 if one else width)
    running = min(workers * int(width.max(initial=1)), len(flows))
    series = 8.0 * samples * (len(flows) * (len(SERIES) + 1) + running * len(SERIES))
    steps = float(np.sum(flows * duration / batch.table[DT]))
    advice = "take a longer rtt or dt, a shorter duration, a longer interval, or fewer scenarios at once"
    check_cost(steps, float(tiles.max(initial=0.0)) * min(workers, len(flows)) + series, advice)


def _totals(scenario: Scenario, batch: Prepared, totals: Array) -> dict[str, Array]:
    end = dict(zip(TOTALS, totals[1], strict=True))
    start = dict(zip(TOTALS, totals[0], strict=True))
    run = {name: end[name] - start[name] for name in TOTALS}
    seconds = scenario.duration - batch.table[WARMUP]
    through = np.maximum(run["out"], 1e-12)
    ring, qdisc, held = (run[f"{place}_seconds"] / through for place in ("ring", "qdisc", "held"))
    path = run["path_seconds"] / np.maximum(run["out"] - run["dropped_path"], 1e-12)
    result = {
        name: run[name]
        for name in (
            "sent",
            "delivered",
            "dropped_ring",
            "dropped_qdisc",
            "dropped_path",
            "total_retransmits",
            "loss_events",
            "timeouts",
        )
    }
    # what was on its way at the end of the warm-up counts as sent here and delivered later
    result["queued"] = run["queued"]
    result["in_flight"] = run["in_flight"]
    result["received_rate"] = run["delivered"] * batch.segment_bits / seconds
    result["sent_rate"] = run["sent"] * batch.segment_bits / seconds
    result["transmitted_rate"] = run["out"] / seconds
    result["lost_rate"] = run["dropped_ring"] / seconds
    lost = run["dropped_ring"] + run["dropped_qdisc"] + run["dropped_path"]
    result["drop_fraction"] = lost / np.maximum(run["sent"], 1e-12)
    result["wake_cycles"] = run["full_packets"] * batch.table[ENTRY] / batch.per_cycle
    result["ring_sojourn"], result["qdisc_sojourn"], result["path_sojourn"] = ring, qdisc, path
    result["mean_rtt"] = batch.table[RTT] + ring + qdisc + path + held
    result["min_rtt"] = batch.table[RTT] + 0.0
    # a fair qdisc serves a sparse flow first: only ring and path are in front of it (net/sched/sch_fq_codel.c)
    result["sparse_latency"] = ring + path + np.where(batch.sparse_first, 0.0, qdisc)
    return result


def _series(scenario: Scenario, batch: Prepared, series: Array) -> dict[str, Array]:
    if scenario.interval is None:
        return {}
    # in place: of all that a batch takes, its series are most
    rows = {name: series[:, j, :].T for j, name in enumerate(SERIES)}
    for name in ("delivered", "total_retransmits", "ring_seconds", "qdisc_seconds", "path_seconds", "held_seconds"):
        rows[name][:, 1:] -= rows[name][:, :-1].copy()
    waiting, delivered, bits = rows["ring_seconds"], rows["delivered"], batch.segment_bits[:, None]
    for place in ("qdisc", "path", "held"):
        waiting += rows[f"{place}_seconds"]
    waiting /= np.maximum(delivered, 1e-12)
    waiting[delivered <= 0] = 0.0
    waiting += batch.table[RTT][:, None]
    for name in ("delivered", "cwnd"):
        rows[name] *= bits
    delivered /= scenario.interval
    rows["cwnd"] /= 8.0
    return {
        "throughput": delivered,
        "retransmits": rows["total_retransmits"],
        "cwnd": rows["cwnd"],
        "rtt": waiting,
        "ring_occupancy": rows["ring_occupancy"],
        "qdisc_backlog": rows["qdisc_backlog"],
    }
