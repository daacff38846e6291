"""Batches of generated scenarios: by hypothesis for tests, by numpy for the soak test."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st

from tunbp.model.drivers import DRIVERS
from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import QDISCS
from tunbp.model.scenario import Scenario

SINCE_V7 = [name for name, rules in DRIVERS.items() if rules.needs_qdisc]

KINDS: dict[str, dict[str, Any]] = {
    "cubic": {"congestion": "cubic"},
    "reno": {"congestion": "reno"},
    "bbr": {"congestion": "bbr"},
    "cubic streams": {"congestion": "cubic", "streams": 3},
    "bbr streams": {"congestion": "bbr", "streams": 5},
    "open": {"source": "open"},
    "frames": {"source": "frames"},
}
"""What has kernels of its own; each of these has several, by origin, qdisc and driver."""

FEW_KERNELS: dict[str, dict[str, Any]] = {
    "reno": {"origin": "forwarded"},
    "bbr": {"origin": "forwarded"},
    "bbr streams": {"origin": "forwarded"},
    "cubic streams": {"qdisc": tuple(name for name in QDISCS if name != "fq")},
}
"""What `batches` holds of a kind, so that a test compiles a third of the kernels: blocks of Reno and of BBR, and the
pace of several CUBIC flows, are left to `make soak`, which draws from all of each kind."""


def generated(count: int, seed: int, rtts: tuple[float, ...], **fixed: Any) -> Scenario:
    """A batch over the dim `run` whose fields span their whole useful range, extremes included.

    Parameters
    ----------
    count
        Number of scenarios.
    seed
        Seed of the generator.
    rtts
        Round-trip times to choose from, s.
    **fixed
        Fields that are given; a tuple of qdiscs: one of these.
    """
    rng = np.random.default_rng(seed)

    def among(*values: Any) -> xr.DataArray:
        kind = object if isinstance(values[0], str) else float
        return xr.DataArray(np.array(values, kind)[rng.integers(0, len(values), count)], dims="run")

    def between(low: float, high: float) -> xr.DataArray:
        return xr.DataArray(np.exp(rng.uniform(np.log(low), np.log(high), count)), dims="run")

    nan = np.nan
    drain = between(1e3, 5e5)
    fields = {
        "driver": among(*DRIVERS),
        "qdisc": among(*(fixed.pop("qdisc") if isinstance(fixed.get("qdisc"), tuple) else QDISCS)),
        "qdisc_limit": among(nan, nan, 1, 10, 1000),
        "ring": among(1, 2, 5, 10, 31, 32, 33, 100, 500, 1000, 10000),
        "drain_rate": drain,
        "guest_rate": among(nan, nan, nan, 5e3, 1e5),
        "burst_rate": drain * between(0.5, 50.0),
        "rtt": among(*rtts),
        "gso_segments": among(1, 1, 1, 2, 45),
        "receive_window": between(1.0, 1e8),
        "ack_interval": among(0.0, 1e-3, 2e-2),
        "delayed_ack": among(0.0, 0.04),
        "stall_rate": among(0.0, 1.0, 100.0),
        "stall_mean": among(0.0, 1e-3, 0.1),
        "wake_cost": among(0.0, 5e-6, 1e-3),
        "wake_latency": among(0.0, 1e-5, 1e-2),
        "patch_overhead": among(0.0, 1e-6, -1e-7),
        "contention": among(0.0, 1e-6),
        "contention_wait": among(0.0, 1e-6),
        "offered_rate": drain * between(0.1, 10.0),
        "frame_rate": among(1.0, 30.0, 300.0),
        "frame_packets": between(1.0, 20.0),
        "iframe_packets": between(1.0, 200.0),
        "iframe_every": among(1, 2, 30),
        "seed": xr.DataArray(rng.integers(0, 2**31, count), dims="run"),
    }
    return Scenario(**{"duration": 1.0, **fields, **fixed})


@st.composite
def batches(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(KINDS), count: int = 8, **fixed: Any) -> Scenario:
    """A batch that fills one tile of the engine: one kind and one RTT, everything else generated."""
    name = draw(st.sampled_from(kinds))
    kind = {**KINDS[name], **FEW_KERNELS.get(name, {})}
    rtt = draw(st.sampled_from([2e-4, 2e-3, 0.05, 0.3]))
    duration = draw(st.sampled_from([100, 1000])) * max(rtt, 1e-3) * (1.0 if rtt < 0.05 else 0.1)
    scenario = generated(count, draw(st.integers(0, 2**32 - 1)), (rtt,), **{"duration": duration, **kind, **fixed})
    warmup = draw(st.sampled_from([0.0, 0.0, 0.37]))
    return scenario.replace(warmup=warmup * scenario.duration)


def run(scenario: Scenario, index: int) -> Scenario:
    """One scenario of a batch."""
    fields = scenario.parameters().items()
    return scenario.replace(**{k: v.isel(run=index) if isinstance(v, xr.DataArray) else v for k, v in fields})


def every_field(number: int, **fixed: Any) -> Scenario:
    """One scenario with every field drawn over its useful range; the same number, the same scenario."""
    rng = np.random.default_rng(number)

    def among(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    speed, rtt, mss, streams = (
        between(2e3, 3e5),
        between(2e-4, 0.4),
        round(between(100, 9000)),
        among(1, 1, 1, 2, 3, 20),
    )
    duration = min(max(among(0.4, 3, 30, 200, 200, 200) * rtt, among(0.0, 10.0, 20.0)), 1e6 / speed, 60.0)
    fields = {
        "driver": among("stock", "stock", *DRIVERS), "qdisc": among(*QDISCS),
        "qdisc_limit": among(None, 1, 10, 100, 1000, 10_000), "ring": round(between(1, 5000)), "drain_rate": speed,
        "guest_rate": among(None, None, speed * between(0.2, 3)), "burst_rate": speed * between(0.5, 30), "rtt": rtt,
        "path_rate": among(None, speed * between(0.1, 2)), "path_buffer": among(None, round(between(1, 4000))),
        "path_loss": among(0.0, 0.0, between(1e-6, 0.1)), "path_loss_burst": among(1.0, 1.0, between(1, 50)),
        "ack_cost": among(0.0, between(0.05, 1) / speed), "reader_policy": among("link_first", "fair", "separate"),
        "far_rate": among(None, speed * between(0.3, 3)), "far_ack_cost": among(0.0, between(0.05, 1) / speed),
        "qdisc_rate": among(None, speed * between(0.1, 1.5)), "queues": 1, "mss": mss,
        "gso_segments": among(1, 1, 1, 2, 8, 45), "receive_window": mss * between(1, 1e4),
        "send_buffer": among(None, None, mss * between(1, 1e4)), "origin": among("local", "forwarded"),
        "hystart": among(True, False), "ecn": among(True, False), "ack_interval": among(0.0, between(1e-4, 0.03)),
        "delayed_ack": among(0.04, 0.0, between(1e-3, 0.2)), "idle_latency": among(1e-5, 0.0, between(1e-6, 1e-3)),
        "stall_rate": among(0.0, between(0.1, 100)), "stall_mean": among(0.0, between(1e-4, 0.05)),
        "wake_cost": among(0.0, between(1e-7, 1e-4)), "wake_latency": among(0.0, between(1e-6, 1e-3)),
        "patch_overhead": among(0.0, between(0.01, 0.2) / speed, -0.05 / speed),
        "contention": among(0.0, between(0.01, 0.3) / speed), "contention_wait": among(0.0, between(0.01, 0.3) / speed),
        "streams": streams, "congestion": among("cubic", "cubic", "reno", "bbr"),
        "source": among("tcp", "tcp", "tcp", "open", "frames", "pktgen"),
        "offered_rate": speed * between(0.1, 5) / streams, "frame_rate": between(5, 200),
        "frame_packets": between(1, 50), "iframe_packets": between(1, 200), "iframe_every": among(1, 10, 30),
        "duration": duration, "warmup": among(0.0, 0.2) * duration, "interval": among(None, duration / 4),
        "dt": among(None, rtt / float(rng.integers(30, 200))), "seed": int(rng.integers(2**30)),
        "pacing": among(False, False, True),
    }  # fmt: skip
    assert set(fields) == set(FIELDS), "every field is drawn"
    fields["qdisc_rate"] = fields["qdisc_rate"] if QDISCS[str(fields["qdisc"])].shapes else None
    return Scenario(**{**fields, **fixed})


def usual(number: int) -> Scenario:
    """One scenario of the space in which the engines are compared: 1 to 64 flows, all sources, qdiscs and stages.

    Readers of 10 to 300 K packets/s, RTTs of 0.5 to 300 ms, rings of 10 to 5000, windows of 45 to 10,000 segments,
    random loss of at most 1 %, link buffers of 100 to 4000 packets; the same number, the same scenario.
    """
    rng = np.random.default_rng(number + 77_000)

    def among(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    speed, rtt, streams, source = (
        between(1e4, 3e5),
        between(5e-4, 0.3),
        among(1, 1, 1, 1, 2, 4, 8, 16, 64),
        among("tcp", "tcp", "tcp", "open", "frames", "pktgen"),
    )
    duration = min(max(200 * rtt, 20.0), 60.0, 4e6 / speed)
    qdisc = among(*QDISCS)
    shaped = speed * between(0.1, 0.9) if QDISCS[qdisc].shapes and among(True, False) else None
    return Scenario(
        driver=among("stock", "stock", "stock", *DRIVERS), qdisc=qdisc, ring=round(between(10, 5000)),
        drain_rate=speed, burst_rate=speed * between(1.2, 20), rtt=rtt,
        streams=streams if source == "tcp" else min(streams, 8), source=source, mss=1448,
        path_rate=among(None, speed * between(0.1, 1.5)), path_buffer=among(None, round(between(100, 4000))),
        path_loss=among(0.0, 0.0, 0.0, between(1e-6, 1e-2)), ack_cost=among(0.0, 0.0, between(0.05, 0.6) / speed),
        far_rate=among(None, None, speed * between(0.5, 2)), far_ack_cost=among(0.0, between(0.05, 0.6) / speed),
        reader_policy=among("link_first", "link_first", "fair", "separate"), gso_segments=among(1, 1, 1, 1, 8, 45),
        receive_window=1448 * between(45, 1e4), origin=among("local", "forwarded"), hystart=among(True, True, False),
        ack_interval=among(0.0, 0.0, 0.0, between(2e-4, 0.02)), stall_rate=among(0.0, 0.0, between(0.1, 3)),
        stall_mean=between(1e-3, 1e-2), wake_cost=between(1e-6, 1e-5),
        congestion=among("cubic", "cubic", "cubic", "reno", "bbr"), offered_rate=speed * between(0.1, 3) / streams,
        qdisc_rate=shaped, frame_rate=among(24.0, 30.0, 60.0), frame_packets=between(1, 60),
        iframe_packets=between(20, 400), iframe_every=among(10, 30, 60), duration=duration,
        warmup=0.2 * duration, seed=int(rng.integers(2**30)), pacing=among(False, False, False, True),
    )  # fmt: skip
