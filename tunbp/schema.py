"""The one table of names: dims, units and long name of every variable that simulations and traces may hold.

Simulated and measured data are both `xarray.Dataset`s in this schema, so every plot and every check takes
either. Totals of a run (`received_rate`, `total_retransmits`, ...) have no time dimension; series have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import xarray as xr

DIMS = {
    "time": "seconds from the start of the run",
    "stream": "parallel flow of one run",
    "run": "one measurement or one scenario",
    "queue": "queue, qdisc, interface or counter of one device",
    "pause": "pause of the reader, by its cause",
    "burst": "burst of packets handed to the device",
    "position": "first of the places in a busy period of the reader that are taken together",
    "probability": "probability of a quantile",
    "tin": "class of traffic of a cake qdisc",
    "hop": "router or host on the path",
}


@dataclass(frozen=True)
class Variable:
    """One row of the schema: dims a variable may have, its SI unit, its long name, where tools report it."""

    units: str
    long_name: str
    dims: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=())


VARIABLES: dict[str, Variable] = {
    # -- series of one flow
    "throughput": Variable("bit/s", "throughput", ("time", "stream"), ("iperf3 intervals[].bits_per_second",)),
    "retransmits": Variable(
        "1", "retransmitted segments in the interval", ("time", "stream"), ("iperf3 intervals[].retransmits",)
    ),
    "rtt": Variable("s", "round-trip time", ("time", "stream"), ("iperf3 intervals[].rtt", "ping time=", "ss rtt:")),
    "rttvar": Variable(
        "s",
        "mean deviation of the round-trip time",
        ("time", "stream"),
        ("iperf3 intervals[].rttvar", "ss rtt:"),
    ),
    "cwnd": Variable("byte", "congestion window", ("time", "stream"), ("iperf3 intervals[].snd_cwnd", "ss cwnd:")),
    "snd_wnd": Variable(
        "byte",
        "send window advertised by the receiver",
        ("time", "stream"),
        ("iperf3 intervals[].snd_wnd", "ss snd_wnd:"),
    ),
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
    "drop_fraction": Variable("1", "packets dropped by qdisc, ring and path per packet sent"),
    "transmitted_rate": Variable("packet/s", "packets consumed by the reader per second"),
    "lost_rate": Variable("packet/s", "packets dropped by the ring per second"),
    "ring_sojourn": Variable("s", "mean time a packet spends in the ring"),
    "qdisc_sojourn": Variable("s", "mean time a packet spends in the qdisc"),
    "path_sojourn": Variable("s", "mean time a packet spends in the queue of the path"),
    "sparse_latency": Variable("s", "queueing delay of a sparse flow beside the bulk flow"),
    "latency": Variable("s", "ping under load"),
    "expected_rate": Variable("bit/s", "received rate without the noise of a single run"),
    "wake_cycles": Variable("1", "stop/wake cycles of the device queue"),
    "timeouts": Variable("1", "retransmission timeouts"),
    "loss_events": Variable("1", "round trips in which the sender saw loss"),
    # -- closed-form bounds on the throughput, see tunbp.model.limits
    "offered_bound": Variable("bit/s", "bound by the offered load"),
    "receive_window_bound": Variable("bit/s", "bound by the receive window"),
    "burst_bound": Variable("bit/s", "bound by bursts that overflow the ring"),
    "ring_bound": Variable("bit/s", "bound by the ring size, without bursts"),
    "qdisc_bound": Variable("bit/s", "bound by ring and qdisc limit"),
    "shaper_bound": Variable("bit/s", "bound by the rate to which the qdisc shapes"),
    "reader_bound": Variable("bit/s", "bound by the speed of the reader"),
    "wake_cycle_bound": Variable("bit/s", "bound by the reader's stop/wake cycles"),
    "loss_bound": Variable("bit/s", "bound by loss"),
    # -- live lab
    "ring_drop_fraction": Variable("1", "packets dropped by the ring per packet that reached it"),
    "burst_rate": Variable("packet/s", "rate at which the stack puts a burst into the ring"),
    "queue_latency": Variable("s", "mean time from send() to read(), through qdisc and ring"),
    "queue_latency_p95": Variable("s", "95th percentile of the time from send() to read()"),
    "sparse_sent": Variable("packet", "packets sent by the sparse flow"),
    "sparse_delivered": Variable("packet", "packets of the sparse flow that were delivered"),
    "sparse_latency_p95": Variable("s", "95th percentile of the sparse flow's time from send() to read()"),
    "dropped_far": Variable("packet", "packets that reached the far host and never its tunnel's device"),
    "dropped_far_return": Variable("packet", "packets that came back to this host and never to its tunnel's device"),
    "dropped_ring_return": Variable("packet", "packets dropped by the ring on the way of the ACKs"),
    "unaccounted": Variable("packet", "packets sent, neither delivered nor counted as dropped"),
    "chain_rate": Variable("packet/s", "packets that come out of the tunnel at its far end per second"),
    "reader_cpu": Variable("s", "processor time of the reader"),
    "reader_wait": Variable("s", "time for which the reader could run and had no processor"),
    "reader_cost": Variable("s/packet", "processor time of the reader per packet"),
    "far_reader_cpu": Variable("s", "processor time of the far reader"),
    "far_reader_wait": Variable("s", "time for which the far reader could run and had no processor"),
    "far_reader_cost": Variable("s/packet", "processor time of the far reader per packet"),
    "reader_waits": Variable("1", "context switches by which the reader gave up its processor"),
    "reader_preemptions": Variable("1", "context switches by which the reader lost its processor"),
    "frames": Variable("1", "frames of video sent"),
    "broken_fraction": Variable("1", "share of frames that did not arrive whole"),
    "broken_key_fraction": Variable("1", "share of key frames that did not arrive whole"),
    "goodput": Variable("bit/s", "payload delivered by all senders"),
    "requeues": Variable("packet", "packets that the stopped device gave back to the qdisc"),
    "queue_stops": Variable("1", "transmissions that the full device refused (NETDEV_TX_BUSY), each a stop"),
    "tx_softirqs_raised": Variable("1", "NET_TX softirqs raised in the measured part; a wake raises one"),
    "drops_full_ring": Variable("packet", "packets that a full ring dropped (FULL_RING), of all devices"),
    "drops_qdisc_burst": Variable("packet", "packets that a qdisc with too many senders dropped (QDISC_BURST_DROP)"),
    "drops_qdisc_other": Variable("packet", "packets that a qdisc dropped for another reason (QDISC_*)"),
    "tx_softirqs": Variable("1", "NET_TX softirqs of all processors in the measured part"),
    "rx_softirqs": Variable("1", "NET_RX softirqs of all processors in the measured part"),
    "ksoftirqd_cpu": Variable("s", "processor time of the ksoftirqd threads"),
    "softirq_cpu": Variable("s", "processor time in softirqs of all processors, by clock ticks"),
    "context_switches": Variable("1", "context switches of the machine"),
    "relay_cpu": Variable("s", "processor time of the relay"),
    "relay_cost": Variable("s/packet", "processor time of the relay per packet"),
    "relay_late_fraction": Variable("1", "share of packets that left the relay over a millisecond late"),
    "relay_worst_late_fraction": Variable("1", "the same in the worst second of the run"),
    "relay_latest": Variable("s", "lateness of the relay's latest packet"),
    "relay_overflow": Variable("packet", "packets lost in the relay's own buffers"),
    "softirqs_tx": Variable("1", "NET_TX softirqs of all processors during the run"),
    "softirqs_rx": Variable("1", "NET_RX softirqs of all processors during the run"),
    "steal_fraction": Variable("1", "share of processor time taken by the machine below"),
    "foreign_fraction": Variable("1", "share of processor time used by others than the measurement"),
    "busy_fraction": Variable("1", "share of processor time of the measuring machine in use during the run"),
    "outer_busy_fraction": Variable("1", "share of processor time of the VM's host in use during the run"),
    # -- probe of a running tunnel
    "reader_rate": Variable("packet/s", "speed of the reader while packets wait"),
    "service_time": Variable("s", "mean service time of the reader", ("position",)),
    "service_time_quantile": Variable("s", "quantile of the service time of the reader", ("probability",)),
    "processor_service_time": Variable("s", "mean service time of the reader without the time off the processor"),
    "ack_cost": Variable("s", "time that a packet written to the device costs the reader"),
    "reader_wake_latency": Variable("s", "mean time from the entry into an empty ring to the read by a woken reader"),
    "reader_wake_latency_quantile": Variable(
        "s", "quantile of the time from the entry into an empty ring to the read by a woken reader", ("probability",)
    ),
    "pause_rate": Variable("1/s", "pauses of the reader per second in which packets waited"),
    "pause_mean": Variable("s", "mean length of the reader's pauses"),
    "pause_start": Variable("s", "time at which a pause of the reader began", ("pause",)),
    "pause_length": Variable("s", "length of a pause of the reader", ("pause",)),
    "burst_start": Variable("s", "time at which a burst began", ("burst",)),
    "burst_size": Variable("packet", "packets in a burst", ("burst",)),
    "burst_duration": Variable("s", "length of a burst", ("burst",)),
    "ack_share": Variable("1", "share of ACKs among the packets written to the device"),
    "ack_gap_quantile": Variable("s", "quantile of the time between neighbouring ACKs", ("probability",)),
    "packets_per_ack": Variable("packet", "packets handed to the device inside the write of one ACK"),
    "write_run_quantile": Variable(
        "packet", "quantile of the packets written to the device between two reads of it", ("probability",)
    ),
    "read_run_quantile": Variable(
        "packet", "quantile of the packets read from the device between two writes to it", ("probability",)
    ),
    "queue_wait_quantile": Variable("s", "quantile of the time from qdisc to device", ("probability",)),
    "ring_occupancy_peak": Variable("packet", "most packets in the device ring"),
    "tracing_rate_change": Variable("1", "relative change of the reader's rate by tracing"),
    "tracing_cost_change": Variable("1", "relative change of the reader's processor time per packet by tracing"),
    # -- series that only measurements have
    "interval": Variable(
        "s", "length of the interval that ends at this time", ("time",), ("iperf3 intervals[].seconds",)
    ),
    "omitted": Variable(
        "1", "interval left out of the totals (slow start)", ("time",), ("iperf3 intervals[].omitted",)
    ),
    "transferred": Variable("byte", "bytes in the interval", ("time", "stream"), ("iperf3 intervals[].bytes",)),
    "pmtu": Variable("byte", "path MTU", ("time", "stream"), ("iperf3 intervals[].pmtu", "ss pmtu:")),
    "jitter": Variable("s", "jitter", ("time", "stream"), ("iperf3 intervals[].jitter_ms",)),
    "packets": Variable("packet", "datagrams in the interval", ("time", "stream"), ("iperf3 intervals[].packets",)),
    "lost_packets": Variable(
        "packet", "datagrams lost in the interval", ("time", "stream"), ("iperf3 intervals[].lost_packets",)
    ),
    # -- totals that only measurements have; reverse_ is the server's direction of a bidirectional test
    "sent_bytes": Variable("byte", "sent bytes", (), ("iperf3 end.sum_sent.bytes",)),
    "received_bytes": Variable("byte", "received bytes", (), ("iperf3 end.sum_received.bytes",)),
    "sent_duration": Variable("s", "duration at the sender", (), ("iperf3 end.sum_sent.seconds",)),
    "received_duration": Variable("s", "duration at the receiver", (), ("iperf3 end.sum_received.seconds",)),
    "reverse_sent_rate": Variable(
        "bit/s", "sent rate, reverse direction", (), ("iperf3 end.sum_sent_bidir_reverse.bits_per_second",)
    ),
    "reverse_received_rate": Variable(
        "bit/s",
        "received rate, reverse direction",
        (),
        ("iperf3 end.sum_received_bidir_reverse.bits_per_second",),
    ),
    "reverse_sent_bytes": Variable(
        "byte", "sent bytes, reverse direction", (), ("iperf3 end.sum_sent_bidir_reverse.bytes",)
    ),
    "reverse_received_bytes": Variable(
        "byte", "received bytes, reverse direction", (), ("iperf3 end.sum_received_bidir_reverse.bytes",)
    ),
    "reverse_sent_duration": Variable(
        "s", "duration at the sender, reverse direction", (), ("iperf3 end.sum_sent_bidir_reverse.seconds",)
    ),
    "reverse_received_duration": Variable(
        "s",
        "duration at the receiver, reverse direction",
        (),
        ("iperf3 end.sum_received_bidir_reverse.seconds",),
    ),
    "reverse_total_retransmits": Variable(
        "1",
        "retransmitted segments, reverse direction",
        (),
        ("iperf3 end.sum_sent_bidir_reverse.retransmits",),
    ),
    "stream_sent_rate": Variable(
        "bit/s", "sent rate of each stream", ("stream",), ("iperf3 end.streams[].sender.bits_per_second",)
    ),
    "stream_received_rate": Variable(
        "bit/s",
        "received rate of each stream",
        ("stream",),
        ("iperf3 end.streams[].receiver.bits_per_second",),
    ),
    "stream_retransmits": Variable(
        "1",
        "retransmitted segments of each stream",
        ("stream",),
        ("iperf3 end.streams[].sender.retransmits",),
    ),
    "stream_mean_rtt": Variable(
        "s", "mean round-trip time of each stream", ("stream",), ("iperf3 end.streams[].sender.mean_rtt",)
    ),
    "stream_min_rtt": Variable(
        "s", "minimum round-trip time of each stream", ("stream",), ("iperf3 end.streams[].sender.min_rtt",)
    ),
    "total_packets": Variable("packet", "datagrams sent", (), ("iperf3 end.sum.packets",)),
    "total_lost_packets": Variable(
        "packet", "datagrams lost", (), ("iperf3 end.sum.lost_packets", "receive log packets_lost")
    ),
    "datagram_loss": Variable(
        "1", "datagrams lost per datagram due at the receiver", (), ("iperf3 end.sum_received.lost_percent",)
    ),
    "send_buffer": Variable("byte", "send buffer the test was set to", (), ("iperf3 start.sndbuf_actual, -w",)),
    "mean_jitter": Variable("s", "mean jitter", (), ("iperf3 end.sum.jitter_ms",)),
    "packet_size": Variable("byte", "packet size", ("queue",), ("pktgen", "receive log RECEIVED_PACKET_SIZE")),
    "cpu_host": Variable(
        "1", "processor use of this side, cores", (), ("iperf3 end.cpu_utilization_percent.host_total",)
    ),
    "cpu_remote": Variable(
        "1",
        "processor use of the other side, cores",
        (),
        ("iperf3 end.cpu_utilization_percent.remote_total",),
    ),
    "set_duration": Variable("s", "duration the test was set to", (), ("iperf3 start.test_start.duration",)),
    "set_rate": Variable("bit/s", "rate the test was limited to", (), ("iperf3 start.test_start.target_bitrate",)),
    "mss": Variable("byte", "maximum segment size", ("time", "stream"), ("iperf3 start.tcp_mss_default", "ss mss:")),
    # -- counters of interfaces, qdiscs and drivers: snapshots, or differences over a run
    "rx_bytes": Variable("byte", "received bytes", ("time", "queue"), ("ip -s stats64.rx.bytes",)),
    "rx_packets": Variable("packet", "received packets", ("time", "queue"), ("ip -s stats64.rx.packets",)),
    "rx_errors": Variable("packet", "errors of received packets", ("time", "queue"), ("ip -s stats64.rx.errors",)),
    "rx_dropped": Variable("packet", "packets dropped on reception", ("time", "queue"), ("ip -s stats64.rx.dropped",)),
    "tx_bytes": Variable("byte", "transmitted bytes", ("time", "queue"), ("ip -s stats64.tx.bytes",)),
    "tx_packets": Variable("packet", "transmitted packets", ("time", "queue"), ("ip -s stats64.tx.packets",)),
    "tx_errors": Variable("packet", "errors of transmitted packets", ("time", "queue"), ("ip -s stats64.tx.errors",)),
    "tx_dropped": Variable(
        "packet", "packets dropped on transmission", ("time", "queue"), ("ip -s stats64.tx.dropped",)
    ),
    "rx_missed": Variable(
        "packet",
        "received packets missed by the driver",
        ("time", "queue"),
        ("ip -s stats64.rx.missed_errors",),
    ),
    "rx_overrun": Variable(
        "packet", "received packets lost to overrun", ("time", "queue"), ("ip -s stats64.rx.over_errors",)
    ),
    "rx_multicast": Variable(
        "packet", "received multicast packets", ("time", "queue"), ("ip -s stats64.rx.multicast",)
    ),
    "tx_carrier_errors": Variable(
        "packet", "transmissions without carrier", ("time", "queue"), ("ip -s stats64.tx.carrier_errors",)
    ),
    "tx_collisions": Variable("1", "collisions", ("time", "queue"), ("ip -s stats64.tx.collisions",)),
    "mtu": Variable("byte", "interface MTU", ("time", "queue"), ("ip mtu",)),
    "txqueuelen": Variable("packet", "transmit queue length of the interface", ("time", "queue"), ("ip txqlen",)),
    "qdisc_bytes": Variable("byte", "bytes sent by the qdisc", ("time", "queue"), ("tc -s bytes",)),
    "qdisc_packets": Variable("packet", "packets sent by the qdisc", ("time", "queue"), ("tc -s packets",)),
    "qdisc_dropped": Variable("packet", "packets dropped by the qdisc", ("time", "queue"), ("tc -s drops",)),
    "qdisc_overlimits": Variable("1", "times the qdisc was over its limit", ("time", "queue"), ("tc -s overlimits",)),
    "qdisc_requeues": Variable(
        "packet", "packets the device gave back to the qdisc", ("time", "queue"), ("tc -s requeues",)
    ),
    "qdisc_backlog_bytes": Variable("byte", "bytes in the qdisc", ("time", "queue"), ("tc -s backlog",)),
    "qdisc_ecn_marked": Variable("packet", "packets marked by the qdisc", ("time", "queue"), ("tc -s ecn_mark",)),
    "qdisc_drop_overlimit": Variable(
        "packet", "packets dropped as the qdisc was full", ("time", "queue"), ("tc -s drop_overlimit",)
    ),
    "qdisc_new_flows": Variable("1", "new flows seen by the qdisc", ("time", "queue"), ("tc -s new_flow_count",)),
    "qdisc_limit": Variable("1", "limit of the qdisc, packets or bytes by its kind", ("time", "queue"), ("tc limit",)),
    "qdisc_ack_dropped": Variable(
        "packet", "ACKs that the qdisc's ACK filter took out", ("time", "queue"), ("tc -s ack_drop",)
    ),
    "tin_packets": Variable("packet", "packets of the tin", ("time", "tin"), ("tc -s pkts",)),
    "tin_bytes": Variable("byte", "bytes of the tin", ("time", "tin"), ("tc -s bytes",)),
    "tin_dropped": Variable("packet", "packets of the tin that were dropped", ("time", "tin"), ("tc -s drops",)),
    "tin_marked": Variable("packet", "packets of the tin that were ECN-marked", ("time", "tin"), ("tc -s marks",)),
    "tin_ack_dropped": Variable("packet", "ACKs of the tin that were filtered", ("time", "tin"), ("tc -s ack_drop",)),
    "tin_peak_delay": Variable("s", "peak delay of the tin", ("time", "tin"), ("tc -s pk_delay",)),
    "tin_average_delay": Variable("s", "average delay of the tin", ("time", "tin"), ("tc -s av_delay",)),
    "tin_sparse_delay": Variable("s", "delay of sparse flows of the tin", ("time", "tin"), ("tc -s sp_delay",)),
    "tin_rate": Variable("bit/s", "rate from which the tin is demoted", ("time", "tin"), ("tc -s thresh",)),
    "counter": Variable("1", "value of a named counter", ("time", "queue"), ("nstat, ethtool -S",)),
    "drop_events": Variable("packet", "packets dropped for a reason", ("queue",), ("perf script skb:kfree_skb",)),
    "sample": Variable(
        "1", "value of a named series in the unit of its coordinate", ("time", "queue"), ("flent results",)
    ),
    # -- TCP sockets sampled by ss
    "cwnd_segments": Variable("packet", "congestion window in segments", ("time", "stream"), ("ss cwnd:",)),
    "ssthresh": Variable("packet", "slow start threshold in segments", ("time", "stream"), ("ss ssthresh:",)),
    "unacked": Variable("packet", "segments sent and not acknowledged", ("time", "stream"), ("ss unacked:",)),
    "send_queue": Variable("byte", "bytes in the send queue", ("time", "stream"), ("ss Send-Q",)),
    "send_rate": Variable("bit/s", "rate that window and round-trip time allow", ("time", "stream"), ("ss send",)),
    "pacing_rate": Variable("bit/s", "pacing rate", ("time", "stream"), ("ss pacing_rate",)),
    "delivery_rate": Variable("bit/s", "delivery rate", ("time", "stream"), ("ss delivery_rate",)),
    "socket_bytes_sent": Variable("byte", "bytes sent so far", ("time", "stream"), ("ss bytes_sent:",)),
    "socket_bytes_acked": Variable("byte", "bytes acknowledged so far", ("time", "stream"), ("ss bytes_acked:",)),
    "socket_retransmits": Variable("1", "segments retransmitted so far", ("time", "stream"), ("ss retrans:",)),
    "socket_min_rtt": Variable("s", "minimum round-trip time so far", ("time", "stream"), ("ss minrtt:",)),
    "socket_busy_time": Variable(
        "s", "time in which the socket had data to send so far", ("time", "stream"), ("ss busy:",)
    ),
    "socket_rwnd_limited_time": Variable(
        "s", "part of the busy time limited by the receive window so far", ("time", "stream"), ("ss rwnd_limited:",)
    ),
    "socket_sndbuf_limited_time": Variable(
        "s", "part of the busy time limited by the send buffer so far", ("time", "stream"), ("ss sndbuf_limited:",)
    ),
    "socket_state": Variable("1", "state of the socket", ("time", "stream"), ("ss State",)),
    "socket_congestion": Variable("1", "congestion control of the socket", ("time", "stream"), ("ss",)),
    "socket_rtt": Variable("s", "round-trip time of the socket", ("time", "stream"), ("ss rtt: beside another tool",)),
    "socket_rttvar": Variable(
        "s",
        "mean deviation of the round-trip time of the socket",
        ("time", "stream"),
        ("ss rtt: beside another tool",),
    ),
    "socket_cwnd": Variable(
        "byte", "congestion window of the socket", ("time", "stream"), ("ss cwnd: beside another tool",)
    ),
    "socket_snd_wnd": Variable(
        "byte", "send window of the socket", ("time", "stream"), ("ss snd_wnd: beside another tool",)
    ),
    "socket_pmtu": Variable("byte", "path MTU of the socket", ("time", "stream"), ("ss pmtu: beside another tool",)),
    "socket_mss": Variable(
        "byte", "maximum segment size of the socket", ("time", "stream"), ("ss mss: beside another tool",)
    ),
    # -- probes of ping and irtt; ping_ where they ran beside another tool
    "sequence": Variable("1", "sequence number of the probe", ("time",), ("ping icmp_seq=",)),
    "duplicate": Variable("1", "reply is a duplicate", ("time",), ("ping (DUP!)",)),
    "send_delay": Variable("s", "one-way delay to the server", ("time",), ("irtt delay.send",)),
    "receive_delay": Variable("s", "one-way delay from the server", ("time",), ("irtt delay.receive",)),
    "mean_send_delay": Variable("s", "mean one-way delay to the server", (), ("irtt send delay",)),
    "mean_receive_delay": Variable("s", "mean one-way delay from the server", (), ("irtt receive delay",)),
    "rtt_deviation": Variable("s", "deviation of the round-trip time", (), ("ping mdev, irtt stddev",)),
    "probes_sent": Variable("packet", "probes sent", (), ("ping packets transmitted",)),
    "probes_received": Variable("packet", "probes answered", (), ("ping received",)),
    "probes_duplicate": Variable("packet", "duplicate answers", (), ("ping duplicates",)),
    "probe_errors": Variable("packet", "error answers", (), ("ping errors",)),
    "loss_fraction": Variable("1", "probes lost per probe sent", (), ("ping packet loss",)),
    "segments_per_ack": Variable("1", "data segments per pure ACK", (), ("pcap",)),
    "mean_burst": Variable("packet", "mean number of segments sent without a pause", (), ("pcap",)),
    "largest_burst": Variable("packet", "largest number of segments sent without a pause", (), ("pcap",)),
    "hop_loss": Variable("1", "probes lost per probe sent to the hop", ("hop",), ("mtr Loss%",)),
    "hop_min_rtt": Variable("s", "minimum round-trip time to the hop", ("hop",), ("mtr Best",)),
    "hop_mean_rtt": Variable("s", "mean round-trip time to the hop", ("hop",), ("mtr Avg",)),
    "hop_max_rtt": Variable("s", "maximum round-trip time to the hop", ("hop",), ("mtr Wrst",)),
    "ping_rtt": Variable("s", "round-trip time of probes", ("time",), ("ping time=",)),
    "ping_min_rtt": Variable("s", "minimum round-trip time of probes", (), ("ping rtt min",)),
    "ping_mean_rtt": Variable("s", "mean round-trip time of probes", (), ("ping rtt avg",)),
    "ping_max_rtt": Variable("s", "maximum round-trip time of probes", (), ("ping rtt max",)),
    "ping_duration": Variable("s", "duration of the probes", (), ("ping time",)),
    # -- pktgen and netperf
    "thread_sent": Variable("packet", "packets sent by each thread", ("queue",), ("pktgen Result",)),
    "thread_rate": Variable("packet/s", "rate of each thread", ("queue",), ("pktgen pps",)),
    "thread_errors": Variable("packet", "packets of each thread the device refused", ("queue",), ("pktgen errors",)),
    "thread_duration": Variable("s", "duration of each thread", ("queue",), ("pktgen Result",)),
    "thread_idle": Variable("s", "time each thread waited", ("queue",), ("pktgen d",)),
    "sent_packet_rate": Variable("packet/s", "packets sent per second", (), ("pktgen pps",)),
    "send_errors": Variable("packet", "packets the device refused", (), ("pktgen errors",)),
    "transaction_rate": Variable("1/s", "transactions per second", (), ("netperf Trans/s",)),
}


def attributes(name: str) -> dict[str, str]:
    """`units` and `long_name` attributes of a schema variable.

    Parameters
    ----------
    name
        A key of `VARIABLES`.

    Returns
    -------
    dict[str, str]
        Its ``units`` (SI) and ``long_name``.

    Raises
    ------
    KeyError
        If `name` is not in the schema: every variable made anywhere must be in `VARIABLES`.
    """
    variable = VARIABLES[name]
    return {"units": variable.units, "long_name": variable.long_name}


def describe(dataset: xr.Dataset) -> xr.Dataset:
    """The same dataset with `units` and `long_name` set on every variable of the schema.

    Parameters
    ----------
    dataset
        Variables of the schema; others stay as they are.

    Returns
    -------
    xarray.Dataset
        A copy with attributes.
    """
    return dataset.assign({name: dataset[name].assign_attrs(attributes(str(name))) for name in dataset.data_vars})
