"""The lab's `run.json`: what one live measurement was set to and what it counted."""

from __future__ import annotations

import re

import msgspec
import xarray as xr

from tunbp import schema
from tunbp.traces.build import Column, as_counts, build, clean, floats
from tunbp.traces.documents import Damaged, Decoder, Trailing, check_density
from tunbp.traces.reader import Reader
from tunbp.traces.source import Source

TOOL = "tunbp lab"
OPENING = re.compile(rb'\s{0,16}\{\s{0,16}"experiment"\s{0,4}:')
ENTRY_LIMIT = 1024


class Facts(msgspec.Struct):
    """The machine, as far as it becomes attributes."""

    kernel: str | None = None


class Record(msgspec.Struct):
    """One finished run."""

    experiment: str
    cell: str
    variant: str
    parameters: dict[str, msgspec.Raw] = {}
    result: dict[str, msgspec.Raw] = {}
    facts: Facts | None = None


_DECODER = Decoder(Record)
_NUMBER = msgspec.json.Decoder(float)


def recognize(source: Source) -> bool:
    """Whether the file is a record of the lab."""
    return bool(OPENING.match(source.head)) and b'"variant"' in source.data


def read(source: Source) -> list[xr.Dataset]:
    """Totals of the schema among the results; settings and the variant as attributes.

    Raises
    ------
    TraceError
        If the record is damaged, or holds no total of the schema.
    """
    check_density(source)
    try:
        record = _DECODER.decode(source, source.data)
    except (Damaged, Trailing) as error:
        raise source.error(f"damaged record of the lab: {error}", error.length) from None
    if len(record.result) + len(record.parameters) > ENTRY_LIMIT:
        raise source.error(f"more than {ENTRY_LIMIT} entries: not the lab's record", 0)
    columns: dict[str, Column] = {}
    for name, raw in record.result.items():
        if name in schema.VARIABLES and (number := _number(raw)) is not None:
            columns[name] = ((), as_counts(floats([number]))[0] if _is_count(name) else number)
    if not columns:
        raise source.error("none of the results is a total of the schema", 0)
    settings = ", ".join(f"{name}={bytes(raw).decode('utf-8', 'replace')}" for name, raw in record.parameters.items())
    kernel = (record.facts.kernel if record.facts else None) or ""
    return [
        build(
            source, columns, tool=TOOL, kernel=clean(f"Linux {kernel}".strip(), 256), settings=clean(settings),
            experiment=clean(record.experiment), cell=clean(record.cell), variant=clean(record.variant),
        )
    ]  # fmt: skip


def _number(raw: msgspec.Raw) -> float | None:
    """A JSON number; None if it is something else."""
    try:
        return _NUMBER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_count(name: str) -> bool:
    return schema.VARIABLES[name].units in ("packet", "byte")


READER = Reader(
    name=TOOL,
    role="record",
    recognize=recognize,
    read=read,
    commands="run.json of `tunbp lab run`",
    versions="this package's",
    gives="totals and settings of one laboratory run",
)
