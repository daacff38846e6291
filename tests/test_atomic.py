"""A file is written whole or not at all."""

from __future__ import annotations

import pytest

from tunbp.atomic import replacing, write_atomically


def test_a_finished_block_replaces_the_file(tmp_path):
    write_atomically(tmp_path / "deep" / "file", b"old")
    write_atomically(tmp_path / "deep" / "file", b"new")
    assert [path.read_bytes() for path in (tmp_path / "deep").iterdir()] == [b"new"]


def _fail_half_way(path):
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError("half way")


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="half way"):
        _fail_half_way(path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"file": b"old"}
