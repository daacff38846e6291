"""Results quoted in a text such as the README, compared with the numbers of a run.

A quoted result stands between two comments that Markdown does not show: `<!--openvpn_gain-->57.2 %<!---->`.
What is no result but given, such as the length of a path, is marked so: `<!--given-->120 ms<!---->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunbp.errors import OutputError
from tunbp.sources import linked

GIVEN = "given"
_QUOTED = re.compile(r"<!--(\w+)-->(.*?)<!---->", re.DOTALL)
# a number with the unit of a result; code is left out before looking
_RESULT = re.compile(r"\d[\d.,]*\s?(?:%|[KMG]bit/s|[KM]?pps\b|µs\b|ms\b)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def noted(results: Path) -> dict[str, dict[str, Any]]:
    """Numbers of a run and its findings, by the names that a text quotes them with.

    Of a finding that is its number (`finding_1`) and its sentence with sources linked (`finding_1_words`).

    Parameters
    ----------
    results
        A finished results folder.
    """
    numbers: dict[str, dict[str, Any]] = json.loads((results / "numbers.json").read_text(encoding="utf-8"))["numbers"]
    for record in sorted((results / "numbers").glob("*.json")):
        for finding in json.loads(record.read_text(encoding="utf-8")).get("findings", []):
            name = f"finding_{finding['place']}"
            numbers[name] = {"shown": finding["number"]}
            numbers[f"{name}_words"] = {"shown": linked(finding["sentence"], "markdown")}
    return numbers


def quote(text: str, numbers: Mapping[str, Mapping[str, Any]]) -> str:
    """Put the numbers of a run into the marked places of a text.

    Parameters
    ----------
    text
        Text with marked places.
    numbers
        Entry `numbers` of `numbers.json`.

    Raises
    ------
    OutputError
        If a place names a number that the run does not have.
    """

    def shown(match: re.Match[str]) -> str:
        name = match[1]
        if name == GIVEN:
            return match[0]
        if name not in numbers:
            raise OutputError(f"number {name!r} is quoted, but no notebook notes it; known: {', '.join(numbers)}")
        return f"<!--{name}-->{numbers[name]['shown']}<!---->"

    return _QUOTED.sub(shown, text)


def disagreements(text: str, numbers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """List what is wrong with the results quoted in a text, empty if nothing: one sentence each.

    A result that is not marked is wrong too: nobody would notice when it changes.
    """
    found = []
    for name, said in _QUOTED.findall(text):
        if name == GIVEN:
            continue
        if name not in numbers:
            found.append(f"{name}: no notebook notes this number")
        elif " ".join(said.split()) != numbers[name]["shown"]:
            found.append(f"{name}: the text says {said!r}, the run {numbers[name]['shown']!r}")
    unmarked = _RESULT.findall(_CODE.sub("", _QUOTED.sub("", text)))
    return found + [f"{result!r} is not marked with the name of its number" for result in unmarked]
