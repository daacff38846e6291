"""Where the published values were said: addresses of the messages that `data/published/sources.md` lists."""

from __future__ import annotations

import re

from tunbp import opened
from tunbp.errors import DataError
from tunbp.evidence.datasets import data_path

LIST = "https://lore.kernel.org/netdev/"
AUTHOR = "-simon.schippers@tu-dortmund.de"
"""End of the message ids of the series' postings, which the table leaves out."""


def thread(source: str) -> str:
    """Address of the message of a source, in the list's archive with its thread.

    Parameters
    ----------
    source
        Its id, e.g. ``"S03"``.

    Raises
    ------
    DataError
        If there is no such source, or it is no message.
    """
    path = opened.note(data_path("published", "sources.md"))
    line = rf"^\| {re.escape(source)} \|[^|]*\|[^|]*\| ([^|]+) \|"
    row = re.search(line, path.read_text(encoding="utf-8"), re.MULTILINE)
    if row is None:
        raise DataError(f"{path}: has no source {source!r}")
    first = row[1].split()[0]
    if "@" in first:
        return f"{LIST}{first}/"
    if re.fullmatch(r"\d{14}\.\d+-\d+", first):
        return f"{LIST}{first}{AUTHOR}/"
    raise DataError(f"{path}: source {source} is no message of the list: {row[1]}")
