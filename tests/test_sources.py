"""Every S-id resolves, or says why not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tunbp import sources
from tunbp.errors import DataError
from tunbp.evidence.datasets import TABLES, data_path, external, published

ROOT = Path(__file__).parents[1]


def test_the_table_has_the_ids_of_sources_md() -> None:
    text = data_path("published", "sources.md").read_text(encoding="utf-8")
    assert set(sources.sources()) == set(re.findall(r"^\| ([SX]\d\d) \|", text, re.MULTILINE))


def test_every_source_of_a_published_value_has_a_link() -> None:
    used = {name for table in TABLES for name in published(table)["source_id"]} | set(external()["source_id"].values)
    assert len(used) > 15
    assert all(sources.link(name).startswith("https://") for name in used)


def test_mails_are_at_lore_and_the_repository_at_its_commit() -> None:
    assert sources.link("S07") == (
        "https://lore.kernel.org/netdev/20260107210448.37851-1-simon.schippers@tu-dortmund.de/"
    )
    assert sources.link("S25").endswith("tudo-cni/nodrop/tree/325184fe9a47e9154d0163376c7832fcfd27e835")


def test_a_source_without_an_id_says_so() -> None:
    assert sources.link("S28") == ""
    assert sources.cite("S28").endswith("no link: no message id was recorded")


def test_an_unknown_source_is_named() -> None:
    with pytest.raises(DataError, match="'S99' is not in data/published/sources"):
        sources.source("S99")


def test_ids_are_linked_in_each_form_and_only_once() -> None:
    once = sources.linked("published (S21)", "markdown")
    assert once == "published ([S21](https://lore.kernel.org/netdev/ak1cIAwQzKS35x0m@karahi.librecast.net/))"
    assert sources.linked(once, "markdown") == once
    page = sources.linked("S21", "html")
    assert page == '<a href="https://lore.kernel.org/netdev/ak1cIAwQzKS35x0m@karahi.librecast.net/">S21</a>'
    assert sources.linked(page, "html") == page
    assert sources.linked("X24", "latex").endswith("/docs/bench/README.md}{X24}")


def test_an_id_that_is_none_stays_text_and_one_without_a_link_says_so() -> None:
    assert sources.linked("S99, MS07, X25519 and S28", "html") == "S99, MS07, X25519 and S28 (no link)"
    assert sources.named("S99, S28") == ["S28"]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_link_the_sources_they_name(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert sources.named(text) == []  # an id in a link is not named any more
