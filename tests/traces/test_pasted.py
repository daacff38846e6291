"""Text as people paste it: quoted, indented, with prompts, wrapped, cut off. The same numbers, or a refusal."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import TraceError
from tunbp.traces import opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(
    path.name
    for path in FIXTURES.iterdir()
    if path.suffix in (".txt", ".log", ".csv") and path.name not in ("iperf3_text.txt", "iperf3_two_runs.log")
)
FORMS = {
    "quoted": lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
    "quoted twice": lambda text: "".join(f">> {line}\n" for line in text.splitlines()),
    "indented": lambda text: textwrap.indent(text, "    "),
    "tabbed": lambda text: textwrap.indent(text, "\t"),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "prompts": lambda text: f"user@host:~$ some command | tee log\n{text}\nuser@host:~$ exit\n",
    "coloured": lambda text: f"\x1b[1;32muser@host\x1b[0m:~$ some command\n{text}",
    "trailing spaces": lambda text: "".join(f"{line}  \n" for line in text.splitlines()),
    "between words": lambda text: f"Hi,\n\nthis is what I get:\n\n{text}\n\nAny idea?\n",
}


def read(text):
    return opening.read(source_of(Path("input"), text.encode()))


def original(name):
    return (FIXTURES / name).read_text()


def numbers(run):
    return run.drop_attrs(deep=False).drop_vars(["sha256", "file", "findings", "warnings"], errors="ignore")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_pasted_text_gives_the_same_numbers(name, form):
    assert numbers(read(FORMS[form](original(name)))).identical(numbers(read(original(name))))


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("ping_") and "windows" not in name])
def test_a_locale_with_decimal_commas_gives_the_same_numbers(name):
    text = re.sub(r"(?<=[=/ ])(\d+)\.(\d+)(?=[ /%])", r"\1,\2", original(name))
    if "," not in text:
        pytest.skip("no decimals")
    assert numbers(read(text)).identical(numbers(read(original(name))))


def values_of(run):
    """Every number of a Dataset by variable and label, as far as the labels say which it is."""
    found = {}
    for name, variable in run.data_vars.items():
        dims = [dim for dim in variable.dims if dim in ("queue", "tin", "hop")]
        if variable.dtype.kind in "if" and list(variable.dims) == dims and dims:
            for label, value in zip(run[dims[0]].to_numpy(), variable.to_numpy(), strict=True):
                found[name, str(label)] = float(value)
    return found


def refused_in(error, lines):
    """The refusal names a byte of the text that is left, and the line in which it lies."""
    place = re.match(r"input: byte (\d+) \(line (\d+)\): \S", str(error))
    assert place, str(error)
    before = "".join(lines).encode()[: int(place[1])]
    assert int(place[2]) == before.count(b"\n") + 1 <= len(lines) + 1


JSON_NAMES = sorted(
    path.name
    for path in FIXTURES.iterdir()
    if path.suffix in (".json", ".jsonl", ".sqlog") and path.name != "iperf3_refused.json"
)


@pytest.mark.parametrize("name", JSON_NAMES)
def test_json_cut_off_after_any_line_gives_the_beginning_of_its_series_or_is_refused(name):
    whole, lines = read(original(name)), original(name).splitlines(keepends=True)
    for count in range(1, len(lines), max(len(lines) // 40, 1)):
        try:
            part = read("".join(lines[:count]))
        except TraceError as error:
            refused_in(error, lines[:count])
            continue
        for variable in part.data_vars:
            if part[variable].dims[:1] == ("time",) and part[variable].dims == whole[variable].dims:
                known = whole[variable].values[: part.sizes["time"]]
                assert np.array_equal(part[variable].values, known, equal_nan=known.dtype.kind == "f"), variable


@pytest.mark.parametrize("name", NAMES)
def test_text_cut_off_after_any_line_gives_no_other_counters_or_is_refused(name):
    text = original(name)
    whole, lines = values_of(read(text)), text.splitlines(keepends=True)
    every = max(len(lines) // 40, 1)
    for count in range(1, len(lines), every):
        try:
            part = values_of(read("".join(lines[:count])))
        except TraceError as error:
            refused_in(error, lines[:count])
            continue
        if whole and not ADDS_UP.intersection(key for key, _ in whole):
            assert all(np.isnan(part[key]) or part[key] == whole[key] for key in part.keys() & whole.keys())


ADDS_UP = {"drop_events"}
"""Counts of events in the file, which are smaller where it is cut off."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [76, 100])
def test_wrapped_text_gives_no_other_numbers_or_is_refused(name, width):
    text = original(name)
    if all(len(line) <= width for line in text.splitlines()):
        pytest.skip("nothing to wrap")
    wrapped = "".join(
        f"{piece}\n"
        for line in text.splitlines()
        for piece in (textwrap.wrap(line, width, replace_whitespace=False, drop_whitespace=False) or [""])
    )
    try:
        found = read(wrapped)
    except TraceError:
        return
    whole, part = values_of(read(text)), values_of(found)
    assert all(np.isnan(part[key]) or part[key] == whole[key] for key in part.keys() & whole.keys())
    if not numbers(found).identical(numbers(read(text))):
        said = found.attrs.get("warnings", "")
        assert said, "numbers are missing, and nothing says so"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_text_twice_is_a_series_or_runs_and_never_a_sum(name):
    text = original(name)
    once = values_of(read(text))
    try:
        twice = read(text + "\n" + text)
    except TraceError:
        return
    known = values_of(twice.isel(time=0) if "time" in twice.dims else twice)
    for key in once.keys() & known.keys():
        if key[0] not in ADDS_UP:
            assert known[key] == once[key] or np.isnan(once[key])


@pytest.mark.parametrize("form", ["quoted", "quoted twice", "indented", "tabbed", "CRLF"])
def test_a_refusal_names_the_byte_in_the_file_as_it_is_stored(form):
    stored = FORMS[form](re.sub(r"(NET_TX:.*) \d+", r"\1", original("softirqs.txt")))
    with pytest.raises(TraceError, match="cut off") as failed:
        read(stored)
    refused_in(failed.value, stored.splitlines(keepends=True))
    byte = int(re.search(r"byte (\d+)", str(failed.value))[1])
    assert re.match(r"\s*NET_TX", stored[byte:])
