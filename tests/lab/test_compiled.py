"""C programs that are compiled at first use."""

import pytest

from tests.lab.need import compiler
from tunbp.errors import LabError
from tunbp.lab import compiled


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tunbp" / "programs"


@compiler
def test_a_program_is_compiled_once_and_kept_under_the_hash_of_its_source(cache, monkeypatch):
    first = compiled.program("relay")
    assert first.parent == cache
    assert first.stat().st_mode & 0o100
    assert sorted(cache.iterdir()) == [first]  # nothing of the compilation stays
    monkeypatch.setattr(compiled.process, "run", lambda *_: pytest.fail("compiled again"))
    assert compiled.program("relay") == first


@compiler
def test_other_options_are_another_program(monkeypatch):
    first = compiled.program("relay")
    monkeypatch.setitem(compiled.OPTIONS, "relay", ["-Wall", "-g"])
    assert compiled.program("relay") != first


@compiler
def test_a_source_that_does_not_compile_leaves_nothing(cache, monkeypatch):
    monkeypatch.setitem(compiled.OPTIONS, "relay", ["-fno-such-option"])
    with pytest.raises(LabError, match="fno-such-option"):
        compiled.program("relay")
    assert list(cache.iterdir()) == []


def test_without_a_compiler_the_user_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda _: None)
    with pytest.raises(LabError, match="install gcc"):
        compiled.program("relay")
