"""`fping`: round-trip times and losses of one or several hosts."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, floats, utc
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "fping"
HOST_LIMIT = 256
"""Most hosts in one file: each is a run of its own."""
REPLY = re.compile(
    rb"^(?:\[(\d{9,10}\.\d{1,9})\] )?(\S{1,255})\s{1,64}: \[(\d{1,9})\], "
    rb"(?:\d{1,6} bytes, ([\d.]{1,16}) ms|timed out)",
    re.MULTILINE,
)
SUMMARY = re.compile(
    rb"^(\S{1,255})\s{1,64}: xmt/rcv/%(?:loss|return) = (\d{1,12})/(\d{1,12})/(\d{1,4})%"
    rb"(?:, min/avg/max = ([\d.]{1,16})/([\d.]{1,16})/([\d.]{1,16}))?",
    re.MULTILINE,
)

TABLE = re.compile(
    rb"^(\S{1,255})\s{1,64}: ((?:-|\d{1,9}\.\d{1,3})(?: (?:-|\d{1,9}\.\d{1,3})){1,9999})[ \t]{0,9}$", re.MULTILINE
)
"""A host's times side by side, a dash for a lost one: `-C` at its end, all that `-q` prints."""


def recognize(source: Source) -> bool:
    """Whether the file holds fping's output."""
    return any(form.search(source.head) for form in (SUMMARY, REPLY, TABLE))


def read(source: Source) -> list[xr.Dataset]:
    """Round-trip times over (time) of the replies and the totals, a run for each host.

    Raises
    ------
    TraceError
        If there are more hosts than `HOST_LIMIT`, or a number is none.
    """
    replies: dict[bytes, list[re.Match[bytes]]] = {}
    for match in REPLY.finditer(source.data):
        replies.setdefault(match[2], []).append(match)
        if len(replies) > HOST_LIMIT:
            raise source.error(f"more than {HOST_LIMIT} hosts; split the file", match.start())
    summaries = {match[1]: match for match in SUMMARY.finditer(source.data)}
    lists = {match[1]: match for match in TABLE.finditer(source.data)}
    tables = {host: match for host, match in lists.items() if host not in replies}
    hosts = list(dict.fromkeys([*replies, *summaries, *tables]))
    if len(hosts) > HOST_LIMIT:
        raise source.error(f"more than {HOST_LIMIT} hosts; split the file")
    probes = {host: _probes(source, matches) for host, matches in replies.items()}
    probes |= {host: _side_by_side(match) for host, match in tables.items()}
    return [_dataset(source, host, probes.get(host, []), summaries.get(host), host in lists) for host in hosts]


Probe = tuple[float | None, float, float | None]
"""When it was answered [s, None where not told], its number, and its round-trip time [s, None if lost]."""


def _probes(source: Source, replies: list[re.Match[bytes]]) -> list[Probe]:
    """The probes of one host, a line each."""
    try:
        return [(float(r[1]) if r[1] else None, float(r[3]), float(r[4]) * 1e-3 if r[4] else None) for r in replies]
    except ValueError:
        raise source.error("a round-trip time is not a number", replies[0].start()) from None


def _side_by_side(match: re.Match[bytes]) -> list[Probe]:
    """The probes of one host on one line."""
    words = match[2].split()
    return [(None, float(n), None if word == b"-" else float(word) * 1e-3) for n, word in enumerate(words)]


def _dataset(
    source: Source, host: bytes, probes: list[Probe], summary: re.Match[bytes] | None, whole: bool
) -> xr.Dataset:
    """One host's probes and totals; `whole` where the probes are a summary themselves."""
    columns: dict[str, Column] = {}
    coords: dict[str, Column] = {}
    start = ""
    try:
        extremes = [float(word) * 1e-3 for word in summary.groups()[4:]] if summary and summary[5] else []
    except ValueError:
        raise source.error("a round-trip time is not a number", summary.start() if summary else 0) from None
    times, order, rtt = (floats(column) for column in zip(*probes, strict=True)) if probes else 3 * (floats([]),)
    there = np.isfinite(rtt)
    if probes:
        stamped = bool(np.isfinite(times).all())
        if not stamped:
            source.warn("the output has no times (-D): replies are taken as 1 s apart, the default")
        axis = times - times.min() if stamped else order - order.min()
        start = utc(float(times.min())) if stamped else ""
        sort = np.argsort(axis, kind="stable")
        coords["time"] = (("time",), axis[sort])
        columns["rtt"] = (("time",), rtt[sort])
        columns["sequence"] = (("time",), as_counts(order[sort]))
    if summary is not None:
        sent, received = int(summary[2]), int(summary[3])
    else:
        sent, received = len(rtt), int(there.sum())
        if not whole:
            source.warn("the summary is missing: fping was cut off; totals are those of the replies")
    columns |= {
        "probes_sent": ((), sent),
        "probes_received": ((), received),
        "loss_fraction": ((), max(sent - received, 0) / sent if sent else np.nan),
    }
    if not extremes and there.any():
        extremes = [rtt[there].min(), rtt[there].mean(), rtt[there].max()]
    columns |= {name: ((), v) for name, v in zip(("min_rtt", "mean_rtt", "max_rtt"), extremes, strict=False)}
    run = build(source, columns, coords, tool=TOOL, command=f"fping {host.decode('utf-8', 'replace')}", start=start)
    source.next_run()
    return run


READER = Reader(
    name=TOOL,
    role="probe",
    recognize=recognize,
    read=read,
    commands="fping -c, fping -C, fping -D",
    versions="3 to 5",
    gives="every reply, loss, round-trip times; a run for each host",
    mixes=True,
)
