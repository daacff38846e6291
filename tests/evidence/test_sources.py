"""Addresses of the messages behind published values."""

from __future__ import annotations

import pytest

from tunbp.errors import DataError
from tunbp.evidence.sources import thread


def test_postings_and_replies_have_their_address_in_the_list_s_archive() -> None:
    assert thread("S03") == "https://lore.kernel.org/netdev/20250825211832.84901-1-simon.schippers@tu-dortmund.de/"
    assert thread("S21") == "https://lore.kernel.org/netdev/ak1cIAwQzKS35x0m@karahi.librecast.net/"


@pytest.mark.parametrize(("source", "words"), [("S99", "no source 'S99'"), ("S26", "no message of the list")])
def test_what_is_no_message_is_refused(source: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        thread(source)
