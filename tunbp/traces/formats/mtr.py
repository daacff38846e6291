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
TITLE = re.compile(
    rb"^(?:HOST: (\S{1,255})|.{0,80}?\bHost)\s{1,80}"
    + rb"\s{1,9}".join((b"Loss%", b"Snt", b"Last", b"Avg", b"Best", b"Wrst", b"StDev"))
    + rb"[ \t]{0,9}$",
    re.MULTILINE,
)
"""The columns that mtr prints unless another order (-o) is asked for."""
NUMBER = rb"\s{1,32}(\d{1,9}(?:\.\d{1,3})?)"
ROW = re.compile(
    rb"^\s{0,9}(\d{1,3})\.\s?(?:\|--\s)?\s{0,4}(\S[^\n]{0,200}?)" + NUMBER + rb"%?" + 6 * NUMBER + rb"[ \t]{0,9}$",
    re.MULTILINE,
)
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
    tests: float | None = None


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
    return bool(OPENING.search(source.head) or TITLE.search(source.head))


def read(source: Source) -> list[xr.Dataset]:
    """Losses and round-trip times over (hop), and those of the last hop as the path's.

    Raises
    ------
    TraceError
        If the file is damaged or no hop answered.
    """
    if OPENING.search(source.head):
        return [_dataset(source, document.report) for document in documents(source, _DECODER, OPENING)]
    return [_dataset(source, report) for report in _from_text(source)]


def _from_text(source: Source) -> list[Report]:
    """Reports in mtr's text, each with its title line; the destination is the last hop."""
    titles = list(TITLE.finditer(source.data))
    reports = []
    for title, end in zip(titles, [*(t.start() for t in titles[1:]), len(source.data)], strict=True):
        rows = list(ROW.finditer(source.data, title.end(), end))
        if not rows:
            raise source.error("the table has no row of Loss%, Snt, Last, Avg, Best, Wrst, StDev", title.start())
        hubs = []
        for row in rows:
            source.spend("rows", 40)
            loss, sent, _, mean, least, most, deviation = map(float, row.groups()[2:])
            host = clean(row[2].decode("utf-8", "replace"), 256)
            hubs.append(Hub(host, int(row[1]), loss, sent, mean, least, most, deviation))
        source_host = (title[1] or b"").decode("utf-8", "replace")
        reports.append(Report(Settings(source_host, hubs[-1].host), hubs))
    return reports


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
    commands="mtr --json, mtr --report",
    versions="0.93 on",
    gives="loss and round-trip times of every hop; those of the last hop as the path's",
)
