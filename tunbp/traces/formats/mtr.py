"""`mtr --json`: losses and round-trip times of every hop of a path."""

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
    """Whether the file is mtr's JSON."""
    return bool(OPENING.search(source.head))


def read(source: Source) -> list[xr.Dataset]:
    """Losses and round-trip times over (hop), and those of the last hop as the path's.

    Raises
    ------
    TraceError
        If the file is damaged or no hop answered.
    """
    return [_dataset(source, document.report) for document in documents(source, _DECODER, OPENING)]


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
                command=clean(f"mtr --json {report.mtr.dst}", 300))  # fmt: skip
    source.next_run()
    return run


READER = Reader(
    name=TOOL,
    role="probe",
    recognize=recognize,
    read=read,
    commands="mtr --json",
    versions="0.93 on",
    gives="loss and round-trip times of every hop; those of the last hop as the path's",
)
