"""What was published of this work, and what of it is reproduced, quoted, known in words only, or not read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tunbp import opened
from tunbp.errors import DataError
from tunbp.evidence.datasets import NOT_READ, data_path, published
from tunbp.sources import link, source

STATUS = {
    "reproduced": "simulated and compared row by row",
    "quoted": "its values are in data/published, nothing simulates them",
    "words": "only a sentence about it could be read",
    "not read": "known to exist, could not be read",
}
"""What an entry can be, and what that means."""


class Entry(BaseModel):
    """One published figure or table.

    Attributes
    ----------
    id, what, source
        Name, words, and S-id.
    rows
        Table and regular expression of whole row ids: ``"tcp/lab-.*"``.
    simulated
        Whether `command` compares the model with the rows.
    command
        What shows it.
    status
        Without values to count: `words` or `not_read`.
    note
        What else is to be said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    what: str
    source: str
    rows: str = ""
    simulated: bool = False
    command: str = ""
    status: Literal["", "words", "not_read"] = ""
    note: str = ""

    def members(self) -> pd.DataFrame:
        """The rows of the published table that belong to the entry; empty without rows."""
        name, _, pattern = self.rows.partition("/")
        if not name:
            return pd.DataFrame()
        table = published(name)
        return table[table.index.str.fullmatch(pattern)]


@cache
def _read(path: Path) -> tuple[Entry, ...]:
    try:
        return TypeAdapter(tuple[Entry, ...]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise DataError(f"{path}: {error}") from error


def entries() -> tuple[Entry, ...]:
    """Every entry of ``data/coverage.yaml``, in its order."""
    return _read(opened.note(data_path("coverage.yaml")))


def _status(entry: Entry, rows: int, read: int) -> str:
    if entry.status:
        return entry.status.replace("_", " ")
    if not rows:
        raise DataError(f"data/coverage.yaml, {entry.id}: no published row matches {entry.rows!r}")
    if not read:
        return "not read"
    return "reproduced" if entry.simulated else "quoted"


def coverage() -> pd.DataFrame:
    """Every published figure and table with what becomes of it.

    Returns
    -------
    pandas.DataFrame
        Columns `what`, `status` (`STATUS`), `rows`, `read` (rows with a value), `command`, `note`, `source_id`, `link`,
        indexed by `id`. A row filled by ``tunbp data add-row`` counts at once.
    """
    lines = []
    for entry in entries():
        members = entry.members()
        # a row that explains itself in another column (latency, a loss) is read, too
        read = int((members["missing"] != NOT_READ).sum()) if len(members) else 0
        source(entry.source)
        lines.append(
            {
                "id": entry.id,
                "what": entry.what,
                "status": _status(entry, len(members), read),
                "rows": len(members),
                "read": read,
                "command": entry.command if read or entry.status == "words" else "",
                "note": entry.note,
                "source_id": entry.source,
                "link": link(entry.source),
            }
        )
    return pd.DataFrame(lines).set_index("id")


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many entries and rows have each status: `status`, `meaning`, `entries`, `rows`.

    Parameters
    ----------
    table
        What `coverage` returned.

    Returns
    -------
    pandas.DataFrame
        One row per status.
    """
    grouped = table.groupby("status").agg(entries=("what", "size"), rows=("rows", "sum"))
    grouped = grouped.reindex(list(STATUS), fill_value=0).reset_index()
    grouped.insert(1, "meaning", grouped["status"].map(STATUS))
    return grouped
