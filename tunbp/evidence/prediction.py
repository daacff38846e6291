"""Your path: throughput and latency over txqueuelen, stock and backpressure, the bound that holds, advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.model import laws, limits
from tunbp.model.congestion import CONTROLS
from tunbp.model.drivers import COMPARED
from tunbp.model.engines.fluid.batch import round_trip_slots
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.quantities import show
from tunbp.traces import limit, open_trace
from tunbp.traces.devices import tunnel_rows

SHOWN = ("received_rate", "sparse_latency", "mean_rtt", "drop_fraction", "total_retransmits")
"""Variables that a prediction keeps."""


SAME = 0.02
"""Relative difference in throughput that counts as none."""

DRAFT_STEPS = 6e6
"""Scenario-steps of a draft: about a twentieth of a second on one core."""

LANES = 64
"""Scenarios that cost as much as one in a tile of the engine."""

RMEM_SHARE = 0.5
"""Part of the receive buffer that Linux advertises as window (tcp_adv_win_scale 1, the default up to 6.6)."""


# -------------------------------------------------------------------------------------------- the prediction


def path_scenario(values: Mapping[str, Any], warmup: float = 1.0 / 6.0) -> Scenario:
    """The scenario of a mapping that may hold more than its fields, e.g. the parameters of a notebook.

    Parameters
    ----------
    values
        Field of `Scenario` to value; other names are left out.
    warmup
        Part of the duration that totals leave out.
    """
    names = {item.name for item in fields(Scenario)}
    scenario = Scenario().replace(**{name: value for name, value in values.items() if name in names})
    return scenario.replace(warmup=warmup * scenario.duration)


def predict(scenario: Scenario, rings: Sequence[int], seeds: int = 5) -> xr.Dataset:
    """Simulate a path with every ring size, stock and with backpressure.

    Parameters
    ----------
    scenario
        One scenario, all fields scalar; its driver is the version compared with stock.
    rings
        Ring sizes in packets; the scenario's own ring is added.
    seeds
        Repetitions.

    Returns
    -------
    xarray.Dataset
        `SHOWN` over `variant` (stock, backpressure), `ring`, `seed`; `binding_bound` (text) and the bounds of
        `tunbp.model.limits` over `variant` and `ring`.
    """
    sizes = sorted({int(n) for n in (*rings, scenario.ring)})
    names = ["stock", str(scenario.driver if scenario.driver != "stock" else COMPARED["backpressure"])]
    variant = xr.DataArray(names, dims="variant", coords={"variant": list(COMPARED)})
    ring = xr.DataArray(sizes, dims="ring", coords={"ring": sizes})
    seed = xr.DataArray(np.arange(seeds) + int(scenario.seed), dims="seed")
    batch = scenario.replace(driver=variant, ring=ring, seed=seed)
    result = simulate(batch)
    middle = result.median("seed", keep_attrs=True)
    alone = batch.replace(seed=0)
    known = limits.bounds(middle, alone)
    binding = limits.attribute(middle, alone)
    kept = result[list(SHOWN)].merge(known, combine_attrs="drop_conflicts")
    return kept.assign(binding_bound=binding.reset_coords(drop=True)).assign_attrs(result.attrs)


def draft(scenario: Scenario, rings: Sequence[int]) -> xr.Dataset:
    """The same in a fraction of a second, for a moving slider: one seed, as long as `DRAFT_STEPS` allow.

    All rings share one time step, so that they are stepped together; small ones are drawn coarsely.
    """
    step = float(scenario.rtt) / int(round_trip_slots(np.array([float(scenario.rtt)]), None)[0])
    points = len({*rings, int(scenario.ring)})
    lanes = 2 * np.ceil(points / LANES) * LANES * max(1.0, float(scenario.streams) * 0.7)
    duration = min(float(scenario.duration), DRAFT_STEPS / lanes * step)
    return predict(scenario.replace(duration=duration, warmup=duration / 3.0, dt=step), rings, seeds=1)


def table(prediction: xr.Dataset) -> pd.DataFrame:
    """A prediction as a table for people: one row per ring, Mbit/s and ms, and what holds each variant."""
    middle = prediction[["received_rate", "sparse_latency"]].median("seed")
    columns: dict[str, Any] = {"txqueuelen": prediction["ring"].to_numpy()}
    for name in COMPARED:
        columns[f"{name} (Mbit/s)"] = middle["received_rate"].sel(variant=name).to_numpy() / 1e6
    for name in COMPARED:
        columns[f"{name} wait (ms)"] = middle["sparse_latency"].sel(variant=name).to_numpy() * 1e3
    for name in COMPARED:
        columns[f"{name} held by"] = prediction["binding_bound"].sel(variant=name).to_numpy()
    return pd.DataFrame(columns)


# ---------------------------------------------------------------------------------------------------- advice


@dataclass(frozen=True)
class Advice:
    """What to do with one path.

    Attributes
    ----------
    set_flag
        Whether to set IFF_BACKPRESSURE.
    ring
        txqueuelen to set with it (without it, where the flag is not advised), packets.
    gain
        Throughput of backpressure over stock at the present ring, minus 1.
    stock_rate, rate, best_rate
        bit/s at the present ring, stock and with backpressure, and of the advice.
    stock_latency, latency
        Queueing delay of a sparse flow at the present ring in stock, and under the advice, s.
    bound
        What then holds the throughput.
    more
        What would help more than the flag, in words; empty if nothing found does.
    more_rate
        Throughput with that, bit/s.
    sentences
        The advice in plain words.
    """

    set_flag: bool
    ring: int
    gain: float
    stock_rate: float
    rate: float
    best_rate: float
    stock_latency: float
    latency: float
    bound: str
    more: str = ""
    more_rate: float = 0.0
    sentences: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        """The advice as one paragraph."""
        return " ".join(self.sentences)


def advise(scenario: Scenario, prediction: xr.Dataset, more: bool = True) -> Advice:
    """Read a recommendation off a prediction.

    Parameters
    ----------
    scenario
        What `predict` was given; its ring is the present one.
    prediction
        What it returned.
    more
        Whether to simulate what would help beyond the flag.
    """
    middle = prediction[["received_rate", "sparse_latency"]].median("seed")
    now = int(scenario.ring)
    stock, pushed = (middle.sel(variant=name) for name in COMPARED)
    before, after = (float(part["received_rate"].sel(ring=now)) for part in (stock, pushed))
    gain = after / before - 1.0 if before > 0 else float("inf")
    set_flag = bool(str(scenario.qdisc) != "noqueue" and gain >= -SAME)
    chosen = pushed if set_flag else stock
    name = list(COMPARED)[int(set_flag)]
    ring = _smallest_good(chosen["received_rate"], prediction["wake_cycle_bound"].sel(variant=name))
    bound = str(prediction["binding_bound"].sel(variant=name, ring=ring).item())
    what, faster = _what_helps(scenario.replace(ring=ring), name, bound) if more else ("", 0.0)
    advice = Advice(
        set_flag=set_flag, ring=ring, gain=gain, stock_rate=before, rate=after,
        best_rate=float(chosen["received_rate"].sel(ring=ring)),
        stock_latency=float(stock["sparse_latency"].sel(ring=now)),
        latency=float(chosen["sparse_latency"].sel(ring=ring)), bound=bound, more=what, more_rate=faster,
    )  # fmt: skip
    return Advice(**{**advice.__dict__, "sentences": tuple(_sentences(scenario, advice))})


def _smallest_good(rate: xr.DataArray, capacity: xr.DataArray) -> int:
    """Smallest ring within `SAME` of the best one in throughput, and in what a saturated reader could carry.

    The second keeps the advice from a ring so small that its wakes would cost once the path is no longer the limit.
    """
    fast = rate >= (1.0 - SAME) * rate.max()
    both = fast & (capacity >= (1.0 - SAME) * capacity.max())
    good = both if bool(both.any()) else fast
    return int(rate["ring"].to_numpy()[good.to_numpy()].min())


def _what_helps(scenario: Scenario, variant: str, bound: str) -> tuple[str, float]:
    """The change that lifts the bound, and the throughput with it (0 where none of the known ones helps)."""
    product = laws.bandwidth_delay_product(float(limits.bounds(scenario)["reader_bound"]), float(scenario.rtt))
    window = 1.5 * product / float(scenario.streams)
    driver = "stock" if variant == "stock" else scenario.driver
    if bound == limits.LABELS["receive_window_bound"]:
        change = {"receive_window": max(window, 2.0 * float(scenario.receive_window))}
        buffer = change["receive_window"] / RMEM_SHARE
        words = f"a larger receive window: net.ipv4.tcp_rmem up to {buffer / 1e6:.0f} MB at the receiver"
    elif bound in (limits.LABELS["reader_bound"], limits.LABELS["wake_cycle_bound"]):
        change = {"drain_rate": 2.0 * float(scenario.drain_rate)}
        words = "a faster reader (offload, batched reads, a kernel datapath)"
    else:
        return "", 0.0
    with_it = simulate(scenario.replace(driver=driver, duration=min(scenario.duration, 30.0), **change))
    return words, float(with_it["received_rate"])


def _sentences(scenario: Scenario, a: Advice) -> list[str]:
    lines = []
    if scenario.qdisc == "noqueue":
        lines.append("Without a qdisc (noqueue) IFF_BACKPRESSURE has no effect: attach one first, then set it.")
    elif not a.set_flag:
        lines.append(
            f"Do not set IFF_BACKPRESSURE: it would cost {-a.gain:.0%} "
            f"({show(a.stock_rate, 'bit/s')} to {show(a.rate, 'bit/s')})."
        )
    elif a.gain > SAME:
        by = f"{a.gain:.0%} more" if a.gain < 2 else f"{a.rate / max(a.stock_rate, 1.0):.3g} times as much"
        lines.append(f"Set IFF_BACKPRESSURE: {show(a.rate, 'bit/s')} instead of {show(a.stock_rate, 'bit/s')}, {by}.")
    else:
        lines.append(
            f"Set IFF_BACKPRESSURE if latency matters: throughput stays the same "
            f"({show(a.rate, 'bit/s')}), but the queue moves into the qdisc and the ring can be small."
        )
    length = f"txqueuelen {a.ring}" if a.ring != scenario.ring else f"Keep txqueuelen {a.ring}"
    lines.append(
        f"{length}: {show(a.best_rate, 'bit/s')}, and a sparse flow waits {show(a.latency, 's', 2)} "
        f"(stock now: {show(a.stock_latency, 's', 2)})."
    )
    lines.append(f"What then holds the throughput: {a.bound}.")
    if a.more and a.more_rate > (1.0 + 2 * SAME) * a.best_rate:
        lines.append(f"More would come from {a.more}: about {show(a.more_rate, 'bit/s')}.")
    return lines


# ---------------------------------------------------------------------------------------------- from a trace


@dataclass(frozen=True)
class FromTrace:
    """A scenario read off a measurement.

    Attributes
    ----------
    scenario
        The fields that the trace tells, the others as given.
    bound
        What held the measured run.
    told
        One line per field that the trace told, and how.
    assumed
        One line per field that matters and that it did not.
    fields
        Names of the fields that the trace told.
    rate
        Rate of the run, bit/s; 0 where the trace has none.
    """

    scenario: Scenario
    bound: str
    told: tuple[str, ...]
    assumed: tuple[str, ...]
    fields: tuple[str, ...] = ()
    rate: float = 0.0

    def __str__(self) -> str:
        """What the trace told and what is assumed, in a few lines."""
        if not self.told:
            return "All values are the parameters of the notebook."
        lines = ["From the trace: " + "; ".join(self.told), "Assumed: " + ("; ".join(self.assumed) or "nothing")]
        return "\n".join([*lines, f"What held the measured run: {self.bound}"])

    def values(self) -> dict[str, Any]:
        """Fields of the scenario that have a value."""
        return {name: value for name, value in self.scenario.parameters().items() if value is not None}


def from_trace(run: xr.Dataset, base: Scenario) -> FromTrace:
    """Scenario of a measured run: what it tells replaces the fields of `base`.

    RTT is the smallest one seen (probes before TCP's own); the receive window is what was in flight where the
    window held the run, else the one advertised; the reader's speed is the packet rate where it held the run.

    Parameters
    ----------
    run
        One run as opened by `tunbp.traces.open_trace`.
    base
        Values for what the trace does not tell.
    """
    bound = limit.limit_of(run).name if "run" not in run.dims else limit.UNKNOWN
    changes: dict[str, float | int | str] = {}
    told, assumed = [], []
    rtt = _number(run, "ping_min_rtt", "min_rtt", "socket_min_rtt", "rtt")
    mss = _number(run, "mss") or float(base.mss)
    rate = _number(run, "received_rate", "sent_rate", total=True)
    mean_rtt = _number(run, "mean_rtt", "rtt") or rtt
    if rtt:
        changes["rtt"] = rtt
        told.append(f"RTT {show(rtt, 's')}: the smallest measured")
    else:
        assumed.append(f"RTT {show(float(base.rtt), 's')}")
    streams = run.sizes.get("stream", 1)
    changes |= {"mss": mss, "streams": streams}
    if run.attrs.get("congestion") in CONTROLS:
        changes["congestion"] = str(run.attrs["congestion"])
        told.append(f"{streams} stream{'s' if streams > 1 else ''}, {changes['congestion']}, MSS {mss:.0f} byte")
    window = _number(run, "snd_wnd")
    if rate and mean_rtt and bound == limit.RECEIVE_WINDOW:
        window = rate * mean_rtt / 8.0 / streams
        told.append(f"receive window {show(window, 'byte', 3)}: what was in flight, the window held the run")
    elif window:
        told.append(f"receive window {show(window, 'byte', 3)}: as advertised")
    else:
        assumed.append(f"receive window {show(float(base.receive_window), 'byte', 3)}")
    if window:
        changes["receive_window"] = window
    packets = rate / 8.0 / mss if rate else 0.0
    if packets and bound == limit.PROCESSOR:
        changes["drain_rate"] = packets
        told.append(f"reader {show(packets, 'packet/s')}: the reader held the run")
    else:
        changes["drain_rate"] = drain = max(packets, float(base.drain_rate))
        assumed.append(f"reader {show(drain, 'packet/s')}: the trace does not tell its speed")
    ring = _tun_ring(run)
    if ring:
        changes["ring"] = ring
        told.append(f"txqueuelen {ring}")
    else:
        assumed.append(f"txqueuelen {int(base.ring)}")
    known = tuple(name for name in changes if name != "drain_rate" or bound == limit.PROCESSOR)
    return FromTrace(base.replace(**changes), bound, tuple(told), tuple(assumed), known, rate)


def read_path(values: Mapping[str, Any]) -> FromTrace:
    """The path of a notebook's parameters: those values, and what the file named as `trace` tells.

    Parameters
    ----------
    values
        Fields of `Scenario` by name, and `trace`: a path or None.

    Raises
    ------
    TraceError
        If the file cannot be read.
    """
    base = path_scenario(values)
    if values.get("trace") is None:
        return FromTrace(base, "", (), ())
    return from_trace(open_trace(values["trace"]), base)


def _number(run: xr.Dataset, *names: str, total: bool = False) -> float:
    """First of these variables with a value: smallest RTT, median of other series; 0 if there is none."""
    for name in names:
        if name in run and "run" not in run[name].dims:
            values = np.asarray(run[name].values, float)
            values = values[np.isfinite(values) & (values > 0)]
            if values.size:
                if total:
                    return float(values.sum())
                return float(values.min() if name.endswith("rtt") and "mean" not in name else np.median(values))
    return 0.0


def _tun_ring(run: xr.Dataset) -> int:
    """Queue length of the tun or tap interface among those the trace names; 0 if there is none."""
    if "txqueuelen" not in run or "queue" not in run.dims:
        return 0
    lengths = run["txqueuelen"]
    lengths = lengths.isel(time=-1) if "time" in lengths.dims else lengths
    found = np.asarray(lengths.values, float)[tunnel_rows(run)]
    return int(found[found >= 1][0]) if (found >= 1).any() else 0
