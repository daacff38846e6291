"""The trace formats: one module each, which exports its `Reader`; `READERS` asks them in this order."""

from __future__ import annotations

from tunbp.traces.formats import (
    bpftrace,
    dropwatch,
    ethtool,
    flent,
    fping,
    ifconfig,
    ip_link,
    iperf2,
    iperf3,
    irtt,
    lab_run,
    mtr,
    netperf,
    nstat,
    perf,
    ping,
    pktgen,
    proc_net_dev,
    receive_log,
    snmp,
    softirqs,
    ss,
    tc,
)
from tunbp.traces.reader import Reader

READERS: tuple[Reader, ...] = (
    iperf2.READER,
    iperf3.READER,
    lab_run.READER,
    flent.READER,
    irtt.READER,
    mtr.READER,
    ip_link.READER,
    tc.READER,
    nstat.READER,
    ethtool.READER,
    ifconfig.READER,
    proc_net_dev.READER,
    proc_net_dev.NETSTAT,
    snmp.READER,
    snmp.NETSTAT,
    softirqs.READER,
    perf.READER,
    dropwatch.READER,
    bpftrace.READER,
    pktgen.READER,
    receive_log.READER,
    ss.READER,
    fping.READER,
    ping.READER,
    netperf.READER,
)
"""Every format, in the order in which they are asked: what is told apart by little comes last."""
