"""YAML files of strangers: what they may not do to the memory, and what is refused before it is read."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tunbp.errors import ParamsError, TunbpError
from tunbp.lab import plans
from tunbp.run import params
from tunbp.sweep.plan import read_plan
from tunbp.yaml_file import LARGEST, read_mapping


def nested(levels: int, width: int = 9) -> str:
    """Aliases of aliases: `width` to the power of `levels` values in a few lines."""
    lines = [f"a0: &a0 [{', '.join('x' * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


def test_a_mapping_is_read_with_its_text_and_dates_stay_text(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("rtt: 0.12\nday: 2026-01-31\nrings: &r [1, 2]\nagain: *r\n")
    text, values = read_mapping(file)
    assert values == {"rtt": 0.12, "day": "2026-01-31", "rings": [1, 2], "again": [1, 2]}
    assert text == file.read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (nested(12), r"aliases stand for [\d,]+ values; at most 2,000,000"),
        ("a: &a [*a]\n", "not valid YAML"),
        ("a: 1\na: 2\n", "duplicate key 'a'"),
        ("b: {a: 1, a: 2}\n", "duplicate key 'a'"),
        ("a: " + "[" * 100_000, "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("- 1\n", "is a list"),
        ("1: 2\n", "parameter names are text"),
        (f"a: [{'9' * 50}]\n", "number 99999999999999999999... is too large"),
        (f"a: -{'9' * 50_000}\n", "is too large"),
    ],
    ids=["aliases", "circle", "duplicate", "inner duplicate", "deep", "code", "list", "number", "large", "huge"],
)
def test_what_is_refused_is_refused_at_once(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(content)
    start = time.process_time()
    with pytest.raises(ParamsError, match=says):
        read_mapping(file)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("read", "around"),
    [
        (plans.load, "experiment: ring\nrepeat: *a5\ncells: [{ring: 10}]\n"),
        (params.load, "# notebook: your_path\nrtt: *a5\n"),
        (read_plan, "parameters: {rtt: *a5}\n"),
    ],
    ids=["plan of the laboratory", "parameters", "sweep"],
)
def test_a_refused_value_is_named_by_its_beginning(tmp_path: Path, read: Any, around: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(nested(6) + around)
    with pytest.raises(TunbpError) as refused:
        read(file)
    assert len(str(refused.value)) < 5000


def test_only_regular_files_of_bounded_size_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(ParamsError, match="not a regular file"):
            read_mapping(path)
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(ParamsError, match="bytes; at most"):
        read_mapping(tmp_path / "large.yaml")
