"""The trace formats: one module each, which exports one `Reader`; `READERS` asks them in this order."""

from __future__ import annotations

from tunbp.traces.formats import (
    ethtool,
    flent,
    ip_link,
    iperf3,
    irtt,
    lab_run,
    netperf,
    nstat,
    perf,
    ping,
    pktgen,
    receive_log,
    ss,
    tc,
)
from tunbp.traces.reader import Reader

READERS: tuple[Reader, ...] = (
    iperf3.READER,
    lab_run.READER,
    flent.READER,
    irtt.READER,
    ip_link.READER,
    tc.READER,
    nstat.READER,
    ethtool.READER,
    perf.READER,
    pktgen.READER,
    receive_log.READER,
    ss.READER,
    ping.READER,
    netperf.READER,
)
"""Every format, in the order in which they are asked: what is told apart by little comes last."""
