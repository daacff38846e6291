"""Text of strangers on the terminal: what a file says of itself must not act there."""

from __future__ import annotations

import unicodedata

from rich.markup import escape

KEPT = "\n\t"
"""Control characters that only move to the next line or column."""

LONGEST = 2000
"""Most characters of one text in a table: rich takes time with the square of them."""


def printable(text: str) -> str:
    r"""Show control characters as escapes: ESC, OSC, carriage returns and marks of writing direction do nothing.

    Examples
    --------
    >>> printable("tun0\x1b]52;c;aGk=\x07")
    'tun0\\x1b]52;c;aGk=\\x07'
    """
    return "".join(
        char if char in KEPT or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else char.encode("unicode_escape").decode()
        for char in text
    )  # fmt: skip


def plain(text: str) -> str:
    """Text for rich, taken literally: neither control characters nor `[markup]` act; of bounded length."""
    shown = printable(text[: LONGEST + 1])
    return escape(shown if len(text) <= LONGEST else f"{shown[:LONGEST]}... ({len(text) - LONGEST} more characters)")
