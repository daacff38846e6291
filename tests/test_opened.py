"""Files that were opened since a moment, also where a cache answered."""

from __future__ import annotations

from pathlib import Path

from tunbp.opened import mark, note, since


def test_files_are_noted_once_in_order_of_their_names_and_only_since_the_moment(tmp_path: Path) -> None:
    note(tmp_path / "before")
    moment = mark()
    assert note(tmp_path / "b") == tmp_path / "b"
    note(tmp_path / "a")
    note(tmp_path / "a")
    assert since(moment) == [(tmp_path / "a").resolve(), (tmp_path / "b").resolve()]
    assert since(mark()) == []


def test_a_file_read_again_counts_again(tmp_path: Path) -> None:
    note(tmp_path / "a")
    moment = mark()
    note(tmp_path / "a")
    assert since(moment) == [(tmp_path / "a").resolve()]
