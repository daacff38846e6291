"""Sources by id, each with the link that resolves it: one table, read everywhere an S-id is shown."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tunbp import opened
from tunbp.errors import DataError
from tunbp.project import data_folder

LORE = "https://lore.kernel.org/netdev/"


class Source(BaseModel):
    """One source of published values.

    Attributes
    ----------
    what, author, date
        Words for people; `date` ISO 8601 as far as known.
    message
        Message-ID without brackets; its link is at lore.kernel.org.
    address
        Other public addresses, best first.
    unresolved
        Why there is neither.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    what: str
    author: str
    date: object = ""
    message: str = ""
    address: tuple[str, ...] = ()
    unresolved: str = ""

    @property
    def link(self) -> str:
        """Where it can be read; empty if nowhere."""
        return lore(self.message) if self.message else next(iter(self.address), "")


def lore(message: str) -> str:
    """Address of a netdev mail from its Message-ID.

    Parameters
    ----------
    message
        Message-ID without brackets.

    Returns
    -------
    str
        Its address in the archive of the list.

    Examples
    --------
    >>> lore("ak1cIAwQzKS35x0m@karahi.librecast.net")
    'https://lore.kernel.org/netdev/ak1cIAwQzKS35x0m@karahi.librecast.net/'
    """
    return f"{LORE}{message}/"


@cache
def _read(path: Path) -> dict[str, Source]:
    try:
        table = TypeAdapter(dict[str, Source]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise DataError(f"{path}: {error}") from error
    bare = [name for name, source in table.items() if bool(source.link) == bool(source.unresolved)]
    if bare:
        raise DataError(f"{path}: {', '.join(bare)} needs a message or an address, or says in 'unresolved' why not")
    return table


def sources() -> dict[str, Source]:
    """Every source by its id, ``"S01"`` to ``"X28"``."""
    return _read(opened.note(data_folder() / "published" / "sources.yaml"))


def source(name: str) -> Source:
    """One source, e.g. ``source("S25")``.

    Parameters
    ----------
    name
        Id of a source.

    Returns
    -------
    Source
        The row of ``data/published/sources.yaml``.

    Raises
    ------
    DataError
        If there is no such id.
    """
    table = sources()
    if name not in table:
        raise DataError(f"source {name!r} is not in data/published/sources.yaml ({min(table)} to {max(table)})")
    return table[name]


def link(name: str) -> str:
    """Where a source can be read; empty if it has no public id (`cite` says why).

    Parameters
    ----------
    name
        Id of a source.

    Returns
    -------
    str
        The message's address at lore.kernel.org, else the first public address; empty if there is none.

    Examples
    --------
    >>> link("S21")
    'https://lore.kernel.org/netdev/ak1cIAwQzKS35x0m@karahi.librecast.net/'
    """
    return source(name).link


def cite(name: str) -> str:
    """A source in words, with its link or the reason why it has none.

    Parameters
    ----------
    name
        Id of a source.

    Returns
    -------
    str
        Id, what it is, author, date and link, in one line.
    """
    found = source(name)
    where = found.link or f"no link: {found.unresolved}"
    date = f", {found.date}" if found.date else ""
    return f"{name}: {found.what} ({found.author}{date}), {where}"


Form = Literal["html", "markdown", "latex"]

_ID = re.compile(r"(?<![\w\[>/{-])[SX]\d\d(?![\w\]<}/-])")
"""A source's id that is not linked yet."""


def named(text: str) -> list[str]:
    """Ids of sources that a text names, each once, in their order.

    Parameters
    ----------
    text
        Any text; ids that are links already are left out.

    Returns
    -------
    list[str]
        Ids that are in the table of sources.

    Examples
    --------
    >>> named("published (S13, S07 and S13)")
    ['S13', 'S07']
    """
    return list(dict.fromkeys(name for name in _ID.findall(text) if name in sources()))


def linked(text: str, form: Form) -> str:
    """The same text with every source id linked; one that has no link says so.

    Parameters
    ----------
    text
        Text that is escaped for `form` already. Ids that are linked in it stay as they are.
    form
        ``"html"``, ``"markdown"`` or ``"latex"`` (a ``href`` of the package hyperref).

    Returns
    -------
    str
        The text; whatever is no id of the table stays as it is.

    Examples
    --------
    >>> linked("S21, S28", "markdown")
    '[S21](https://lore.kernel.org/netdev/ak1cIAwQzKS35x0m@karahi.librecast.net/), S28 (no link)'
    """
    return _ID.sub(lambda match: _link(match[0], form), text)


def _link(name: str, form: Form) -> str:
    if name not in sources():
        return name
    address = link(name)
    if not address:
        return f"{name} (no link)"
    if form == "html":
        return f'<a href="{html.escape(address)}">{name}</a>'
    if form == "markdown":
        return f"[{name}]({address})"
    address = address.replace("%", r"\%").replace("#", r"\#")
    return rf"\href{{{address}}}{{{name}}}"
