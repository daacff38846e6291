"""One sentence that says what a measurement found: the answer people open the file for."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.quantities import percent, show
from tunbp.traces.limit import UNKNOWN, last_known, limit_of, total

TOTALS = (
    "received_rate", "sent_rate", "reverse_received_rate", "reverse_sent_rate", "transaction_rate",
    "sent_packet_rate", "transmitted_rate", "total_retransmits", "min_rtt", "mean_rtt", "max_rtt", "ping_min_rtt",
    "ping_mean_rtt", "sent", "delivered", "send_errors", "dropped_ring", "dropped_qdisc",
    "total_lost_packets", "datagram_loss", "drop_fraction", "loss_fraction", "mean_jitter", "cpu_host", "cpu_remote",
    "set_rate", "duration",
)  # fmt: skip
"""Totals worth a line, most telling first."""


def totals(run: xr.Dataset) -> dict[str, float]:
    """Totals of one run by name, most telling first, those without a value left out.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    dict[str, float]
        Name to value in SI units.
    """
    found = {name: float(run[name]) for name in TOTALS if name in run and not run[name].ndim}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def sentence(run: xr.Dataset) -> str:
    """What one Dataset says, in one sentence.

    Parameters
    ----------
    run : xarray.Dataset
        What `open_trace` gave: one run, several runs, snapshots of counters.

    Returns
    -------
    str
        The tool, the number that matters most, and what held it where the file tells.

    Examples
    --------
    >>> from tunbp.traces import open_trace
    >>> sentence(open_trace("tests/traces/fixtures/ping_quiet.txt"))
    'ping: RTT 766 µs on average (556 µs to 919 µs), 5 of 5 probes answered.'
    """
    if "run" in run.dims:
        return _several(run)
    tools, versions = (str(run.attrs.get(name, "")).split("; ") for name in ("tool", "version"))
    tool = f"{tools[0]} {versions[0]}".strip()
    parts = (_ring, _traffic, _packets, _sockets, _probe, _drops, _interfaces, _counters)
    # of single packets their number says more than their bits
    for part in parts if tools[0] != "pktgen" else (_packets, *parts):
        if (text := part(run)) is not None:
            return f"{tool}: {text}.{_beside(run, part)}"
    return f"{tool}: {len(run.data_vars)} variables."


def _several(runs: xr.Dataset) -> str:
    """Several runs: how many, and the range of the number that they share."""
    tools = runs.attrs.get("tool") or ", ".join(
        sorted(set(map(str, runs["tool"].to_numpy()))) if "tool" in runs else []
    )
    text = f"{tools}: {runs.sizes['run']} runs"
    for name, other, unit in (
        ("received_rate", "sent_rate", "bit/s"),
        ("sent_rate", "sent_rate", "bit/s"),
        ("transaction_rate", "transaction_rate", "1/s"),
        ("mean_rtt", "mean_rtt", "s"),
    ):
        values = _over_runs(runs, name)
        if not np.isfinite(values).any():
            continue
        instead = np.where(np.isfinite(values), values, _over_runs(runs, other))
        words = name.replace("_", " ") if np.isfinite(values).sum() == np.isfinite(instead).sum() else "rate"
        low, high = (show(bound, unit) for bound in (np.nanmin(instead), np.nanmax(instead)))
        return f"{text}, {words} {low}" + (f" to {high}." if high != low else ".")
    return f"{text}."


def _over_runs(runs: xr.Dataset, name: str) -> NDArray[np.float64]:
    """A total of each run, NaN where it is not known."""
    if name not in runs or runs[name].dims != ("run",):
        return np.full(runs.sizes["run"], np.nan)
    values: NDArray[np.float64] = runs[name].to_numpy().astype(float)
    return values


def _beside(run: xr.Dataset, said: object) -> str:
    """A sentence on what interfaces and qdiscs dropped, where their counters lie beside another tool's numbers."""
    if said in (_interfaces, _drops) or "; " not in str(run.attrs.get("tool", "")):
        return ""
    dropped = [text for text in _told(run, [name for name, _ in TROUBLE]) if " dropped " in text]
    return f" Beside it {' and '.join(dropped)}." if dropped else ""


def _held(run: xr.Dataset) -> str:
    found = limit_of(run)
    return "" if found.name == UNKNOWN else f"; held by the {found.name}" if found.name != "loss" else "; held by loss"


def _traffic(run: xr.Dataset) -> str | None:
    """A sender: what arrived, else what was sent; both directions."""
    rate, words = total(run, "received_rate"), "arrived"
    if rate is None:
        rate, words = total(run, "sent_rate"), "was sent"
    if rate is None:
        transactions = total(run, "transaction_rate")
        return None if transactions is None else f"{show(transactions, '1/s')} transactions"
    text = f"{show(rate, 'bit/s')}"
    if protocol := run.attrs.get("protocol"):
        text += f" of {protocol}"
    text += f" {words}"
    if (seconds := total(run, "duration")) is not None:
        text += f" in {show(seconds, 's', 3)}"
    back = total(run, "reverse_received_rate") or total(run, "reverse_sent_rate")
    if back is not None:
        text += f", {show(back, 'bit/s')} in the other direction"
    if (lost := total(run, "datagram_loss")) is not None and lost > 0:
        text += f", {percent(lost)} of the datagrams were lost"
    return text + _held(run)


def _ring(run: xr.Dataset) -> str | None:
    """Tracepoints of a device: the part of its packets that its ring dropped."""
    share, sent = total(run, "drop_fraction"), total(run, "sent")
    if share is None or sent is None or str(run.attrs.get("tool", "")).split(";")[0] != "tracepoints":
        return None
    text = f"the ring of {run.attrs.get('device') or 'the device'} dropped {percent(share)} of {show(sent, 'packet')}"
    rate = total(run, "received_rate")
    return text + ("" if rate is None else f", {show(rate, 'bit/s')} were read")


def _packets(run: xr.Dataset) -> str | None:
    """A packet generator or reader: packets per second."""
    for name, words in (("sent_packet_rate", "sent"), ("transmitted_rate", "read")):
        if (rate := total(run, name)) is not None:
            refused = total(run, "send_errors")
            tail = f", the device refused {show(refused, 'packet')}" if refused else ""
            return f"{show(rate, 'packet/s')} {words}{tail}"
    return None


def _sockets(run: xr.Dataset) -> str | None:
    """TCP sockets: RTT and cwnd of the one that moved most, and what limits it."""
    if "socket" not in run.coords or "cwnd_segments" not in run:
        return None
    moved = last_known(run, "socket_bytes_acked")
    busiest = int(np.nanargmax(moved)) if moved.size and np.isfinite(moved).any() else 0
    name = str(np.atleast_1d(run["socket"].to_numpy())[busiest])
    parts = []
    for variable, label, unit in (
        ("rtt", "RTT", "s"),
        ("cwnd", "cwnd", "byte"),
        ("delivery_rate", "delivery rate", "bit/s"),
    ):
        values = last_known(run, variable)
        if values.size and np.isfinite(values[busiest]):
            parts.append(f"{label} {show(float(values[busiest]), unit, 3)}")
        elif variable == "cwnd" and np.isfinite(segments := last_known(run, "cwnd_segments")[busiest]):
            parts.append(f"cwnd {segments:.0f} segments")
    count = run.sizes.get("stream", 1)
    return f"{count} socket{'s' if count > 1 else ''}; {name}: {', '.join(parts)}{_held(run)}"


def _probe(run: xr.Dataset) -> str | None:
    """Probes: RTT and loss."""
    mean, low, high = (total(run, f"{name}_rtt") for name in ("mean", "min", "max"))
    sent, received = total(run, "probes_sent"), total(run, "probes_received")
    if mean is None:
        if total(run, "loss_fraction") == 1:
            return "no probe was answered"
        if not received or sent is None:
            return None
        shown = f"RTT up to {show(high, 's', 3)}" if high else "RTT below what it prints (1 ms)"
        return f"{shown}, {received:.0f} of {sent:.0f} probes answered"
    text = f"RTT {show(mean, 's', 3)} on average"
    if low is not None and high is not None:
        text += f" ({show(low, 's', 3)} to {show(high, 's', 3)})"
    elif high is not None:
        text += f" (up to {show(high, 's', 3)})"
    if sent is not None and received is not None:
        text += f", {received:.0f} of {sent:.0f} probes answered"
    elif (lost := total(run, "loss_fraction")) is not None:
        text += f", {percent(lost)} lost"
    return text


def _most(run: xr.Dataset, name: str) -> tuple[str, float] | None:
    """Label and value of the largest entry over `queue`: of a series what it grew by."""
    values = run[name].to_numpy().astype(float)
    if "time" in run[name].dims:
        values = values[-1] - values[0]
    if not np.isfinite(values).any():
        return None
    index = int(np.nanargmax(values))
    return str(run["queue"].to_numpy()[index]), float(values[index])


def _drops(run: xr.Dataset) -> str | None:
    """Dropped packets by reason or place."""
    if "drop_events" not in run or (most := _most(run, "drop_events")) is None:
        return None
    return f"{show(float(run['drop_events'].sum()), 'packet')} dropped, most by {most[0]} ({most[1]:.0f})"


TROUBLE = (
    ("tx_dropped", "{} dropped {}"), ("qdisc_dropped", "{} dropped {}"), ("rx_dropped", "{} dropped {} on reception"),
    ("tx_errors", "{} failed to send {}"), ("rx_errors", "{} received {} with errors"),
)  # fmt: skip
"""What an interface or qdisc may count, most telling first, and how it is said."""


def _interfaces(run: xr.Dataset) -> str | None:
    """Interfaces and qdiscs: how many, and which drops most; errors where nothing is dropped."""
    texts = []
    links = [name for name, _ in TROUBLE if name in run and name != "qdisc_dropped"]
    if links:
        told = [
            words.format(*_short(most))
            for name, words in TROUBLE
            if name in links and (most := _trouble(run, name)) is not None
        ]
        dropped = [text for text in told if " dropped " in text]
        quiet = "none dropped" if "tx_dropped" in run else "no errors (drops are not told)"
        texts.append(f"{_rows(run, links, 'interface')}, {' and '.join(dropped or told[:1]) or quiet}")
    if "qdisc_dropped" in run:
        most = _trouble(run, "qdisc_dropped")
        text = "none dropped" if most is None else "{} dropped {}".format(*_short(most))
        texts.append(f"{_rows(run, ['qdisc_dropped'], 'qdisc')}, {text}")
    return "; ".join(texts) or None


def _told(run: xr.Dataset, names: list[str]) -> list[str]:
    """What the largest entry of each of these counters says."""
    found = [(words, _trouble(run, name)) for name, words in TROUBLE if name in names]
    return [words.format(*_short(most)) for words, most in found if most is not None]


def _rows(run: xr.Dataset, names: list[str], word: str) -> str:
    """How many rows along `queue` have one of these counters."""
    there = np.zeros(run.sizes["queue"], dtype=bool)
    for name in names:
        known = run[name].notnull()
        there |= (known.any("time") if "time" in known.dims else known).to_numpy()
    count = int(there.sum())
    return f"{count} {word}{'s' if count != 1 else ''}"


def _trouble(run: xr.Dataset, name: str) -> tuple[str, float] | None:
    """Label and value of the largest entry that is not zero."""
    most = _most(run, name) if name in run else None
    return most if most is not None and most[1] > 0 else None


def _short(most: tuple[str, float]) -> tuple[str, str]:
    return most[0].rstrip(":"), show(most[1], "packet")


LOSSES = re.compile(r"drop|discard|miss|err|no_buf|out_of_buf|overrun|timeout|exceeded", re.IGNORECASE)
"""Names that drivers give to counters of packets that were lost."""


def _counters(run: xr.Dataset) -> str | None:
    """Named counters: those that matter for TCP, as far as they are there."""
    if "counter" not in run:
        return None
    names = {str(name) for name in run["queue"].to_numpy()}
    texts = [
        f"{words} {float(run['counter'].sel(queue=name).to_numpy().ravel()[-1]):.0f}"
        for name, words in (("TcpRetransSegs", "segments sent again"), ("UdpRcvbufErrors", "UDP receive buffer errors"))
        if name in names
    ]
    if not texts:
        last = run["counter"].isel(time=-1) if "time" in run["counter"].dims else run["counter"]
        found = [
            (float(value), str(name)) for name, value in zip(run["queue"].to_numpy(), last.to_numpy(), strict=True)
        ]
        trouble = sorted((pair for pair in found if pair[0] > 0 and LOSSES.search(pair[1])), reverse=True)[:2]
        texts = [f"{name} {value:.0f}" for value, name in trouble]
    return ", ".join([f"{len(names)} counters", *texts])
