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
    # -- series that only measurements have
    "interval": Variable("s", "length of the interval that ends at this time", ("time",),
                         ("iperf3 intervals[].seconds",)),
    "omitted": Variable("1", "interval left out of the totals (slow start)", ("time",),
                        ("iperf3 intervals[].omitted",)),
    "transferred": Variable("byte", "bytes in the interval", ("time", "stream"), ("iperf3 intervals[].bytes",)),
    "pmtu": Variable("byte", "path MTU", ("time", "stream"), ("iperf3 intervals[].pmtu", "ss pmtu:")),
    "jitter": Variable("s", "jitter", ("time", "stream"), ("iperf3 intervals[].jitter_ms",)),
    "packets": Variable("packet", "datagrams in the interval", ("time", "stream"), ("iperf3 intervals[].packets",)),
    "lost_packets": Variable("packet", "datagrams lost in the interval", ("time", "stream"),
                             ("iperf3 intervals[].lost_packets",)),
    # -- totals that only measurements have; reverse_ is the server's direction of a bidirectional test
    "sent_bytes": Variable("byte", "sent bytes", (), ("iperf3 end.sum_sent.bytes",)),
    "received_bytes": Variable("byte", "received bytes", (), ("iperf3 end.sum_received.bytes",)),
    "sent_duration": Variable("s", "duration at the sender", (), ("iperf3 end.sum_sent.seconds",)),
    "received_duration": Variable("s", "duration at the receiver", (), ("iperf3 end.sum_received.seconds",)),
    "reverse_sent_rate": Variable("bit/s", "sent rate, reverse direction", (),
                                  ("iperf3 end.sum_sent_bidir_reverse.bits_per_second",)),
    "reverse_received_rate": Variable("bit/s", "received rate, reverse direction", (),
                                      ("iperf3 end.sum_received_bidir_reverse.bits_per_second",)),
    "reverse_sent_bytes": Variable("byte", "sent bytes, reverse direction", (),
                                   ("iperf3 end.sum_sent_bidir_reverse.bytes",)),
    "reverse_received_bytes": Variable("byte", "received bytes, reverse direction", (),
                                       ("iperf3 end.sum_received_bidir_reverse.bytes",)),
    "reverse_sent_duration": Variable("s", "duration at the sender, reverse direction", (),
                                      ("iperf3 end.sum_sent_bidir_reverse.seconds",)),
    "reverse_received_duration": Variable("s", "duration at the receiver, reverse direction", (),
                                          ("iperf3 end.sum_received_bidir_reverse.seconds",)),
    "reverse_total_retransmits": Variable("1", "retransmitted segments, reverse direction", (),
                                          ("iperf3 end.sum_sent_bidir_reverse.retransmits",)),
    "stream_sent_rate": Variable("bit/s", "sent rate of each stream", ("stream",),
                                 ("iperf3 end.streams[].sender.bits_per_second",)),
    "stream_received_rate": Variable("bit/s", "received rate of each stream", ("stream",),
                                     ("iperf3 end.streams[].receiver.bits_per_second",)),
    "stream_retransmits": Variable("1", "retransmitted segments of each stream", ("stream",),
                                   ("iperf3 end.streams[].sender.retransmits",)),
    "stream_mean_rtt": Variable("s", "mean round-trip time of each stream", ("stream",),
                                ("iperf3 end.streams[].sender.mean_rtt",)),
    "stream_min_rtt": Variable("s", "minimum round-trip time of each stream", ("stream",),
                               ("iperf3 end.streams[].sender.min_rtt",)),
    "total_packets": Variable("packet", "datagrams sent", (), ("iperf3 end.sum.packets",)),
    "total_lost_packets": Variable("packet", "datagrams lost", (),
                                   ("iperf3 end.sum.lost_packets", "receive log packets_lost")),
    "mean_jitter": Variable("s", "mean jitter", (), ("iperf3 end.sum.jitter_ms",)),
    "packet_size": Variable("byte", "packet size", ("queue",), ("pktgen", "receive log RECEIVED_PACKET_SIZE")),
    "cpu_local": Variable("1", "processor use of this side, cores", (),
                          ("iperf3 end.cpu_utilization_percent.host_total",)),
    "cpu_remote": Variable("1", "processor use of the other side, cores", (),
                           ("iperf3 end.cpu_utilization_percent.remote_total",)),
    "set_duration": Variable("s", "duration the test was set to", (), ("iperf3 start.test_start.duration",)),
    "set_rate": Variable("bit/s", "rate the test was limited to", (), ("iperf3 start.test_start.target_bitrate",)),
    "mss": Variable("byte", "maximum segment size", ("stream",), ("iperf3 start.tcp_mss_default", "ss mss:")),
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
