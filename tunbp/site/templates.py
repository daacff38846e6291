"""The HTML templates of the package."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jinja2


@lru_cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("tunbp", "site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def render(template: str, **content: Any) -> str:
    """Fill a template of `tunbp/site` with content; text is escaped unless it is `Markup`."""
    return _environment().get_template(template).render(**content)
