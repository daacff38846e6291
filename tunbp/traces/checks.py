"""Sanity gates: what a measurement is worth, as findings with a severity, before anybody believes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import msgspec
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.quantities import show

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""`error`: not what it claims to be; `warning`: know this before use; `info`: how it was made."""

LABEL = re.compile(r"(?<![\w.])?(\d+(?:\.\d+)?) ?ms(?![a-z])", re.IGNORECASE)
BELOW, ABOVE = 0.97, 1.10
"""Bounds of minimum RTT over label: a path is never faster than its emulated delay; hosts add little."""
WINDOW_SHARE = 0.75
"""Part of the advertised window in flight from which it is the limit: the nodrop runs fill 0.78 to 0.93."""
SHORT_PATH = 5e-3
"""Minimum RTT [s] below which it is mostly queueing: 1000 packets take this long at 2.4 Gbit/s."""
CPU_BOUND = 0.9
"""Share of one core from which a single-threaded tool counts as busy; iperf3 before 3.16 has one thread."""
SETTLED = 0.5
"""A run has left slow start when its rate first reaches this part of the median of its second half."""
SLOW_START_SHARE = 0.1
"""Part of the run that slow start may take: the mean is then at most 5 % below the steady rate."""
LOSS_SHARE = 1e-5
"""Retransmitted part of the bytes from which loss may hold CUBIC: one loss in 145 MB."""
BYTES_TOLERANCE = 0.02
"""Sender and receiver may differ by what was in flight at the end; 2 % is far more in a run of 10 s."""


@dataclass(frozen=True)
class Finding:
    """What one check found: its name, how serious it is, and the numbers that say so."""

    check: str
    severity: Severity
    message: str


Check = Callable[[xr.Dataset], list[Finding]]


def judge(dataset: xr.Dataset) -> list[Finding]:
    """Findings of every check on one run, most serious first."""
    with np.errstate(all="ignore"):
        findings = [finding for check in CHECKS for finding in check(dataset)]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def keep(dataset: xr.Dataset) -> xr.Dataset:
    """The Dataset with its findings as JSON text in ``attrs["findings"]``."""
    return dataset.assign_attrs(findings=as_json(judge(dataset)))


def as_json(findings: Sequence[Finding]) -> str:
    """Findings as JSON text, the form in which a Dataset carries them."""
    return msgspec.json.encode([asdict(finding) for finding in findings]).decode()


def kept(dataset: xr.Dataset) -> list[Finding]:
    """The findings that a Dataset carries; of several runs all of them, the run named in the message."""
    if "findings" in dataset.coords:
        found = _decode(str(dataset.attrs.get("findings", "")))
        for run, text in zip(dataset["run"].to_numpy(), dataset["findings"].to_numpy(), strict=True):
            found += [Finding(f.check, f.severity, f"{run}: {f.message}") for f in _decode(str(text))]
        return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
    return _decode(str(dataset.attrs.get("findings", "")))


def _decode(text: str) -> list[Finding]:
    return msgspec.json.decode(text, type=list[Finding]) if text else []


def label_against_rtt(dataset: xr.Dataset) -> list[Finding]:
    """The delay in the file name against the minimum RTT that was measured."""
    known = [_value(dataset, name) for name in ("min_rtt", "ping_min_rtt")]
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
    """Throughput x RTT against the window that the receiver advertises."""
    carried, window = carried_per_rtt(dataset), _median(dataset, "snd_wnd")
    if carried is None or window is None or carried < WINDOW_SHARE * window:
        return []
    cwnd = _median(dataset, "cwnd")
    if cwnd is not None and cwnd < window:
        return []
    numbers = f"throughput x RTT is {carried / 1e6:.2f} MB, the receiver's window {window / 1e6:.2f} MB"
    if busiest(dataset) >= CPU_BOUND:
        return [Finding("window", "info", f"{numbers}: full, but a processor is busy, which keeps it full")]
    if (_value(dataset, "min_rtt") or 0.0) < SHORT_PATH:
        text = f"{numbers}: full, but on so short a path the RTT is mostly queueing, and any bottleneck fills it"
        return [Finding("window", "info", text)]
    text = f"{numbers}: window-limited, so the rate says nothing about drops and is a floor"
    return [Finding("window", "warning", text)]


def slow_start(dataset: xr.Dataset) -> list[Finding]:
    """Whether the run is long against its slow start, which totals include unless it was omitted."""
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
    """Retransmitted segments against the packets that the device and its qdisc dropped."""
    again, ring = _value(dataset, "total_retransmits"), _value(dataset, "dropped_ring")
    if again is None or ring is None:
        return []
    dropped = ring + (_value(dataset, "dropped_qdisc") or 0.0)
    if again > 2 * dropped + 10:
        text = f"{again:.0f} retransmits, but the device dropped {dropped:.0f}: lost elsewhere, or spurious"
        return [Finding("drops", "warning", text)]
    if dropped > 2 * again + 10:
        text = f"the device dropped {dropped:.0f} packets, but {again:.0f} segments were sent again"
        return [Finding("drops", "warning", text)]
    return [Finding("drops", "info", f"{again:.0f} retransmits, {dropped:.0f} packets dropped by the device")]


def sender_against_receiver(dataset: xr.Dataset) -> list[Finding]:
    """Bytes sent against bytes received."""
    sent, received = _value(dataset, "sent_bytes"), _value(dataset, "received_bytes")
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
        text = f"received {received:.0f} of {sent:.0f} bytes sent ({lost:.1%} less): use the received rate"
        return [Finding("totals", "warning", text)]
    return []


def missing_seconds(dataset: xr.Dataset) -> list[Finding]:
    """Gaps in the series, and a series that ends before the set duration."""
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
    wanted = _value(dataset, "set_duration")
    if wanted and time[-1] < wanted - 1.5 * usual:
        text = f"the series ends at {time[-1]:.4g} s of {wanted:.4g} s: interrupted or cut off"
        findings.append(Finding("missing", "warning", text))
    return findings


def cpu_bound(dataset: xr.Dataset) -> list[Finding]:
    """Whether sender or receiver used (nearly) a whole core."""
    findings = []
    here = "sender" if dataset.attrs.get("direction", "forward") == "forward" else "this side"
    there = "receiver" if here == "sender" else "other side"
    if dataset.attrs.get("role") == "server":
        here, there = there, here
    for name, side in (("cpu_host", here), ("cpu_remote", there)):
        used = _value(dataset, name)
        if used is not None and used >= CPU_BOUND:
            text = f"the {side} uses {used:.0%} of a core: the rate may be the processor's, not the path's"
            findings.append(Finding("cpu", "warning", text))
    return findings


def units(dataset: xr.Dataset) -> list[Finding]:
    """Bits per second against bytes over seconds: a factor 8, or powers of 1.024, are unit mistakes."""
    findings = []
    pairs = [
        ("sent_rate", "sent_bytes", "sent_duration"),
        ("received_rate", "received_bytes", "received_duration"),
    ]
    for rate, size, seconds in pairs:
        values = [_value(dataset, name) for name in (rate, size, seconds)]
        if not all(values):
            continue
        ratio = float(values[0] or 0) * float(values[2] or 0) / (8 * float(values[1] or 1))
        for factor, meaning in UNIT_MISTAKES.items():
            if abs(ratio / factor - 1) < 0.004:
                text = f"{rate} is {factor:.4g} times bytes x 8 / seconds: {meaning}"
                findings.append(Finding("units", "error", text))
    carried, packet = _value(dataset, "received_rate"), _value(dataset, "packet_size")
    rate_of_packets = _value(dataset, "transmitted_rate")
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
    """Which congestion control ran: the tool records the name, not whether anybody chose it."""
    if not _is_iperf3(dataset) or dataset.attrs.get("protocol") != "TCP":
        return []
    name = str(dataset.attrs.get("congestion", ""))
    if not name:
        return [Finding("congestion", "warning", "congestion control not recorded: the sender's default, unknown")]
    if name.startswith("bbr"):
        text = f"{name} hardly slows down for single drops: do not compare with CUBIC or Reno"
        return [Finding("congestion", "warning", text)]
    return [Finding("congestion", "info", f"{name}; the file does not say whether it was set (-C) or the default")]


def rate_limited(dataset: xr.Dataset) -> list[Finding]:
    """A run that reached the rate it was limited to."""
    limit, rate = _value(dataset, "set_rate"), _value(dataset, "sent_rate")
    if not limit or not rate or abs(rate / limit - 1) > 0.02:
        return []
    return [Finding("limit", "info", f"limited to {show(limit, 'bit/s')} by the tool (-b): not what the path carries")]


def probes(dataset: xr.Dataset) -> list[Finding]:
    """Losses and duplicates of probes."""
    lost, twice = _value(dataset, "loss_fraction"), _value(dataset, "probes_duplicate")
    findings = []
    if lost is not None and lost >= 1:
        findings.append(Finding("probes", "error", "no probe was answered"))
    elif lost:
        findings.append(Finding("probes", "info", f"{lost:.3g} of the probes were lost; the RTT is of the others"))
    if twice:
        findings.append(Finding("probes", "warning", f"{twice:.0f} duplicates: their RTT is part of the mean"))
    return findings


def drops_of_devices(dataset: xr.Dataset) -> list[Finding]:
    """Devices and qdiscs that dropped; and snapshots that count from the start of the machine."""
    names = [name for name in ("tx_dropped", "qdisc_dropped") if name in dataset and "run" not in dataset.dims]
    if not names:
        return []
    findings = []
    if "difference" not in dataset.attrs and "time" not in dataset[names[0]].dims:
        text = "one snapshot: it counts from the start of the machine or namespace, not of the run"
        findings.append(Finding("snapshot", "info", text))
    for name in names:
        last = dataset[name].isel(time=-1) if "time" in dataset[name].dims else dataset[name]
        values = np.asarray(last.to_numpy(), dtype=float)
        for label, value in zip(dataset["queue"].to_numpy(), values, strict=True):
            if value > 0:
                findings.append(Finding("drops", "info", f"{label} dropped {value:.0f} packets"))
    return findings[:50]


def warnings_of_reading(dataset: xr.Dataset) -> list[Finding]:
    """What was wrong with the file itself."""
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
    rate_limited,
    probes,
    drops_of_devices,
)
"""Every check of one run."""


def duplicates(datasets: Mapping[str, xr.Dataset]) -> list[Finding]:
    """Files that are the same: by hash, or by what they measured.

    Parameters
    ----------
    datasets : mapping
        Name -> Dataset of one run.
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


def binding_limit(dataset: xr.Dataset) -> str:
    """What held the rate of a measured run, as far as its findings and counters tell."""
    found = {finding.check: finding for finding in judge(dataset)}
    if "limit" in found:
        return "the rate set in the tool"
    if "window" in found and found["window"].severity == "warning":
        return "receive window"
    if "cpu" in found:
        return "processor"
    again, sent, mss = (_value(dataset, name) for name in ("total_retransmits", "sent_bytes", "mss"))
    if again and sent and mss and again * mss > LOSS_SHARE * sent:
        return f"loss: {again * mss / sent:.2g} of the bytes were sent again"
    return "not told by this file"


def carried_per_rtt(dataset: xr.Dataset) -> float | None:
    """Throughput x mean RTT of one stream [byte]; None if either was not measured."""
    rate = _value(dataset, "received_rate") or _value(dataset, "sent_rate")
    rtt = _value(dataset, "mean_rtt")
    if not rate or not rtt or not _is_iperf3(dataset):
        return None
    streams = dataset.sizes.get("stream", 1)
    if "sender" in dataset.coords and dataset.attrs.get("direction") == "both":
        streams = int((dataset["sender"] == "client").sum())
    return rate * rtt / 8 / max(streams, 1)


def busiest(dataset: xr.Dataset) -> float:
    """The larger processor use of both sides [cores], 0 if unknown."""
    return max(_value(dataset, "cpu_host") or 0.0, _value(dataset, "cpu_remote") or 0.0)


def _is_iperf3(dataset: xr.Dataset) -> bool:
    """Whether iperf3 sent the traffic, alone or beside other tools."""
    return str(dataset.attrs.get("tool", "")).split(";")[0] == "iperf3"


def _value(dataset: xr.Dataset, name: str) -> float | None:
    """A total as a number; None if it is not there or not known."""
    if name not in dataset or dataset[name].ndim:
        return None
    value = float(dataset[name])
    return value if np.isfinite(value) else None


def _median(dataset: xr.Dataset, name: str) -> float | None:
    """Median of a series; None if it was not measured."""
    if name not in dataset:
        return None
    values = np.asarray(dataset[name].to_numpy(), dtype=float)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None


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
