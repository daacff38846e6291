"""Texts of others in what a run writes: nothing in them acts as Markdown, as a formula, or as a control character.

HTML is escaped by the templates and by `tunbp.plots.tables`, of what `printable` gives; LaTeX by
`tunbp.results.latex.escape`, the terminal by `tunbp.cli.terminal`; one escape for each place that texts go to.
"""

from __future__ import annotations

import html
import re
import unicodedata

KEPT = "\n\t"
"""Control characters that only move to the next line or column."""


def visible(text: str) -> str:
    r"""Show control characters and marks of writing direction as escapes; white space becomes single spaces.

    Parameters
    ----------
    text
        Text of strangers.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> visible("tun0\x1b[31m\n up")
    'tun0\\x1b[31m up'
    """
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    r"""Show control characters as escapes: ESC, OSC, carriage returns and marks of writing direction do nothing.

    Line feeds and tabs stay.

    Parameters
    ----------
    text
        Text of strangers.

    Returns
    -------
    str
        Text that moves nothing on a terminal.

    Examples
    --------
    >>> printable("tun0\x1b]52;c;aGk=\x07")
    'tun0\\x1b]52;c;aGk=\\x07'
    """
    return "".join(char.encode("unicode_escape", "backslashreplace").decode() if _acts(char) else char for char in text)


def _acts(char: str) -> bool:
    return char not in KEPT and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def markdown(text: str) -> str:
    r"""Text that Markdown shows as it is, in one line: no mark-up, no links, no HTML, no formulas.

    Parameters
    ----------
    text
        Text of strangers.

    Returns
    -------
    str
        Text for a Markdown cell.

    Examples
    --------
    >>> markdown("a*b* <img> $x$")
    'a\\*b\\* &lt;img&gt; &#36;x&#36;'
    """
    return _plain(visible(text))


def _plain(text: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|~])", r"\\\1", text)
    return html.escape(escaped, quote=False).replace("$", "&#36;").replace(":", "&#58;")


def sentence(text: str) -> str:
    r"""Text of our own that Markdown shows as it is, but for commands between backquotes, which are code.

    Parameters
    ----------
    text
        One line.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> sentence("raise *it*: `sndbuf`")
    'raise \\*it\\*&#58; `sndbuf`'
    """
    return "".join(f"`{part}`" if code else _plain(part) for part, code in _parts(text))


def html_sentence(text: str) -> str:
    """Text of our own as HTML, commands between backquotes as code.

    Parameters
    ----------
    text
        One line.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> html_sentence("a < b: `sndbuf`")
    'a &lt; b: <code>sndbuf</code>'
    """
    return "".join(f"<code>{html.escape(part)}</code>" if code else html.escape(part) for part, code in _parts(text))


def _parts(text: str) -> list[tuple[str, bool]]:
    """Parts of a text, and whether each stood between backquotes; one backquote alone is a letter."""
    parts = visible(text).split("`")
    if len(parts) % 2 == 0:
        return [(visible(text), False)]
    return [(part, number % 2 == 1) for number, part in enumerate(parts) if part]


def figure(text: str) -> str:
    r"""Text that matplotlib draws as it is: a dollar sign begins no formula.

    Parameters
    ----------
    text
        Text of strangers.

    Returns
    -------
    str
        Text for a label.

    Examples
    --------
    >>> figure("costs $5")
    'costs \\$5'
    """
    return visible(text).replace("$", r"\$")
