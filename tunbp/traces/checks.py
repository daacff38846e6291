"""Sanity gates: what a measurement is worth, as findings with a severity, before anybody believes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.quantities import percent, show
from tunbp.traces.findings import SEVERITIES, Finding, Severity, as_json
from tunbp.traces.limit import (
    LOSS,
    SATURATED,
    SHORT_PATH,
    WINDOW_SHARE,
    busiest_thread,
    carried_per_rtt,
    is_iperf3,
    kernel_shares,
    last_known,
    limit_of,
    median,
    threads,
    total,
)

LABEL = re.compile(r"(?<![\w.])?(\d+(?:\.\d+)?) ?ms(?![a-z])", re.IGNORECASE)
BELOW, ABOVE = 0.97, 1.10
"""Bounds of minimum RTT over label: a path is never faster than its emulated delay; hosts add little."""
SETTLED = 0.5
"""A run has left slow start when its rate first reaches this part of the median of its second half."""
SLOW_START_SHARE = 0.1
"""Part of the run that slow start may take: the mean is then at most 5 % below the steady rate."""
BYTES_TOLERANCE = 0.02
"""Sender and receiver may differ by what was in flight at the end; 2 % is far more in a run of 10 s."""


Check = Callable[[xr.Dataset], list[Finding]]


def judge(dataset: xr.Dataset) -> list[Finding]:
    """Findings of every check on one run, most serious first.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        Most serious first; empty where nothing was found.
    """
    with np.errstate(all="ignore"):
        findings = [finding for check in CHECKS for finding in check(dataset)]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def judged(dataset: xr.Dataset) -> xr.Dataset:
    """The Dataset with its findings as JSON text in ``attrs["findings"]``.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    xr.Dataset
        The same with one attribute more.
    """
    return dataset.assign_attrs(findings=as_json(judge(dataset)))


def label_against_rtt(dataset: xr.Dataset) -> list[Finding]:
    """The delay in the file name against the minimum RTT that was measured.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        At most one finding; empty without a delay in the name or a measured RTT.
    """
    known = [total(dataset, name) for name in ("min_rtt", "ping_min_rtt")]
    measured = min((value for value in known if value), default=None)
    found = LABEL.findall(str(dataset.attrs.get("file", "")))
    if not measured or len(found) != 1 or float(found[0]) < 1:
        return []
    label = float(found[0]) * 1e-3
    if BELOW * label <= measured <= ABOVE * label:
        return []
    differ = f"named {show(label, 's', 3)}, but the minimum RTT is {show(measured, 's', 3)}"
    if measured < label:
        text = f"{differ}: the delay was another"
        return [Finding("label", "error", text)]
    text = f"{differ}: another delay, or a standing queue"
    return [Finding("label", "error" if measured < 2 * label else "warning", text)]


def window_limited(dataset: xr.Dataset) -> list[Finding]:
    """Throughput x RTT against the window that the receiver advertises.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        At most one finding; empty without a window.
    """
    carried, window = carried_per_rtt(dataset), median(dataset, "snd_wnd")
    if carried is None or window is None or carried < WINDOW_SHARE * window:
        return []
    cwnd = median(dataset, "cwnd")
    if cwnd is not None and cwnd < window:
        return []
    numbers = f"throughput x RTT is {show(carried, 'byte', 3)}, the receiver's window {show(window, 'byte', 3)}"
    if busiest_thread(dataset) >= SATURATED:
        return [Finding("window", "info", f"{numbers}: full, but a processor is busy, which keeps it full")]
    if (total(dataset, "min_rtt") or 0.0) < SHORT_PATH:
        text = f"{numbers}: full, but on so short a path the RTT is mostly queueing, and any bottleneck fills it"
        return [Finding("window", "info", text)]
    text = f"{numbers}: window-limited, so the rate says nothing about drops and is a floor"
    return [Finding("window", "warning", text)]


def slow_start(dataset: xr.Dataset) -> list[Finding]:
    """Whether the run is long against its slow start, which totals include unless it was omitted.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        At most one finding; empty for a long run.
    """
    rate = _kept_series(dataset, "throughput")
    if rate is None:
        return []
    seconds = _kept_series(dataset, "interval")
    length = float(np.nansum(seconds)) if seconds is not None else float(len(rate))
    if len(rate) < 5:
        text = f"{len(rate)} interval(s), {length:.3g} s: too short to tell slow start from the steady rate"
        return [Finding("duration", "warning", text)]
    settled = np.nanmedian(rate[len(rate) // 2 :])
    ready = int(np.argmax(rate >= SETTLED * settled)) if np.any(rate >= SETTLED * settled) else len(rate)
    share = ready / len(rate)
    if share <= SLOW_START_SHARE or not settled > 0:
        return []
    text = f"{ready} of {len(rate)} intervals pass before the rate settles: the mean is below the steady rate"
    return [Finding("duration", "warning", text)]


def retransmits_against_drops(dataset: xr.Dataset) -> list[Finding]:
    """Retransmitted segments against the packets that the device and its qdisc dropped.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        At most one finding; empty without both counts.
    """
    again, ring = total(dataset, "total_retransmits"), total(dataset, "dropped_ring")
    if again is None or ring is None:
        return []
    dropped = ring + (total(dataset, "dropped_qdisc") or 0.0)
    if again > 2 * dropped + 10:
        text = f"{again:.0f} retransmits, but the device dropped {dropped:.0f}: lost elsewhere, or spurious"
        return [Finding("drops", "warning", text)]
    if dropped > 2 * again + 10:
        text = f"the device dropped {dropped:.0f} packets, but {again:.0f} segments were sent again"
        return [Finding("drops", "warning", text)]
    return [Finding("drops", "info", f"{again:.0f} retransmits, {dropped:.0f} packets dropped by the device")]


def sender_against_receiver(dataset: xr.Dataset) -> list[Finding]:
    """Bytes sent against bytes received.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        At most one finding; empty without both ends.
    """
    sent, received = total(dataset, "sent_bytes"), total(dataset, "received_bytes")
    if sent is None or received is None or sent == received:
        return []
    if sent == 0 or received == 0:
        side = "sender" if sent == 0 else "receiver"
        text = f"the {side}'s total is 0: this side's file does not know it; use the other total"
        return [Finding("totals", "warning", text)]
    lost, udp = 1 - received / sent, dataset.attrs.get("protocol") == "UDP"
    if received > sent * (1 + BYTES_TOLERANCE) and "omitted" not in dataset:
        text = f"received {received:.0f} bytes, more than the {sent:.0f} sent: one total is of another period"
        return [Finding("totals", "error", text)]
    if lost > BYTES_TOLERANCE and not udp:
        text = f"received {received:.0f} of {sent:.0f} bytes sent ({percent(lost)} less): use the received rate"
        return [Finding("totals", "warning", text)]
    return []


def missing_seconds(dataset: xr.Dataset) -> list[Finding]:
    """Gaps in the series, and a series that ends before the set duration.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        One finding for gaps, one for an early end.
    """
    if "time" not in dataset.dims or "interval" not in dataset:
        return []
    shown = dataset["interval"].dropna("time")
    time, lengths = shown["time"].to_numpy(), shown.to_numpy()
    if len(time) < 2 or lengths.ndim != 1:
        return []
    findings = []
    gaps = np.diff(time) - lengths[1:]
    usual = float(np.median(lengths))
    holes = gaps > 0.5 * usual
    if holes.any():
        where = time[:-1][holes][0]
        text = f"{gaps[holes].sum():.3g} s are missing in {int(holes.sum())} gaps, the first after {where:.3g} s"
        findings.append(Finding("missing", "warning", text))
    wanted = total(dataset, "set_duration")
    if wanted and time[-1] < wanted - 1.5 * usual:
        text = f"the series ends at {time[-1]:.4g} s of {wanted:.4g} s: interrupted or cut off"
        findings.append(Finding("missing", "warning", text))
    return findings


def cpu_bound(dataset: xr.Dataset) -> list[Finding]:
    """Whether sender or receiver used (nearly) a whole core in each of its threads.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        One finding per end that was busy.
    """
    findings = []
    here = "sender" if dataset.attrs.get("direction", "forward") == "forward" else "this side"
    there = "receiver" if here == "sender" else "other side"
    if dataset.attrs.get("role") == "server":
        here, there = there, here
    count = threads(dataset)
    share = "of a core" if count == 1 else f"of a core in each of {count} threads"
    for name, side in (("cpu_host", here), ("cpu_remote", there)):
        used = total(dataset, name)
        if used is not None and used / count >= SATURATED:
            text = (
                f"the {side} uses {percent(used / count, 2)} {share}: the rate may be the processor's, not the path's"
            )
            findings.append(Finding("cpu", "warning", text))
    return findings


def units(dataset: xr.Dataset) -> list[Finding]:
    """Bits per second against bytes over seconds: a factor 8, or powers of 1.024, are unit mistakes.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        One finding per unit that does not fit.
    """
    findings = []
    if dataset.attrs.get("rounded"):
        return []  # three digits cannot tell K from Ki
    pairs = [
        ("sent_rate", "sent_bytes", "sent_duration"),
        ("received_rate", "received_bytes", "received_duration"),
    ]
    for rate, size, seconds in pairs:
        values = [total(dataset, name) for name in (rate, size, seconds)]
        if not all(values):
            continue
        ratio = float(values[0] or 0) * float(values[2] or 0) / (8 * float(values[1] or 1))
        for factor, meaning in UNIT_MISTAKES.items():
            if abs(ratio / factor - 1) < 0.004:
                text = f"{rate} is {factor:.4g} times bytes x 8 / seconds: {meaning}"
                findings.append(Finding("units", "error", text))
    carried, packet = total(dataset, "received_rate"), total(dataset, "packet_size")
    rate_of_packets = total(dataset, "transmitted_rate")
    if carried and packet and rate_of_packets and abs(carried / (rate_of_packets * packet) - 1) < 0.004:
        findings.append(Finding("units", "error", "the speed equals packets x size: bytes were taken as bits"))
    return findings


UNIT_MISTAKES = {
    1 / 8: "bytes were taken as bits",
    8.0: "bits were taken as bytes",
    1 / 1.024: "K (1000) and Ki (1024) were mixed",
    1.024: "K (1000) and Ki (1024) were mixed",
    1 / 1.048576: "M (1000^2) and Mi (1024^2) were mixed",
    1.048576: "M (1000^2) and Mi (1024^2) were mixed",
    1.073741824: "G (1000^3) and Gi (1024^3) were mixed",
    1 / 1.073741824: "G (1000^3) and Gi (1024^3) were mixed",
}


def congestion_control(dataset: xr.Dataset) -> list[Finding]:
    """Which congestion control ran: the tool records the name, not whether anybody chose it.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        At most one finding; empty where the tool names none.
    """
    if not is_iperf3(dataset) or dataset.attrs.get("protocol") != "TCP":
        return []
    name = str(dataset.attrs.get("congestion", ""))
    if not name:
        return [Finding("congestion", "warning", "congestion control not recorded: the sender's default, unknown")]
    if name.startswith("bbr"):
        text = f"{name} hardly slows down for single drops: do not compare with CUBIC or Reno"
        return [Finding("congestion", "warning", text)]
    return [Finding("congestion", "info", f"{name}; the file does not say whether it was set (-C) or the default")]


def what_held(dataset: xr.Dataset) -> list[Finding]:
    """What held the rate, by `limit_of`: what is not the path's own is no measurement of the path.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        At most one finding; empty where the path's own limit held it, or nothing tells.
    """
    found = limit_of(dataset)
    if not found.reason:
        return []
    severity: Severity = "warning" if found.name == LOSS and dataset.attrs.get("protocol") == "UDP" else "info"
    return [Finding("limit", severity, f"{found.name}: {found.reason}")]


def probes(dataset: xr.Dataset) -> list[Finding]:
    """Losses and duplicates of probes.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        One finding for losses, one for duplicates.
    """
    lost, twice = total(dataset, "loss_fraction"), total(dataset, "probes_duplicate")
    findings = []
    if lost is not None and lost >= 1:
        findings.append(Finding("probes", "error", "no probe was answered"))
    elif lost:
        findings.append(Finding("probes", "info", f"{percent(lost)} of the probes were lost; the RTT is of the others"))
    if twice:
        findings.append(Finding("probes", "warning", f"{twice:.0f} duplicates: their RTT is part of the mean"))
    return findings


TROUBLE = {
    # counter -> what it is a part of, and the words for it
    "tx_dropped": ("tx_packets", "dropped {}"),
    "qdisc_dropped": ("qdisc_packets", "dropped {}"),
    "tx_errors": ("tx_packets", "failed to send {}"),
    "rx_dropped": ("rx_packets", "dropped {} on reception"),
    "rx_errors": ("rx_packets", "received {} with errors"),
}
"""Counters of packets that an interface or qdisc did not pass on."""


def drops_of_devices(dataset: xr.Dataset) -> list[Finding]:
    """Devices and qdiscs that dropped or failed; and snapshots that count from the start of the machine.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        One finding per kind of drop.
    """
    names = [name for name in TROUBLE if name in dataset and "run" not in dataset.dims]
    if not names:
        return []
    findings = []
    series = "time" in dataset[names[0]].dims
    if "difference" not in dataset.attrs and not series:
        text = "one snapshot: it counts from the start of the machine or namespace, not of the run"
        findings.append(Finding("snapshot", "info", text))
    for name in names:
        values = np.asarray(dataset[name].to_numpy(), dtype=float)
        whole, words = TROUBLE[name]
        passed = np.asarray(dataset[whole].to_numpy(), dtype=float) if whole in dataset else values * np.nan
        for index, label in enumerate(dataset["queue"].to_numpy()):
            findings += _trouble_of(str(label).rstrip(":"), words, values[..., index], passed[..., index])
    return findings[:50]


def _trouble_of(label: str, words: str, lost: NDArray[np.float64], passed: NDArray[np.float64]) -> list[Finding]:
    """What one device did not pass on: of a series that between its first and last snapshot."""
    if not lost.ndim:
        offered = passed + lost
        amount = f"{lost:.0f} of {show(float(offered), 'packet')}" if np.isfinite(offered) else f"{lost:.0f} packets"
        return [Finding("drops", "info", f"{label} {words.format(amount)}")] if lost > 0 else []
    known = lost[np.isfinite(lost)]
    if len(known) < 2 or not known[-1] > 0:
        return []
    if (grown := known[-1] - known[0]) > 0:
        text = f"{label} {words.format(f'{grown:.0f} packets')} between first and last snapshot"
    elif "dropped" in words:
        text = f"{label}: {known[0]:.0f} drops were there before the first snapshot: 0 in the series"
    else:
        return []
    return [Finding("drops", "info", text)]


def kernel_verdict(dataset: xr.Dataset) -> list[Finding]:
    """The time in which the kernel saw a socket limited by receive window and send buffer.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        One finding per limit that the kernel saw.
    """
    shares = kernel_shares(dataset)
    if shares is None or "socket" not in dataset.coords:
        return []
    busy = last_known(dataset, "socket_busy_time")
    most = int(np.nanargmax(busy))
    name = str(np.atleast_1d(dataset["socket"].to_numpy())[most]) or "a socket"
    text = (
        f"{name}: busy {show(float(busy[most]), 's')}, limited by the "
        f"receive window {percent(shares[0])}, by the send buffer {percent(shares[1])} of it"
    )
    return [Finding("kernel", "info", text)]


def warnings_of_reading(dataset: xr.Dataset) -> list[Finding]:
    """What was wrong with the file itself.

    Parameters
    ----------
    dataset
        One run in the schema.

    Returns
    -------
    list[Finding]
        One finding per warning of the reader.
    """
    lines = str(dataset.attrs.get("warnings", "")).splitlines()
    return [Finding("file", "warning", line) for line in lines[:50]]


CHECKS: tuple[Check, ...] = (
    warnings_of_reading,
    label_against_rtt,
    window_limited,
    slow_start,
    retransmits_against_drops,
    sender_against_receiver,
    missing_seconds,
    cpu_bound,
    units,
    congestion_control,
    what_held,
    probes,
    drops_of_devices,
    kernel_verdict,
)
"""Every check of one run."""

MEANINGS = {
    "file": "something in the file is damaged, missing or rounded, and what was done about it",
    "label": "the delay in the file's name is not the one that was measured: the run is not what it claims to be",
    "window": "the receive window was full: the rate is a floor and says nothing about drops",
    "duration": "the run is short against slow start: its mean is below the steady rate",
    "drops": "what devices and qdiscs dropped, and whether it fits what the sender sent again",
    "totals": "sender and receiver disagree, or one side's total is not known to this file",
    "missing": "seconds are missing, or the run ended before its set duration",
    "cpu": "a thread used (nearly) a whole core: the rate may be the processor's",
    "units": "rate and bytes over seconds differ by the factor of a unit mistake",
    "congestion": "which congestion control ran, and that BBR is not to be compared with CUBIC or Reno",
    "limit": "what held the rate, by `tunbp.traces.limit.limit_of`, with the numbers that say so",
    "probes": "probes that were lost or answered twice",
    "snapshot": "one snapshot of counters: they count from the start of the machine, not of the run",
    "kernel": "the time in which the kernel saw a socket limited by receive window and send buffer",
    "duplicate": "two files are the same measurement: count it once",
}
"""What a finding of each check means."""


def duplicates(datasets: Mapping[str, xr.Dataset]) -> list[Finding]:
    """Files that are the same: by hash, or by what they measured.

    Parameters
    ----------
    datasets : mapping
        Name -> Dataset of one run.

    Returns
    -------
    list[Finding]
        One finding per group of equal files.
    """
    findings = []
    seen: dict[object, str] = {}
    for name, dataset in datasets.items():
        for key in (dataset.attrs.get("sha256"), _measured(dataset)):
            if not key:
                continue
            if key in seen and seen[key] != name:
                text = f"{name} is the same measurement as {seen[key]}: count it once"
                findings.append(Finding("duplicate", "error", text))
                break
            seen[key] = name
    return findings


def _measured(dataset: xr.Dataset) -> object:
    """What makes a run unlike every other: its start and its bytes in each interval."""
    if not dataset.attrs.get("start") or "transferred" not in dataset:
        return None
    return dataset.attrs["start"], dataset["transferred"].to_numpy().tobytes()


def _kept_series(dataset: xr.Dataset, name: str) -> NDArray[np.float64] | None:
    """A series without omitted seconds, streams summed up; None if it was not measured."""
    if name not in dataset or dataset[name].dims[:1] != ("time",):
        return None
    values = np.asarray(dataset[name].to_numpy(), dtype=float).reshape(dataset.sizes["time"], -1)
    left = np.isfinite(values).any(axis=1)
    if "omitted" in dataset:
        left &= ~dataset["omitted"].to_numpy().astype(bool)
    summed: NDArray[np.float64] = np.nansum(values[left], axis=1)
    return summed if summed.size else None
