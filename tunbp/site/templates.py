"""The HTML templates of the package."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jinja2
from markupsafe import Markup, escape

from tunbp.sources import linked


@lru_cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tunbp", "site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["linked"] = lambda text: Markup(linked(str(escape(text)), "html"))
    return environment


def render(template: str, **content: Any) -> str:
    """Fill a template of `tunbp/site` with content; text is escaped unless it is `Markup`."""
    return _environment().get_template(template).render(**content)
