"""One scenario for the twin's kernel, and its results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tunbp import schema
from tunbp.model import congestion as cc
from tunbp.model.compiled import Kernel
from tunbp.model.drivers import ON_FREED, VHOST_NET_BATCH, Stop, Wake, driver, pushes_back, ring_batch, wake_threshold
from tunbp.model.engines import codes
from tunbp.model.engines.cost import check_cost
from tunbp.model.engines.packets.state import (
    ACK,
    COUNTED,
    DEVICE,
    ENTRY,
    FLOW,
    GUEST_QUEUE,
    LISTED,
    NEVER,
    NODE,
    SERIES,
    TOTALS,
    Buffers,
)
from tunbp.model.engines.threads import each
from tunbp.model.fields import BATCH_WIDE, PATH_BUFFER
from tunbp.model.gso import block_limits, segments_per_entry
from tunbp.model.pacing import paced
from tunbp.model.qdiscs import QDISCS, codel_times, qdisc_limit, small_queue_share
from tunbp.model.scenario import Scenario

Array = npt.NDArray[Any]

COUNTLESS = 1 << 62

KERNEL = Kernel("packets", "tunbp.model.engines.packets.kernel:define")
_WOKEN_EMPTY = (Wake.EMPTY, Wake.HALF_OR_EMPTY, Wake.CONSUMED_OR_EMPTY, Wake.BATCH_OR_EMPTY)


def _number(value: Any, default: float) -> float:
    """A scalar of the scenario, `default` where it is automatic (None or NaN)."""
    number = math.nan if value is None else float(value)
    return default if math.isnan(number) else number


def _states(streams: int) -> tuple[Array, Array]:
    """The states of device and flows, all zero; the first flow is part of both (`packets.state.DEVICE`)."""
    first = DEVICE.itemsize - FLOW.itemsize
    memory = np.zeros(first + streams * FLOW.itemsize, np.uint8)
    return memory[: DEVICE.itemsize].view(DEVICE), memory[first:].view(FLOW)


def _device(point: Mapping[str, Any], m: Any) -> None:
    """Everything that the scenario says about a device, into its state."""
    rules = driver(str(point["driver"]))
    qdisc = str(point["qdisc"])
    row = QDISCS[qdisc]
    ring = int(point["ring"])
    source = codes.SOURCES[str(point["source"])]
    control = cc.CONTROLS[str(point["congestion"])]
    streams = int(point["streams"])
    backpressure = pushes_back(rules, qdisc)
    threshold = wake_threshold(rules.wake, ring)
    on_freed = rules.wake in ON_FREED
    service = 1.0 / float(point["drain_rate"])
    guest_rate = _number(point["guest_rate"], math.inf)
    gap = 1.0 / float(point["burst_rate"])
    offered = _number(point["offered_rate"], math.inf) * streams
    stalls = float(point["stall_rate"]) > 0.0 and float(point["stall_mean"]) > 0.0

    m["source"], m["control"], m["streams"] = source, cc.CODES[control.name], streams
    m["gso"] = m["quantum"] = int(segments_per_entry(point["source"], point["gso_segments"], qdisc))
    m["ring"] = ring
    m["most_lazy"] = m["batch"] = ring_batch(ring)
    shaped = math.nan if source == codes.PKTGEN else _number(point["qdisc_rate"], math.nan)
    payload = float(point["mss"]) * m["gso"]
    m["limit"] = int(qdisc_limit(qdisc, point["qdisc_limit"], ring, payload, shaped, streams))
    m["flow_limit"] = COUNTLESS if row.flow_limit is None else int(row.flow_limit)
    m["shaper_gap"] = 0.0 if math.isnan(shaped) else 1.0 / shaped
    m["target"], m["patience"] = codel_times(shaped)
    m["backpressure"] = backpressure
    m["wake_after"] = COUNTLESS if on_freed or math.isinf(threshold) else max(int(threshold), 1)
    m["wake_on_freed"], m["wake_on_empty"] = on_freed, rules.wake in _WOKEN_EMPTY
    m["wake_on_poll"] = rules.wake is Wake.POLL
    m["stop_on_failed"] = backpressure and rules.stop is Stop.FAILED
    m["fetch"] = 1 if math.isinf(guest_rate) else VHOST_NET_BATCH
    m["guest_service"] = 1.0 / guest_rate
    m["drops"], m["fair"] = row.drops, row.fair and streams > 1
    m["codel"] = row.codel
    m["ecn"] = bool(point["ecn"]) and source == codes.TCP
    patched = rules.wake is not Wake.NEVER
    m["service"] = max(service + float(point["patch_overhead"]) * patched, 0.0)
    if backpressure and streams > 1:
        m["alternation"] = float(point["contention"]) + float(point["contention_wait"]) * threshold / ring
    m["wake_cost"], m["wake_latency"] = point["wake_cost"], point["wake_latency"]
    m["idle_latency"] = point["idle_latency"]
    even = source in (codes.OPEN, codes.PKTGEN)
    m["gap"], m["transfer_gap"] = max(gap, 1.0 / offered) if even else gap, gap
    m["stall_gap"] = 1.0 / float(point["stall_rate"]) if stalls else 0.0
    m["stall_mean"], m["rtt"], m["half"] = point["stall_mean"], point["rtt"], 0.5 * float(point["rtt"])
    m["hold"], m["delayed_ack"] = point["ack_interval"], point["delayed_ack"]
    send_buffer = _number(point["send_buffer"], math.inf)
    window = min(float(point["receive_window"]), send_buffer)
    m["window"] = max(math.floor(window / float(point["mss"])), 1)
    local, tcp = str(point["origin"]) == "local", source == codes.TCP
    m["tsq"] = m["sees_drops"] = local and tcp
    m["tsq"] &= backpressure or m["shaper_gap"] > 0.0
    m["small"] = small_queue_share(qdisc, float(point["mss"]))
    m["sees_drops"] &= not row.attached
    m["blocks"] = local and tcp and m["gso"] == 1
    m["block_more"], m["block_most"] = block_limits(float(point["rtt"]), float(point["mss"]))
    m["paced"] = control.paced
    m["spaced"] = bool(paced(point))
    m["hystart"] = bool(point["hystart"]) and control.hystart
    blocks = 0.0 if source == codes.PKTGEN else send_buffer / float(point["mss"]) if local else math.inf
    m["block_at"] = COUNTLESS if math.isinf(blocks) else int(blocks / m["gso"])
    _path(m, point, tcp)
    m["frame_gap"] = 1.0 / float(point["frame_rate"])
    m["frame"], m["iframe"] = (
        streams * float(point["frame_packets"]),
        streams * float(point["iframe_packets"]),
    )
    m["iframe_every"] = int(point["iframe_every"])
    m["frame_at"] = 0.0 if source == codes.FRAMES else NEVER
    interval = _number(point["interval"], NEVER)
    m["interval"] = m["sample_at"] = interval
    m["warmup"], m["duration"] = point["warmup"], point["duration"]


def _path(m: Any, point: Mapping[str, Any], tcp: bool) -> None:
    """The path behind the reader and what both readers do with ACKs."""
    rate = _number(point["path_rate"], math.inf)
    far_rate = _number(point["far_rate"], math.inf) if tcp else math.inf  # without feedback nothing depends on it
    loss, run = float(point["path_loss"]), float(point["path_loss_burst"])
    m["path_service"], m["path_buffer"] = 1.0 / rate, int(_number(point["path_buffer"], PATH_BUFFER))
    m["loss_starts"], m["loss_ends"] = loss / (run * (1.0 - loss)), 1.0 / run
    m["policy"] = codes.POLICIES[str(point["reader_policy"])]
    m["far_service"], m["far_ack"], m["ack_cost"] = 1.0 / far_rate, point["far_ack_cost"], point["ack_cost"]
    m["path"] = rate < math.inf or far_rate < math.inf or loss > 0.0
    m["far"] = tcp and m["policy"] != codes.SEPARATE and (far_rate < math.inf or m["far_ack"] > 0.0)
    m["back"] = m["half"] if m["far"] else m["rtt"]
    m["ack_size"] = max(2, m["gso"])


def _buffers(m: Any) -> Buffers:
    """Arrays as long as the scenario can fill them: bounded by windows, by the reader and by the stack."""
    ring, limit, rtt = int(m["ring"]), int(m["limit"]), float(m["rtt"])
    windows = float(m["streams"] * (m["window"] + 1024.0)) if m["source"] == codes.TCP else math.inf
    fastest = float(m["service"] + min(m["alternation"], 0.0))
    by_reader = rtt / fastest if fastest > 0.0 else math.inf
    by_stack = rtt / float(m["transfer_gap"]) + ring + limit
    path = min(windows, by_reader, by_stack)
    if m["source"] != codes.TCP:  # all that the reader takes while one waits behind it, most of it to be dropped
        waiting = min(float(m["duration"]), float((m["path_buffer"] + 2) * m["path_service"]))
        path += waiting / max(fastest, float(m["gap"]))
    elif m["path"] or m["far"] or m["ack_cost"] > 0.0:
        path = min(windows, path + 2.0 * m["path_buffer"])
    if m["far"] or m["ack_cost"] > 0.0:
        path = windows if m["source"] == codes.TCP else path
    path += 4 * GUEST_QUEUE
    # as many packets as the reader takes, or as an open loop pushes
    packets = float(m["duration"]) / (float(m["transfer_gap"]) if math.isinf(by_reader) else fastest)
    if m["source"] in (codes.OPEN, codes.PKTGEN):
        packets = max(packets, float(m["duration"] / m["gap"]))
    if m["source"] == codes.FRAMES:
        largest = float(max(m["frame"], m["iframe"], 1.0))
        packets = max(packets, float(m["duration"] * min(1.0 / m["gap"], largest / m["frame_gap"])))
    answers = path if m["source"] == codes.TCP else 1.0
    memory = ENTRY.itemsize * (ring + path) + (ACK.itemsize + 16.0) * answers
    check_cost(packets, memory, "take a smaller ring or window, a shorter rtt or duration")
    slots, acks = (1 << math.ceil(math.log2(n)) for n in (ring + path, answers))
    m["mask"], m["ack_mask"] = slots - 1, acks - 1
    pushed = float(m["duration"] / m["gap"]) + 1.0
    nodes = int(min(limit, windows, pushed)) + 2 if m["backpressure"] or m["shaper_gap"] > 0.0 else 2
    m["leaves"] = 1 << math.ceil(math.log2(m["streams"] + 1))
    pool = np.zeros(nodes, NODE)
    pool["next"] = np.arange(1, nodes + 1)
    return Buffers(
        entries=np.zeros(slots, ENTRY),
        acks=np.zeros(acks, ACK),
        nodes=pool,
        lists=np.zeros((3, LISTED + 1), np.int64),
        alarms=np.empty(2 * int(m["leaves"])),
        own=np.zeros(cc.ROWS[m["control"]].state * int(m["streams"])),
    )


def run(point: Mapping[str, Any], record: bool = True) -> dict[str, float | np.ndarray[Any, Any]]:
    """Simulate one scenario packet by packet.

    Parameters
    ----------
    point
        Fields of `tunbp.model.scenario.Scenario` as plain scalars, already validated; those left out have
        their defaults, None or NaN is automatic.
    record
        Whether to return the time series where `interval` is set.

    Returns
    -------
    dict
        Totals after the warm-up, named as in `tunbp.schema.VARIABLES`: packets (segments), rates in bit/s or
        packet/s, times in s. ``sent = delivered + dropped_ring + dropped_qdisc + dropped_path + queued +
        in_flight`` holds exactly; with a warm-up `queued` and `in_flight` are the change since its end. With
        `interval` also the arrays `throughput` (bit/s), `cwnd` (byte, all flows), `rtt` (s), `retransmits`,
        `ring_occupancy` and `qdisc_backlog` (packet), one value per interval.
    """
    point = {**Scenario().parameters(), **point}
    arguments = _arguments(point, record)
    KERNEL(*arguments)
    result = _totals(arguments.totals, point)
    if record and float(arguments.state["interval"][0]) < NEVER:
        result.update(_series(arguments.series, point))
    return result


class _Arguments(NamedTuple):
    """What the kernel is called with."""

    state: Array
    flows: Array
    buffers: Buffers
    seed: int
    totals: Array
    series: Array


def _arguments(point: Mapping[str, Any], record: bool) -> _Arguments:
    state, flows = _states(int(point["streams"]))
    m = state[0]
    _device(point, m)
    interval = float(m["interval"])
    samples = math.floor(float(m["duration"]) / interval + 1e-9) if record and interval < NEVER else 0
    check_cost(0.0, 3.0 * samples * SERIES.itemsize, "take a longer interval")
    totals, series = np.zeros(2, TOTALS), np.zeros(samples, SERIES)
    return _Arguments(state, flows, _buffers(m), int(point["seed"]), totals, series)


def make_ready(place: Path) -> None:
    """Compile the kernel into a folder where it is not there yet; nothing is simulated."""
    KERNEL.prepare(*_arguments(Scenario().parameters(), record=False), place=place)


def _totals(totals: np.ndarray[Any, Any], point: Mapping[str, Any]) -> dict[str, float | np.ndarray[Any, Any]]:
    """Totals after the warm-up from the two snapshots."""
    first, last = (dict(zip(TOTALS.names or (), row, strict=True)) for row in totals.tolist())
    span = float(point["duration"]) - float(point["warmup"])
    bits = float(point["mss"]) * 8.0 / span
    change = {name: last[name] - first[name] for name in last}
    out = max(change["out"], 1.0)
    ring, qdisc, held = (change[name] / out for name in ("ring_seconds", "qdisc_seconds", "held_seconds"))
    path = change["path_seconds"] / max(change["out"] - change["dropped_path"], 1.0)
    lost = change["dropped_ring"] + change["dropped_qdisc"] + change["dropped_path"]
    result: dict[str, float | np.ndarray[Any, Any]] = {name: change[name] for name in COUNTED}
    result["drop_fraction"] = lost / max(change["sent"], 1.0)
    result["received_rate"], result["sent_rate"] = change["delivered"] * bits, change["sent"] * bits
    result["transmitted_rate"], result["lost_rate"] = change["out"] / span, change["dropped_ring"] / span
    result["ring_sojourn"], result["qdisc_sojourn"], result["path_sojourn"] = ring, qdisc, path
    result["min_rtt"], result["mean_rtt"] = float(point["rtt"]), float(point["rtt"]) + ring + qdisc + path + held
    # a fair qdisc serves a sparse flow first: only ring and path are in front of it (net/sched/sch_fq_codel.c)
    result["sparse_latency"] = ring + path + (0.0 if QDISCS[str(point["qdisc"])].fair else qdisc)
    result["max_ring_occupancy"] = last["most_in_ring"]
    return result


def _series(series: np.ndarray[Any, Any], point: Mapping[str, Any]) -> dict[str, float | np.ndarray[Any, Any]]:
    """Time series from the samples: what happened in each interval, windows and queues at its end."""
    interval, mss = float(point["interval"]), float(point["mss"])
    left = np.diff(series["out"], prepend=0.0)
    places = ("ring_seconds", "qdisc_seconds", "held_seconds", "path_seconds")
    waited = np.diff(sum(series[place] for place in places), prepend=0.0)
    return {
        "throughput": left * mss * 8.0 / interval,
        "cwnd": series["cwnd"] * mss,
        "rtt": float(point["rtt"]) + np.divide(waited, left, out=np.zeros_like(left), where=left > 0.0),
        "retransmits": np.diff(series["retransmits"], prepend=0.0),
        "ring_occupancy": series["in_ring"],
        "qdisc_backlog": series["in_qdisc"],
    }


def run_batch(scenario: Scenario, flat: dict[str, Array], workers: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Totals and series of every scenario, by the names of `tunbp.schema`."""
    common = {name: getattr(scenario, name) for name in BATCH_WIDE}
    points = [
        {**{k: v.item() for k, v in zip(flat, row, strict=True)}, **common} for row in zip(*flat.values(), strict=True)
    ]
    results: list[Any] = [None] * len(points)

    def work(i: int) -> None:
        results[i] = run(points[i])

    each(work, list(range(len(points))), workers)
    both = {name: np.array([r[name] for r in results]) for name in results[0] if name in schema.VARIABLES}
    totals = {name: values for name, values in both.items() if values.ndim == 1}
    return totals, {name: values for name, values in both.items() if values.ndim == 2}
