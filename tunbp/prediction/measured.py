"""What a measured run tells a prediction: fields, what it carried, what held it, and when it tells too little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from tunbp.model.congestion import CONTROLS
from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import QDISCS
from tunbp.prediction import settings
from tunbp.prediction.conditioning import Observation
from tunbp.prediction.phrases import LINK_OR_TUNNEL
from tunbp.quantities import percent, show
from tunbp.traces import limit
from tunbp.traces.devices import tunnel_rows

SHORTEST = 1.0
"""A shorter run [s] is all slow start."""

START_MSS = float(FIELDS["mss"].default)

BUSY = 0.1
"""Share of the time from which a program's processor time is that of packets, and not of waking up for few."""

NEITHER = "Neither a longer ring nor the flag helps then"

CLEAR = 0.5
"""Part of the lost packets that the ring must account for to be what lost them."""


@dataclass(frozen=True)
class Told:
    """What measured runs say.

    Attributes
    ----------
    fields
        Fields of `tunbp.Scenario` that they tell.
    runs
        What each carried.
    told
        One line per field or value, and how it is known.
    cannot
        Why no prediction or advice can follow from them; empty if one can.
    device
        Name of the tunnel's device, where a file names one.
    variant
        How the path is now, stock or backpressure; empty where no file says it.
    missing
        What a prediction would take beside them, with the option that says it.
    """

    fields: dict[str, Any]
    runs: tuple[Observation, ...]
    told: tuple[str, ...]
    cannot: str = ""
    device: str = ""
    variant: str = ""
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What they told, in a sentence."""
        return "From the trace: " + ("; ".join(self.told) or "nothing")

    def refusal(self) -> tuple[str, ...]:
        """Why no prediction follows, and what was told all the same."""
        why = f"{self.cannot[0].upper()}{self.cannot[1:]}."
        needs = f": it takes {' and '.join(self.missing)}, with your values" if self.missing else ""
        return why, f"{self}. No prediction follows from this alone{needs}."


def read_run(run: xr.Dataset, given: Mapping[str, Any], variant: str = "") -> Told:
    """What measured runs say of their path, and whether that is enough to predict it.

    Runs may differ in txqueuelen and variant; those of other paths than `given` are left out.

    Parameters
    ----------
    run
        One run or several as `tunbp.traces.open_trace` gives them.
    given
        Fields that are known without it: they need not be in the file.
    variant
        stock or backpressure: what runs were made with that do not say it themselves; empty: stock.

    Returns
    -------
    Told
        Fields that the run tells, and words on what it does not.
    """
    if "run" in run.dims:
        return _several([limit.one(run, place) for place in range(run.sizes["run"])], given, variant)
    return _single(run, given, variant)


def _single(run: xr.Dataset, given: Mapping[str, Any], variant: str) -> Told:
    fields, told = _path(run)
    drops = _device(run)
    if run.attrs.get("direction") == "reverse":
        told.append("received by this end (-R): the ring that matters is the far end's")
        drops = None
    if drops is not None and drops.ring:
        fields["ring"] = drops.ring
        told.append(f"txqueuelen {drops.ring} of {drops.name}")
    rate, mean, least = _total(run, "received_rate", "sent_rate"), _total(run, "mean_rtt"), _total(run, "min_rtt")
    values: dict[str, float] = {}
    if rate:
        values["received_rate"] = rate
    if "ring_drop_fraction" in run and np.isfinite(share := float(np.nanmean(run["ring_drop_fraction"]))):
        values["drop_fraction"] = share
    elif drops is not None and drops.counted and drops.sent:
        values["drop_fraction"] = drops.dropped / (drops.sent + drops.dropped)
        told.append(f"{percent(values['drop_fraction'], 2)} dropped in the ring of {drops.name}")
    elif (share_again := _resent(run, rate)) is not None:
        values["resent"] = share_again
    if drops is not None and not drops.counted and drops.dropped:
        told.append(f"{drops.dropped:.0f} packets dropped since {drops.name} came up, which says nothing of now")
    if mean and least and mean > least:
        values["queueing"] = mean - least
    if (cost := _reader_cost(run, rate)) is not None:
        values["reader_cost"] = cost
        told.append(f"{show(cost, 's', 2)} of the tunnel program's processor time for a packet")
    own = _variant(run)
    if own:
        told.append("with the flag" if own == "backpressure" else "stock")
    seen = Observation(values, own or variant or "stock", fields.get("ring"))
    cannot = _cannot(run, drops, {**fields, **given}, rate)
    idle = drops is not None and drops.counted and not drops.sent + drops.dropped
    missing = [] if rate or idle else ["a rate (`--measured 50Mbit/s`)"]
    missing += [] if not missing or "rtt" in {**fields, **given} else ["an RTT (`--rtt 40ms`)"]
    device = "" if drops is None else drops.name
    return Told(fields, (seen,), tuple(told), cannot, device, own or variant, tuple(missing))


def _several(runs: Sequence[xr.Dataset], given: Mapping[str, Any], variant: str) -> Told:
    """Runs of one path: what they have in common, and what each carried."""
    parts = [_single(run, given, variant) for run in runs]
    able = [part for part in parts if not part.cannot]
    if not able:
        reason = parts[0].cannot if len({part.cannot for part in parts}) == 1 else f"the first: {parts[0].cannot}"
        return Told({}, (), (), f"none of the {len(parts)} runs can be reproduced: {reason}")
    here = [part for part in able if all(_alike(name, part.fields.get(name), given.get(name)) for name in PATHS)]
    if not here:
        asked = ", ".join(f"{name} {given[name]}" for name in PATHS if given.get(name) is not None)
        return Told({}, (), (), f"none of the {len(able)} runs was made with {asked}")
    if differing := [name for name in PATHS if not _one_path(name, [part.fields.get(name) for part in here])]:
        return Told({}, (), (), f"these are runs of several paths: {_choices(differing, here)}; say which one")
    first = here[0]
    fields = {**first.fields, **{name: first.fields[name] for name in PATHS if name in first.fields}}
    for name, common in (("rtt", np.min), ("receive_window", np.median), ("duration", np.median)):
        if known := [part.fields[name] for part in here if name in part.fields]:
            fields[name] = float(common(known))
    rings, variants = (Counter(getattr(run, key) for part in here for run in part.runs) for key in ("ring", "variant"))
    if ring := next((ring for ring, _ in rings.most_common() if ring is not None), None):
        fields["ring"] = ring
    seen = tuple(run for part in here for run in part.runs)
    told = [
        f"{len(here)} of {len(parts)} runs",
        *(line for line in first.told if line not in ("stock", "with the flag")),
    ]
    now = variant or ("stock" if "stock" in variants else "backpressure")
    return Told(fields, seen, tuple(told), "", first.device, now)


PATHS = {"rtt": "--rtt", "congestion": "--congestion", "streams": "--streams", "qdisc": "--qdisc"}
"""Fields that runs of one path have in common, and the option that says which."""

SAME_RTT, STANDING = 1.5, 0.005
"""Runs are of one path up to this factor between their RTTs, beyond what a standing queue adds, s."""


def _alike(name: str, found: Any, asked: Any) -> bool:
    """Whether a run was made with what was asked for, where both are known."""
    return found is None or asked is None or _one_path(name, [found, asked])


def _one_path(name: str, found: Sequence[Any]) -> bool:
    """Whether runs with these values of a field are of one path."""
    known = [value for value in found if value is not None]
    if name != "rtt":
        return len(set(known)) < 2
    return not known or max(known) <= SAME_RTT * min(known) + STANDING


def _choices(names: Sequence[str], parts: Sequence[Told]) -> str:
    """What differs between runs, with the options that choose: `--rtt 20 ms, 60 ms`."""
    words = []
    for name in names:
        known = sorted({part.fields[name] for part in parts if name in part.fields})
        ends = (
            f"{show(known[0], 's', 2)} to {show(known[-1], 's', 2)}" if name == "rtt" else " or ".join(map(str, known))
        )
        words.append(f"{PATHS[name]} {ends}")
    return ", ".join(words)


def _variant(run: xr.Dataset) -> str:
    """Which driver a run says it was made with; empty where it does not."""
    name = str(run.attrs.get("variant", ""))
    return "" if not name else "stock" if name.startswith("stock") else "backpressure"


def _streams(run: xr.Dataset) -> int:
    """Streams of a run; beside runs with more of them it has empty ones."""
    if "streams" in run.coords and not run["streams"].ndim:
        return max(int(run["streams"]), 1)
    if "stream" in run.dims and "throughput" in run and {"stream", "time"} <= set(run["throughput"].dims):
        run = run.isel(stream=np.flatnonzero(run["throughput"].notnull().any("time").to_numpy()))
    return limit.forward_streams(run)


def _resent(run: xr.Dataset, rate: float | None) -> float | None:
    """Segments that were sent again per segment; None where they were not counted."""
    seconds, mss = _total(run, "duration", "sent_duration", "set_duration"), _total(run, "mss") or START_MSS
    if "total_retransmits" not in run or not rate or not seconds:
        return None
    again = float(np.asarray(run["total_retransmits"], float).sum())
    return again / (rate * seconds / 8.0 / mss) if np.isfinite(again) else None


def _reader_cost(run: xr.Dataset, rate: float | None) -> float | None:
    """Processor time of the tunnel's program per segment; None where it was not measured or says little."""
    spent, seconds = _total(run, "reader_cpu"), _total(run, "duration")
    if spent is None or not rate or not seconds or spent < BUSY * seconds:
        return None
    return spent / (rate * seconds / 8.0 / (_total(run, "mss") or START_MSS))


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
    fields["streams"] = _streams(run)
    if fields["streams"] > 1:
        told.append(f"{fields['streams']} streams")
    named = str(run.attrs.get("congestion", ""))
    if found := next((control for control in CONTROLS if named.startswith(control)), None):
        fields["congestion"] = found
        told.append(found)
    if "ring" in run.coords and not run["ring"].ndim and int(run["ring"]) >= 1:
        fields["ring"] = int(run["ring"])
        told.append(f"txqueuelen {fields['ring']}")
    if str(run.attrs.get("qdisc", "")) in QDISCS:
        fields["qdisc"] = str(run.attrs["qdisc"])
        told.append(fields["qdisc"])
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
        if drops is not None and drops.counted:
            return _ring_alone(drops)
        if drops is not None:
            at_times = f"the ring of {drops.name} has overflowed at times" if drops.dropped else f"{drops.name}"
            look = f"ip -s link show {drops.name}"
            return (
                f"one snapshot of counters does not tell whether it is the ring now: {at_times} (it dropped "
                f"{drops.dropped:.0f} of {drops.sent + drops.dropped:.0f} packets since it came up, nobody knows "
                f"when). Take two ten seconds apart, while it is slow: `{look} > before.txt; sleep 10; {look} > "
                "after.txt; tunbp predict --trace before.txt --trace after.txt`; or watch it: `tunbp lab probe "
                f"{drops.name}` (`--coarse` without root)"
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
            f"the ring holds at most {show(ring, 'byte', 3)}. {NEITHER}. {_sooner(rate)}"
        )
    if held.name == limit.PATH and (drops is None or not drops.dropped):
        return (
            f"a rate holds this run, not drops of the ring: {held.reason}, and no drop of a ring is in the file. "
            f"Whether it is the rate of the link or of the tunnel's program, this file cannot tell. {LINK_OR_TUNNEL} "
            "(its program, if `top -H` shows that at a whole processor beside a transfer). "
            f"{NEITHER}. If it is the link: {_sooner(rate)}. If the program: its kernel module or larger packets"
        )
    return ""


def _sooner(rate: float) -> str:
    """What shortens the wait before a link of a rate [bit/s]."""
    return (
        f"CAKE a little below that rate ({show(rate, 'bit/s', 3)} of payload) shortens the wait on the machine that "
        f"sends into the link: {settings.cake(0.95 * rate)}"
    )


def _ring_alone(drops: Device) -> str:
    """What two snapshots tell where no rate is known: whether it is the ring."""
    every = drops.sent + drops.dropped
    if not every:
        return (
            f"no packet entered {drops.name} between the two files: they are swapped or the same, or the tunnel was "
            "idle. This tells nothing; take two ten seconds apart, beside a transfer"
        )
    if not drops.dropped:
        return (
            f"it is not the ring: between the snapshots {drops.name} dropped none of {every:.0f} packets. What else "
            "holds the path a run tells (`--trace` of iperf3 or ss)"
        )
    return (
        f"yes, the ring overflows: between the snapshots {drops.name} dropped {drops.dropped:.0f} of {every:.0f} "
        f"packets ({percent(drops.dropped / every, 2)}), and TCP answers such losses by slowing down"
    )


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
