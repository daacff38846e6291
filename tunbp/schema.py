"""The one table of names: dims, units and long name of every variable that simulations and traces may hold.

Simulated and measured data are both `xarray.Dataset`s in this schema, so every plot and every check takes
either. Totals of a run (`received_rate`, `total_retransmits`, ...) have no time dimension; series have `time`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import xarray as xr

DIMS = {
    "time": "seconds from the start of the run",
    "stream": "parallel flow of one run",
    "run": "one measurement or one scenario",
    "queue": "queue, qdisc, interface or counter of one device",
}


@dataclass(frozen=True)
class Variable:
    """One row of the schema: dims a variable may have, its SI unit, its long name and where tools report it."""

    units: str
    long_name: str
    dims: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=())


VARIABLES: dict[str, Variable] = {
    # -- series of one flow
    "throughput": Variable("bit/s", "throughput", ("time", "stream"), ("iperf3 intervals[].bits_per_second",)),
    "retransmits": Variable("1", "retransmitted segments in the interval", ("time", "stream"),
                            ("iperf3 intervals[].retransmits",)),
    "rtt": Variable("s", "round-trip time", ("time", "stream"), ("iperf3 intervals[].rtt", "ping time=", "ss rtt:")),
    "rttvar": Variable("s", "mean deviation of the round-trip time", ("time", "stream"),
                       ("iperf3 intervals[].rttvar", "ss rtt:")),
    "cwnd": Variable("byte", "congestion window", ("time", "stream"), ("iperf3 intervals[].snd_cwnd", "ss cwnd:")),
    "snd_wnd": Variable("byte", "send window advertised by the receiver", ("time", "stream"),
                        ("iperf3 intervals[].snd_wnd", "ss snd_wnd:")),
    "ring_occupancy": Variable("packet", "packets in the device ring", ("time",)),
    "qdisc_backlog": Variable("packet", "packets in the qdisc", ("time", "queue"), ("tc -s backlog",)),
    # -- totals of one run
    "received_rate": Variable("bit/s", "received rate", ("stream",), ("iperf3 end.sum_received.bits_per_second",)),
    "sent_rate": Variable("bit/s", "sent rate", ("stream",), ("iperf3 end.sum_sent.bits_per_second",)),
    "total_retransmits": Variable("1", "retransmitted segments", ("stream",), ("iperf3 end.sum_sent.retransmits",)),
    "mean_rtt": Variable("s", "mean round-trip time", ("stream",), ("iperf3 end.streams[].sender.mean_rtt",)),
    "min_rtt": Variable("s", "minimum round-trip time", ("stream",), ("iperf3 end.streams[].sender.min_rtt",)),
    "max_rtt": Variable("s", "maximum round-trip time", ("stream",), ("iperf3 end.streams[].sender.max_rtt",)),
    "duration": Variable("s", "measured duration"),
    # -- packet accounts of one simulated run: sent = delivered + dropped_* + queued + in_flight
    "sent": Variable("packet", "packets handed to the device", (), ()),
    "delivered": Variable("packet", "packets delivered to the receiver"),
    "dropped_ring": Variable("packet", "packets dropped by the full ring"),
    "dropped_qdisc": Variable("packet", "packets dropped by the qdisc"),
    "dropped_path": Variable("packet", "packets dropped on the path"),
    "queued": Variable("packet", "packets left in qdisc and ring at the end"),
    "in_flight": Variable("packet", "packets left on the path at the end"),
    "drop_fraction": Variable("1", "packets dropped by ring and qdisc per packet sent"),
    "transmitted_rate": Variable("packet/s", "packets consumed by the reader per second"),
    "lost_rate": Variable("packet/s", "packets dropped by the ring per second"),
    "ring_sojourn": Variable("s", "mean time a packet spends in the ring"),
    "qdisc_sojourn": Variable("s", "mean time a packet spends in the qdisc"),
    "sparse_latency": Variable("s", "queueing delay of a sparse flow beside the bulk flow"),
    "wake_cycles": Variable("1", "stop/wake cycles of the device queue"),
    "timeouts": Variable("1", "retransmission timeouts"),
    "loss_events": Variable("1", "round trips in which the sender saw loss"),
}


def attributes(name: str) -> dict[str, str]:
    """`units` and `long_name` attributes of a schema variable.

    Raises
    ------
    KeyError
        If `name` is not in the schema: every variable made anywhere must be in `VARIABLES`.
    """
    variable = VARIABLES[name]
    return {"units": variable.units, "long_name": variable.long_name}


def describe(dataset: xr.Dataset) -> xr.Dataset:
    """The same dataset with `units` and `long_name` set on every variable of the schema."""
    return dataset.assign({name: dataset[name].assign_attrs(attributes(name)) for name in dataset.data_vars})
