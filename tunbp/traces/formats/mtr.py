"""mtr's reports, JSON and text: losses and round-trip times of every hop of a path."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import xarray as xr

from tunbp.traces.build import Column, as_counts, build, clean, floats, text
from tunbp.traces.documents import Decoder, documents
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "mtr"
OPENING = re.compile(rb'\{\s*"report"\s*:\s*\{\s*"mtr"\s*:')
COLUMNS = rb"(?:Loss%|Drop|Rcv|Snt|Last|Best|Avg|Wrst|StDev|Gmean|Jttr|Javg|Jmax|Jint)"
"""Every column that `-o` can ask for."""
TITLE = re.compile(
    rb"^(?:HOST: (\S{1,255})|.{0,80}?\bHost)\s{1,80}(" + COLUMNS + rb"(?:\s{1,9}" + COLUMNS + rb"){1,13})[ \t]{0,9}$",
    re.MULTILINE,
)
NUMBER = rb"\d{1,9}(?:\.\d{0,3})?"
"""From a second on mtr cuts off the decimals and leaves the point."""
ROW = re.compile(
    rb"^\s{0,9}(\d{1,3})\.\s?(?:\|--\s)?\s{0,4}(\S[^\n]{0,200}?)((?:\s{1,32}" + NUMBER + rb"%?){2,14})[ \t]{0,9}$",
    re.MULTILINE,
)
CSV_TITLE = re.compile(rb"^Mtr_Version,Start_Time,[^\n]{10,400}$", re.MULTILINE)
CSV_ROW = re.compile(rb"^MTR\.[\w.~+-]{1,32},\d{1,12},[^\n]{5,400}$", re.MULTILINE)
FIELDS = {
    "Loss%": "loss", "Snt": "sent", "Avg": "mean", "Best": "least", "Wrst": "most", "StDev": "deviation",
}  # fmt: skip
"""Columns that are used; the others are left out."""
HOP_LIMIT = 256


class Hub(msgspec.Struct, rename={"loss": "Loss%", "sent": "Snt", "mean": "Avg", "least": "Best", "most": "Wrst",
                                  "deviation": "StDev"}):  # fmt: skip
    """One hop; times in ms."""

    host: str = ""
    count: int | str = 0
    loss: float | None = None
    sent: float | None = None
    mean: float | None = None
    least: float | None = None
    most: float | None = None
    deviation: float | None = None


class Settings(msgspec.Struct):
    """Source, destination and number of rounds."""

    src: str = ""
    dst: str = ""
    tests: float | str | None = None


class Report(msgspec.Struct):
    """The `report` section."""

    mtr: Settings
    hubs: list[Hub] = []


class Document(msgspec.Struct):
    """One report."""

    report: Report


_DECODER = Decoder(Document)


def recognize(source: Source) -> bool:
    """Whether the file is mtr's JSON or text."""
    return any(form.search(source.head) for form in (OPENING, TITLE, CSV_TITLE))


def read(source: Source) -> list[xr.Dataset]:
    """Losses and round-trip times over (hop), and those of the last hop as the path's.

    Raises
    ------
    TraceError
        If the file is damaged or no hop answered.
    """
    if OPENING.search(source.head):
        return [_dataset(source, document.report) for document in documents(source, _DECODER, OPENING)]
    reports = _from_csv(source) if CSV_TITLE.search(source.head) else _from_text(source)
    return [_dataset(source, report) for report in reports]


def _from_text(source: Source) -> list[Report]:
    """Reports in mtr's text, each with its title line; the destination is the last hop."""
    titles = list(TITLE.finditer(source.data))
    reports = []
    for title, end in zip(titles, [*(t.start() for t in titles[1:]), len(source.data)], strict=True):
        names = title[2].decode().split()
        hubs = []
        for row in ROW.finditer(source.data, title.end(), end):
            source.spend("rows", 40)
            values = row[3].replace(b"%", b"").split()
            # numbers at the end of a host's name belong to the name
            if len(values) < len(names):
                continue
            host = b" ".join([row[2], *values[: -len(names)]]).decode("utf-8", "replace")
            told = zip(names, map(float, values[-len(names) :]), strict=True)
            hubs.append(_hub(host, int(row[1]), dict(told)))
        if not hubs:
            raise source.error(f"the table has no row of {', '.join(names)}", title.start())
        source_host = (title[1] or b"").decode("utf-8", "replace")
        reports.append(Report(Settings(source_host, hubs[-1].host), hubs))
    return reports


def _from_csv(source: Source) -> list[Report]:
    """Reports in CSV: the rows of one destination and start are one report."""
    title = CSV_TITLE.search(source.data)
    names = title[0].decode("utf-8", "replace").rstrip(", \t").split(",") if title else []
    if title is None or not FIELDS.keys() <= set(names):
        raise source.error("the title of the CSV is cut off or wrapped", title.start() if title else 0)
    found: dict[tuple[str, str], Report] = {}
    for match in CSV_ROW.finditer(source.data):
        source.spend("rows", 40)
        words = match[0].decode("utf-8", "replace").split(",")
        row = dict(zip(names, words, strict=False)) if len(words) >= len(names) else {}
        try:
            told = {name: float(row[name]) for name in FIELDS if name in row}
            number = int(row["Hop"])
        except (KeyError, ValueError):
            source.warn("a row of the CSV is cut off and left out")
            continue
        key = row.get("Host", ""), row.get("Start_Time", "")
        report = found.setdefault(key, Report(Settings("", key[0])))
        report.hubs.append(_hub(row.get("Ip", ""), number, told))
    if not found:
        raise source.error("the CSV has no complete row", title.start())
    return list(found.values())


def _hub(host: str, number: int, told: dict[str, float]) -> Hub:
    """One hop of the columns that are told."""
    return Hub(clean(host, 256), number, **{FIELDS[name]: value for name, value in told.items() if name in FIELDS})


def _dataset(source: Source, report: Report) -> xr.Dataset:
    """One report; a hop that loses while later ones do not only answers rarely."""
    hubs = report.hubs
    if not hubs or len(hubs) > HOP_LIMIT:
        raise source.error(f"{len(hubs)} hops; a path has 1 to {HOP_LIMIT}", 0)
    loss = floats((hub.loss for hub in hubs), 0.01)
    columns: dict[str, Column] = {"hop_loss": (("hop",), loss)}
    for field, name in (("least", "hop_min_rtt"), ("mean", "hop_mean_rtt"), ("most", "hop_max_rtt")):
        values = floats((getattr(hub, field) for hub in hubs), 1e-3)
        columns[name] = (("hop",), np.where(loss >= 1, np.nan, values))
    last = hubs[-1]
    reached = last.loss is not None and last.loss < 100
    columns |= {
        "probes_sent": ((), as_counts(floats([last.sent]))[0]),
        "loss_fraction": ((), loss[-1]),
    }
    if reached:
        columns |= {
            name: ((), np.nan if value is None else value * 1e-3)
            for name, value in (
                ("min_rtt", last.least), ("mean_rtt", last.mean), ("max_rtt", last.most),
                ("rtt_deviation", last.deviation),
            )
        }  # fmt: skip
        if np.nanmax(loss[:-1], initial=0.0) > loss[-1]:
            source.warn(
                "hops on the way answer less often than the last one: they limit answers, the path does not lose"
            )
    else:
        source.warn("the last hop did not answer: the destination was not reached, or does not answer")
    coords: dict[str, Column] = {"hop": (("hop",), text([f"{n} {hub.host}" for n, hub in enumerate(hubs, 1)]))}
    run = build(source, columns, coords, tool=TOOL, host=clean(report.mtr.src, 256),
                command=clean(f"mtr {report.mtr.dst}", 300))  # fmt: skip
    source.next_run()
    return run


READER = Reader(
    name=TOOL,
    role="probe",
    recognize=recognize,
    read=read,
    commands="mtr --json, mtr --report (-w, -b, -z, -o), its screen, mtr --csv",
    versions="0.75 on",
    gives="loss and round-trip times of every hop; those of the last hop as the path's",
    mixes=True,
)
