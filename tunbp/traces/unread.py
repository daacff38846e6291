"""Output of tools that is not read: how it is known, and what to give instead."""

from __future__ import annotations

import re

from tunbp.traces.source import Source

INSTEAD = {
    # what it is: (how it is known, what to give instead)
    "tcpdump's text": (
        rb"^(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{6} (?:IP6? |ARP, |\S{1,16} {1,4}(?:In|Out) )",
        "the packets (tcpdump -s 100 -w FILE)",
    ),
    "tshark's text": (
        rb"^ {0,8}\d{1,9} +\d{1,9}\.\d{6,9} +\S{1,45} +(?:\xe2\x86\x92|->) +\S{1,45} +\S",
        "the packets (tshark -s 100 -w FILE)",
    ),
    "netstat's list of sockets": (rb"^(?:tcp|udp)6? {2,9}\d{1,9} +\d{1,9} +\S{1,60} +\S{1,60}", "ss -tin"),
    "the summary of ss": (rb"^TCP: {1,9}\d{1,9} \(estab \d", "ss -tin"),
    "a list of tc's classes": (rb"^class [a-z_]{2,16} [0-9a-f]{1,4}:", "tc -s qdisc"),
    "what ethtool is set to": (
        rb"^(?:Ring parameters|Features|Channel parameters|Coalesce parameters|Settings) for ",
        "ethtool -S DEV",
    ),
    "sar's table": (
        rb"^Linux \S{3,60} \([^)\n]{1,60}\) .{0,60}\(\d{1,4} CPU\)",
        "ip -s -j link from before and after the run",
    ),
    "traceroute's list": (rb"^(?:traceroute6? to \S|Tracing route to \S| ?1\??: +\[LOCALHOST\])", "mtr --json HOST"),
    "ifconfig of macOS and the BSDs, which counts nothing,": (
        rb"^[a-z]{2,12}\d{1,3}: flags=[0-9a-f]{1,8}<[A-Z0-9,_]{0,200}>.{0,40} mtu \d{2,6}$",
        "netstat -ibd",
    ),
    "netstat -s of macOS and the BSDs": (
        rb"^(?:tcp|udp|ip6?):\n[ \t]{1,8}\d{1,20} [a-z]",
        "netstat -ibd, or counters of a Linux machine (nstat -az)",
    ),
    "netstat -e of Windows": (rb"^Interface Statistics\s{1,60}Received {1,40}Sent", "iperf3 -J or ping"),
    "netperf's line without its titles (-P 0)": (
        rb"^ {0,6}\d{3,9} +\d{3,9} +\d{1,9} +\d{1,5}\.\d\d +\d{1,9}\.\d\d +$",
        "its output without -P 0",
    ),
    "what wg and OpenVPN count": (
        rb"^(?:interface: \S{1,32}\n {1,4}public key: |OpenVPN STATISTICS$|OpenVPN CLIENT LIST$)",
        "ip -s -j link show DEV from before and after the run",
    ),
    "Ookla's speed test": (rb'^\{"type": ?"result", ?"timestamp":', "iperf3 -J"),
    "a histogram of bpftrace": (
        rb"^\[\d[\dKMG]{0,9}(?:, \d[\dKMG]{0,9}\)|\]) +\d{1,12} \|@{0,60} {0,60}\|",
        "a map of counts",
    ),
    "mtr's raw output": (rb"^h \d{1,3} [\d.:a-f]{3,45}\n(?:.{1,60}\n){0,3}?[px] \d", "mtr --json HOST"),
    "mtr's XML": (rb"^<MTR SRC=", "mtr --json HOST"),
}
KNOWN = {what: (re.compile(pattern, re.MULTILINE), instead) for what, (pattern, instead) in INSTEAD.items()}


def refusal(source: Source) -> tuple[str, int]:
    """Why a file that no reader knows is refused, and at which byte.

    Parameters
    ----------
    source
        A file that no reader recognizes.

    Returns
    -------
    tuple[str, int]
        The reason in words, and the byte.
    """
    for what, (pattern, instead) in KNOWN.items():
        if match := pattern.search(source.head):
            return f"{what} is not read; give {instead} instead", match.start()
    return "not the output of a tool that is known (the documentation's page of formats lists them)", 0
