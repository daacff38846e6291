"""The HTML templates of the package."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import jinja2
from markupsafe import Markup, escape

from tunbp.escape import printable
from tunbp.sources import linked


@lru_cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tunbp", "site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        keep_trailing_newline=True,
    )
    environment.filters["linked"] = lambda text: Markup(_coded(linked(str(escape(printable(text))), "html")))
    environment.filters["urls"] = lambda text: Markup(
        _ADDRESS.sub(_anchor, linked(str(escape(printable(text))), "html"))
    )
    return environment


_ADDRESS = re.compile(r'(?<!["=>])https://[^\s<>"()]+[^\s<>"().,;:]')
"""An address that is no link yet."""


def _coded(text: str) -> str:
    """Escaped text whose words in backticks are code."""
    return re.sub(r"`([^`<]+)`", r"<code>\1</code>", text)


def _anchor(found: re.Match[str]) -> str:
    return f'<a href="{found[0]}">{found[0]}</a>'


def _shown(value: Any) -> Any:
    """Text in which no control character acts, before it is escaped."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def render(template: str, **content: Any) -> str:
    """Fill a template of `tunbp/site` with content; text is escaped unless it is `Markup`.

    Parameters
    ----------
    template
        File name in `tunbp/site`.
    **content
        Values by the names that the template uses.

    Returns
    -------
    str
        HTML.
    """
    return _environment().get_template(template).render(**content)
