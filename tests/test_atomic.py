"""A file is written whole or not at all."""

from __future__ import annotations

import os
import subprocess

import pytest

from tunbp import atomic
from tunbp.atomic import replacing, replacing_folder, scratch, write_atomically


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


def _make_folder(path, content):
    with replacing_folder(path) as new:
        (new / "file").write_text(content)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_replaced_by_the_new_one_and_nothing_else_stays(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    for content in ("old", "new"):
        _make_folder(tmp_path / "folder", content)
    assert (tmp_path / "folder" / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_is_exchanged_in_one_step(tmp_path, monkeypatch):
    _make_folder(tmp_path / "folder", "old")
    monkeypatch.setattr(os, "replace", lambda *names: pytest.fail("a moment without the old and the new one"))
    _make_folder(tmp_path / "folder", "new")
    assert (tmp_path / "folder" / "file").read_text() == "new"


def test_a_name_as_long_as_a_file_system_takes_is_written(tmp_path):
    for name in ("x" * 255, "\u00fc" * 127):
        write_atomically(tmp_path / name, b"content")
        assert (tmp_path / name).read_bytes() == b"content"


def _dead():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_the_scratch_of_a_dead_process_goes_when_the_next_one_is_made(tmp_path):
    old, young = tmp_path / f".name.{_dead()}.abcdefgh.part", tmp_path / f".name.{_dead()}.abcdefgi.part"
    other, alive = tmp_path / f".other.{_dead()}.abcdefgh.part", tmp_path / f".name.{os.getppid()}.abcdefgh.part"
    unknown = tmp_path / ".name.of.somebody.part"
    for folder in (old, young, other, alive, unknown):
        folder.mkdir()
        (folder / "file").write_text("half")
    for folder in (old, other, alive, unknown):
        os.utime(folder, (1, 1))
    with scratch("name", tmp_path) as mine:
        assert mine.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (young, other, alive, unknown)}


def test_a_link_among_parts_is_removed_and_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("precious")
    link = tmp_path / f".name.{_dead()}.abcdefgh.part"
    link.symlink_to(kept)
    os.utime(link, (1, 1), follow_symlinks=False)
    assert atomic.sweep(tmp_path) == [link]
    assert (kept / "file").read_text() == "precious"
