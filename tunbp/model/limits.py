"""Closed-form bounds on throughput, and which of them binds a simulated point."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
import xarray as xr

from tunbp import schema
from tunbp.model.congestion import CONTROLS
from tunbp.model.gso import segments_per_entry
from tunbp.model.laws import burst_window, by_control, loss_window, sawtooth_rate, window_rate
from tunbp.model.qdiscs import qdisc_limit
from tunbp.model.scenario import Scenario
from tunbp.model.service import service_times

LABELS = {
    "offered_bound": "offered load",
    "receive_window_bound": "receive window",
    "burst_bound": "bursts that overflow the ring",
    "reader_bound": "reader speed",
    "wake_cycle_bound": "stop/wake cycles",
    "ring_bound": "ring size",
    "qdisc_bound": "qdisc limit",
    "shaper_bound": "rate of the qdisc",
    "loss_bound": "loss",
}
"""Bounds by schema name in words; of bounds that nearly agree the first is named."""

GROWTH = "growth of the congestion window"
"""What holds a point that loses nothing and yet stays far below every bound: its window is still growing."""

NEARLY = 1.03
"""Bounds within this factor of the smallest one count as equal."""

EXPLAINED = 0.75
"""Part of its smallest bound that a point must reach for the bound to be its explanation."""

SILENT = 0.01
"""Part of its smallest bound below which a point is one of timeouts."""


# ----------------------------------------------------------------------------------------- bounds of a batch


def bounds(point: Scenario | xr.Dataset, scenario: Scenario | None = None) -> xr.Dataset:
    """Every closed-form bound on the throughput of scenarios or simulated points.

    Parameters
    ----------
    point
        A scenario or batch, or the result of `simulate`.
    scenario
        The scenario that a simulated result belongs to; None: read from the result's attributes and
        coordinates, which hold every field that does not vary, and those that are coordinates.

    Returns
    -------
    xarray.Dataset
        The variables named in `LABELS`, bit/s, over the point's dims; infinite where a bound does not apply.

    Raises
    ------
    ScenarioError
        If the attributes of a simulated result are not those of a scenario.
    """
    if isinstance(point, Scenario):
        values = _scenario_bounds(point)
    else:
        known = scenario if scenario is not None else scenario_of_result(point)
        values = _scenario_bounds(known)
        values["loss_bound"] = _loss_bound(known, point)
    arrays = {name: xr.DataArray(np.inf) if name not in values else values[name] for name in LABELS}
    return schema.describe(xr.Dataset(dict(zip(arrays, xr.broadcast(*arrays.values()), strict=True))))


def attribute(point: Scenario | xr.Dataset, scenario: Scenario | None = None) -> xr.DataArray:
    """The bound that holds each point, in the words of `LABELS`.

    Parameters
    ----------
    point, scenario
        As for `bounds`.

    Returns
    -------
    xarray.DataArray
        Text over the point's dims: the smallest bound; where a known rate stays far below all of them,
        "loss", or without loss `GROWTH`. What held a measured run says `tunbp.traces.limit.limit_of`.
    """
    known = bounds(point, scenario)
    causes = [name for name in LABELS if name != "loss_bound"]
    stacked = np.stack([known[name].values for name in causes])
    smallest = stacked.min(axis=0)
    with np.errstate(invalid="ignore"):
        chosen = np.argmax(stacked <= smallest * NEARLY, axis=0)
    text = np.array([LABELS[name] for name in causes], dtype=object)[chosen]
    template = known["reader_bound"]
    if isinstance(point, xr.Dataset) and "received_rate" in point:
        rate = point["received_rate"].broadcast_like(template).transpose(*template.dims).values
        again = point["total_retransmits"].broadcast_like(template).transpose(*template.dims).values
        # a sender in exponential back-off may send nothing at all
        lost = (again > 0) | (rate < SILENT * smallest)
        far = rate < EXPLAINED * smallest
        text = np.where(far, np.where(lost, LABELS["loss_bound"], GROWTH), text)
    text = np.asarray(text, dtype=object).astype(str)
    return xr.DataArray(text, template.coords, template.dims, name="binding_bound")


def scenario_of_result(result: xr.Dataset) -> Scenario:
    """The scenario of a simulated result: its attributes, and the coordinates that are named like a field.

    Parameters
    ----------
    result
        What `tunbp.model.simulate.simulate` returned.

    Returns
    -------
    Scenario
        The batch that was simulated.
    """
    names = {field.name for field in dataclass_fields(Scenario)}
    values: dict[str, Any] = {name: value for name, value in result.attrs.items() if name in names}
    values |= {str(name): result[name] for name in result.coords if name in names}
    return Scenario().replace(**values)


def _scenario_bounds(scenario: Scenario) -> dict[str, xr.DataArray]:
    f = scenario.broadcast()
    template = f["ring"]
    flat = {name: field.values.ravel() for name, field in f.items()}
    free, full, pushing, *_ = service_times(flat)
    v = {name: values if values.dtype.kind in "OU" else values.astype(float) for name, values in flat.items()}
    entry = segments_per_entry(v["source"], v["gso_segments"], flat["qdisc"])
    segment_bits = 8.0 * v["mss"]
    streams, rtt, control = v["streams"], v["rtt"], v["congestion"].astype(str)
    tcp = v["source"].astype(str) == "tcp"
    limit = qdisc_limit(flat["qdisc"], v["qdisc_limit"], v["ring"], v["mss"] * entry, v["qdisc_rate"], streams)
    pipe = entry / free * rtt
    stock_pipe = np.minimum(pipe, v["receive_window"] / v["mss"] * streams)

    def tooth(held: Any) -> Any:
        rate = sawtooth_rate(pipe + held, pipe, control, streams) / rtt * segment_bits
        never_full = v["receive_window"] / v["mss"] * streams <= pipe + held
        return np.where(tcp & ~never_full, rate, np.inf)

    star = burst_window(v["ring"], 1.0 / free, v["burst_rate"]) * entry
    answers = by_control(control, {name: row.beta < 1.0 for name, row in CONTROLS.items()})
    bursty = tcp & (pushing == 0) & (v["ack_interval"] >= v["ring"] * free) & (answers == 1.0)
    bursty &= star < stock_pipe
    mean = by_control(control, {name: row.mean for name, row in CONTROLS.items()})
    offered = np.where(v["source"].astype(str) == "open", np.nan_to_num(v["offered_rate"]), _frames(v))
    values = {
        "offered_bound": np.where(tcp, np.inf, offered * streams * segment_bits),
        "receive_window_bound": np.where(tcp, streams * window_rate(v["receive_window"], rtt), np.inf),
        "burst_bound": np.where(bursty, mean * streams * star * segment_bits / rtt, np.inf),
        "ring_bound": np.where(pushing == 0, tooth(v["ring"] * entry), np.inf),
        "qdisc_bound": np.where(pushing > 0, tooth((v["ring"] + limit) * entry), np.inf),
        "shaper_bound": np.where(
            np.isnan(v["qdisc_rate"]) | (v["source"] == "pktgen"), np.inf, v["qdisc_rate"] * segment_bits
        ),
        "reader_bound": entry / free * segment_bits,
        "wake_cycle_bound": np.where(pushing > 0, entry / full * segment_bits, np.inf),
        "loss_bound": np.full(free.shape, np.inf),
    }
    return {name: template.copy(data=value.reshape(template.shape).astype(float)) for name, value in values.items()}


def _frames(v: dict[str, Any]) -> Any:
    """Packets/s of one source of frames."""
    every = v["iframe_every"]
    return v["frame_rate"] * (v["frame_packets"] * (every - 1.0) + v["iframe_packets"]) / every


def _loss_bound(scenario: Scenario, result: xr.Dataset) -> xr.DataArray:
    """What the loss law allows at the loss events and the mean RTT of simulated points, bit/s."""
    f = scenario.broadcast()
    share = result["loss_events"] / np.maximum(result["sent"], 1.0)
    # one event before any packet of the run was acknowledged is slow start, not a law
    share = share.where(result["loss_events"] >= 2, 0.0)
    share, rtt, control, streams, mss, source = xr.broadcast(
        share, result["mean_rtt"], f["congestion"], f["streams"], f["mss"], f["source"]
    )
    window = loss_window(share.values, rtt.values, control.values.astype(str))
    rate = streams.values * window * 8.0 * mss.values / rtt.values
    bound: xr.DataArray = share.copy(data=np.where(source.values.astype(str) == "tcp", rate, np.inf))
    return bound
