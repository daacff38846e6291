"""Which parameters decide what backpressure gains and costs: Sobol indices over the range of real paths."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from tunbp.evidence.datasets import published
from tunbp.evidence.openvpn import PUBLISHED
from tunbp.model.drivers import COMPARED, DEFAULT_RING
from tunbp.model.fields import FIELDS
from tunbp.model.hosts import host
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.quantities import percent, show_range

Array = npt.NDArray[np.float64]

FITTED = ("lab-openvpn", "lab-wireguard", "path-openvpn", "path-wireguard", "i5-tap")
"""Hosts whose fitted constants span the ranges: user-space VPNs and a VM's TAP, packets without offload."""

LINUX_WINDOW = 6 * 2**20
"""Largest receive buffer of a Linux host by default, tcp_rmem[2] in bytes (Documentation/networking/ip-sysctl.rst)."""

PUBLISHED_WINDOW = 2.6e6
"""Least bytes per round trip of the patched VPN rows (S03; contradiction 3 in data/published/sources.md)."""

TOLERANCE = 0.02
"""Relative change of throughput that counts as gain or loss: about what single published runs can tell."""

NOTICED = 0.001
"""Growth of the mean RTT in seconds that counts as a cost."""

VPN_RING, VM_RING = DEFAULT_RING["tun"], DEFAULT_RING["tap"]
"""Default txqueuelen of tun and tap in packets."""

MAP = ((0.001, 0.16), (10, 5000))
"""Least and largest round-trip time [s] and ring [packets] of the map."""

RESPONSES = {
    "gain": "throughput gain, log(backpressure / stock)",
    "latency_cost": "mean RTT, backpressure minus stock (s)",
}


@dataclass(frozen=True)
class Range:
    """A parameter of the analysis: its range, how it is spread, and where the range comes from."""

    name: str
    low: float
    high: float
    log: bool
    source: str

    @property
    def label(self) -> str:
        """What tables call it."""
        return FIELDS["stall_rate" if self.name == "stalls" else self.name].long_name

    @property
    def unit(self) -> str:
        """SI unit."""
        return (FIELDS[self.name].units if self.name in FIELDS else "") or "1"

    @property
    def words(self) -> str:
        """The range in the unit people use."""
        if self.name == "qdisc":
            return "pfifo or fq_codel"
        return show_range(self.low, self.high, "%" if self.unit == "1" else self.unit)

    def at(self, u: Array) -> Array:
        """Values at points `u` of the unit interval.

        Parameters
        ----------
        u
            Any shape, between 0 and 1.

        Returns
        -------
        ndarray
            In the unit of the field.
        """
        if self.log:
            return np.asarray(self.low * (self.high / self.low) ** u)
        return np.asarray(self.low + (self.high - self.low) * u)


def ranges() -> list[Range]:
    """The seven parameters, their ranges in SI units, and a source for each."""
    table = "data/published/sources.md"
    hosts = "fitted to S03 and S25, tunbp/model/hosts.yaml"
    return [
        Range("rtt", 0.010, 0.120, True, f"S03, lab table, {table}"),
        Range("ring", 10, 5000, True, f"S03, real path table, {table}"),
        Range("drain_rate", *_span("drain_rate"), True, hosts),
        Range("stalls", *_stalled(), True, f"share of time paused; {hosts}"),
        Range("ack_interval", *_span("ack_interval"), True, hosts),
        Range("receive_window", PUBLISHED_WINDOW, LINUX_WINDOW, True,
              "least of S03 to Linux's default, ip-sysctl.rst tcp_rmem"),
        Range("qdisc", 0, 1, False, "below 0.5 pfifo (S25), above fq_codel (S07)"),
    ]  # fmt: skip


def _span(field: str) -> tuple[float, float]:
    values = [float(host(name)[field]) for name in FITTED if field in host(name)]
    return min(values), max(values)


def _stalled() -> tuple[float, float]:
    """Least and largest share of time that the reader of a fitted host pauses."""
    fitted = [host(name) for name in FITTED]
    shares = [float(h["stall_rate"] * h["stall_mean"]) for h in fitted if h.get("stall_rate")]
    return min(shares), max(shares)


def _stall_fields(share: Array) -> dict[str, Array]:
    """Rate and mean length of pauses of a share of time: both grow, from the calmest fitted host to the worst."""
    fitted = [host(name) for name in FITTED if host(name).get("stall_rate")]
    lengths = [float(h["stall_mean"]) for h in fitted]
    low, high = _stalled()
    part = np.log(share / low) / np.log(high / low) if high > low else np.zeros_like(share)
    mean = min(lengths) * (max(lengths) / min(lengths)) ** part
    return {"stall_rate": share / mean, "stall_mean": mean}


def sample(samples: int, seed: int) -> pd.DataFrame:
    """Saltelli's sample of the ranges: `samples` x (parameters + 2) rows, one column per parameter.

    Parameters
    ----------
    samples
        Base samples N of the scrambled Sobol sequence.
    seed
        Seed of the scrambling.

    Returns
    -------
    pandas.DataFrame
        In SI units.

    Notes
    -----
    A. Saltelli et al., "Variance based sensitivity analysis of model output", 2010; SALib's `sample.sobol`.
    """
    from SALib.sample import sobol

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a sample that is no power of two is balanced a little less
        points = sobol.sample(_problem(), samples, calc_second_order=False, seed=seed)
    return pd.DataFrame({r.name: r.at(points[:, i]) for i, r in enumerate(ranges())})


def _problem() -> dict[str, Any]:
    names = [r.name for r in ranges()]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def run(points: pd.DataFrame, duration: float, seed: int) -> pd.DataFrame:
    """Simulate every point with the stock driver and with backpressure.

    Parameters
    ----------
    points
        Columns of `ranges`.
    duration
        Simulated time in seconds; the first quarter (slow start) does not count.
    seed
        Seed of the pauses, the same for every point: the responses are functions of the parameters.

    Returns
    -------
    pandas.DataFrame
        The points with `stock` and `backpressure` [bit/s], `ratio`, `gain` and `latency_cost`.
    """
    result = simulate(_scenario({
        "rtt": _along(points["rtt"]), "ring": _along(np.rint(points["ring"])),
        "drain_rate": _along(points["drain_rate"]), "ack_interval": _along(points["ack_interval"]),
        "receive_window": _along(points["receive_window"]),
        "qdisc": _along(np.where(points["qdisc"] < 0.5, "pfifo", "fq_codel")),
        **{name: _along(values) for name, values in _stall_fields(points["stalls"].to_numpy()).items()},
    }, duration, seed))  # fmt: skip
    return points.assign(**{k: v.transpose("sample").values for k, v in responses(result).items()})


def _along(values: Any) -> xr.DataArray:
    return xr.DataArray(np.asarray(values), dims="sample")


def _scenario(fields: Mapping[str, Any], duration: float, seed: Any) -> Scenario:
    i5 = host("i5-tap")
    names = list(COMPARED)
    common: dict[str, Any] = {
        "burst_rate": i5["burst_rate"], "wake_cost": i5["wake_cost"], "qdisc_limit": 1000,
        "duration": duration, "warmup": duration / 4, "seed": seed,
        "driver": xr.DataArray([COMPARED[n] for n in names], dims="variant", coords={"variant": names}),
    }  # fmt: skip
    return Scenario().replace(**{**common, **fields})


def responses(result: xr.Dataset) -> dict[str, xr.DataArray]:
    """Throughputs, their ratio and its logarithm, and what backpressure adds to the mean RTT.

    Parameters
    ----------
    result
        Stock and backpressure of every point, over `variant`.

    Returns
    -------
    dict[str, xr.DataArray]
        Rates in bit/s, times in s.
    """
    stock, pushed = (result.sel(variant=name, drop=True) for name in COMPARED)
    ratio = pushed.received_rate / np.maximum(stock.received_rate, 1.0)
    return {
        "stock": stock.received_rate,
        "backpressure": pushed.received_rate,
        "ratio": ratio,
        "gain": np.log(np.maximum(ratio, 1e-9)),
        "latency_cost": pushed.mean_rtt - stock.mean_rtt,
    }


def indices(results: pd.DataFrame, seed: int) -> pd.DataFrame:
    """First-order and total Sobol indices of each response, with 95 % bootstrap intervals.

    Parameters
    ----------
    results
        What `run` returned.
    seed
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        One row per response and parameter, the largest total first: `first`, `total` and their half widths.
    """
    from SALib.analyze import sobol

    frames = []
    for response in RESPONSES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # nothing varies in a tiny sample
            values = results[response].to_numpy()
            found = sobol.analyze(_problem(), values, calc_second_order=False, num_resamples=200, seed=seed)
        frame = pd.DataFrame({
            "response": response, "name": [r.name for r in ranges()], "parameter": [r.label for r in ranges()],
            "first": found["S1"], "first_half": found["S1_conf"],
            "total": found["ST"], "total_half": found["ST_conf"],
        })  # fmt: skip
        frames.append(frame.sort_values("total", ascending=False, kind="stable"))
    return pd.concat(frames, ignore_index=True)


def gain_map(rtts: Sequence[float], rings: Sequence[int], duration: float, seeds: int = 3) -> xr.Dataset:
    """Gain over RTT and ring at the fitted OpenVPN host of the lab, median over seeds.

    Parameters
    ----------
    rtts, rings
        The axes, in seconds and packets.
    duration
        Simulated time per scenario in seconds.
    seeds
        Repetitions with other pauses.

    Returns
    -------
    xarray.Dataset
        Over rtt and ring; a relative gain.
    """
    fields = {k: v for k, v in host("lab-openvpn").items() if k not in ("rtt", "ring", "burst_rate", "qdisc_limit")}
    fields["rtt"] = xr.DataArray(rtts, dims="rtt", coords={"rtt": rtts})
    fields["ring"] = xr.DataArray(rings, dims="ring", coords={"ring": rings})
    result = simulate(_scenario(fields, duration, xr.DataArray(np.arange(seeds) + 1, dims="seed")))
    return xr.Dataset(responses(result)).median("seed")


def paper_points() -> pd.DataFrame:
    """Where the paper has OpenVPN values on the map: `table` ("lab", "real"), `rtt` [s], `ring` [packet], `ratio`."""
    lab, path = host("lab-openvpn"), host("path-openvpn")
    points = [("lab", rtt, float(lab["ring"]), f"lab-openvpn-{1e3 * rtt:.0f}ms") for rtt in PUBLISHED["lab"]]
    points += [("real", float(path["rtt"]), ring, f"path-openvpn-{ring:.0f}") for ring in PUBLISHED["real"]]
    table = pd.DataFrame(points, columns=["table", "rtt", "ring", "row"])
    rates = published("tcp")["throughput"]
    ratio = [rates[f"{row}-patched"] / rates[f"{row}-stock"] for row in table.pop("row")]
    return table.assign(ratio=ratio)


def map_axes(points: int) -> tuple[list[float], list[int]]:
    """Round-trip times [s] and ring sizes [packets] of the map, evenly spread in logarithm over `MAP`.

    Parameters
    ----------
    points
        Points per axis.

    Returns
    -------
    tuple[list[float], list[int]]
        Seconds and packets.
    """
    (shortest, longest), (smallest, largest) = MAP
    rtts = [float(f"{rtt:.4g}") for rtt in np.geomspace(shortest, longest, points)]
    return rtts, [int(ring) for ring in np.rint(np.geomspace(smallest, largest, points))]


def ranges_table() -> pd.DataFrame:
    """The ranges with their sources, SI units, and `range` in the unit people use."""
    rows = ranges()
    return pd.DataFrame({
        "parameter": [r.label for r in rows], "range": [r.words for r in rows],
        "low": [r.low for r in rows], "high": [r.high for r in rows],
        "unit": [r.unit for r in rows], "spread": ["log" if r.log else "even" for r in rows],
        "source": [r.source for r in rows],
    })  # fmt: skip


def hurts(ratio: Any, latency_cost: Any) -> Any:
    """Where backpressure hurts a flow: less throughput, or none gained while its mean RTT grows by a millisecond.

    Parameters
    ----------
    ratio
        Throughput with backpressure over without.
    latency_cost
        What backpressure adds to the mean RTT, s.

    Returns
    -------
    float or array
        Truth values.
    """
    idle = (ratio < 1 + TOLERANCE) & (latency_cost > NOTICED)
    return (ratio < 1 - TOLERANCE) | idle


def outcomes(results: pd.DataFrame) -> dict[str, float]:
    """Shares of the sampled paths that gain, lose or are hurt; median and worst ratio; median and high cost [s].

    Parameters
    ----------
    results
        What `run` returned.

    Returns
    -------
    dict[str, float]
        Name to number; shares between 0 and 1, costs in s.
    """
    ratio, cost = results["ratio"], results["latency_cost"]
    return {
        "gains": float((ratio > 1 + TOLERANCE).mean()),
        "loses": float((ratio < 1 - TOLERANCE).mean()),
        "hurt": float(hurts(ratio, cost).mean()),
        "median_ratio": float(ratio.median()),
        "worst_ratio": float(ratio.quantile(0.01)),
        "median_cost": float(cost.median()),
        "high_cost": float(cost.quantile(0.95)),
    }


def answers(results: pd.DataFrame, table: pd.DataFrame) -> dict[str, str]:
    """The answer for each audience in one sentence, from the numbers of this run.

    Parameters
    ----------
    results
        Of `run`.
    table
        Of `indices`.

    Returns
    -------
    dict[str, str]
        Audience to sentence.
    """
    decide = {str(name): " and ".join(part["parameter"][:2]) for name, part in table.groupby("response", sort=False)}
    found = outcomes(results)
    large = results["ring"] >= VPN_RING
    fast = results[(results["drain_rate"] > results["drain_rate"].median()) & (results["ring"] >= VM_RING)]
    codel, fifo = (float(results["latency_cost"][part].quantile(0.95)) * 1e3
                   for part in (results["qdisc"] >= 0.5, results["qdisc"] < 0.5))  # fmt: skip
    return {
        "VPN author": (
            f"{percent((results['ratio'] > 1 + TOLERANCE).mean())} of the paths gain (the median carries "
            f"{found['median_ratio']:.2g} times as much), decided by {decide['gain']}; a ring of {VPN_RING} packets "
            f"or more alone leaves {percent((results['ratio'][large] > 1 + TOLERANCE).mean())} with something to gain."
        ),
        "VM host": (
            f"With a fast reader and at least {VM_RING} ring entries, "
            f"{percent((fast['ratio'] > 1 + TOLERANCE).mean())} of the paths gain, "
            f"{percent((fast['ratio'] < 1 - TOLERANCE).mean())} lose more than {percent(TOLERANCE)}, "
            f"and the mean RTT changes by {fast['latency_cost'].median() * 1e3:.1f} ms (median)."
        ),
        "kernel reviewer": (
            f"For one flow {percent(found['loses'])} of the paths lose more than {percent(TOLERANCE)} of their "
            f"throughput and {percent(found['hurt'])} are hurt (no gain, more delay); the mean RTT grows by up to "
            f"{codel:.0f} ms with fq_codel and {fifo:.0f} ms with pfifo (95th percentile), decided by "
            f"{decide['latency_cost']}."
        ),
    }
