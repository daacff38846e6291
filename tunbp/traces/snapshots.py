"""Snapshots of counters (ip, tc, nstat, ethtool): one, a series of them, or the difference over a run."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import xarray as xr

from tunbp.errors import TraceError
from tunbp.traces.build import Column, as_counts, build, floats, settle, text, utc
from tunbp.traces.source import Source

LABEL_LIMIT = 16_384
"""Most different interfaces, qdiscs or counters in one file."""
SPARSEST = 4
"""Most cells over (time, queue) per row: snapshots of one machine have nearly the same rows."""

LINK_COUNTERS = (
    "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "rx_missed", "rx_overrun", "rx_multicast",
    "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "tx_carrier_errors", "tx_collisions",
)  # fmt: skip
QDISC_COUNTERS = (
    "qdisc_bytes", "qdisc_packets", "qdisc_dropped", "qdisc_overlimits", "qdisc_requeues",
    "qdisc_ecn_marked", "qdisc_ack_dropped", "qdisc_drop_overlimit", "qdisc_new_flows",
)  # fmt: skip
TIN_COUNTERS = ("tin_packets", "tin_bytes", "tin_dropped", "tin_marked", "tin_ack_dropped")
COUNTERS = (*LINK_COUNTERS, *QDISC_COUNTERS, "counter")
"""Variables that only grow, so that a difference over a run means something."""
TEXTS = ("device", "kind", "handle", "parent")
"""Text coordinates a row may have."""

STAMP = re.compile(rb"^(?:[#\[]?|Time: )\s{0,3}(1\d{9}(?:\.\d{1,9})?)\]?\s{0,3}$")
"""A line that is nothing but a Unix time, as `date +%s.%N` and flent's tc_iterate print it."""
DATE = re.compile(
    rb"^[#=*-]{0,9} {0,3}(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d)( [AP]M)? ?"
    rb"([A-Z+-][A-Z\d:+-]{1,6})? (\d{4})"
    rb"|(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,9})?) ?(Z|UTC|[+-]\d\d:?\d\d)?) {0,3}[#=*-]{0,9}[ \t\r]{0,9}$",
    re.MULTILINE,
)
"""A line that is nothing but a date and a time, as `date` prints it in English, or in ISO 8601."""
TRAILING = re.compile(rb"^Time: 1\d{9}", re.MULTILINE)
"""flent prints the time after the output that it belongs to."""


@dataclass
class Snapshot:
    """What one call of a tool printed: rows of numbers, each with its label and texts."""

    when: float | None = None
    numbers: dict[str, dict[str, float | None]] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    tins: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def row(self, source: Source, shortest: int, label: str, **texts: str) -> dict[str, float | None]:
        """A new row, which takes at least `shortest` bytes to print; a repeated label gets a number.

        Parameters
        ----------
        source
            The file, for messages.
        shortest
            Bytes that such a row takes at least.
        label
            Interface or qdisc that it is of.
        **texts
            What the tool says of it: `kind`, `mac`, ...

        Returns
        -------
        dict[str, float | None]
            The row, to be filled: variable name to value in SI units.

        Raises
        ------
        TraceError
            If the file has more rows or labels than any machine prints.
        """
        source.spend("rows", shortest)
        if len(self.texts) > LABEL_LIMIT:
            raise source.error(f"more than {LABEL_LIMIT} different interfaces or qdiscs")
        name, copy = label, 1
        while name in self.numbers:
            copy = self.copies.get(label, 1) + 1
            self.copies[label] = copy
            name = f"{label} #{copy}"
        if texts:
            self.texts[name] = texts
        return self.numbers.setdefault(name, {})

    def tin(self, source: Source, label: str) -> dict[str, float | None]:
        """A new row of the table of tins; raises `TraceError` like `row`.

        Parameters
        ----------
        source
            The file, for messages.
        label
            Name of the tin.

        Returns
        -------
        dict[str, float | None]
            The row, to be filled: variable name to value in SI units.
        """
        source.spend("tins", 60)
        if len(self.tins) > LABEL_LIMIT:
            raise source.error(f"more than {LABEL_LIMIT} different tins")
        return self.tins.setdefault(label, {})


def next_snapshot(shots: list[Snapshot], when: float | None) -> Snapshot:
    """A new snapshot at the end of `shots` (the last one if it is empty); all share their rows' texts.

    Parameters
    ----------
    shots
        Snapshots so far; a new one is appended.
    when
        Unix time, s; None: the file does not say.

    Returns
    -------
    Snapshot
        The snapshot that the next rows belong to.
    """
    if shots and not shots[-1].numbers:
        shots[-1].when = when
        return shots[-1]
    shots.append(Snapshot(when, texts=shots[0].texts if shots else {}))
    return shots[-1]


def stamped_lines(source: Source) -> Iterator[tuple[int, bytes, float | None]]:
    """Each line with its offset and the Unix time of the line before (or after) it that is nothing but a time.

    Parameters
    ----------
    source
        The file.

    Yields
    ------
    tuple[int, bytes, float | None]
        Byte offset, line, and Unix time in s or None.
    """
    times = stamps(source)
    first = TRAILING.search(source.data)
    trailing = first is not None and bool(source.data[: first.start()].strip())
    position = 0
    for offset, line in source.lines():
        while position < len(times) and times[position][0] <= offset - trailing:
            position += 1
        index = position if trailing else position - 1
        yield offset, line, times[index][1] if 0 <= index < len(times) else None


UNIX = re.compile(rb"^(?:[#\[]?[ \t]{0,3}|Time: )(1\d{9}(?:\.\d{1,9})?)\]?[ \t\r]{0,3}$", re.MULTILINE)


def stamps(source: Source) -> list[tuple[int, float]]:
    """Offset and Unix time of every line that is nothing but a time.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    list[tuple[int, float]]
        Byte offset and Unix time in s, in the order of the file.
    """
    found = [(match.start(), float(match[1])) for match in UNIX.finditer(source.data)]
    if not found:
        dates = ((match.start(), moment(source, match)) for match in DATE.finditer(source.data))
        found = [(offset, when) for offset, when in dates if when is not None]
    return found


def moment(source: Source, match: re.Match[bytes]) -> float | None:
    """Unix time of a date; of a zone that it does not tell as if it were UTC, which the source then says.

    Parameters
    ----------
    source
        The file; learns that its times are of a zone that it does not tell.
    match
        Match of `DATE`.

    Returns
    -------
    float | None
        Unix time, s; None for a day that there is not.
    """
    month, day, clock, half, zone, year, iso, time, offset = (word.decode() if word else "" for word in match.groups())
    try:
        if iso:
            told = {"UTC": "+00:00", "Z": "+00:00"}.get(offset, offset)
            when = datetime.datetime.fromisoformat(f"{iso}T{time.replace(',', '.')}{told or '+00:00'}")
        else:
            told = zone in ("UTC", "GMT")
            form = "%d %b %Y %I:%M:%S %p %z" if half else "%d %b %Y %H:%M:%S %z"
            when = datetime.datetime.strptime(" ".join(f"{day} {month} {year} {clock}{half} +0000".split()), form)
    except ValueError:
        return None
    source.local_times |= not told
    return when.timestamp()


def stamp_before(times: Sequence[tuple[int, float]], offset: int) -> float | None:
    """The last time that stands before a byte offset.

    Parameters
    ----------
    times
        What `stamps` returned.
    offset
        Place in the file, bytes.

    Returns
    -------
    float | None
        Unix time, s; None where there is none.
    """
    earlier = [when for position, when in times if position <= offset]
    return earlier[-1] if earlier else None


def dataset(source: Source, snapshots: Sequence[Snapshot], tool: str, **attributes: str) -> xr.Dataset:
    """Snapshots as variables over (queue), or (time, queue) if there are several.

    Parameters
    ----------
    source
        The file.
    snapshots
        What it holds.
    tool
        Name of the tool.
    **attributes
        Attributes of the format's own.

    Returns
    -------
    xr.Dataset
        Counters in the schema.

    Raises
    ------
    TraceError
        If there is no row at all, or far more rows than a machine has interfaces and qdiscs.
    """
    shots = [shot for shot in snapshots if shot.numbers]
    if not shots:
        raise source.error(f"no complete row of {tool} output", len(source.data))
    labels, columns = _laid_out(source, [shot.numbers for shot in shots], "queue")
    coords: dict[str, Column] = {"queue": (("queue",), text(labels))}
    told: dict[str, dict[str, str]] = {}
    for shot in shots:
        told |= shot.texts
    for name in TEXTS:
        if any(name in told.get(label, {}) for label in labels):
            coords[name] = (("queue",), text([told.get(label, {}).get(name, "") for label in labels]))
    if any(shot.tins for shot in shots):
        tins, more = _laid_out(source, [shot.tins for shot in shots], "tin")
        columns |= more
        coords["tin"] = (("tin",), text(tins))
    if len(shots) > 1:
        coords["time"] = (("time",), _times(source, shots))
    return build(
        source, columns, coords, tool=tool, start=utc(None if source.local_times else shots[0].when), **attributes
    )


def _laid_out(
    source: Source, tables: Sequence[Mapping[str, Mapping[str, float | None]]], dim: str
) -> tuple[list[str], dict[str, Column]]:
    """Labels and variables over (dim), or (time, dim) for several tables."""
    labels = list(dict.fromkeys(label for table in tables for label in table))
    rows = sum(len(table) for table in tables)
    if len(labels) > LABEL_LIMIT or len(labels) * len(tables) > SPARSEST * rows + 10_000:
        raise source.error(f"{len(labels)} different rows in {len(tables)} snapshots; split the file")
    names = list(dict.fromkeys(name for table in tables for row in table.values() for name in row))
    columns: dict[str, Column] = {}
    for name in names:
        values = floats(table.get(label, {}).get(name) for table in tables for label in labels)
        shaped = values.reshape(len(tables), len(labels))
        if not name.endswith(("_delay", "_rate")):
            shaped = as_counts(shaped)
        columns[name] = (("time", dim), shaped) if len(tables) > 1 else ((dim,), shaped[0])
    return labels, columns


def _times(source: Source, shots: Sequence[Snapshot]) -> list[float]:
    """Seconds of each snapshot from the first; their numbers where the file does not say."""
    times = [shot.when for shot in shots]
    known = [when for when in times if when is not None]
    if len(known) == len(times) and all(b > a for a, b in itertools.pairwise(known)):
        return [when - known[0] for when in known]
    source.warn("the snapshots carry no increasing times; they are counted 0, 1, 2, ... instead of seconds")
    return [float(number) for number in range(len(times))]


def difference(before: xr.Dataset, after: xr.Dataset) -> xr.Dataset:
    """What the counters grew by between two snapshots; gauges (backlog, lengths) as in the second.

    Parameters
    ----------
    before, after : xarray.Dataset
        Snapshots over (queue) of the same tool. Of a series, the first and the last sample are taken.

    Returns
    -------
    xarray.Dataset
        The rows that are in both. A counter that shrank was reset: its difference is NaN, with a warning.

    Raises
    ------
    TraceError
        If the two have no row in common.
    """
    first = before.isel(time=0, drop=True) if "time" in before.dims else before
    last = after.isel(time=-1, drop=True) if "time" in after.dims else after
    shared = [label for label in first["queue"].to_numpy() if label in set(last["queue"].to_numpy())]
    if not shared:
        raise TraceError("the two snapshots have no row in common: they are of different tools or machines")
    first, last = first.sel(queue=shared), last.sel(queue=shared)
    grown = last.copy()
    warnings = [line for line in (before.attrs.get("warnings"), after.attrs.get("warnings")) if line]
    same_tins = "tin" in first.dims and "tin" in last.dims and first["tin"].equals(last["tin"])
    for name in (*COUNTERS, *(TIN_COUNTERS if same_tins else ())):
        if name not in first or name not in last:
            continue
        step = last[name] - first[name]
        reset = step < 0
        if bool(reset.any()):
            where = ", ".join(str(label) for label in step[step.dims[0]].to_numpy()[reset.to_numpy()])
            warnings.append(f"{name} of {where} shrank between the snapshots: it was reset")
            step = step.where(~reset)
        grown[name] = step.assign_attrs(last[name].attrs)
    grown.attrs = {
        **last.attrs,
        "start": before.attrs.get("start", ""),
        "sha256": " ".join(dict.fromkeys([before.attrs.get("sha256", ""), after.attrs.get("sha256", "")])),
        "warnings": "\n".join(dict.fromkeys("\n".join(warnings).splitlines())),
        "difference": "second snapshot minus first",
    }
    return grown


def side_by_side(parts: Iterable[xr.Dataset]) -> xr.Dataset:
    """Snapshots of several tools side by side: one `queue` dim, NaN where a row has no such counter.

    Where two tools count the same interface, the rows of the second one carry its name.

    Parameters
    ----------
    parts
        Datasets over `queue`.

    Returns
    -------
    xr.Dataset
        All of them, in one.

    Raises
    ------
    TraceError
        If the parts cannot lie side by side.
    """
    parts = list(parts)
    attributes = joined_attributes([part.attrs for part in parts])
    try:
        together = xr.merge(
            [part.drop_attrs(deep=False) for part in rows_apart(parts)],
            join="outer", compat="no_conflicts", combine_attrs="drop_conflicts",
        )  # fmt: skip
    except (xr.MergeError, ValueError) as error:
        tools = ", ".join(dict.fromkeys(str(part.attrs.get("tool", "")) for part in parts))
        raise TraceError(f"the counters of {tools} contradict each other: {error}") from error
    return settle(together).assign_attrs(attributes)


def rows_apart(parts: Iterable[xr.Dataset]) -> list[xr.Dataset]:
    """The parts with labels of their own: where two tools count the same interface, the later gets its tool's name.

    Parameters
    ----------
    parts
        Datasets over `queue`.

    Returns
    -------
    list[xr.Dataset]
        The parts with labels of which no two are equal.
    """
    apart: list[xr.Dataset] = []
    for part in parts:
        if "queue" in part.dims:
            others = [o for o in apart if "queue" in o.dims and set(o.data_vars) & set(part.data_vars)]
            taken = {str(label) for other in others for label in other["queue"].to_numpy()}
            labels = [str(label) for label in part["queue"].to_numpy()]
            if taken & set(labels):
                tool = part.attrs.get("tool", "")
                named = [f"{label} ({tool})" if label in taken else label for label in labels]
                part = part.assign_coords(queue=("queue", text(named), part["queue"].attrs))
        apart.append(part)
    return apart


def joined_attributes(attributes: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Attributes of parts of one run: equal ones once, different ones one after the other.

    Parameters
    ----------
    attributes
        Those of each part.

    Returns
    -------
    dict[str, str]
        Name to text.
    """
    joined: dict[str, str] = {}
    for name in dict.fromkeys(name for part in attributes for name in part):
        values = dict.fromkeys(part[name] for part in attributes if part.get(name))
        joined[name] = ("\n" if name == "warnings" else "; ").join(values)
    return joined
