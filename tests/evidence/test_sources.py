"""Every S-id resolves, or says why not."""

from __future__ import annotations

import re

import pytest

from tunbp.errors import DataError
from tunbp.evidence import sources
from tunbp.evidence.datasets import TABLES, data_path, external, published


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
