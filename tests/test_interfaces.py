"""What `docs/promises.md` says of names: they change only with an entry in the changelog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import tunbp
from tunbp.cli import tunbp as command
from tunbp.run.params import model
from tunbp.schema import VARIABLES

ROOT = Path(__file__).parent.parent
RECORDED = Path(__file__).parent / "interfaces.json"
"""Names that are promised; ``python -m tests.test_interfaces`` adds new ones, at the latest with a version."""


def options(group: click.Command, name: str) -> Iterator[tuple[str, list[str]]]:
    """Every command below one, with its options."""
    yield name, sorted(option for parameter in group.params for option in parameter.opts if option.startswith("-"))
    if isinstance(group, click.Group):
        context = click.Context(group)
        for inner in group.list_commands(context):
            found = group.get_command(context, inner)
            assert found is not None
            yield from options(found, f"{name} {inner}")


def interfaces() -> dict[str, list[str]]:
    """Names that people and their programs use, by where they are used."""
    names: dict[str, list[str]] = dict(options(command, "tunbp"))
    notebooks = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
    for notebook in notebooks:
        found: Any = model(notebook)
        assert found is not None
        names[f"parameters of {notebook}"] = sorted(found.model_fields)
    return names | {"variables of the schema": sorted(VARIABLES), "tunbp.__all__": sorted(tunbp.__all__)}


def missing_entries(recorded: dict[str, list[str]], now: dict[str, list[str]], changelog: str) -> list[str]:
    """Names that are gone and that no part of the changelog since the last version names."""
    gone = [(place, name) for place in recorded for name in recorded[place] if name not in now.get(place, [])]
    gone += [(place, place) for place in recorded if place not in now]
    return [f"{place}: {name}" for place, name in gone if f"`{name}`" not in changelog]


def unreleased() -> str:
    """The changelog's section of what is not released yet."""
    text = (ROOT / "CHANGELOG.md").read_text()
    return text.partition("## Unreleased")[2].partition("\n## ")[0]


def test_names_change_only_with_an_entry_in_the_changelog() -> None:
    assert missing_entries(json.loads(RECORDED.read_text()), interfaces(), unreleased()) == []


def test_a_name_that_is_gone_without_an_entry_is_found() -> None:
    recorded = {"tunbp predict": ["--ring", "--rtt"], "tunbp old": []}
    now = {"tunbp predict": ["--ring"]}
    assert missing_entries(recorded, now, "") == ["tunbp predict: --rtt", "tunbp old: tunbp old"]
    assert missing_entries(recorded, now, "`--rtt` is gone, so is `tunbp old`") == []


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(interfaces(), indent=1) + "\n")
