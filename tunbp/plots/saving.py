"""Writing of a figure to the file that somebody named: whole or not at all, the same bytes for the same figure."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from tunbp.atomic import replacing
from tunbp.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNDATED = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": None}
"""Formats by the ending of a name, and the metadata that leaves out the date."""


def check_name(target: Path) -> None:
    """Refuse a name whose ending says no format.

    Parameters
    ----------
    target
        File to write.

    Raises
    ------
    OutputError
        With the endings that are known.
    """
    if target.suffix not in UNDATED:
        raise OutputError(f"{target}: the name must end with {', '.join(UNDATED)}")


def save(figure: Figure, target: Path) -> None:
    """Write a figure as PDF, SVG or PNG, as the ending of the name says.

    Parameters
    ----------
    figure
        The figure as it was drawn.
    target
        File to write, ending in ``.pdf``, ``.svg`` or ``.png``.
    """
    check_name(target)
    drawn = io.BytesIO()  # matplotlib meets a full disk with errors of its own
    figure.savefig(drawn, format=target.suffix[1:], metadata=UNDATED[target.suffix])
    with replacing(target) as part:
        part.write_bytes(drawn.getvalue())
