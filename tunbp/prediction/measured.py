"""What a measured run tells a prediction: fields, what it carried, what held it, and when it tells too little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from tunbp.model.congestion import CONTROLS
from tunbp.quantities import percent, show
from tunbp.traces import limit
from tunbp.traces.devices import tunnel_rows

SHORTEST = 1.0
"""A shorter run [s] is all slow start."""
CLEAR = 0.5
"""Part of the lost packets that the ring must account for to be what lost them."""


@dataclass(frozen=True)
class Told:
    """What one measured run says.

    Attributes
    ----------
    fields
        Fields of `tunbp.Scenario` that it tells.
    observed
        What it carried: `received_rate` [bit/s], `drop_fraction` of the ring, `queueing` [s]; what was not measured is
        left out.
    told
        One line per field or value, and how it is known.
    cannot
        Why no prediction or advice can follow from it; empty if one can.
    device
        Name of the tunnel's device, where the file names one.
    """

    fields: dict[str, Any]
    observed: dict[str, float]
    told: tuple[str, ...]
    cannot: str = ""
    device: str = ""

    def __str__(self) -> str:
        """What it told, in a sentence."""
        return "From the trace: " + ("; ".join(self.told) or "nothing")


def read_run(run: xr.Dataset, given: Mapping[str, Any]) -> Told:
    """What one run says of its path, and whether that is enough to predict it.

    Parameters
    ----------
    run
        One run as `tunbp.traces.open_trace` gives it.
    given
        Fields that are known without it: they need not be in the file.

    Returns
    -------
    Told
        Fields that the run tells, and words on what it does not.
    """
    if "run" in run.dims:
        return Told({}, {}, (), f"this holds {run.sizes['run']} runs: give the file or folder of one")
    fields, told = _path(run)
    drops = _device(run)
    if run.attrs.get("direction") == "reverse":
        told.append("received by this end (-R): the ring that matters is the far end's")
        drops = None
    if drops is not None and drops.ring:
        fields["ring"] = drops.ring
        told.append(f"txqueuelen {drops.ring} of {drops.name}")
    rate, mean, least = _total(run, "received_rate", "sent_rate"), _total(run, "mean_rtt"), _total(run, "min_rtt")
    observed: dict[str, float] = {}
    if rate:
        observed["received_rate"] = rate
    if drops is not None and drops.counted and drops.sent:
        observed["drop_fraction"] = drops.dropped / (drops.sent + drops.dropped)
        told.append(f"{percent(observed['drop_fraction'], 2)} dropped in the ring of {drops.name}")
    if mean and least and mean > least:
        observed["queueing"] = mean - least
    cannot = _cannot(run, drops, {**fields, **given}, rate)
    return Told(fields, observed, tuple(told), cannot, "" if drops is None else drops.name)


@dataclass(frozen=True)
class Device:
    """Counters of the tunnel's device: `counted` if they grew over the run, not since the device came up."""

    name: str
    ring: int
    sent: float
    dropped: float
    counted: bool


def _device(run: xr.Dataset) -> Device | None:
    """The tunnel's device among the interfaces of a file; None if there is none."""
    if "queue" not in run.dims or "txqueuelen" not in run or "device" not in run.coords:
        return None
    lengths = _last(run["txqueuelen"])
    rows = np.flatnonzero(tunnel_rows(run) & (lengths >= 1))
    if not rows.size:
        return None
    series = "tx_dropped" in run and "time" in run["tx_dropped"].dims
    counted = bool(run.attrs.get("difference")) or series

    def grew(name: str) -> float:
        if name not in run:
            return 0.0
        values = _last(run[name]) - (_last(run[name].isel(time=slice(0, 1))) if series else 0.0)
        return float(np.nan_to_num(values[rows[0]]))

    name = str(run["device"].to_numpy()[rows[0]])
    return Device(name, int(lengths[rows[0]]), grew("tx_packets"), grew("tx_dropped"), counted)


def _last(values: xr.DataArray) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(values.isel(time=-1) if "time" in values.dims else values, float)


def _path(run: xr.Dataset) -> tuple[dict[str, Any], list[str]]:
    """RTT, MSS, streams, congestion control and window of a run."""
    fields: dict[str, Any] = {}
    told = []
    if rtt := _least(run, "ping_min_rtt", "min_rtt", "socket_min_rtt", "rtt"):
        fields["rtt"] = rtt
        told.append(f"RTT {show(rtt, 's', 3)}, the smallest measured")
    if mss := _total(run, "mss"):
        fields["mss"] = mss
        told.append(f"MSS {mss:.0f} byte")
    if (streams := limit.forward_streams(run)) > 1:
        fields["streams"] = streams
        told.append(f"{streams} streams")
    named = str(run.attrs.get("congestion", ""))
    if found := next((control for control in CONTROLS if named.startswith(control)), None):
        fields["congestion"] = found
        told.append(found)
    if (seconds := _total(run, "duration", "sent_duration")) and seconds >= SHORTEST:
        fields["duration"] = seconds
    held, window, flight = limit.limit_of(run).name, limit.median(run, "snd_wnd"), limit.carried_per_rtt(run)
    if held == limit.RECEIVE_WINDOW and flight:
        fields["receive_window"] = flight
        told.append(f"receive window {show(flight, 'byte', 3)}: what was in flight, the window held the run")
    elif window:
        fields["receive_window"] = window
        told.append(f"receive window {show(window, 'byte', 3)}, as advertised")
    return fields, told


def _cannot(run: xr.Dataset, drops: Device | None, known: Mapping[str, Any], rate: float | None) -> str:
    """Why a run tells too little, or is not held by what this package models; empty if neither."""
    if rate is None:
        if drops is not None and not drops.counted:
            return (
                f"one snapshot of counters does not tell: {drops.name} dropped {drops.dropped:.0f} of "
                f"{drops.sent + drops.dropped:.0f} packets since it came up, nobody knows when. Take two snapshots "
                f"(`ip -s link show {drops.name}`) ten seconds apart under load, or `tunbp lab probe {drops.name}`"
            )
        if "queue" in run.dims and not run.attrs.get("difference") and "time" not in run.dims:
            return "one snapshot of counters, and no tunnel device in it: take `ip -d -s link` twice, or name a run"
        return "no rate in this file: give one of iperf3, ss or netperf, or --measured"
    held = limit.limit_of(run)
    if held.name == limit.SET_RATE:
        return f"the rate was set, nothing held this run: {held.reason}"
    if run.attrs.get("protocol") == "UDP":
        return (
            f"a run of UDP, of which {show(rate, 'bit/s')} arrived: it says what the tunnel carries of a flood, not "
            "what TCP gets; give a run of TCP"
        )
    if "rtt" not in known:
        return "no RTT in this file: give --rtt, or a folder with the output of ping beside it"
    seconds = _total(run, "duration", "sent_duration")
    if seconds and seconds < SHORTEST:
        return f"the run took {show(seconds, 's', 2)}: it ended in slow start; let it run for ten seconds or more"
    again = _total(run, "total_retransmits") or 0.0
    if drops is not None and drops.counted and again and drops.dropped < CLEAR * again:
        return (
            f"random loss on the path: {again:.0f} segments were sent again, the ring of {drops.name} dropped "
            f"{drops.dropped:.0f}. Neither the ring nor the flag helps; try BBR, or --loss to see what loss costs"
        )
    queue = limit.standing_queue(run)
    ring = float(known.get("ring", 500)) * float(known.get("mss", 1448))
    if queue is not None and queue > 1.5 * ring:
        return (
            f"the link holds this run, not the ring: {show(queue, 'byte', 3)} stand in a queue, "
            f"the ring holds at most {show(ring, 'byte', 3)}"
        )
    if held.name == limit.PATH and (drops is None or not drops.dropped):
        return f"the link holds this run, not the ring: {held.reason}, and no drop of a ring is in the file"
    return ""


def _total(run: xr.Dataset, *names: str) -> float | None:
    """First of these totals, summed over streams; None if there is none above zero."""
    for name in names:
        if name in run and "time" not in run[name].dims:
            values = np.asarray(run[name].to_numpy(), float)
            found = float(np.nansum(values)) if "rate" in name or "retransmits" in name else float(np.nanmean(values))
            if np.isfinite(found) and found > 0.0:
                return found
    return None


def _least(run: xr.Dataset, *names: str) -> float | None:
    """Smallest positive value of the first of these that has one."""
    for name in names:
        if name in run:
            values = np.asarray(run[name].to_numpy(), float)
            values = values[np.isfinite(values) & (values > 0.0)]
            if values.size:
                return float(values.min())
    return None
