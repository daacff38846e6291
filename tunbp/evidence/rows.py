"""Fill in a published row: a value that could not be read, or a row like another one."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunbp.atomic import write_atomically
from tunbp.errors import DataError, TunbpError
from tunbp.evidence import registry
from tunbp.evidence.datasets import columns, data_path, published
from tunbp.quantities import parse
from tunbp.sources import source

VALUE = {"pktgen": "transmitted_rate", "tcp": "throughput", "perf": "elapsed"}
"""Main value of each table: the one whose absence `missing` explains."""

EXPLAINED = {"transmitted_rate": "missing", "throughput": "missing", "elapsed": "missing",
             "lost_rate": "lost_missing", "retransmits": "retransmits_missing"}  # fmt: skip
"""Values, and the column that says why there is none."""

READ = {"value_basis": "printed", "value_basis_text": "printed", "seen_in": "primary", "seen_in_text": "primary"}
"""What a row says of a value that somebody reads in the source itself, unless told otherwise."""


def add_row(table: str, row: str, values: Mapping[str, str], like: str = "") -> dict[str, str]:
    """Write values into a row of a published table and record the file in the registry.

    Parameters
    ----------
    table
        ``"pktgen"``, ``"tcp"`` or ``"perf"``.
    row
        `row_id`. A row that exists is filled where it is empty; what stands there is not overwritten.
    values
        Column -> text; numbers with a unit (``1330kpps``) or in SI. Columns that follow from them (why a value is
        missing, how it was seen, rates per thread) are filled in.
    like
        For a new row: the row whose conditions it shares; its values are left out.

    Returns
    -------
    dict
        The row as written.

    Raises
    ------
    DataError
        If a column, code or source does not exist, a number cannot be read, or a value stands already.
    """
    described = columns(table)
    path = data_path("published", f"{table}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), list(reader.fieldnames or ())
    known = {line["row_id"]: line for line in rows}
    if row not in known:
        rows.append(_new(row, known, like, names, table))
    elif like:
        raise DataError(f"{table}: row {row!r} exists; it is filled without a row to copy")
    line = next(line for line in rows if line["row_id"] == row)
    written = {name: _cell(table, name, text, described, names) for name, text in values.items()}
    standing = {"row_id": row, **{name: line[name] for name in written if line[name] and row in known}}
    for name, text in written.items():
        if name in standing and standing[name] != text:
            raise DataError(f"{table}, row {row!r}, column {name}: {standing[name]!r} stands there already")
    line.update(written)
    _follow(table, line, written)
    _write(path, names, rows, table)
    return line


def _new(row: str, known: Mapping[str, dict[str, str]], like: str, names: list[str], table: str) -> dict[str, str]:
    if like and like not in known:
        raise DataError(f"{table}: there is no row {like!r} to copy")
    empty = dict.fromkeys(names, "")
    if not like:
        return {**empty, "row_id": row}
    units = {name for name, column in columns(table).items() if "units" in column}
    conditions = {"threads", "packets", "runs", "printed_scale", "ring", "streams", "rtt", "duration", "qdisc_limit"}
    kept = {name: text for name, text in known[like].items() if name not in units or name in conditions}
    return {**empty, **kept, "row_id": row, "notes": ""}


def _cell(table: str, name: str, text: str, described: Mapping[str, Any], names: list[str]) -> str:
    if name not in names or name == "row_id":
        near = ", ".join(n for n in names if n != "row_id")
        raise DataError(f"{table} has no column {name!r} to fill: choose one of {near}")
    if name == "source_id":
        source(text)
    if "units" not in described[name]:
        return text
    units = described[name]["units"]
    try:
        return _plain(float(text))
    except ValueError:
        pass
    try:
        return _plain(parse(text, units, name=name)[0])
    except TunbpError as error:
        raise DataError(f"{table}, column {name}: {error}") from error


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _follow(table: str, line: dict[str, str], written: Mapping[str, str]) -> None:
    """Columns that follow from what was written."""
    for value, why in EXPLAINED.items():
        if value in written and why in line:
            line[why] = written.get(why, "")
    if VALUE[table] in written:
        line.update({name: text for name, text in READ.items() if name in line and name not in written})
    if table != "pktgen":
        return
    threads = float(line["threads"] or "nan")
    for kind in ("transmitted_rate", "lost_rate"):
        if kind not in written:
            continue
        total, scale = float(line[kind]), float(line["printed_scale"] or 1)
        each = total / threads if line["printed_scope"] == "thread" else total
        line["printed_scale"] = _plain(scale)
        line["printed_scope"] = line["printed_scope"] or "host"
        line[f"{kind}_per_thread"] = _plain(each)
        line.update({f"{kind}_printed": written.get(f"{kind}_printed", _plain(each / scale))})
    if "lost_rate" not in written and VALUE[table] in written and not line["lost_rate"]:
        line["lost_missing"] = written.get("lost_missing", "not printed")


def _write(path: Path, names: list[str], rows: list[dict[str, str]], table: str) -> None:
    """Write the table, see that it can be read, record it; put the old one back if it cannot."""
    before = path.read_bytes()
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())
    try:
        published(table)
    except DataError:
        write_atomically(path, before)
        raise
    registry.record(f"published/{table}.csv")
