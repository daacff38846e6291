"""Claims and coverage as a reader wants them: verdict first, few cells a row, on a phone one card each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tunbp.quantities import percent, show

KINDS = {
    "quote": "Statements in their authors' words",
    "paraphrase": "Statements in our words",
    "our_question": "Our own questions, which nobody stated",
}
"""Claims by kind, in this order: what others said before our own questions."""

LOOKS = {
    "holds": "good", "yes": "good", "reproduced": "good", "contradicted": "bad", "differs": "mild",
    "typing error": "mild", "corrected": "mild", "no": "mild", "not checkable": "soft", "not read": "soft",
}  # fmt: skip
"""Class of each verdict; what is only another number for the same finding is not red."""

_RELATION = {"at_least": "at least ", "at_most": "at most "}
CLAIMS = {"id", "kind", "text", "words", "author", "source_id", "verdict", "why", "claimed", "computed", "unit"}
COVERAGE = {"what", "status", "rows", "read", "command", "note", "source_id"}
"""Columns that a table needs to be shown so."""


@dataclass(frozen=True)
class Claim:
    """One claim as it is read: every text is of the table, `value` of its numbers."""

    id: str
    verdict: str
    look: str
    text: str
    words: str
    author: str
    source: str
    value: str
    why: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Claims of one kind with their verdicts counted in words."""

    id: str
    title: str
    counted: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Covered:
    """One published figure or table and what becomes of it."""

    status: str
    look: str
    what: str
    source: str
    read: str
    command: str
    note: str


def claims(frame: pd.DataFrame) -> list[Group]:
    """Claims by kind, within a kind in the order of the table: by source, so that an author finds his together.

    Parameters
    ----------
    frame
        The table `claims` of a run, see `tunbp.evidence.claims.check`.

    Returns
    -------
    list[Group]
        Empty for a table without the columns.
    """
    return list(_groups(frame.fillna({"claimed": float("nan")}))) if set(frame) >= CLAIMS else []


def _groups(frame: pd.DataFrame) -> Iterator[Group]:
    for kind, title in KINDS.items():
        rows = frame[frame["kind"] == kind]
        if len(rows):
            counted = ", ".join(f"{number} {verdict}" for verdict, number in rows["verdict"].value_counts().items())
            yield Group(kind.replace("_", "-"), title, counted, tuple(_claim(row) for row in rows.to_dict("records")))


def _claim(row: Mapping[Hashable, Any]) -> Claim:
    known = {name: "" if pd.isna(value) else value for name, value in row.items()}
    return Claim(
        id=str(known["id"]),
        verdict=str(known["verdict"]),
        look=LOOKS.get(str(known["verdict"]), ""),
        text=str(known["text"]),
        words=str(known["words"]),
        author=str(known["author"]),
        source=str(known["source_id"]),
        value=_value(row),
        why=str(known["why"]),
        answers=tuple(part for part in str(known.get("correction", "")).split(" | ") if part),
    )


def _value(row: Mapping[Hashable, Any]) -> str:
    """Recomputed and stated value: `57.2 %; stated: 36 % ± 0.5 %`."""
    unit = row["unit"]
    if pd.isna(unit) or not unit or pd.isna(row["computed"]) or pd.isna(row["claimed"]):
        return ""
    computed, claimed = float(row["computed"]), float(row["claimed"])
    # a ratio below one is a share or a change, read in per cent
    share = unit == "1" and max(abs(computed), abs(claimed)) < 1

    def told(value: float, digits: int) -> str:
        return percent(value, digits) if share else show(value, str(unit), digits)

    tolerance = float(row.get("tolerance", 0.0) or 0.0)
    allowed = f" ± {told(tolerance, 2)}" if tolerance > 0 else ""
    word = "asked" if row["kind"] == "our_question" else "stated"
    return f"{told(computed, 3)}; {word}: {_RELATION.get(str(row.get('relation')), '')}{told(claimed, 4)}{allowed}"


def coverage(frame: pd.DataFrame) -> list[Covered]:
    """What was published and what becomes of it, in the order of the table.

    Parameters
    ----------
    frame
        The table `coverage` of a run, see `tunbp.evidence.coverage.coverage`.

    Returns
    -------
    list[Covered]
        Empty for a table without the columns.
    """
    if not set(frame) >= COVERAGE:
        return []
    return [
        Covered(
            status=str(row["status"]),
            look=LOOKS.get(str(row["status"]), ""),
            what=str(row["what"]),
            source=str(row["source_id"]),
            read=f"{row['read']} of {row['rows']}" if row["rows"] else "",
            command=str(row["command"]),
            note=str(row["note"]),
        )
        for row in frame.fillna({"command": "", "note": ""}).to_dict("records")
    ]
