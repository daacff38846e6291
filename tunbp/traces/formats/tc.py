"""`tc -s qdisc` as JSON and as text: packets, drops and backlog of queueing disciplines."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import xarray as xr

from tunbp.traces.documents import Decoder, documents
from tunbp.traces.reader import Reader
from tunbp.traces.snapshots import Snapshot, dataset, next_snapshot, stamp_before, stamped_lines, stamps
from tunbp.traces.source import Source

TOOL = "tc"
SHORTEST = 100
"""Bytes of the shortest qdisc with its counters; noqueue takes 133."""
OPENING = re.compile(rb'\[\s*(?:\{\}\s*,\s*){0,64}+\{\s*"kind"\s*:')
QDISC = re.compile(rb"^qdisc (\S{1,32}) ([0-9a-f]{1,8}:)(.*)$")
DEVICE = re.compile(rb"\bdev (\S{1,64})")
PARENT = re.compile(rb"\b(root|parent (\S{1,32}))")
FILTER = re.compile(rb"(?<!no-)\back-filter")
LIMIT = re.compile(rb"\blimit (\d{1,12})p?\b")
SENT = re.compile(
    rb"^\s{0,9}Sent (\d{1,20}) bytes (\d{1,20}) pkts? "
    rb"\(dropped (\d{1,20}), overlimits (\d{1,20}) requeues (\d{1,20})\)"
)
BACKLOG = re.compile(rb"^\s{0,9}(?:rate \S{1,24} \S{1,24} )?backlog (\d{1,20})([KMG]?)b (\d{1,20})p\b")
DETAIL = re.compile(rb"\b(drop_overlimit|new_flow_count|ecn_mark) (\d{1,20})\b")
SCALE = {b"": 1.0, b"K": 1024.0, b"M": 1024.0**2, b"G": 1024.0**3}
DETAILS = {
    "drop_overlimit": "qdisc_drop_overlimit",
    "new_flow_count": "qdisc_new_flows",
    "ecn_mark": "qdisc_ecn_marked",
}


TIN_TITLE = re.compile(rb"^\s{0,64}((?:Bulk|Best Effort|Video|Voice|Tin \d{1,2})\b\s{0,32}){1,16}$")
TIN_NAME = re.compile(rb"Bulk|Best Effort|Video|Voice|Tin \d{1,2}")
TIN_ROW = re.compile(rb"^\s{0,9}([a-z_]{3,12})((?:\s{1,32}[\d.]{1,20}[A-Za-z]{0,5}){1,16})\s{0,9}$")
TIN_VALUE = re.compile(rb"([\d.]{1,20})([A-Za-z]{0,5})")
TIN_NAMES = {"diffserv3": ("Bulk", "Best Effort", "Voice"), "diffserv4": ("Bulk", "Best Effort", "Video", "Voice")}
"""Tins by cake's diffserv setting; of other settings they are numbered."""
TIN_FIELDS = {
    # text, JSON, variable, scale of the JSON value
    b"pkts": ("sent_packets", "tin_packets", 1.0), b"bytes": ("sent_bytes", "tin_bytes", 1.0),
    b"drops": ("drops", "tin_dropped", 1.0), b"marks": ("ecn_mark", "tin_marked", 1.0),
    b"ack_drop": ("ack_drops", "tin_ack_dropped", 1.0), b"thresh": ("threshold_rate", "tin_rate", 8.0),
    b"pk_delay": ("peak_delay_us", "tin_peak_delay", 1e-6), b"av_delay": ("avg_delay_us", "tin_average_delay", 1e-6),
    b"sp_delay": ("base_delay_us", "tin_sparse_delay", 1e-6),
}  # fmt: skip
TIN_UNITS = {
    b"": 1.0, b"us": 1e-6, b"ms": 1e-3, b"s": 1.0, b"bit": 1.0, b"Kbit": 1e3, b"Mbit": 1e6, b"Gbit": 1e9,
}  # fmt: skip


class Options(msgspec.Struct, gc=False):
    """The settings of a qdisc, as far as they are used."""

    limit: float | str | None = None
    diffserv: str | None = None


class Tin(msgspec.Struct, gc=False):
    """One tin of cake in iproute2's names."""

    sent_packets: float | None = None
    sent_bytes: float | None = None
    drops: float | None = None
    ecn_mark: float | None = None
    ack_drops: float | None = None
    threshold_rate: float | None = None
    peak_delay_us: float | None = None
    avg_delay_us: float | None = None
    base_delay_us: float | None = None


class Qdisc(msgspec.Struct, gc=False):
    """One qdisc in iproute2's names."""

    kind: str | None = None
    handle: str | None = None
    dev: str | None = None
    parent: str | None = None
    options: Options | None = None
    bytes: float | None = None
    packets: float | None = None
    drops: float | None = None
    overlimits: float | None = None
    requeues: float | None = None
    backlog: float | None = None
    qlen: float | None = None
    drop_overlimit: float | None = None
    new_flow_count: float | None = None
    ecn_mark: float | None = None
    tins: list[Tin] | None = None


FIELDS = {
    "bytes": "qdisc_bytes", "packets": "qdisc_packets", "drops": "qdisc_dropped",
    "overlimits": "qdisc_overlimits", "requeues": "qdisc_requeues", "backlog": "qdisc_backlog_bytes",
    "qlen": "qdisc_backlog", **DETAILS,
}  # fmt: skip
_DECODER = Decoder(list[Qdisc])


def recognize(source: Source) -> bool:
    """Whether the file holds `tc qdisc` output."""
    return bool(OPENING.search(source.head)) or bool(
        re.search(rb"^qdisc \S{1,32} [0-9a-f]{1,8}:", source.head, re.MULTILINE)
    )


def read(source: Source) -> list[xr.Dataset]:
    """Counters of every qdisc over (queue), or (time, queue) for several snapshots.

    Raises
    ------
    TraceError
        If there are no counters: `tc` was run without `-s`.
    """
    shots = list(_from_json(source)) if OPENING.search(source.head) else _from_text(source)
    if not any("qdisc_packets" in row for shot in shots for row in shot.numbers.values()):
        raise source.error("qdiscs without statistics; run tc with -s (tc -s -j qdisc)", 0)
    return [dataset(source, shots, TOOL)]


def label(device: str, kind: str, handle: str) -> str:
    """What a qdisc is called along `queue`, e.g. `tun0 fq_codel 8001:`."""
    return " ".join(word for word in (device, kind, handle) if word)


def _from_json(source: Source) -> Iterator[Snapshot]:
    """One snapshot per JSON list."""
    times = stamps(source)
    position = 0
    for qdiscs in documents(source, _DECODER, OPENING):
        match = OPENING.search(source.data, position)
        offset = match.start() if match else position
        position = match.end() if match else position
        shot = Snapshot(stamp_before(times, offset))
        for qdisc in qdiscs:
            if qdisc.kind is None:
                continue
            device, handle = qdisc.dev or "", qdisc.handle or ""
            row = shot.row(
                source, SHORTEST, label(device, qdisc.kind, handle),
                device=device, kind=qdisc.kind, handle=handle, parent=qdisc.parent or "",
            )  # fmt: skip
            if qdisc.options is not None and isinstance(qdisc.options.limit, int | float):
                row["qdisc_limit"] = qdisc.options.limit
            for field, name in FIELDS.items():
                if (value := getattr(qdisc, field)) is not None:
                    row[name] = value
            _add_tins(source, shot, row, qdisc, label(device, qdisc.kind, handle))
        yield shot


def _add_tins(source: Source, shot: Snapshot, row: dict[str, float | None], qdisc: Qdisc, name: str) -> None:
    """The tins of a cake qdisc, named as tc's text names them."""
    setting = (qdisc.options.diffserv if qdisc.options else None) or ""
    names = TIN_NAMES.get(setting, ())
    for number, tin in enumerate(qdisc.tins or []):
        title = names[number] if len(names) == len(qdisc.tins or []) else f"Tin {number}"
        values = shot.tin(source, f"{name} {title}")
        for field, variable, scale in TIN_FIELDS.values():
            if (value := getattr(tin, field)) is not None:
                values[variable] = value * scale
    _settle_cake(row, shot, name)


def _settle_cake(row: dict[str, float | None], shot: Snapshot, name: str) -> None:
    """ECN marks summed over the tins; drops without the ACKs that the filter took out, which are no losses."""
    tins = [values for title, values in shot.tins.items() if title.startswith(f"{name} ")]
    if not tins:
        return
    if any("tin_marked" in values for values in tins):
        row["qdisc_ecn_marked"] = sum(values.get("tin_marked") or 0.0 for values in tins)
    if not any("tin_ack_dropped" in values for values in tins):
        return
    filtered = sum(values.get("tin_ack_dropped") or 0.0 for values in tins)
    row["qdisc_ack_dropped"] = filtered
    if row.get("qdisc_dropped") is not None:
        row["qdisc_dropped"] = max((row["qdisc_dropped"] or 0.0) - filtered, 0.0)


def _from_text(source: Source) -> list[Snapshot]:
    """One snapshot per run of qdiscs in which none repeats and no new time begins."""
    shots = [Snapshot()]
    row: dict[str, float | None] | None = None
    name, tins = "", list[dict[str, float | None]]()
    for _, line, when in stamped_lines(source):
        if match := QDISC.match(line):
            if row is not None and tins:
                _settle_cake(row, shots[-1], name)
            row, name, tins = *_begin(source, shots, match, when), []
        elif row is not None and TIN_TITLE.match(line):
            titles = [found.decode() for found in TIN_NAME.findall(line)]
            tins = [shots[-1].tin(source, f"{name} {title}") for title in titles]
        elif tins and (match := TIN_ROW.match(line)):
            _add_tin_row(tins, match)
        elif line.startswith((b"class ", b"filter ")):
            row = None
            source.warn("tc classes and filters are left out; only qdiscs are read")
        elif row is None:
            continue
        elif match := SENT.match(line):
            for variable, value in zip(list(FIELDS.values())[:5], match.groups(), strict=True):
                row[variable] = float(value)
        elif match := BACKLOG.match(line):
            row["qdisc_backlog_bytes"] = float(match[1]) * SCALE[match[2]]
            row["qdisc_backlog"] = float(match[3])
        else:
            for detail in DETAIL.finditer(line):
                row.setdefault(DETAILS[detail[1].decode()], float(detail[2]))
    if row is not None and tins:
        _settle_cake(row, shots[-1], name)
    _drop_unsettled(source, shots)
    return shots


def _drop_unsettled(source: Source, shots: list[Snapshot]) -> None:
    """Without the drops of a cake with ACK filter whose tins do not say how many of them are filtered ACKs."""
    for shot in shots:
        for name, row in shot.numbers.items():
            if (
                shot.texts.get(name, {}).get("filter")
                and "qdisc_ack_dropped" not in row
                and row.pop("qdisc_dropped", None)
            ):
                source.warn(f"the tins of {name} are cut off: its drops cannot be told from filtered ACKs")


def _add_tin_row(tins: list[dict[str, float | None]], match: re.Match[bytes]) -> None:
    """One line of the table of tins, if it has a value for each."""
    values = TIN_VALUE.findall(match[2])
    if match[1] not in TIN_FIELDS or len(values) != len(tins):
        return
    for tin, (number, unit) in zip(tins, values, strict=True):
        try:
            tin[TIN_FIELDS[match[1]][1]] = float(number) * TIN_UNITS[unit]
        except (ValueError, KeyError):
            continue


def _begin(
    source: Source, shots: list[Snapshot], match: re.Match[bytes], when: float | None
) -> tuple[dict[str, float | None], str]:
    """The row of a qdisc line and its label, in a new snapshot if the qdisc repeats or a new time began."""
    kind, handle = match[1].decode("utf-8", "replace"), match[2].decode()
    device, parent, limit = DEVICE.search(match[3]), PARENT.search(match[3]), LIMIT.search(match[3])
    name = device[1].decode("utf-8", "replace") if device else ""
    above = (parent[2] or b"").decode("utf-8", "replace") if parent else ""
    key = label(name, kind, handle)
    there = shots[-1].numbers
    repeated = key in there and shots[-1].texts[key].get("parent") == above
    if repeated or (there and shots[-1].when != when):
        next_snapshot(shots, when)
    shots[-1].when = when
    row = shots[-1].row(source, SHORTEST, key, device=name, kind=kind, handle=handle, parent=above)
    if FILTER.search(match[3]):
        shots[-1].texts[key]["filter"] = "on"
    if limit:
        row["qdisc_limit"] = float(limit[1])
    return row, key


READER = Reader(
    name=TOOL,
    role="counters",
    recognize=recognize,
    read=read,
    commands="tc -s qdisc, tc -s -j qdisc",
    versions="iproute2 3 to 6",
    gives="packets, drops, marks and backlog of qdiscs",
)
