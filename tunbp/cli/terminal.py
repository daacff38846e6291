"""Text of strangers on the terminal: what a file says of itself must not act there."""

from __future__ import annotations

from rich.markup import escape

from tunbp.escape import printable

__all__ = ["plain", "printable"]

LONGEST = 2000
"""Most characters of one text in a table: rich takes time with the square of them."""


def plain(text: str) -> str:
    """Text for rich, taken literally: neither control characters nor `[markup]` act; of bounded length."""
    shown = printable(text[: LONGEST + 1])
    return escape(shown if len(text) <= LONGEST else f"{shown[:LONGEST]}... ({len(text) - LONGEST} more characters)")
