"""The words that go with a figure."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """Title, caption and text for screen readers of one figure.

    Attributes
    ----------
    title
        One line.
    caption
        What to see in it, where the values come from, and what it does not show.
    alt
        The same for somebody who cannot see it: the kind of chart and what it shows, without what the caption
        says already.
    """

    title: str
    caption: str
    alt: str = ""
