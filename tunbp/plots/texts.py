"""The words that go with a figure."""

from __future__ import annotations

import re
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


_BETWEEN = re.compile(r"(?<=[a-z0-9%)][.]) (?=[A-Z])")
"""Between two sentences."""


def opening(caption: str) -> tuple[str, str]:
    """What a page shows of a caption at once, and what it folds.

    Parameters
    ----------
    caption
        One line.

    Returns
    -------
    first, rest
        Its first sentence, and the others; none: empty.

    Examples
    --------
    >>> opening("Stock drops (S03). Open markers: v. 3 of the table.")
    ('Stock drops (S03).', 'Open markers: v. 3 of the table.')
    """
    first, *rest = _BETWEEN.split(caption, maxsplit=1)
    return first, "".join(rest)
