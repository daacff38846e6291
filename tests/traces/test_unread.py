"""Output that is not read is named, with what to give instead and the line in which it was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.errors import TraceError
from tunbp.traces import opening
from tunbp.traces.source import source_of

TEXTS = {
    "tcpdump's text is not read; give the packets": "10:11:12.123456 IP 10.0.0.1.52 > 10.0.0.2.47: Flags [.], ack 1\n",
    "tshark's text is not read": "    1 0.000000000   10.0.0.1 \u2192 10.0.0.2   TCP 74 4711 \u2192 5201 [SYN]\n",
    "netstat's list of sockets is not read; give ss -tin": (
        "tcp        0 138400 10.0.0.1:22   10.0.0.2:4711   ESTABLISHED\n"
    ),
    "the summary of ss is not read; give ss -tin": "Total: 9\nTCP:   4 (estab 2, closed 1, orphaned 0, timewait 0)\n",
    "a list of tc's classes is not read; give tc -s qdisc": "class htb 1:10 root prio 0 rate 50Mbit ceil 100Mbit\n",
    "what ethtool is set to is not read": "Ring parameters for eth0:\nRX: 4096\n",
    "sar's table is not read": "Linux 6.1.0 (host)  11/27/2026  _x86_64_  (2 CPU)\n",
    "traceroute's list is not read": "traceroute to example.org (192.0.2.1), 30 hops max\n",
    "a histogram of bpftrace is not read": "@usecs:\n[4, 8)                12 |@@@                 |\n",
    "traceroute's list is not read; give mtr": "Tracing route to one.example [192.0.2.1]\nover a maximum of 30 hops:\n",
    "ifconfig of macOS and the BSDs": "utun3: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380\n\tinet 10.0.0.1\n",
    "netstat -s of macOS and the BSDs": "tcp:\n\t14298765 packets sent\n",
    "netstat -e of Windows": "Interface Statistics\n\n                Received            Sent\n\nBytes  1  2\n",
    "netperf's line without its titles (-P 0)": "131072  16384     64    5.00      612.88   \n",
    "what wg and OpenVPN count": "interface: wg0\n  public key: a=\n  transfer: 1.25 GiB received, 3.74 GiB sent\n",
    "Ookla's speed test": '{"type":"result","timestamp":"2026-11-27T10:00:00Z","ping":{"latency":11.2}}\n',
    "mtr's XML is not read": '<MTR SRC="a" DST="b">\n',
    "mtr's raw output is not read": "x 0 33000\nh 0 10.0.0.2\np 0 50 33000\n",
    "not the output of a tool that is known": "hello\n",
}


@pytest.mark.parametrize("told", TEXTS)
def test_a_text_that_is_not_read_is_named_with_its_line(told):
    with pytest.raises(TraceError, match=r"^input: byte \d+ \(line \d\): ") as failed:
        opening.read(source_of(Path("input"), TEXTS[told].encode()))
    assert told in str(failed.value)
