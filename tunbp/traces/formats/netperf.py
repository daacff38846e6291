"""netperf: the classic table, omni output (CSV, `-k` keywords) and interim results (`-D`)."""

from __future__ import annotations

import csv
import re

import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, clean, floats, utc
from tunbp.traces.reader import Reader
from tunbp.traces.source import HEAD, Source

TOOL = "netperf"
TITLE = re.compile(rb"^(?:MIGRATED )?([A-Z/_ -]{3,40}?) (?:TEST|Test) (?:from|FROM) ", re.MULTILINE)
UNIT = re.compile(rb"10\^(\d)bits/s(?:ec)?")
INTERIM = re.compile(
    rb"^Interim result:\s{1,9}([\d.]{1,20}) (\S{1,16}) over ([\d.]{1,16}) seconds ending at ([\d.]{1,24})",
    re.M,
)
KEYWORD = re.compile(rb"^(THROUGHPUT|THROUGHPUT_UNITS|ELAPSED_TIME|TRANSPORT_RETRANS|PROTOCOL|"
                     rb"LOCAL_CONG_CONTROL|COMMAND_LINE)=(.{0,200})$", re.MULTILINE)  # fmt: skip
ROW = re.compile(rb"^\s{0,9}([\d.]{1,16}(?:\s{1,32}[\d.]{1,20}){3,7})\s*$", re.MULTILINE)
RATES = {"10^3bits/s": 1e3, "10^6bits/s": 1e6, "10^9bits/s": 1e9, "bits/s": 1.0}
LATENCIES = {
    "Minimum Latency Microseconds": "min_rtt",
    "Mean Latency Microseconds": "mean_rtt",
    "Maximum Latency Microseconds": "max_rtt",
    "Stddev Latency Microseconds": "rtt_deviation",
}


def recognize(source: Source) -> bool:
    """Whether the file is netperf's."""
    head = source.head
    return bool(TITLE.search(head) or INTERIM.search(head)) or (
        re.search(rb"^THROUGHPUT=", head, re.MULTILINE) is not None
    )


def read(source: Source) -> list[xr.Dataset]:
    """Received rate (stream tests) or transactions per second (RR tests), latencies and interim results.

    Raises
    ------
    TraceError
        If the result is missing or not a number.
    """
    columns: dict[str, Column] = {}
    coords: dict[str, Column] = {}
    start = _interim(source, coords, columns)
    for form in (_keywords, _omni, _classic):
        found = form(source)
        if found:
            columns |= found
            break
    else:
        if not columns:
            raise source.error("no result line: netperf was cut off or failed", len(source.data))
        source.warn("the final result is missing; only interim results are used")
    title = TITLE.search(source.data)
    test = clean(title[1].decode()) if title else ""
    return [build(source, columns, coords, tool=TOOL, start=start, test=test)]


def _interim(source: Source, coords: dict[str, Column], columns: dict[str, Column]) -> str:
    """Interim results over (time); returns the start as UTC text."""
    rates, lengths, ends = [], [], []
    for match in INTERIM.finditer(source.data):
        try:
            rate, length, end = float(match[1]), float(match[3]), float(match[4])
        except ValueError:
            raise source.error("an interim result is not a number", match.start()) from None
        scale = RATES.get(match[2].decode("utf-8", "replace"))
        if scale is None:
            raise source.error(f"unit {match[2]!r} of an interim result is not bits per second", match.start())
        rates.append(rate * scale)
        lengths.append(length)
        ends.append(end)
    if not rates:
        return ""
    first = ends[0] - lengths[0]
    order = np.argsort(ends, kind="stable")
    coords["time"] = (("time",), floats(ends)[order] - first)
    columns["throughput"] = (("time",), floats(rates)[order])
    columns["interval"] = (("time",), floats(lengths)[order])
    return utc(first)


def _result(source: Source, value: str, unit: str, where: int) -> dict[str, Column]:
    """A throughput in its unit as the variable it belongs to."""
    try:
        number = float(value)
    except ValueError:
        raise source.error(f"throughput {value[:40]!r} is not a number", where) from None
    if unit in ("Trans/s", "trans/s"):
        return {"transaction_rate": ((), number)}
    if unit not in RATES:
        raise source.error(f"throughput unit {unit[:40]!r} is none of {', '.join(RATES)}, Trans/s", where)
    return {"received_rate": ((), number * RATES[unit])}


def _keywords(source: Source) -> dict[str, Column]:
    """Output of `-k`: one NAME=value a line."""
    words = {match[1]: match[2].decode("utf-8", "replace").strip() for match in KEYWORD.finditer(source.data)}
    if b"THROUGHPUT" not in words:
        return {}
    columns = _result(source, words[b"THROUGHPUT"], words.get(b"THROUGHPUT_UNITS", "10^6bits/s"), 0)
    for key, name in ((b"ELAPSED_TIME", "duration"), (b"TRANSPORT_RETRANS", "total_retransmits")):
        if key in words:
            try:
                columns[name] = ((), as_counts(floats([float(words[key])]))[0])
            except ValueError:
                source.warn(f"{key.decode()} is not a number")
    if "duration" in columns:
        columns["duration"] = ((), float(columns["duration"][1]))
    return columns


def _omni(source: Source) -> dict[str, Column]:
    """CSV of the omni tests; the title row may be broken over several lines."""
    text = source.data[:HEAD].decode("utf-8", "replace")
    begin = text.find("Throughput,Throughput Units")
    if begin < 0:
        return {}
    result = re.compile(r"^[\d.]{1,24},\S{1,16}/s(?:,.{0,2000})?$", re.MULTILINE).search(text, begin)
    if result is None:
        raise source.error("the CSV title has no values after it", begin)
    title = text[begin : result.start()].replace("\r", "").strip().replace("\n", " ")
    try:
        names, values = next(csv.reader([title])), next(csv.reader([result[0].strip()]))
    except csv.Error as error:
        raise source.error(f"the CSV cannot be read: {error}", begin) from None
    columns = _result(source, values[0], values[1], result.start())
    for name, value in zip(names, values, strict=False):
        if name.strip() in LATENCIES:
            try:
                columns[LATENCIES[name.strip()]] = ((), float(value) * 1e-6)
            except ValueError:
                source.warn(f"{name.strip()} is not a number")
    return columns


def _classic(source: Source) -> dict[str, Column]:
    """The table of the classic tests: its last row ends with elapsed seconds and throughput."""
    unit = UNIT.search(source.data)
    trans = b"per sec" in source.data
    row = ROW.search(source.data, unit.end() if unit else 0)
    if row is None or not (unit or trans):
        return {}
    try:
        values = [float(word) for word in row[1].split()]
    except ValueError:
        raise source.error("a value of the result row is not a number", row.start()) from None
    rate = values[-1] * (1.0 if unit is None else 10.0 ** int(unit[1]))
    name = "received_rate" if unit else "transaction_rate"
    return {name: ((), rate), "duration": ((), values[3 if len(values) <= 5 else 4])}


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="netperf: table, omni CSV, -k keywords, interim results (-D)",
    versions="2.4 to 2.7",
    gives="throughput or transactions, latencies",
)
