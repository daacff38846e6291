"""JSON documents between other text, several in a file, cut off, and meant to fill the memory."""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunbp.errors import TraceError
from tunbp.traces import documents as module
from tunbp.traces.documents import Decoder, documents, last_complete
from tunbp.traces.source import source_of

OPENING = re.compile(rb'\{\s*"rows"')


class Row(msgspec.Struct):
    n: int
    note: str = ""


class Document(msgspec.Struct):
    rows: list[Row]


def read(content: bytes, array: bytes | None = b"rows") -> tuple[list[list[int]], str]:
    """Numbers of each document, and what was warned of."""
    source = source_of(Path("input"), content)
    found = [[row.n for row in each.rows] for each in documents(source, Decoder(Document), OPENING, array)]
    return found, "\n".join(source.of_file + source.warnings)


WHOLE = b'{"rows": [{"n": 1}, {"n": 2}, {"n": 3}]}'


def test_documents_are_found_between_lines_of_a_log() -> None:
    assert read(b"started\n" + WHOLE + b"\n[12:00] again\n" + WHOLE + b"\ndone") == ([[1, 2, 3]] * 2, "")


@given(st.integers(1, len(WHOLE) - 1))
def test_a_document_cut_anywhere_keeps_its_complete_rows_or_says_where_it_ends(length: int) -> None:
    cut = WHOLE[:length]
    complete = len(re.findall(rb'\{"n": \d\}', cut))
    if complete:
        numbers, warned = read(cut)
        assert numbers == [[1, 2, 3][:complete]]
        assert "only the complete intervals before it are used" in warned
    elif OPENING.search(cut):
        with pytest.raises(TraceError, match=r"^input: .*damaged JSON"):
            read(cut)
    else:
        assert read(cut) == ([], "")


def test_without_a_list_to_keep_a_damaged_document_is_left_out_beside_a_whole_one() -> None:
    numbers, warned = read(WHOLE[: WHOLE.index(b'}, {"n": 3')] + b"\n" + WHOLE, None)
    assert numbers == [[1, 2, 3]]
    assert "damaged JSON" in warned


FOLLOWING = {
    "a prompt": b"\nuser@host:~$ ip -s link\n",
    "a log's line that begins as a list does": b"\n[12:00:01] done\n",
    "a list of another tool": b'\n[{"kind": "fq_codel"}]\n',
    "words": b"\nKilled\n",
    "a word right after it": b"Killed",
}
CUTS = [
    b'{"rows": [{"n": 1}, {"n": 2}',
    b'{"rows": [{"n": 1},',
    b'{"rows": [{"n": 1, "note": "ab',
    b'{"rows": [',
    b'{"rows":',
]


@pytest.mark.parametrize("following", FOLLOWING)
@pytest.mark.parametrize("cut", CUTS)
def test_a_document_that_is_cut_off_and_followed_by_other_text_is_named_as_such_at_its_end(cut, following) -> None:
    content = cut + FOLLOWING[following]
    with pytest.raises(TraceError, match=r"^input: byte \d+ \(line \d\): damaged JSON: ") as failed:
        read(content, None)
    byte = int(re.search(r"byte (\d+)", str(failed.value))[1])  # type: ignore[index]
    assert len(cut) <= byte <= len(cut) + len(b"\n[12") or byte == len(content)
    assert "`" not in str(failed.value), "no type of the tool's is at fault"
    assert str(failed.value).count("byte") == 1


@pytest.mark.parametrize("cut", CUTS)
def test_a_whole_document_after_one_that_is_cut_off_is_read_and_the_other_one_named(cut: bytes) -> None:
    numbers, warned = read(b"a log\n" + cut + b"\n" + WHOLE, None)
    assert numbers == [[1, 2, 3]]
    assert re.search(r"left out: byte \d+ \(line [23]\): damaged JSON: it is cut off", warned)


@pytest.mark.parametrize("cut", CUTS[:2])
def test_complete_rows_of_a_document_that_is_cut_off_do_not_take_the_next_one_for_a_row(cut: bytes) -> None:
    numbers, warned = read(cut + b"\n" + WHOLE)
    assert numbers == [[1, 2][: cut.count(b"}")], [1, 2, 3]]
    assert "only the complete intervals before it are used" in warned


def test_many_documents_that_are_cut_off_take_linear_time() -> None:
    start = time.process_time()
    with pytest.raises(TraceError, match=r"damaged JSON|nested too deeply|no tool's output"):
        read(b'{"rows": [{"n": 1},\n' * 100_000)
    assert time.process_time() - start < 5.0


def test_a_type_that_the_tool_never_writes_is_an_error_with_its_place() -> None:
    with pytest.raises(TraceError, match=r"\$\.rows\[1\]\.n"):
        read(b'{"rows": [{"n": 1}, {"n": "two"}]}')


def test_nan_is_taken_as_missing_and_that_is_said() -> None:
    class Maybe(msgspec.Struct):
        rows: list[dict[str, float | None]]

    source = source_of(Path("input"), b'{"rows": [{"n": nan}, {"n": -inf}]}')
    (found,) = documents(source, Decoder(Maybe), OPENING)
    assert found.rows == [{"n": None}, {"n": None}]
    assert "not a number" in "\n".join(source.warnings)


def test_bytes_that_are_no_text_do_not_hide_the_numbers() -> None:
    numbers, warned = read(b'{"rows": [{"n": 1, "note": "\xff"}]}')
    assert numbers == [[1]]
    assert "not UTF-8" in warned


def test_json_that_is_meant_to_fill_the_memory_is_refused() -> None:
    with pytest.raises(TraceError, match="this is no tool's output"):
        read(b'{"rows": [' + b"{}," * (module.DENSITY_FREE + 10_000) + b"{}]}")


def test_brackets_inside_strings_do_not_count() -> None:
    content = b'{"rows": [{"n": 1, "x": "]}{"}, {"n": 2'
    assert last_complete(content, 0, len(content), b"rows") == (content[: content.index(b", {")] + b"]}", 30)
