"""netperf: the classic tables, omni output (table, CSV, `-k` keywords, JSON lists of them), interim results (`-D`)."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, clean, floats, utc
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "netperf"
RESULT_LIMIT = 256
"""Most results in one file."""
TITLE = re.compile(
    rb"^.{0,200}?(?:MIGRATED )?\b([A-Z][A-Z/_ -]{2,39}?|OMNI [A-Za-z|]{4,20}|TCP Connect/Request/Response) "
    rb"(?:TEST|Test) (?:from|FROM) .{0,400}$", re.MULTILINE,
)  # fmt: skip
UNIT = re.compile(rb"\b(10\^\d ?bits/s(?:ec)?|[GMK]?Bytes/s(?:ec)?)")
TRANSACTIONS = re.compile(rb"\bper sec\b|\bTrans/s\b", re.IGNORECASE)
INTERIM = re.compile(
    rb"^Interim result:\s{1,9}([\d.]{1,20}) (\S{1,16}) over ([\d.]{1,16}) seconds ending at ([\d.]{1,24})",
    re.M,
)
KEYWORD = re.compile(rb"^([A-Z][A-Z0-9_]{2,48})=(.{0,400})$", re.MULTILINE)
FAMILY = re.compile(rb"\bAF_(?:INET6?|UNSPEC)\b")
"""Ends the line that names a test, also where a mail was wrapped in it."""
NUMBERS = re.compile(rb"^\s{0,9}(-?[\d.]{1,20}(?:\s{1,32}-?[\d.]{1,20}){1,11})\s{0,32}$")
OMNI_ROW = re.compile(
    rb"^\s{0,9}(?:\d{1,12}\s{1,32}){1,6}([\d.]{1,16})\s{1,32}([\d.]{1,20})\s{1,32}(\S{1,14}/s)\s{0,32}$", re.MULTILINE
)
FORMAT = re.compile(rb"\bnetperf\b[^\n]{0,300} -f ?[gmkGMK]\b")
"""A command that asks for bits or bytes."""
HEADS = {
    "TCP STREAM": re.compile(rb"^Recv {2,9}Send {2,9}Send\s{0,99}$", re.MULTILINE),
    "UDP STREAM": re.compile(rb"^Socket {1,9}Message {1,9}Elapsed {2,16}Messages\b.{0,99}$", re.MULTILINE),
    "TCP REQUEST/RESPONSE": re.compile(rb"^Local /Remote\s{0,99}$", re.MULTILINE),
}
"""The first line of each classic table: what there is where the line that names the test was not pasted."""
FAILED = re.compile(
    rb"^(?:establish[_ ]control|netperf|send_[a-z_]{3,40}|recv_[a-z_]{3,40}): [^\n]{5,200}", re.MULTILINE
)
"""What netperf prints where it cannot connect or is refused."""
LIST = re.compile(rb"\s{0,64}\[\s{0,64}[\[\"]")
SIZES = {"G": 2.0**30, "M": 2.0**20, "K": 2.0**10, "": 1.0}
RATES = {
    "bits/s": 1.0, **{f"10^{power}bits/s": 10.0**power for power in (0, 3, 6, 9, 12)},
    **{f"{prefix}Bytes/s": 8 * size for prefix, size in SIZES.items()},
}  # fmt: skip
"""bit/s of each unit that `-f` chooses: g, m, k are powers of ten, G, M, K of two."""

NUMBER_OF = {
    # CSV title and keyword -> variable, scale, is a count
    "Transaction Rate Tran/s": ("transaction_rate", 1.0, False), "TRANSACTION_RATE": ("transaction_rate", 1.0, False),
    "Minimum Latency Microseconds": ("min_rtt", 1e-6, False), "MIN_LATENCY": ("min_rtt", 1e-6, False),
    "Mean Latency Microseconds": ("mean_rtt", 1e-6, False), "MEAN_LATENCY": ("mean_rtt", 1e-6, False),
    "Maximum Latency Microseconds": ("max_rtt", 1e-6, False), "MAX_LATENCY": ("max_rtt", 1e-6, False),
    "Stddev Latency Microseconds": ("rtt_deviation", 1e-6, False), "STDDEV_LATENCY": ("rtt_deviation", 1e-6, False),
    "Elapsed Time (sec)": ("duration", 1.0, False), "ELAPSED_TIME": ("duration", 1.0, False),
    "Local Transport Retransmissions": ("total_retransmits", 1.0, True),
    "TRANSPORT_RETRANS": ("total_retransmits", 1.0, True), "LOCAL_TRANSPORT_RETRANS": ("total_retransmits", 1.0, True),
    "Transport MSS bytes": ("mss", 1.0, True), "TRANSPORT_MSS": ("mss", 1.0, True),
}  # fmt: skip
CONGESTION = ("Local Cong Control", "LOCAL_CONG_CONTROL")
RATE_NAMES = ("Throughput", "THROUGHPUT")
ANSWERS = {*RATE_NAMES, *(name for name, (variable, _, _) in NUMBER_OF.items() if variable.endswith(("_rate", "_rtt")))}
"""Chosen columns of which one makes a result: a throughput, transactions, latencies."""


@dataclass
class Result:
    """One result: its variables, the name of its test, and where in the file it begins."""

    columns: dict[str, Column]
    test: str = ""
    congestion: str = ""
    begin: int = 0
    coords: dict[str, Column] = field(default_factory=dict)
    start: str = ""


def recognize(source: Source) -> bool:
    """Whether the file is netperf's."""
    head = source.head
    # the searches walk through the whole text: what they cannot do without is looked for first
    needs = ((b"TEST", TITLE), (b"Test", TITLE), (b"Interim", INTERIM), (b"THROUGHPUT=", KEYWORD))
    found = any(word in head and form.search(head) is not None for word, form in needs)
    found = found or any(form.search(head) for form in HEADS.values())
    return found or b"establish control: are you sure" in head


def read(source: Source) -> list[xr.Dataset]:
    """Every result: received rate (stream tests) or transactions per second (RR tests), latencies, interim results.

    Raises
    ------
    TraceError
        If a result is missing or not a number.
    """
    data = _lines_of_list(source) if LIST.match(source.head) else source.data
    ways = (_keywords, _omni_csv, _omni_table, _omni_columns, _classic)
    results = next((found for way in ways if (found := way(source, data))), [])
    interim = list(INTERIM.finditer(data))
    if not results:
        if not interim:
            failed = FAILED.search(data)
            why = (
                f"netperf failed: {clean(failed[0].decode('utf-8', 'replace'), 200)}"
                if failed
                else ("no result line: netperf was cut off or failed")
            )
            raise source.error(why, failed.start() if failed else len(source.data))
        source.warn("the final result is missing; only interim results are used")
        results = [Result({})]
    _add_interim(source, results, interim)
    titles = TITLE.findall(data)
    if len(titles) > len(results):
        source.warn_of_file(f"{len(titles)} tests begin, {len(results)} have a result")
    return [_dataset(source, result) for result in results]


def _dataset(source: Source, result: Result) -> xr.Dataset:
    upper = result.test.upper()
    run = build(
        source, result.columns, result.coords, tool=TOOL, start=result.start, test=result.test,
        congestion=result.congestion, protocol=next((name for name in ("TCP", "UDP", "SCTP") if name in upper), ""),
        direction="reverse" if "MAERTS" in upper else "forward",
    )  # fmt: skip
    source.next_run()
    return run


def _lines_of_list(source: Source) -> bytes:
    """The lines of a JSON list of lines, or of a list of such lists."""
    try:
        decoded = msgspec.json.decode(source.data, type=list[list[str] | str])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise source.error(f"a JSON list that is no list of netperf's lines: {error}", 0) from None
    blocks = [[entry] if isinstance(entry, str) else entry for entry in decoded]
    return "\n".join(itertools.chain.from_iterable(blocks)).encode("utf-8", "replace")


def _number(source: Source, value: str, where: int, what: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise source.error(f"{what} {clean(value, 40)!r} is not a number", where) from None


def _throughput(source: Source, value: str, unit: str, where: int) -> dict[str, Column]:
    """A throughput in its unit as the variable it belongs to."""
    number = _number(source, value, where, "throughput")
    if unit.lower() == "trans/s":
        return {"transaction_rate": ((), number)}
    if (scale := RATES.get(unit.replace(" ", "").removesuffix("ec"))) is None:
        raise source.error(f"throughput unit {clean(unit, 40)!r} is none of {', '.join(RATES)}, Trans/s", where)
    return {"received_rate": ((), number * scale)}


def _described(source: Source, words: dict[str, str], where: int) -> Result:
    """A result of named values: omni's CSV and keywords."""
    test = _test_before(source.data, where)
    units = ("Throughput Units", "THROUGHPUT_UNITS")
    unit = next((words[key] for key in units if key in words), "")
    if not unit:
        # netperf counts transactions of request/response tests unless -f asks for bits
        counted = _is_transactions(test) and not FORMAT.search(source.data[:where])
        unit = "Trans/s" if counted else "10^6bits/s"
        if _is_transactions(test):
            source.warn(f"the unit of the throughput is not told: taken as {unit}, -k THROUGHPUT_UNITS would tell")
    rates = [words[key] for key in RATE_NAMES if key in words]
    columns = _throughput(source, rates[0], unit, where) if rates else {}
    for key, (name, scale, count) in NUMBER_OF.items():
        if key not in words:
            continue
        try:
            number = float(words[key])
        except ValueError:
            source.warn(f"{key} is not a number")
            continue
        if number >= 0:  # -1 is not measured
            columns[name] = ((), as_counts(floats([number]))[0] if count else number * scale)
    congestion = next((words[key] for key in CONGESTION if words.get(key)), "")
    return Result(columns, test, clean(congestion, 64), where)


def _test_before(data: bytes, where: int) -> str:
    """The name of the last test that begins before a byte."""
    name = b""
    for match in TITLE.finditer(data, 0, where):
        name = match[1]
    return clean(name.decode("utf-8", "replace")).strip()


def _keywords(source: Source, data: bytes) -> list[Result]:
    """Output of `-k`: one NAME=value a line; a name that repeats begins another result."""
    results: list[Result] = []
    words: dict[str, str] = {}
    begin = 0
    for match in KEYWORD.finditer(data):
        key, value = match[1].decode(), match[2].decode("utf-8", "replace").strip()
        if key in words:
            if ANSWERS & words.keys():
                results.append(_described(source, words, begin))
            words = {}
        if not words:
            begin = match.start()
        words[key] = value
        if len(results) > RESULT_LIMIT:
            raise source.error(f"more than {RESULT_LIMIT} results in one file; split it")
    if ANSWERS & words.keys():
        results.append(_described(source, words, begin))
    return results


def _omni_csv(source: Source, data: bytes) -> list[Result]:
    """CSV of the omni tests; a title row may be broken over several lines."""
    text = data.decode("utf-8", "replace")
    results: list[Result] = []
    title = re.compile(r"^(?=[^\n]{0,4000}Throughput,)[^\n]{0,4000}$", re.MULTILINE)
    values = re.compile(r"^\"?[-\d.]{1,24}\"?,[^\n]{0,4000}$", re.MULTILINE)
    position = 0
    while head := title.search(text, position):
        row = values.search(text, head.end())
        if row is None:
            raise source.error("the CSV title has no values after it", len(text[: head.start()].encode()))
        names = text[head.start() : row.start()].replace("\r", "").strip().replace("\n", " ")
        try:
            words = dict(zip(next(csv.reader([names])), next(csv.reader([row[0].strip()])), strict=False))
        except csv.Error as error:
            raise source.error(f"the CSV cannot be read: {error}", head.start()) from None
        words = {name.strip(): value.strip() for name, value in words.items()}
        results.append(_described(source, words, row.start()))
        position = row.end()
        if len(results) > RESULT_LIMIT:
            raise source.error(f"more than {RESULT_LIMIT} results in one file; split it")
    return results


def _omni_table(source: Source, data: bytes) -> list[Result]:
    """The omni tests' own table: the last columns of a row are elapsed time, throughput and its unit."""
    results = []
    for row in itertools.islice(OMNI_ROW.finditer(data), RESULT_LIMIT):
        elapsed = _number(source, row[1].decode(), row.start(1), "elapsed time")
        columns = _throughput(source, row[2].decode(), row[3].decode("utf-8", "replace"), row.start(2))
        results.append(Result({**columns, "duration": ((), elapsed)}, _test_before(data, row.start()), "", row.start()))
    return results


def _omni_columns(source: Source, data: bytes) -> list[Result]:
    """The table of chosen columns (`-O`): titles of several lines over one line of values."""
    results: list[Result] = []
    titles: list[str] = []
    alone = False
    for offset, line in _lines(data):
        text = line.decode("utf-8", "replace").rstrip()
        if TITLE.match(line) or FAMILY.search(line):
            titles = []
        elif not re.match(r"\s{0,9}-?\d", text):
            titles = [*titles, text][-8:] if text else titles
        elif titles:
            words = _columns([*titles, text])
            if ANSWERS & words.keys():
                if "" in words or "" in words.values():
                    raise source.error("titles and values do not stand below each other: the table is wrapped", offset)
                results.append(_described(source, words, offset))
            titles = []
            if len(results) > RESULT_LIMIT:
                raise source.error(f"more than {RESULT_LIMIT} results in one file; split it")
        else:
            alone = True
    if results and alone:
        source.warn("a line of numbers has no titles above it and is left out: the table is wrapped")
    return results


def _columns(lines: list[str]) -> dict[str, str]:
    """Title -> value; columns are parted by places where every line is blank, the last line is of values."""
    width = min(max(map(len, lines)), 1000)
    padded = [line[:width].ljust(width) for line in lines]
    blank = [all(line[place] == " " for line in padded) for place in range(width)]
    begins = [place for place in range(width) if not blank[place] and (place == 0 or blank[place - 1])]
    cells = [[line[begin:end].strip() for line in padded] for begin, end in itertools.zip_longest(begins, begins[1:])]
    return {" ".join(filter(None, cell[:-1])): cell[-1] for cell in cells}


def _classic(source: Source, data: bytes) -> list[Result]:
    """The classic tables, whose columns depend on the test; tests that ran side by side answer in order."""
    waiting: list[str] = []
    results: list[Result] = []
    scale: float | None = None
    counted = False
    pending: Result | None = None
    for offset, line in _lines(data):
        if title := TITLE.match(line):
            waiting.append(clean(title[1].decode("utf-8", "replace")).strip())
            pending, counted = None, False
        elif head := next((test for test, form in HEADS.items() if form.match(line)), None):
            waiting = waiting or [head]
        elif TRANSACTIONS.search(line):
            counted = True
        elif unit := UNIT.search(line):
            scale = RATES.get(unit[1].decode().replace(" ", "").removesuffix("ec"))
        elif numbers := NUMBERS.match(line):
            values = [_number(source, word.decode(), offset, "value") for word in numbers[1].split()]
            if pending is not None and len(values) in (4, 6) and scale is not None:
                # the second line of UDP_STREAM is the receiver's
                _add_receiver(pending.columns, values[3] * scale, values[2])
                pending = None
            elif waiting and (columns := _row(waiting[0], values, scale, counted)):
                results.append(Result(columns, waiting.pop(0), "", offset))
                pending = results[-1] if _is_datagram(results[-1].test) else None
                if len(results) > RESULT_LIMIT:
                    raise source.error(f"more than {RESULT_LIMIT} results in one file; split it")
    if results and pending is not None:
        source.warn("the receiver's line of UDP_STREAM is missing")
    return results


def _add_receiver(columns: dict[str, Column], rate: float, received: float) -> None:
    """What arrived of the datagrams that were sent."""
    sent = float(columns["total_packets"][1])
    columns["received_rate"] = ((), rate)
    columns["total_lost_packets"] = ((), as_counts(floats([sent - received]))[0])
    columns["datagram_loss"] = ((), (sent - received) / sent if sent else np.nan)


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for match in re.finditer(rb"[^\r\n]{1,16384}", data):
        yield match.start(), match[0]


def _is_datagram(test: str) -> bool:
    return (test.startswith("UDP") and "STREAM" in test) or "UNIDIRECTIONAL" in test


def _is_transactions(test: str) -> bool:
    return "REQUEST" in test.upper() or test.endswith(("RR", "CRR"))


def _row(test: str, values: list[float], scale: float | None, counted: bool) -> dict[str, Column]:
    """The result row of a test; processor use and service demand (-c -C) follow the throughput.

    Transactions are `counted` where the titles of the table said so.
    """
    if _is_transactions(test):
        # sizes of send and receive socket, request and response; elapsed time; rate. The line below has 2 values
        return (
            {"transaction_rate": ((), values[5]), "duration": ((), values[4])} if counted and len(values) >= 6 else {}
        )
    if scale is None:
        return {}
    if _is_datagram(test):
        if len(values) < 6:
            return {}
        # socket, message, elapsed, messages sent, errors, throughput
        return {
            "sent_rate": ((), values[5] * scale), "duration": ((), values[2]),
            "total_packets": ((), as_counts(floats([values[3]]))[0]),
            "send_errors": ((), as_counts(floats([values[4]]))[0]),
        }  # fmt: skip
    if len(values) < 5:
        return {}
    # receive socket, send socket, message, elapsed, throughput
    return {"received_rate": ((), values[4] * scale), "duration": ((), values[3])}


def _add_interim(source: Source, results: list[Result], interim: list[re.Match[bytes]]) -> None:
    """Interim results over (time), to the result that they precede."""
    begins = [result.begin for result in results]
    for index, result in enumerate(results):
        after = begins[index - 1] if index else -1
        before = begins[index] if index < len(results) - 1 else len(source.data) + 1
        mine = [match for match in interim if after <= match.start() < before]
        if mine:
            result.start = _interim(source, mine, result.coords, result.columns)


def _interim(
    source: Source, matches: list[re.Match[bytes]], coords: dict[str, Column], columns: dict[str, Column]
) -> str:
    """Interim results over (time); returns the start as UTC text."""
    rates, lengths, ends = [], [], []
    for match in matches:
        rate, length, end = (_number(source, match[i].decode(), match.start(), "an interim result") for i in (1, 3, 4))
        scale = RATES.get(match[2].decode("utf-8", "replace"))
        if scale is None:
            raise source.error(f"unit {match[2]!r} of an interim result is not bits per second", match.start())
        rates.append(rate * scale)
        lengths.append(length)
        ends.append(end)
    first = ends[0] - lengths[0]
    order = np.argsort(ends, kind="stable")
    coords["time"] = (("time",), floats(ends)[order] - first)
    columns["throughput"] = (("time",), floats(rates)[order])
    columns["interval"] = (("time",), floats(lengths)[order])
    return utc(first)


READER = Reader(
    name=TOOL,
    role="traffic",
    recognize=recognize,
    read=read,
    commands="netperf: classic tables (-c, -C, -f), omni tables (-O) and CSV (-o), -k keywords, JSON lists of them, -D",
    versions="2.4 to 2.7",
    gives="throughput (UDP: sent and received) or transactions, latencies, retransmits, interim results",
    mixes=True,
)
