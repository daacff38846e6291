"""The one judge of what held the rate of a measured run: set rate, window, buffer, processor, loss, path."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tunbp.quantities import percent, show

UNKNOWN = "unknown"
SET_RATE = "rate set in the tool"
RECEIVE_WINDOW = "receive window"
SEND_BUFFER = "send buffer"
PROCESSOR = "processor"
LOSS = "loss"
PATH = "rate of the path"
UNFILLED = "send buffer or application"

NAMES = {
    RECEIVE_WINDOW: "the kernel counts most of the busy time as limited by it, or it is full, the processor is not, "
    "and the path is long enough for that to mean something",
    SEND_BUFFER: "the kernel counts most of the busy time as limited by it, or it was set and less than cwnd and the "
    "receive window is in flight",
    SET_RATE: "the rate that the tool was set to was reached",
    PROCESSOR: "a thread uses a whole core, or most of one and nothing else explains the rate",
    PATH: "a queue stands before the bottleneck: mean RTT far above the smallest; of UDP: less is taken than was to be "
    "sent, and nothing is lost",
    LOSS: "cwnd is followed, no queue stands, and the loss law gives the rate; of UDP: datagrams are lost",
    UNFILLED: "less is in flight than cwnd and the receive window allow",
    UNKNOWN: "the file tells too little",
}
"""Every name, and when it is given."""

REACHED = 0.02
"""A rate within this part of the set rate has reached it."""
DATAGRAM_LOSS = 0.01
"""Lost part of the datagrams from which loss, not the set rate, is what there is to say of a UDP run."""
SATURATED = 0.9
"""Processor time of one thread from which it holds the run [cores]."""
BUSY = 0.7
"""Processor time from which a run that nothing else explains is held by it (the nodrop runs: 0.75 to 0.99)."""
WINDOW_SHARE = 0.75
"""Part of the advertised window in flight from which it is the limit: the nodrop runs fill 0.78 to 0.94."""
SHORT_PATH = 5e-3
"""Minimum RTT [s] below which it is mostly queueing: 1000 packets take this long at 2.4 Gbit/s."""
FOLLOWS = 1.25
"""Most that cwnd exceeds what is in flight where the congestion window holds the rate (nodrop: 0.8 to 1.1)."""
UNFILLED_DESPITE_LOSS = 2.0
"""The same where segments were lost: cwnd is then cut again and again, and its median says less of what was allowed."""
STANDING = 1.3, 16
"""Mean over minimum RTT, and segments queued, from which a queue stands before the bottleneck."""
LAW = 1.6
"""Factor within which the loss law must give the rate (the nodrop runs with delay: 1.02)."""
TIMEOUTS = 4
"""Segments of cwnd below which three duplicate ACKs cannot arrive: losses wait for the timeout (RFC 5681)."""
KERNEL_SHARE = 0.5
"""Part of a socket's busy time in which the kernel saw one limit, from which it is the limit."""
THREADED = (3, 16)
"""First iperf3 with one thread for each stream."""

CUBIC_GROWTH = (0.4 * 3.7 / (4 * 0.3)) ** 0.25
"""(C (3 + beta) / (4 (1 - beta)))^(1/4) of RFC 9438, section 5.1, with C = 0.4 and beta = 0.7."""


@dataclass(frozen=True)
class Limit:
    """What held a run: one of this module's names, and the numbers that say so."""

    name: str
    reason: str


def limit_of(run: xr.Dataset) -> Limit:
    """What held the rate of one measured run, as far as its own counters tell.

    The kernel's verdict (`rwnd_limited`, `sndbuf_limited` of ss) comes first; then the rate that the tool was set
    to, a busy processor, a full receive window, a queue that stands before the bottleneck, and loss where the
    loss law gives the rate.

    Parameters
    ----------
    run : xarray.Dataset
        One run as `open_trace` gives it.

    Returns
    -------
    Limit
        `UNKNOWN` where the file tells too little.

    Examples
    --------
    >>> from tunbp.traces import open_trace
    >>> limit_of(open_trace("tests/traces/fixtures/ss_limited.txt")).name
    'receive window'
    """
    with np.errstate(all="ignore"):
        for judge in (_kernel, _datagrams, _set_rate, _processor, _held_back, _windows):
            if (found := judge(run)) is not None:
                return found
    return Limit(UNKNOWN, "")


def limits_of(runs: xr.Dataset) -> xr.DataArray:
    """Names of what held each run of a Dataset over `run`, see `limit_of`.

    Parameters
    ----------
    runs
        Runs over the dim `run`.

    Returns
    -------
    xarray.DataArray
        Names over `run`.
    """
    names = [limit_of(one(runs, index)).name for index in range(runs.sizes["run"])]
    return xr.DataArray(names, {"run": runs["run"]}, ("run",), name="limit")


def one(runs: xr.Dataset, index: int) -> xr.Dataset:
    """One run of several, with the attributes of its own that became coordinates over `run`.

    Parameters
    ----------
    runs
        Runs over the dim `run`.
    index
        Place of the one.

    Returns
    -------
    xarray.Dataset
        As `open_trace` gives a file of one run.
    """
    run = runs.isel(run=index)
    own = {
        str(name): str(run[name].item()) for name in run.coords if not run[name].ndim and run[name].dtype.kind in "OU"
    }
    return run.assign_attrs({**run.attrs, **own})


def _kernel(run: xr.Dataset) -> Limit | None:
    """What the kernel itself counted: time in which window or buffer held back data that was ready."""
    shares = kernel_shares(run)
    if shares is None:
        return None
    for name, share in ((RECEIVE_WINDOW, shares[0]), (SEND_BUFFER, shares[1])):
        if share >= KERNEL_SHARE:
            return Limit(name, f"the kernel counts {percent(share)} of the busy time as limited by the {name}")
    return None


def kernel_shares(run: xr.Dataset) -> tuple[float, float] | None:
    """Parts of the busiest socket's busy time limited by receive window and send buffer; None if not sampled.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    tuple[float, float] | None
        Shares between 0 and 1.
    """
    if "socket_busy_time" not in run or "run" in run["socket_busy_time"].dims:
        return None
    busy = last_known(run, "socket_busy_time")
    if not np.isfinite(busy).any() or not np.nanmax(busy) > 0:
        return None
    most = int(np.nanargmax(busy))
    held = [last_known(run, name) for name in ("socket_rwnd_limited_time", "socket_sndbuf_limited_time")]
    shares = [float(np.nan_to_num(values[most] / busy[most])) if values.size else 0.0 for values in held]
    return min(shares[0], 1.0), min(shares[1], 1.0)


def last_known(run: xr.Dataset, name: str) -> NDArray[np.float64]:
    """The last known value of each stream; empty if there is no such variable.

    Parameters
    ----------
    run
        One run.
    name
        A variable over (time, stream) or (stream).

    Returns
    -------
    NDArray[np.float64]
        In the variable's SI unit.
    """
    if name not in run:
        return np.empty(0)
    values = np.atleast_1d(np.asarray(run[name].to_numpy(), float))
    table = values.reshape(run.sizes["time"], -1) if "time" in run[name].dims else values.reshape(1, -1)
    known = [column[np.isfinite(column)] for column in table.T]
    return np.array([column[-1] if column.size else np.nan for column in known])


def _datagrams(run: xr.Dataset) -> Limit | None:
    """UDP: lost datagrams say what the path carries, whatever rate was set."""
    if run.attrs.get("protocol") == "QUIC":
        return None  # it slows down for losses, as TCP does
    lost, sent = total(run, "total_lost_packets"), total(run, "total_packets")
    share = total(run, "datagram_loss")
    if share is None and lost is not None and sent:
        share = lost / sent
    if share is None or share < DATAGRAM_LOSS:
        return None
    rate = total(run, "received_rate")
    carried = "" if rate is None else f": {show(rate, 'bit/s')} arrived"
    return Limit(LOSS, f"{percent(share)} of the datagrams were lost{carried}")


def _set_rate(run: xr.Dataset) -> Limit | None:
    """The rate that the tool was told to send at."""
    limit = total(run, "set_rate")
    # a sender fills its buffer at once, and of a short run the rate of arrival alone is the rate that was set
    rates = [rate for rate in (total(run, "sent_rate"), total(run, "received_rate")) if rate]
    if not limit or not any(abs(rate / limit - 1) <= REACHED for rate in rates):
        return None
    return Limit(SET_RATE, f"the tool was set to {show(limit, 'bit/s')}")


def _processor(run: xr.Dataset) -> Limit | None:
    """A thread that uses (nearly) a whole core."""
    used = busiest_thread(run)
    return Limit(PROCESSOR, f"a thread uses {percent(used, 2)} of a core") if used >= SATURATED else None


def _held_back(run: xr.Dataset) -> Limit | None:
    """UDP that was to be sent faster than it was, of which nothing is lost: a full queue made the sender wait."""
    wanted, rate, share = (total(run, name) for name in ("set_rate", "sent_rate", "datagram_loss"))
    if run.attrs.get("protocol") != "UDP" or not wanted or not rate or share is None:
        return None
    if rate >= (1 - REACHED) * wanted or busiest_thread(run) >= BUSY:
        return None
    asked = f"{show(wanted, 'bit/s')} were asked for (-b), {show(rate, 'bit/s')} were taken and arrived"
    return Limit(PATH, f"{asked}: a full queue makes the sender wait")


def _windows(run: xr.Dataset) -> Limit | None:
    """What is in flight against the receive window, the congestion window, the queue and the loss law."""
    flight, window, cwnd = carried_per_rtt(run), median(run, "snd_wnd"), median(run, "cwnd")
    short = (total(run, "min_rtt") or 0.0) < SHORT_PATH
    busy = busiest_thread(run)
    if flight is None:
        return Limit(PROCESSOR, f"a thread uses {percent(busy, 2)} of a core") if busy >= BUSY else None
    amount = f"{show(flight, 'byte', 3)} in flight"
    if window and flight >= WINDOW_SHARE * window and (cwnd is None or cwnd >= window) and busy < BUSY:
        if short:
            return Limit(UNKNOWN, f"{amount} fill the receive window, as any bottleneck does on so short a path")
        return Limit(RECEIVE_WINDOW, f"{amount} of a receive window of {show(window, 'byte', 3)}")
    follows = cwnd is not None and (flight * FOLLOWS >= cwnd or cwnd < TIMEOUTS * (total(run, "mss") or 0.0))
    if cwnd and follows and (found := _lost(run, cwnd)) is not None:
        return found
    if busy >= BUSY:
        return Limit(PROCESSOR, f"a thread uses {percent(busy, 2)} of a core, and nothing else explains the rate")
    if (queue := standing_queue(run)) is not None:
        return Limit(PATH, f"{show(queue, 'byte', 3)} stand in a queue before the bottleneck")
    margin = UNFILLED_DESPITE_LOSS if total(run, "total_retransmits") else FOLLOWS
    if cwnd and window and flight * margin < cwnd and flight < WINDOW_SHARE * window and not short:
        buffer = total(run, "send_buffer")
        name = SEND_BUFFER if buffer and flight >= buffer / 4 else UNFILLED
        return Limit(name, f"{amount}, less than cwnd ({show(cwnd, 'byte', 3)}) and the receive window allow")
    return None


def _lost(run: xr.Dataset, cwnd: float) -> Limit | None:
    """Loss, where the rate is what the loss law gives, and no queue keeps the path full meanwhile."""
    again, rate, rtt, mss = (total(run, name) for name in ("total_retransmits", "sent_rate", "mean_rtt", "mss"))
    seconds = total(run, "duration") or total(run, "sent_duration")
    if not again or not rate or not rtt or not mss or not seconds or standing_queue(run) is not None:
        return None
    if str(run.attrs.get("congestion", "")).startswith("bbr"):
        return None
    segments = rate * seconds / 8 / mss
    streams = forward_streams(run)

    def law(events: float) -> float:
        loss = events / segments
        window = np.sqrt(1.5 / loss)
        if run.attrs.get("congestion", "cubic") in ("", "cubic"):
            window = max(window, CUBIC_GROWTH * (rtt / loss) ** 0.75)
        return float(streams * window * 8 * mss / rtt)

    # each lost segment an event, or each interval with losses one, where not all of them have any
    known = [law(again)]
    if "retransmits" in run and "run" not in run["retransmits"].dims:
        each = np.asarray(run["retransmits"].to_numpy(), float)
        if 0 < (events := int(np.sum(each > 0))) < 0.9 * each.size:
            known.append(law(events))
    nearest = min(known, key=lambda value: abs(np.log(value / rate)))
    # at two segments and less in flight the sender waits for timeouts, which the law leaves out
    if (rate < known[0] and cwnd < 4 * mss) or abs(np.log(nearest / rate)) <= np.log(LAW):
        return Limit(LOSS, f"{again:.0f} segments sent again; the loss law gives {show(nearest, 'bit/s', 3)}")
    return None


def standing_queue(run: xr.Dataset) -> float | None:
    """Bytes that stand in a queue on average, from mean and minimum RTT; None if there is no standing queue.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    float | None
        Bytes.
    """
    rate = total(run, "received_rate") or total(run, "sent_rate")
    mean, least = total(run, "mean_rtt"), total(run, "min_rtt")
    if not rate or not mean or not least:
        return None
    queued = rate * (mean - least) / 8
    ratio, segments = STANDING
    return queued if mean >= ratio * least and queued >= segments * (total(run, "mss") or 1448.0) else None


def carried_per_rtt(run: xr.Dataset) -> float | None:
    """Throughput x mean RTT of one stream [byte]; None if either was not measured.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    float | None
        Bytes.
    """
    rate = total(run, "received_rate") or total(run, "sent_rate")
    rtt = total(run, "mean_rtt")
    if not rate or not rtt or (run.attrs.get("tool") and not is_iperf3(run)):
        return None  # another tool's RTT is that of probes
    return rate * rtt / 8 / forward_streams(run)


def forward_streams(run: xr.Dataset) -> int:
    """Streams that the forward rate is the sum of; sockets that another tool saw beside them are none of them.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    int
        At least 1.
    """
    if str(run.attrs.get("tool", "")).split(";")[0] == "pcap":
        return 1  # its rate is that of the largest flow
    if "throughput" in run and "run" not in run["throughput"].dims:
        series = run["throughput"]
        if "stream" not in series.dims:
            return 1
        carries = series.notnull().any([dim for dim in series.dims if dim != "stream"])
    else:
        carries = xr.DataArray(np.ones(run.sizes.get("stream", 1), bool), dims="stream")
    if "sender" in run.coords and run.attrs.get("direction") == "both":
        carries = carries & (run["sender"] == "client")
    return max(int(carries.sum()), 1)


def threads(run: xr.Dataset) -> int:
    """Threads that share the work of one side: one for each stream from iperf3 3.16 on, else one.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    int
        At least 1.
    """
    version = re.match(r"(\d+)\.(\d+)", str(run.attrs.get("version", "")))
    if not is_iperf3(run) or version is None or (int(version[1]), int(version[2])) < THREADED:
        return 1
    return max(run.sizes.get("stream", 1), 1)


def busiest_thread(run: xr.Dataset) -> float:
    """The larger processor use of both sides, on average per thread [cores]; 0 if unknown.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    float
        Processors.
    """
    used = max(total(run, "cpu_host") or 0.0, total(run, "cpu_remote") or 0.0)
    return used / threads(run)


def is_iperf3(run: xr.Dataset) -> bool:
    """Whether iperf3 sent the traffic, alone or beside other tools.

    Parameters
    ----------
    run
        One run.

    Returns
    -------
    bool
        By its attribute `tool`.
    """
    return str(run.attrs.get("tool", "")).split(";")[0] == "iperf3"


def total(run: xr.Dataset, name: str) -> float | None:
    """A total as a number; None if it is not there or not known.

    Parameters
    ----------
    run
        One run.
    name
        A variable without dims.

    Returns
    -------
    float | None
        In the variable's SI unit.
    """
    if name not in run or run[name].ndim:
        return None
    value = float(run[name])
    return value if np.isfinite(value) else None


def median(run: xr.Dataset, name: str) -> float | None:
    """Median of a series; None if it was not measured.

    Parameters
    ----------
    run
        One run.
    name
        A variable over time.

    Returns
    -------
    float | None
        In the variable's SI unit.
    """
    if name not in run:
        return None
    values = np.asarray(run[name].to_numpy(), dtype=float)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None
