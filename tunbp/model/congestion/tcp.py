"""Constants of Linux's TCP that hold for every congestion control."""

from __future__ import annotations

RTO_MIN = 0.2
"""Linux TCP_RTO_MIN, seconds."""

TLP_SLACK = 0.002
"""Two jiffies at HZ=1000 that Linux adds to the tail-loss probe's 2 SRTT (net/ipv4/tcp_output.c), seconds."""

PACING_SLOW_START, PACING = 2.0, 1.2
"""Pacing rate over window / RTT in slow start and later (net/ipv4/tcp_input.c, ``tcp_update_pacing_rate``)."""

UNPACED = 10
"""Segments that TCP sends before it paces (net/ipv4/tcp_output.c, ``tcp_update_skb_after_send``; so does ``fq``)."""

TSQ_TIME = 1.0 / 1024.0
"""Seconds of its pacing rate that a flow may keep in qdisc and device (``sk_pacing_shift = 10``, net/core/sock.c)."""

HYSTART_LOW_WINDOW = 16.0
HYSTART_ACK_DELTA = 0.002
HYSTART_MIN_SAMPLES = 8
HYSTART_MAX_ACK_DELAY = 0.001
"""Smallest window at which HyStart looks, longest gap in an ACK train (s), RTT samples it needs, most that a train may
be longer for ACKs that are held up, s (net/ipv4/tcp_cubic.c, ``hystart_low_window``, ``hystart_ack_delta_us``,
``HYSTART_MIN_SAMPLES``, ``hystart_ack_delay``)."""
