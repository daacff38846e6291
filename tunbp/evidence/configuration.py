"""Whether rows were measured in one configuration, and in the one that a statement is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

CONFIGURATION = (
    "series_version", "host", "cpu", "table", "kernel", "device", "application", "protocol", "qdisc", "mitigations",
    "threads", "streams", "ring", "rtt", "side", "variant", "backpressure", "wake_policy",
)  # fmt: skip
"""Columns that make two rows two configurations. Pinning, and mitigations of pktgen's runs, stand in ``table``."""

DRIVER = {"backpressure", "wake_policy", "kernel"}
"""Columns that follow from ``variant``."""

UNKNOWN = {"", "nan", "not_stated", "not stated"}
"""Cells that say nothing, so that nothing differs from them."""

Value = str | float
Rows = Sequence[tuple[str, str]]
"""Names of tables and ids of their rows."""


def _text(value: object) -> str:
    """A cell as text: numbers as numbers, whatever type their column has."""
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, int | float) else str(value)


def _cells(rows: Rows, column: str, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What rows have in a column, without those that say nothing, each once."""
    there = [tables[table].loc[row, column] for table, row in rows if column in tables[table]]
    return [*dict.fromkeys(text for text in map(_text, there) if text not in UNKNOWN)]


def differences(
    rows: Rows, fixed: Mapping[str, Value], compared: Sequence[str], tables: Mapping[str, pd.DataFrame]
) -> list[str]:
    """In what rows differ from a statement's configuration, and from each other.

    Parameters
    ----------
    rows
        Table and id of each row.
    fixed
        Column -> the value that the statement is about.
    compared
        Columns in which the statement itself compares rows; ``variant`` stands for all that follows from it.
    tables
        Name -> table, indexed by row id. A row whose ``caveat`` is ``rtt_label_wrong`` has another round trip than it
        says.

    Returns
    -------
    list of str
        One text per column that differs, empty where the configuration is the same as far as it is stated.

    Examples
    --------
    >>> table = pd.DataFrame({"device": ["tap", "tap"], "ring": [10, 1000]}, index=["a", "b"])
    >>> differences([("t", "a"), ("t", "b")], {"device": "tun"}, [], {"t": table})
    ['device: tap, the statement is about tun', 'ring: 10 and 1000']
    """
    free = {*compared, *(DRIVER if "variant" in compared else ())}
    found = []
    for column in dict.fromkeys((*fixed, *CONFIGURATION)):
        cells = _cells(rows, column, tables)
        if column in fixed and cells not in ([], [_text(fixed[column])]):
            found.append(f"{column}: {' and '.join(cells)}, the statement is about {_text(fixed[column])}")
        elif column not in fixed and column not in free and len(cells) > 1:
            found.append(f"{column}: {' and '.join(cells)}")
    if "rtt" in fixed and "rtt_label_wrong" in _cells(rows, "caveat", tables):
        found.append(f"rtt: measured was another than the {_text(fixed['rtt'])} s of the label")
    return found
