"""LaTeX of texts and tables: escaped letters, and booktabs tables that fit into an IEEE column or page."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tunbp.escape import visible
from tunbp.sources import linked

COLUMN, PAGE = 58, 122
r"""Width of an IEEE column and of both, in letters of `\footnotesize`."""
LINES = 52
"""Lines of a table on one page; a longer table is continued on the next."""
LEAST = 14
"""Width below which no column is wrapped [letters]: most words fit into it."""
DUST = 1e-12
"""Size below which a value is the rounding of the arithmetic: that is 0."""
_GAP = 2
_LETTER = 0.5
"""Space between two columns, in letters; width of a letter in em."""

_LETTERS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "µ": r"$\mu$", "μ": r"$\mu$",
    "λ": r"$\lambda$", "±": r"$\pm$", "×": r"$\times$",
    "≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\rightarrow$", "–": "--", "−": r"$-$",
}  # fmt: skip


def escape(text: str) -> str:
    """Text with LaTeX's special characters escaped, in one line, and control characters shown.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        LaTeX source.
    """
    return "".join(_LETTERS.get(letter, letter) for letter in visible(text))


def table(frame: pd.DataFrame, id: str, caption: str) -> str:
    r"""Floats with a table, one per page that it fills; needs the packages `booktabs`, `array` and `graphicx`.

    Numbers have four significant digits, `--` stands for a missing value. A table that does not fit into one
    column spans both (`table*`); its text columns are wrapped, the widest first, until it fits. One that is wider than
    the document's page is scaled down.

    Parameters
    ----------
    frame
        The table; its index is not shown.
    id
        Its label is `tab:ID`.
    caption
        Text above it.

    Returns
    -------
    str
        LaTeX source, ending with a line end.
    """
    numeric = [pd.api.types.is_numeric_dtype(frame[c]) and not pd.api.types.is_bool_dtype(frame[c]) for c in frame]
    cells = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    heads = [str(name).replace("_", " ").split() for name in frame.columns]
    widths = [max([_length(row[i]) for row in cells] + [len(word) for word in head]) for i, head in enumerate(heads)]
    room = COLUMN if fits(widths, COLUMN) else PAGE
    limits = wrap(widths, numeric, room)
    columns = [_column(width, limit, number) for width, limit, number in zip(widths, limits, numeric, strict=True)]
    wrapped = [limit < width for width, limit in zip(widths, limits, strict=True)]
    shown = [[_broken(cell) if long else cell for cell, long in zip(row, wrapped, strict=True)] for row in cells]
    head = " & ".join(_head(words, limit, number) for words, limit, number in zip(heads, limits, numeric, strict=True))
    pages = _pages([max(-(-_length(cell) // n) for cell, n in zip(row, limits, strict=True)) for row in cells])
    words = linked(escape(caption), "latex")
    lines = [
        "% needs the packages booktabs, array and graphicx; hyperref makes the sources links",
        r"\providecommand{\href}[2]{#2}",
    ]
    for number, (start, end) in enumerate(pages, 1):
        part = f" (part {number} of {len(pages)})" if len(pages) > 1 else ""
        lines += [
            rf"\begin{{table{'*' if room == PAGE else ''}}}",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{words}{part}}}",
            *([rf"\label{{tab:{id}}}"] if number == 1 else []),
            r"\sbox0{%",
            rf"\begin{{tabular}}{{@{{}}{''.join(columns)}@{{}}}}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in shown[start:end]),
            r"\bottomrule",
            r"\end{tabular}}%",
            # a page narrower than that of an IEEE journal, or more columns than one has room for
            r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
            rf"\end{{table{'*' if room == PAGE else ''}}}",
        ]
    return "\n".join(lines) + "\n"


def fits(widths: Sequence[int], room: int) -> bool:
    """Whether columns of these widths [letters] fit into the room, with the gaps between them.

    Parameters
    ----------
    widths
        Widths of the columns in letters.
    room
        Letters of a line.

    Returns
    -------
    bool
        Whether they fit.
    """
    return sum(widths) + _GAP * (len(widths) - 1) <= room


def wrap(widths: Sequence[int], fixed: Sequence[bool], room: int) -> list[int]:
    """Widths [letters] after wrapping the widest columns that are not fixed, none below `LEAST`, until they fit.

    Parameters
    ----------
    widths
        Widths of the columns in letters.
    fixed
        Columns that may not be wrapped.
    room
        Letters of a line.

    Returns
    -------
    list[int]
        Widths in letters, in the same order.
    """
    found = list(widths)
    for limit in range(max(widths, default=0), LEAST - 1, -1):
        found = [width if kept else min(width, limit) for width, kept in zip(widths, fixed, strict=True)]
        if fits(found, room):
            break
    return found


def _pages(heights: Sequence[int]) -> list[tuple[int, int]]:
    """First and last row (exclusive) of each part, by the lines that each row takes."""
    parts, start, filled = [], 0, 0
    for row, height in enumerate(heights):
        if filled + height > LINES and row > start:
            parts.append((start, row))
            start, filled = row, 0
        filled += height
    return [*parts, (start, len(heights))]


def _column(width: int, limit: int, number: bool) -> str:
    if limit < width:
        return rf">{{\raggedright\arraybackslash}}p{{{_LETTER * limit:.1f}em}}"
    return "r" if number else "l"


def _head(words: Sequence[str], limit: int, number: bool) -> str:
    """Name of a column, over several lines where it is longer than what stands below."""
    text = " ".join(words)
    if len(text) <= limit:
        return escape(text)
    room = max(limit, *(len(word) for word in words))
    stacked = r" \\ ".join(escape(line) for line in textwrap.wrap(text, room, break_long_words=False))
    return rf"\shortstack[{'r' if number else 'l'}]{{{stacked}}}"


def _broken(cell: str) -> str:
    """A cell whose long names may be broken at an underscore or a slash too."""
    return cell.replace(r"\_", r"\_\allowbreak{}").replace("/", r"/\allowbreak{}")


def _length(cell: str) -> int:
    """Letters that a cell shows, about."""
    cell = re.sub(r"\\href\{[^}]*\}", "", cell)
    return len(re.sub(r"\\(times|allowbreak|text\w+|[a-z]+)|[\\${}^]", "", cell)) + cell.count(r"\times")


def _cell(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "--"
    if not isinstance(value, (float, np.floating)):
        return linked(escape(str(value)), "latex")
    value = float(value)
    if abs(value) < DUST:
        value = 0.0
    text = f"{value:.4g}"
    if "e" not in text:
        return f"${text}$" if value < 0 else text
    if 1 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    mantissa, exponent = text.split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"
